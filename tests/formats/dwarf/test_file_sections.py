"""DWARF in Mach-O and PE files is read as that in ELF files is."""

import random
import time
import zlib

import pytest

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.line_lookup import LineLookup
from tests.synth.debug_containers import MACHO_BASE, PE_BASE, build_macho, build_pe
from tests.synth.dwarf import (
    LOW,
    SIZE,
    build_aranges,
    build_file,
    build_lines,
    build_program,
    build_unit,
    common,
    number,
)
from tests.synth.object_files import build_macho as build_plain_macho
from tests.synth.object_files import build_universal

MAX_SECONDS = 2.0


def sections_at(base, size=8):
    """A unit of DWARF 5 whose strings are by index, its code at LOW from a base."""
    low = base + LOW
    where = [(0x11, 0x01, number(low, size)), (0x12, 0x06, number(SIZE, 4))]
    name = [(0x03, 0x25, b"\0"), (0x72, 0x17, number(8, 4)), *common()[1:]]
    unit, abbreviations = build_unit([*name, *where], 5, address_size=size)
    program = build_program(low=low, end=low + SIZE, rows=rows_at(base), address_size=size)
    return {
        "debug_info": unit,
        "debug_abbrev": abbreviations,
        "debug_line": build_lines(5, program=program, address_size=size),
        "debug_aranges": build_aranges([(low, SIZE)], address_size=size),
        "debug_str": b"main.c\0",
        "debug_str_offsets": number(12, 4) + number(5, 2) + bytes(2) + bytes(4),
    }


def rows_at(base):
    return [(base + LOW, 1, 10), (base + LOW + 9, 2, 300)]


def pack_old(content):
    return b"ZLIB" + len(content).to_bytes(8, "big") + zlib.compress(content)


def lines_at(sections, *places):
    lines = LineLookup(sections)
    return [(found := lines.find(place)) and found.line for place in places]


EXPECTED = [10, 300, 300, None, None]
PLACES = [LOW, LOW + 9, LOW + SIZE - 1, LOW + SIZE, LOW - 1]


@pytest.mark.parametrize(("wide", "base"), [(True, MACHO_BASE), (False, 0x4000)])
def test_addresses_of_macho_files_count_from_their_code_segment(wide, base):
    data = build_macho(sections_at(base, 8 if wide else 4), wide=wide, base=base)

    assert lines_at(open_all_sections(data), *PLACES) == EXPECTED


def test_names_of_macho_sections_that_were_cut_are_known():
    names = ("debug_str_offsets", "debug_rnglists", "debug_loclists", "debug_line_str")
    sections = open_all_sections(build_macho(dict.fromkeys(names, b"text\0")))

    assert [sections.string(name, 0) for name in names] == ["text"] * 4


def test_packed_macho_sections_are_inflated():
    packed = {f"z{name}": pack_old(text) for name, text in sections_at(MACHO_BASE).items()}
    sections = open_all_sections(build_macho(packed))

    assert lines_at(sections, *PLACES) == EXPECTED
    assert sections.size("debug_str_offsets") == 12


def test_the_architecture_chooses_in_a_universal_file():
    parts = [
        (0x1000007, build_macho(sections_at(MACHO_BASE), cpu=0x1000007)),
        (0x100000C, build_macho({"debug_line": b""})),
    ]
    data = build_universal(parts)

    assert lines_at(open_all_sections(data, "x86_64"), LOW) == [10]
    assert lines_at(open_all_sections(data, "arm64"), LOW) == [None]
    assert open_all_sections(data, "x86") is None
    assert open_all_sections(data) is None


def test_a_thin_file_is_what_it_is():
    assert lines_at(open_all_sections(build_macho(sections_at(MACHO_BASE)), "arm"), LOW) == [10]


@pytest.mark.parametrize("base_64", [False, True])
@pytest.mark.parametrize(("wide", "base"), [(True, PE_BASE), (False, 0x400000)])
def test_addresses_of_pe_files_count_from_their_image_base(wide, base, base_64):
    sections = sections_at(base, 8 if wide else 4)
    data = build_pe(sections, wide=wide, base=base, base_64=base_64)
    found = open_all_sections(data)

    assert lines_at(found, *PLACES) == EXPECTED
    assert found.size("debug_line") == len(sections["debug_line"])  # not what it is padded to


def test_elf_files_are_opened_too():
    sections = sections_at(0)

    assert lines_at(open_all_sections(build_file(sections)), *PLACES) == EXPECTED


def test_a_file_without_line_tables_has_other_sections():
    assert open_all_sections(build_pe({"debug_str": b"text\0"})).string("debug_str", 0) == "text"


def test_a_big_endian_file_is_none():
    assert open_all_sections(build_plain_macho(big_endian=True)) is None
    assert open_all_sections(build_plain_macho()) is not None


@pytest.mark.parametrize("data", [b"", b"text", b"MZ"])
def test_other_files_are_refused(data):
    with pytest.raises(InputUnusable):
        open_all_sections(data)


def test_sections_that_end_after_the_file_are_malformed_or_absent():
    with pytest.raises(MalformedFile):
        open_all_sections(build_pe(sections_at(PE_BASE))[:0x300])
    data = build_macho({"debug_line": b"x" * 99})
    place = data.index(b"__debug_line") + 32 + 8
    sections = open_all_sections(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :])

    assert not sections.has("debug_line")


@pytest.mark.parametrize(("build", "base"), [(build_macho, MACHO_BASE), (build_pe, PE_BASE)])
def test_damaged_containers_end_in_an_answer_or_an_error(build, base):
    whole = build(sections_at(base), symbols=[])
    chance = random.Random(base)  # noqa: S311 (the same in each run)
    answers = 0
    for turn in range(1500):
        data = bytearray(whole)
        reach = len(data) // 2 if turn % 2 else len(data)  # the headers more often than not
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(reach)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        start = time.process_time()
        try:
            sections = open_all_sections(bytes(data))
            answers += sections is not None and any(lines_at(sections, *PLACES))
        except CrashtoolError:
            pass
        assert time.process_time() - start < MAX_SECONDS
    assert 100 < answers < 1500
