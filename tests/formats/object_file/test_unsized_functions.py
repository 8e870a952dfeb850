"""Functions by symbol tables without sizes: Mach-O's, COFF's in PE files, and exports."""

import random

import pytest

from crashtool.errors import CrashtoolError, MalformedFile
from crashtool.formats.object_file.coff import Symbol
from crashtool.formats.object_file.macho_symbols import (
    MachSymbol32,
    MachSymbol64,
    read_macho_functions,
)
from crashtool.formats.object_file.pe_symbols import (
    ExportDirectory,
    read_pe_exports,
    read_pe_functions,
)
from crashtool.formats.object_file.unsized_functions import UnsizedFunctions
from tests.synth.debug_containers import (
    CODE_SIZE,
    IN_SECTION,
    MACHO_BASE,
    PE_BASE,
    STAB_FUNCTION,
    build_macho,
    build_pe,
)
from tests.synth.object_files import build_universal

FUNCTION, EXTERNAL, STATIC, LABEL = 0x20, 2, 3, 6
LONG = "_ZN3app6Engine4tickEi"


def named(functions, *addresses):
    return [(found := functions.find(address)) and found.name for address in addresses]


class TestTable:
    functions = UnsizedFunctions(
        [(0x10, 1), (0x40, 2), (0x40, 3), (0x80, 4)],
        [range(0x10, 0x60), range(0x70, 0xA0)],
        {1: "one", 2: "two", 3: "second", 4: ""}.__getitem__,
    )

    def test_a_function_ends_where_the_next_begins_or_with_its_section(self):
        assert self.functions.find(0x3F) == (0x10, 0x30, "one")
        assert self.functions.find(0x5F) == (0x40, 0x20, "two")
        assert self.functions.find(0x60) is None

    def test_all_names_at_a_start_are_listed(self):
        assert self.functions.list_names(0x40) == ["two", "second"]
        assert self.functions.list_names(0x41) == []
        assert self.functions.list_names(0x80) == []

    def test_nothing_is_named_by_a_symbol_of_another_section_or_without_a_name(self):
        assert named(self.functions, 0x0F, 0x70, 0x90) == [None, None, None]

    def test_functions_are_walked_that_can_be_found(self):
        found = [(row.start, row.size) for row in self.functions.walk_functions()]
        assert found == [(0x10, 0x30), (0x40, 0x20)]
        assert len(self.functions) == 4


def macho_symbols(base=MACHO_BASE):
    return [
        ("_" + LONG, IN_SECTION, 1, base + 0x1000),
        ("_main", IN_SECTION | 1, 1, base + 0x1020),
        ("_not_code", IN_SECTION, 2, base + 0x1030),
        ("_undefined", 1, 0, 0),
        ("_stab", STAB_FUNCTION, 1, base + 0x1010),
        ("<redacted>", IN_SECTION, 1, base + 0x1040),
    ]


class TestMacho:
    @pytest.mark.parametrize("wide", [True, False])
    def test_symbols_of_code_name_it_without_their_first_underscore(self, wide):
        base = MACHO_BASE if wide else 0x4000
        data = build_macho({"debug_line": b"x"}, symbols=macho_symbols(base), wide=wide, base=base)
        found = read_macho_functions(data)

        assert named(found, 0x1000, 0x101F, 0x103F) == [LONG, LONG, "main"]
        assert named(found, 0x1040, 0xFFF, 0x1000 + CODE_SIZE) == [None, None, None]

    def test_the_architecture_chooses_in_a_universal_file(self):
        parts = [
            (cpu, build_macho({}, cpu=cpu, symbols=[(name, IN_SECTION, 1, MACHO_BASE + 0x1000)]))
            for cpu, name in ((0x1000007, "_intel"), (0x100000C, "_arm"))
        ]
        data = build_universal(parts)

        assert named(read_macho_functions(data, "arm64"), 0x1000) == ["arm"]
        assert named(read_macho_functions(data, "x86_64"), 0x1000) == ["intel"]
        assert read_macho_functions(data, "arm") is None

    def test_a_count_beyond_the_file_reads_what_is_there(self):
        data = build_macho({}, symbols=macho_symbols())
        place = data.index(b"\2\0\0\0\x18\0\0\0") + 12
        found = read_macho_functions(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :])

        assert named(found, 0x1000) == [LONG]

    def test_structs_have_the_sizes_of_nlist(self):
        assert (MachSymbol32.SIZE, MachSymbol64.SIZE) == (12, 16)


