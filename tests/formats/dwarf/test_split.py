"""Split units are found by their identifiers: in a .dwo file, and in a package of them."""

import random
import time

import pytest

from crashtool.errors import CrashtoolError, InputUnusable
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.lookup import DwarfLookup
from crashtool.formats.dwarf.package import PackageIndex
from crashtool.formats.dwarf.sections import DebugSections, SectionPlace
from crashtool.formats.dwarf.split import SplitFile, read_split_name
from crashtool.formats.dwarf.supplement import read_supplement_link, read_supplement_number
from crashtool.formats.dwarf.unit_table import UnitTable
from tests.synth.dwarf import LOW, SIZE, build_file, build_lines, number, uleb, with_length

MINE, OTHER = 0x1122334455667788, 0x99AABBCCDDEEFF00
MAX_SECONDS = 2.0
NAME, LOW_PC, HIGH_PC, LINES, FOLDER = 0x03, 0x11, 0x12, 0x10, 0x1B
SPLIT_NAME, GNU_NAME, GNU_IDENTIFIER, ADDRESSES, GNU_ADDRESSES = 0x76, 0x2130, 0x2131, 0x73, 0x2133
UNIT, FUNCTION, TYPE_UNIT = 0x11, 0x2E, 0x41
SKELETON, SPLIT, SPLIT_TYPE = 4, 5, 6


def declare(code, tag, has_children, *pairs):
    text = b"".join(uleb(attribute) + uleb(form) for attribute, form in pairs)
    return uleb(code) + uleb(tag) + bytes([has_children]) + text + b"\0\0"


def build_unit(version, kind, identifier, entries, table=0):
    if version >= 5:
        head = bytes([kind, 8]) + number(table, 4) + number(identifier, 8)
        head += number(0, 4) if kind == SPLIT_TYPE else b""
    else:
        head = number(table, 4) + bytes([8])
    return with_length(number(version, 2) + head + entries, wide=False)


def build_program(version, name=b"main.dwo"):
    """The program: a skeleton, its line table, one address."""
    where = [(LOW_PC, 0x01), (HIGH_PC, 0x06), (LINES, 0x17), (FOLDER, 0x08)]
    extra = [(SPLIT_NAME, 0x08), (ADDRESSES, 0x17)]
    if version < 5:
        extra = [(GNU_NAME, 0x08), (GNU_ADDRESSES, 0x17), (GNU_IDENTIFIER, 0x07)]
    values = number(LOW, 8) + number(SIZE, 4) + bytes(4) + b"/src\0" + name + b"\0" + number(8, 4)
    values += b"" if version >= 5 else number(MINE, 8)
    return {
        "debug_info": build_unit(version, SKELETON, MINE, b"\1" + values),
        "debug_abbrev": declare(1, UNIT if version < 5 else 0x4A, 0, *where, *extra) + b"\0",
        "debug_line": build_lines(version),
        "debug_addr": number(0, 8) + number(LOW, 8),
    }


def build_units(version, *, identifier=MINE, text=1, before=()):
    """Split sections: type units may come `before`; the function is named by index."""
    address, index = (0x1B, 0x1A) if version >= 5 else (0x1F01, 0x1F02)
    unit = [] if version >= 5 else [(GNU_IDENTIFIER, 0x07)]
    table = (
        declare(1, UNIT, 1, *unit)
        + declare(2, FUNCTION, 0, (NAME, index), (LOW_PC, address), (HIGH_PC, 0x06))
        + declare(3, TYPE_UNIT, 0, (NAME, 0x08))
        + b"\0"
    )
    entries = b"\1" + (b"" if version >= 5 else number(identifier, 8))
    entries += b"\2" + uleb(text) + uleb(0) + number(SIZE, 4) + b"\0"
    units = b"".join(build_unit(version, SPLIT_TYPE, 7, b"\3type\0") for _ in before)
    offsets = number(0, 4) + number(1, 4) + number(8, 4)
    if version >= 5:
        offsets = with_length(number(5, 2) + bytes(2) + offsets, wide=False)
    return {
        "debug_info.dwo": units + build_unit(version, SPLIT, identifier, entries),
        "debug_abbrev.dwo": table,
        "debug_str.dwo": b"\0inside\0another\0",
        "debug_str_offsets.dwo": offsets,
    }


