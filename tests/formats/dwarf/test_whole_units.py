"""Units read whole, against what is read of them for one address: two ways through all bytes."""

from pathlib import Path

import pytest

from crashtool.formats.dwarf.entry_names import EntryNames
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf, Sizes
from crashtool.formats.dwarf.line_program import Coding, run_program
from crashtool.formats.dwarf.lines import LineTable
from crashtool.formats.dwarf.ranges import find_ranges
from crashtool.formats.dwarf.sections import DebugSections, SectionPlace
from crashtool.formats.dwarf.shape_tables import ShapeTables
from crashtool.formats.dwarf.tree_names import TreeNames
from crashtool.formats.dwarf.unit_table import UnitTable
from tests.toolchain import need_programs, run_tool

SOURCES = Path(__file__).parents[2] / "programs" / "lookups"
FILES = [
    "objects/elf/full",
    "objects/elf/dwarf4",
    "objects/elf/types_section",
    "objects/elf/lto",
    "linux/bin/O0/kinds",
    "linux/bin/O2-m32/kindscc",
    "windows/bin/dwarf-x64/crasher.exe",
]


@pytest.fixture(params=FILES)
def units(request, truth):
    """The units of a file that have code, with their table and sections."""
    sections = open_all_sections((truth / request.param).read_bytes())
    table = UnitTable(sections)
    found = [table.open(header.offset) for header in table.headers if header.may_have_code]
    return sections, table, [unit for unit in found if unit.line_program is not None]


def test_pieces_and_names_are_those_that_single_entries_have(units):
    sections, table, opened = units
    names, single = TreeNames(sections.code), EntryNames()
    seen = 0
    for unit in opened:
        tree = names.open(table, unit)
        entries = table.open_entries(unit)
        for function in tree.tree.functions:
            for found in (function, *function.calls):
                entry = entries.read(found.offset)
                live = find_ranges(unit, entry.values)
                if found is function:
                    live = [row for row in live if any(row[0] in span for span in sections.code)]
                assert found.pieces == live
                target = (found.forms[3], found.values[3]) if found.values[3] is not None else None
                ours = names.find(tree, found.offset, target)
                assert ours == single.find(table, entries, entry), hex(found.offset)
                seen += 1
    assert seen > 5


def test_a_part_that_openmp_makes_is_named_as_for_linkers(tmp_path):
    need_programs("g++", "-fopenmp")
    command = ["g++", "-std=c++17", "-g", "-O1", "-fopenmp", "-shared", "-fPIC", "-o", "part.so"]
    run_tool(*command, SOURCES / "second.cc", cwd=tmp_path)
    sections = open_all_sections((tmp_path / "part.so").read_bytes())
    table, names = UnitTable(sections), TreeNames(sections.code)
    trees = [names.open(table, table.open(header.offset)) for header in table.headers]

    found = [names.find(tree, at.offset, None) for tree in trees for at in tree.tree.functions]

    parts = [name for name in found if "_omp_fn" in name.text]
    assert parts
    assert all(name.text.startswith("_ZNK3app") and name.is_linkage for name in parts)


def plain_rows(code, coding):  # noqa: C901, PLR0912 (a case an opcode)
    """What the standard says, opcode by opcode, of programs whose addresses grow: each sequence's
    rows (address, file, line) and its end. No row that says what the one before says.
    """
    cursor, sequences, rows = Cursor(code), [], []
    address, file, line = 0, 1, 1
    while cursor.offset < len(code):
        opcode = cursor.number(1)
        if opcode == 0:
            size = cursor.uleb()
            words = cursor.take(size)
            if words[0] == 1:
                sequences.append((rows, address))
                rows, (address, file, line) = [], (0, 1, 1)
            elif words[0] == 2:
                address = int.from_bytes(words[1:], "little")
            continue
        if opcode == 2:
            address += cursor.uleb() * coding.smallest
        elif opcode == 3:
            line += cursor.sleb()
        elif opcode == 4:
            file = cursor.uleb()
        elif opcode == 8:
            address += (255 - coding.opcode_base) // coding.line_range * coding.smallest
        elif opcode == 9:
            address += cursor.number(2)
        elif 1 < opcode < coding.opcode_base:
            for _ in range(coding.lengths[opcode - 1]):
                cursor.uleb()
        else:
            if opcode >= coding.opcode_base:
                number = opcode - coding.opcode_base
                address += number // coding.line_range * coding.smallest
                line += coding.line_base + number % coding.line_range
            if not rows or rows[-1][1:] != (file, line):
                rows.append((address, file, line))
    return [row for row in sequences if row[0]]


def test_rows_are_those_that_the_standard_gives_opcode_by_opcode(units):
    sections, _, opened = units
    for unit in opened:
        code, coding = LineTable(sections, unit, unit.line_program).open_program()
        read = [
            (list(zip(rows.addresses, rows.files, rows.lines, strict=False)), rows.addresses[-1])
            for rows in run_program(code, coding)
        ]
        assert read == plain_rows(code, coding)


def test_a_program_that_is_cut_short_is_damaged():
    coding = Coding(13, -5, 14, 1, bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1)))
    whole = (
        b"\0\x09\x02" + (0x1000).to_bytes(8, "little") + b"\x03\x81\x01\x01\x02\x90\x01\0\x01\x01"
    )

    (rows,) = run_program(whole, coding)

    assert rows == ([0x1000, 0x1090], [1], [130])
    with pytest.raises(DamagedDwarf, match="cut short"):
        run_program(whole[:-4], coding)


def test_a_table_of_abbreviations_is_read_up_to_where_it_is_damaged():
    table = b"\x01\x2e\x01\x03\x08\x11\x01\0\0" + b"\x81\x01\x1d\0\x21\x21\x05\0\0" + b"\x03\x80"
    places = {"debug_abbrev": SectionPlace(0, len(table))}

    shapes = ShapeTables(DebugSections(table, places)).read(0, Sizes(8, 4, 5))

    assert set(shapes) == {1, 0x81}
    assert (shapes[1].tag, shapes[1].has_children, shapes[1].is_wanted) == (0x2E, True, True)
    assert shapes[0x81].size == 0