class TestPe:
    symbols = (
        (LONG, 1, 0, FUNCTION, EXTERNAL),
        ("short", 1, 0x20, FUNCTION, STATIC),
        (".text", 1, 0x24, 0, STATIC),
        ("label", 1, 0x28, 0, LABEL),
        ("data", 2, 0, 0, EXTERNAL),
        ("absolute", 0xFFFF, 0, 0, EXTERNAL),
        ("in_asm", 1, 0x40, 0, EXTERNAL),
    )

    def test_functions_of_the_coff_table_are_named(self):
        found = read_pe_functions(build_pe({"debug_line": b"x"}, symbols=self.symbols))

        assert named(found, 0x1000, 0x101F, 0x1020, 0x1023) == [LONG, LONG, "short", "short"]
        assert named(found, 0x1040, 0xFFF, 0x1000 + CODE_SIZE) == ["in_asm", None, None]

    def test_a_function_ends_where_the_next_object_begins(self):
        found = read_pe_functions(build_pe({}, symbols=self.symbols))

        assert found.find(0x1020) == (0x1020, 4, "short")
        assert named(found, 0x1024, 0x103F) == [None, None]
        assert [row.name for row in found.walk_functions()] == [LONG, "short", "in_asm"]

    @pytest.mark.parametrize(
        ("written", "name"),
        [
            ("__Z1fv", "_Z1fv"),
            ("_main", "main"),
            ("__Z1fPv@4", "_Z1fPv"),
            ("_call@8", "call@8"),
            ("@fast@4", "@fast@4"),
        ],
    )
    def test_names_on_x86_lose_what_calling_conventions_add(self, written, name):
        symbols = [(written, 1, 0, FUNCTION, EXTERNAL)]
        data = build_pe({}, symbols=symbols, machine=0x14C, wide=False, base=0x400000)

        assert named(read_pe_functions(data), 0x1000) == [name]

    def test_a_table_beyond_the_file_is_none(self):
        data = build_pe({}, symbols=self.symbols)

        assert read_pe_functions(build_pe({})) is None
        assert read_pe_functions(data[: -len(self.symbols) * 36]) is None

    def test_the_struct_has_the_size_of_the_published_one(self):
        assert Symbol.SIZE == 18


class TestExports:
    def test_a_file_without_exports_has_none(self):
        assert read_pe_exports(build_pe({})) is None

    def test_the_struct_has_the_size_of_the_published_one(self):
        assert ExportDirectory.SIZE == 40


def test_headers_that_do_not_hold_are_malformed():
    with pytest.raises(MalformedFile):
        read_macho_functions(build_macho({})[:40])
    with pytest.raises(MalformedFile):
        read_pe_functions(build_pe({"debug_line": bytes(100)}, base=PE_BASE)[:300])


@pytest.mark.parametrize(
    ("name", "place", "found"),
    [
        ("dwarf-x64/plugin.dll", 0x1340, "_ZN4plug6Parser5ParseEP5ChainPNS_4NodeE"),
        ("dwarf-x86/crasher.exe", 0x1000, "_ZL6putdecy"),
    ],
)
def test_symbols_of_real_programs(name, place, found, truth):
    data = (truth / "windows" / "bin" / name).read_bytes()

    assert read_pe_functions(data).find(place).name == found


def test_exports_of_a_real_library(truth):
    data = (truth / "windows" / "bin" / "msvc-x64" / "plugin.dll").read_bytes()
    exported = read_pe_exports(data)

    assert "plugin_process" in {row.name for row in exported.walk_functions()}


def test_exports_of_damaged_libraries_are_found_or_not(truth):
    data = (truth / "windows" / "bin" / "msvc-x64" / "plugin.dll").read_bytes()
    chance = random.Random(1)  # noqa: S311 (the same in each run)
    ended = 0
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(20):
            changed[chance.randrange(0x400)] = chance.randrange(256)
        try:
            exported = read_pe_exports(bytes(changed))
            list(exported.walk_functions() if exported else ())
        except CrashtoolError:
            ended += 1
    assert ended < 300
