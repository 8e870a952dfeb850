import zlib

import pytest

from crashtool.formats.dwarf import line_lookup
from crashtool.formats.dwarf.line_lookup import open_line_lookup
from crashtool.formats.object_file.elf_structs import CompressionHeader64
from tests.synth.dwarf import (
    CODE,
    LOW,
    SIZE,
    build_aranges,
    build_file,
    build_lines,
    build_program,
    build_unit,
    common,
    number,
    uleb,
)
from tests.synth.object_files import build_elf

WIDE = pytest.mark.parametrize("wide", [False, True], ids=["dwarf32", "dwarf64"])
HIGH = LOW + SIZE


def at(data, address):
    found = open_line_lookup(data).find(address)
    return found and f"{found.file}:{found.line}"


def spans(version, wide=False, where="size"):
    """Attributes that say where the code is, and sections that they lead to."""
    offset = 8 if wide else 4
    low = (0x11, 0x01, number(LOW, 8))
    index = number(0x7777, 8) + number(LOW, 8) + number(HIGH, 8)
    if where == "size":
        return [low, (0x12, 0x07, number(SIZE, 8))], {}
    if where == "end":
        return [low, (0x12, 0x01, number(HIGH, 8))], {}
    if where == "index":
        base = (0x2133, 0x17, number(8, offset))
        form = 0x1B if version >= 5 else 0x1F01
        base = (0x73, 0x17, number(8, offset)) if version >= 5 else base
        rows = [base, (0x11, form, uleb(0)), (0x12, 0x06, number(SIZE, 4))]
        return rows, {"debug_addr": index}
    if where == "ranges":
        pairs = [(0, 0x10), ((1 << 64) - 1, LOW), (0x10, SIZE), (0, 0)]
        content = b"x" * 16 + b"".join(number(value, 8) for pair in pairs for value in pair)
        return [low, (0x55, 0x17, number(16, offset))], {"debug_ranges": content}
    return [], {"debug_aranges": build_aranges(wide=wide)}


def build(version, wide=False, where="size", lines=None, **sections):
    attributes, more = spans(version, wide, where)
    unit, abbreviations = build_unit([*common(wide), *attributes], version, wide=wide)
    lines = build_lines(version, wide=wide) if lines is None else lines
    named = {"debug_info": unit, "debug_abbrev": abbreviations, "debug_line": lines}
    return build_file(named | more | sections)


WAYS = ["size", "end", "index", "ranges", "aranges"]  # DWARF 5 has .debug_rnglists instead


@WIDE
@pytest.mark.parametrize(
    ("version", "where"),
    [(version, way) for version in (2, 3, 4, 5) for way in WAYS if (version, way) != (5, "ranges")],
)
def test_a_row_is_good_up_to_the_next(version, where, wide):
    data = build(version, wide, where)

    assert at(data, LOW) == "/src/app/main.c:10"
    assert at(data, LOW + 3) == "/src/app/main.c:10"
    assert at(data, LOW + 4) == "/src/app/main.c:11"
    assert at(data, LOW + 0x1F) == "/src/include/list.h:300"
    assert at(data, HIGH - 1) == "/src/app/main.c:12"
    assert at(data, HIGH) is None
    assert at(data, LOW - 1) is None


LISTS = {
    "pair": b"\4" + uleb(0) + uleb(SIZE),
    "base": b"\5" + number(LOW + 4, 8) + b"\4" + uleb(0) + uleb(SIZE - 4),
    "start_end": b"\6" + number(LOW, 8) + number(HIGH, 8),
    "start_length": b"\7" + number(LOW, 8) + uleb(SIZE),
    "base_index": b"\1" + uleb(1) + b"\4" + uleb(0) + uleb(SIZE),
    "index_index": b"\2" + uleb(1) + uleb(2),
    "index_length": b"\3" + uleb(1) + uleb(SIZE),
}