def build_package(version, units):
    """A package of (identifier, sections), and its index."""
    columns = {1: "debug_info.dwo", 3: "debug_abbrev.dwo", 6: "debug_str_offsets.dwo"}
    joined = dict.fromkeys((*columns.values(), "debug_str.dwo"), b"")
    rows = []
    for identifier, sections in units:
        parts = []
        for name in columns.values():
            parts.append((len(joined[name]), len(sections[name])))
            joined[name] += sections[name]
        rows.append((identifier, parts))
    joined["debug_str.dwo"] = units[0][1]["debug_str.dwo"]
    count = 4
    slots, mask = [(0, 0)] * count, count - 1
    for row, (identifier, _) in enumerate(rows, 1):
        slot = identifier & mask
        while slots[slot][1]:
            slot = slot + (identifier >> 32 & mask | 1) & mask
        slots[slot] = identifier, row
    numbers = [number(key, 4) for key in columns]
    numbers += [number(offset, 4) for _, parts in rows for offset, _ in parts]
    numbers += [number(size, 4) for _, parts in rows for _, size in parts]
    head = number(5, 2) + bytes(2) if version >= 5 else number(2, 4)
    head += number(len(columns), 4) + number(len(rows), 4) + number(count, 4)
    table = b"".join(number(identifier, 8) for identifier, _ in slots)
    table += b"".join(number(row, 4) for _, row in slots)
    return joined | {"debug_cu_index": head + table + b"".join(numbers)}


def functions_at(program, units, *addresses):
    sections = open_all_sections(build_file(program))

    def find(skeleton):
        name = read_split_name(skeleton)
        return SplitFile(build_file(units)).find(skeleton, name.identifier)

    lookup = DwarfLookup(sections, None, find)
    return [
        [(row.function, row.file) for row in lookup.find_locations(address)]
        for address in addresses
    ]