@WIDE
@pytest.mark.parametrize("by_index", [False, True])
@pytest.mark.parametrize("kind", LISTS)
def test_range_lists_of_every_kind_lead_to_the_unit(kind, by_index, wide):
    offset = 8 if wide else 4
    attributes = [
        (0x73, 0x17, number(0, offset)),
        (0x74, 0x17, number(offset, offset)),
        (0x11, 0x01, number(LOW, 8)),
    ]
    where = (0x55, 0x23, uleb(0)) if by_index else (0x55, 0x17, number(2 * offset, offset))
    unit, abbreviations = build_unit([*common(wide), *attributes, where], 5, wide=wide)
    data = build_file(
        {
            "debug_info": unit,
            "debug_abbrev": abbreviations,
            "debug_line": build_lines(5, wide=wide),
            "debug_rnglists": bytes(offset) + number(offset, offset) + LISTS[kind] + b"\0",
            "debug_addr": b"".join(number(value, 8) for value in (0, LOW, HIGH)),
        }
    )

    assert at(data, LOW + 4) == "/src/app/main.c:11"
    assert at(data, HIGH) is None


def test_a_unit_that_does_not_say_where_its_code_is_is_tried_last():
    unit, abbreviations = build_unit(common(), 4)
    sections = {"debug_info": unit, "debug_abbrev": abbreviations, "debug_line": build_lines()}

    assert at(build_file(sections), LOW) == "/src/app/main.c:10"


def test_a_skeleton_has_the_lines_of_its_split_unit():
    attributes, _ = spans(5)
    unit, abbreviations = build_unit([*common(), *attributes], 5, kind=4, tag=0x4A)
    sections = {"debug_info": unit, "debug_abbrev": abbreviations, "debug_line": build_lines(5)}

    assert at(build_file(sections), LOW + 4) == "/src/app/main.c:11"


@pytest.mark.parametrize(("kind", "tag"), [(3, 0x3C), (2, 0x41), (1, 0x3C)])
def test_units_without_code_are_not_tried(kind, tag):
    attributes, _ = spans(5)
    unit, abbreviations = build_unit([*common(), *attributes], 5, kind=kind, tag=tag)
    sections = {"debug_info": unit, "debug_abbrev": abbreviations, "debug_line": build_lines(5)}

    assert at(build_file(sections), LOW) is None


def test_units_that_aranges_do_not_name_are_asked():
    attributes, _ = spans(4)
    unit, abbreviations = build_unit([*common(), *attributes], 4)
    data = build_file(
        {
            "debug_info": unit + unit,
            "debug_abbrev": abbreviations,
            "debug_line": build_lines(),
            "debug_aranges": build_aranges([(LOW + 0x80, 8)]),
        }
    )

    assert at(data, LOW) == "/src/app/main.c:10"


def test_a_damaged_unit_costs_its_own_answers_alone():
    attributes, _ = spans(4)
    unit, abbreviations = build_unit([*common(), *attributes], 4)
    broken = unit[:11] + b"\x63" + unit[12:]  # an abbreviation that is missing
    data = build_file(
        {
            "debug_info": broken + unit,
            "debug_abbrev": abbreviations,
            "debug_line": build_lines(),
        }
    )

    assert at(data, LOW) == "/src/app/main.c:10"


def test_code_that_the_linker_dropped_has_no_lines():
    program = build_program([(0x10, 1, 99)], end=0x2000, low=0x10) + build_program()

    data = build(4, where="size", lines=build_lines(program=program))
    unbounded = build_file(
        {
            "debug_info": build_unit(common())[0],
            "debug_abbrev": build_unit(common())[1],
            "debug_line": build_lines(program=program),
        }
    )

    assert at(data, LOW) == at(unbounded, LOW) == "/src/app/main.c:10"
    assert at(unbounded, HIGH + 4) is None


def test_line_0_is_no_line_and_the_last_of_several_rows_counts():
    rows = [(LOW, 1, 10), (LOW, 1, 20), (LOW + 4, 1, 0)]
    data = build(4, lines=build_lines(program=build_program(rows)))

    assert at(data, LOW) == "/src/app/main.c:20"
    assert at(data, LOW + 4) is None


def test_file_0_is_no_file_before_dwarf_5():
    program = build_program([(LOW, 0, 10), (LOW + 4, 1, 11)])

    assert at(build(4, lines=build_lines(4, program=program)), LOW) is None
    assert at(build(4, lines=build_lines(4, program=program)), LOW + 4) == "/src/app/main.c:11"
    assert at(build(5, lines=build_lines(5, program=program)), LOW) == "/src/app/main.c:10"


def test_special_opcodes_and_fixed_advances_move_on():
    # opcode_base 13, line_base -5, line_range 14: opcode 13 + 14 * 3 + 7 is 3 bytes and 2 lines on
    program = b"\0\x09\2" + number(LOW, 8) + b"\1" + bytes([13 + 14 * 3 + 7]) + b"\x08"
    program += bytes([13 + 5]) + b"\x09\x01\x00\1" + b"\0\2\4\7" + b"\x0c\1" + b"\2\x08\0\1\1"
    data = build(4, lines=build_lines(program=program))

    assert [at(data, LOW + place) for place in (0, 3, 20, 21)] == [
        "/src/app/main.c:1",
        "/src/app/main.c:3",
        "/src/app/main.c:3",
        "/src/app/main.c:3",
    ]


def test_strings_may_be_elsewhere():
    attributes, _ = spans(5)
    lines = build_lines(5)
    named = [
        (0x72, 0x17, number(8, 4)),
        (0x03, 0x25, b"\1"),
        (0x1B, 0x1F, number(1, 4)),
        (0x10, 0x17, bytes(4)),
    ]
    unit, abbreviations = build_unit([*named, *attributes], 5)
    data = build_file(
        {
            "debug_info": unit,
            "debug_abbrev": abbreviations,
            "debug_line": lines,
            "debug_str": b"?\0main.c\0",
            "debug_line_str": b"?/home/dev\0",
            "debug_str_offsets": bytes(8) + number(0, 4) + number(2, 4),
        }
    )

    assert at(data, LOW) == "/home/dev/main.c:10"


@pytest.mark.parametrize("old", [False, True], ids=["flagged", "zdebug"])
def test_sections_packed_by_zlib_are_read(old):
    attributes, _ = spans(4)
    unit, abbreviations = build_unit([*common(), *attributes], 4)
    sections = {"debug_info": unit, "debug_abbrev": abbreviations, "debug_line": build_lines()}
    rows = []
    for name, content in sections.items():
        if old:
            head = b"ZLIB" + len(content).to_bytes(8, "big")
        else:
            head = CompressionHeader64(method=1, size=len(content), alignment=1).pack()
        prefix, flags = (".z", 0) if old else (".", 0x800)
        rows.append((f"{prefix}{name}", 1, flags, head + zlib.compress(content)))
    data = build_elf([CODE, *rows], addresses=[(".text", LOW)])

    assert at(data, LOW) == "/src/app/main.c:10"


def test_a_32_bit_program_is_read():
    attributes = [(0x11, 0x01, number(LOW, 4)), (0x12, 0x06, number(SIZE, 4))]
    unit, abbreviations = build_unit([*common(), *attributes], 4, address_size=4)
    data = build_file(
        {
            "debug_info": unit,
            "debug_abbrev": abbreviations,
            "debug_line": build_lines(address_size=4),
            "debug_aranges": build_aranges(address_size=4),
        },
        wide=False,
    )

    assert at(data, LOW) == "/src/app/main.c:10"


def test_a_file_without_line_tables_has_no_lines():
    assert open_line_lookup(build_elf()) is None
    assert open_line_lookup(build_elf([(".debug_line", 1, 0, b"l")], big_endian=True)) is None


def test_what_is_run_of_line_programs_is_bounded(monkeypatch):
    monkeypatch.setattr(line_lookup, "MAX_PROGRAMS", 8)
    assert at(build(4), LOW) is None


def test_rows_are_kept_for_so_many_tables_and_made_again(monkeypatch):
    monkeypatch.setattr(line_lookup, "MAX_KEPT", 8)
    lines = open_line_lookup(build(4))
    assert lines.find(LOW) == lines.find(LOW)


def test_sections_packed_by_zstandard_are_read(truth):
    pytest.importorskip("zstandard")
    lines = open_line_lookup((truth / "objects" / "elf" / "gz_zstd").read_bytes())

    found = [row for place in range(0x1000, 0x2000, 3) if (row := lines.find(place))]

    assert len(found) > 100
    assert any(row.file.endswith("elf_chain.cpp") for row in found)