@pytest.mark.parametrize("version", [4, 5])
class TestFiles:
    def test_a_skeleton_says_where_its_unit_is(self, version):
        sections = open_all_sections(build_file(build_program(version)))

        assert read_split_name(UnitTable(sections).open(0)) == ("main.dwo", "/src", MINE)

    def test_functions_are_those_of_the_unit_lines_those_of_the_program(self, version):
        units = build_units(version)
        found = functions_at(build_program(version), units, LOW, LOW + 9, LOW + SIZE)

        assert found[0] == [("inside", "/src/main.c")]
        assert found[1] == [("inside", "/include/list.h")]
        assert found[2] == []

    def test_a_unit_of_another_build_is_not_taken(self, version):
        units = build_units(version, identifier=OTHER)

        assert functions_at(build_program(version), units, LOW) == [[("", "/src/main.c")]]

    def test_units_of_types_are_passed(self, version):
        if version < 5:
            pytest.skip("they are in .debug_types.dwo before DWARF 5")
        units = build_units(version, before=range(3))

        assert functions_at(build_program(version), units, LOW)[0][0][0] == "inside"

    def test_a_package_has_the_parts_of_each_unit(self, version):
        other = build_units(version, identifier=OTHER, text=2)
        package = build_package(version, [(OTHER, other), (MINE, build_units(version))])

        assert functions_at(build_program(version), package, LOW)[0][0][0] == "inside"

    def test_a_package_without_the_unit_has_none(self, version):
        package = build_package(version, [(OTHER, build_units(version, identifier=OTHER))])

        assert functions_at(build_program(version), package, LOW) == [[("", "/src/main.c")]]

    def test_an_index_that_leads_to_another_unit_is_damage(self, version):
        package = build_package(version, [(MINE, build_units(version, identifier=OTHER))])
        skeleton = UnitTable(open_all_sections(build_file(build_program(version)))).open(0)

        with pytest.raises(DamagedDwarf, match="another unit"):
            SplitFile(build_file(package)).find(skeleton, MINE)

    def test_a_whole_unit_has_no_other(self, version):
        program = build_program(version, name=b"")

        assert read_split_name(UnitTable(open_all_sections(build_file(program))).open(0)) is None

    @pytest.mark.parametrize("kind", ["file", "package"])
    def test_damage_ends_in_an_answer_or_an_error(self, version, kind):
        units = build_units(version)
        whole = units if kind == "file" else build_package(version, [(MINE, units)])
        program = build_program(version)
        chance = random.Random(version)  # noqa: S311 (the same in each run)
        answers = 0
        for _ in range(1000):
            name = chance.choice(list(whole))
            changed = bytearray(whole[name])
            for _ in range(chance.randint(1, 4)):
                changed[chance.randrange(len(changed))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            start = time.process_time()
            try:
                found = functions_at(program, whole | {name: bytes(changed)}, LOW)
                answers += found[0][:1] != [("", "/src/main.c")]
            except CrashtoolError:
                pass
            assert time.process_time() - start < MAX_SECONDS
        assert 50 < answers < 1000


class TestIndex:
    def open(self, content):
        places = {"debug_cu_index": SectionPlace(0, len(content))}
        return PackageIndex(DebugSections(content, places))

    def test_identifiers_that_collide_are_found(self):
        parts = dict.fromkeys(
            ("debug_info.dwo", "debug_abbrev.dwo", "debug_str_offsets.dwo", "debug_str.dwo"), b"x"
        )
        same = [(1 << 32) * step | 5 for step in (0, 2, 4)]
        index = self.open(build_package(5, [(one, parts) for one in same])["debug_cu_index"])

        assert [index.find(one)["debug_info"].offset for one in same] == [0, 1, 2]
        assert index.find(9 << 32 | 5) is None

    @pytest.mark.parametrize(
        "numbers",
        [(3, 3, 1, 4), (2, 99, 1, 4), (2, 3, 1 << 30, 4), (2, 3, 1, 3), (2, 3, 1, 1 << 31)],
    )
    def test_numbers_that_do_not_fit_are_damage(self, numbers):
        with pytest.raises(DamagedDwarf):
            self.open(b"".join(number(one, 4) for one in numbers) + bytes(200))

    def test_a_full_table_without_the_identifier_ends(self):
        head = b"".join(number(one, 4) for one in (2, 1, 1, 2))
        content = head + number(2, 8) * 2 + number(1, 4) * 2 + bytes(12)

        assert self.open(content).find(4) is None


class TestSupplement:
    def open(self, **sections):
        return open_all_sections(build_file(sections))

    def test_gdbs_link_has_a_path_and_a_build_id(self):
        sections = self.open(gnu_debugaltlink=b"../common.dbg\0\1\2\3")

        assert read_supplement_link(sections) == ("../common.dbg", b"\1\2\3", True)

    def test_the_section_of_dwarf_5_is_in_both_files(self):
        mine = self.open(debug_sup=b"\5\0\0common.dbg\0\2ab")
        shared = self.open(debug_sup=b"\5\0\1\0\2ab")

        assert read_supplement_link(mine) == ("common.dbg", b"ab", False)
        assert read_supplement_number(mine) is None
        assert read_supplement_link(shared) is None
        assert read_supplement_number(shared) == b"ab"

    def test_a_file_without_a_link_is_whole(self):
        assert read_supplement_link(self.open(debug_line=b"x")) is None

    @pytest.mark.parametrize(
        "sections", [{"gnu_debugaltlink": b"no end"}, {"debug_sup": b"\5\0\0name\0\x7fx"}]
    )
    def test_a_link_that_runs_out_is_damage(self, sections):
        with pytest.raises(DamagedDwarf):
            read_supplement_link(self.open(**sections))


@pytest.mark.parametrize("data", [b"", b"text", b"MZ"])
def test_other_files_hold_no_units(data):
    with pytest.raises(InputUnusable):
        SplitFile(data)
