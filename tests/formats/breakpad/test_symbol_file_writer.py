"""The text of a .sym file, from functions in whatever order they come."""

import io

from crashtool.formats.breakpad.block_pieces import cut_block, list_pieces
from crashtool.formats.breakpad.symbol_blocks import SymbolBlocks
from crashtool.formats.breakpad.symbol_file_writer import BlockPart, ModuleLine, walk_symbol_file
from crashtool.formats.code_records import MergedCall

MODULE = ModuleLine("Linux", "x86_64", "0" * 32 + "1", "app")


class Symbols:
    def __init__(self, *rows, has_sizes=True):
        self.rows = rows
        self.has_sizes = has_sizes

    def walk_spans(self):
        return ((start, end) for start, end, _ in self.rows)

    def name(self, start):
        return next(name for first, _, name in self.rows if first == start)


def write(*functions, symbols=None, **options):
    """The records behind the MODULE record, of (start, size, name, calls, rows) each."""
    spool = io.BytesIO()
    blocks = SymbolBlocks(spool, **options)
    blocks.number_file("/a/b.c")
    for start, size, name, *more in functions:
        calls, rows = more or ([], [])
        blocks.add(start, size, name, calls, rows)
    text = "".join(walk_symbol_file(MODULE, [BlockPart(blocks, spool)], symbols))
    return text.splitlines()[2:]


def test_functions_stand_in_the_order_of_addresses():
    lines = write((0x30, 8, "later", [], [(0x30, 8, 9, 0)]), (0x10, 0x10, "main"))

    assert lines == ["FUNC 10 10 0 main", "FUNC 30 8 0 later", "30 8 9 0"]


def test_calls_stand_before_lines_and_name_their_callee_by_number():
    call = MergedCall(0, 7, 0, 0, [(0x12, 2), (0x18, 4)])

    lines = write((0x10, 0x10, "main", [call], [(0x10, 2, 5, 0), (0x12, 2, 70, 0)]))

    assert lines == ["FUNC 10 10 0 main", "INLINE 0 7 0 0 12 2 18 4", "10 2 5 0", "12 2 70 0"]


def test_without_inlined_calls_lines_are_those_of_the_outermost():
    calls = [MergedCall(0, 7, 0, 0, [(0x12, 6)]), MergedCall(1, 3, 0, 0, [(0x14, 2)])]
    rows = [(0x10, 2, 5, 0), (0x12, 2, 70, 0), (0x14, 2, 71, 0), (0x16, 4, 8, 0)]

    lines = write((0x10, 0xA, "main", calls, rows), inlines=False)

    assert lines == ["FUNC 10 a 0 main", "10 2 5 0", "12 6 7 0", "18 2 8 0"]


def test_of_functions_that_overlap_the_one_that_begins_last_has_the_code():
    rows = [(0x10, 0x20, 5, 0)]

    lines = write((0x10, 0x20, "outer", [], rows), (0x18, 8, "inner", [], [(0x18, 8, 6, 0)]))

    assert lines == [
        "FUNC 10 8 0 outer",
        "10 8 5 0",
        "FUNC 18 8 0 inner",
        "18 8 6 0",
        "FUNC 20 10 0 outer",
        "20 10 5 0",
    ]


def test_of_equal_functions_the_last_counts():
    assert write((0x10, 8, "first"), (0x10, 8, "second")) == ["FUNC 10 8 0 second"]


def test_every_byte_has_one_owner_as_a_slow_search_finds_it():
    rows = [(0x10, 0x30, 0, 0), (0x14, 8, 0, 1), (0x14, 0x10, 0, 2), (0x20, 0x30, 1, 0)]

    pieces = list_pieces(rows)

    for address in range(0x60):
        covering = [row for row in rows if row[0] <= address < row[0] + row[1]]
        expected = [max(covering)[2:]] if covering else []
        found = [row[2:] for row in pieces if row.start <= address < row.end]
        assert [tuple(row) for row in found] == expected, hex(address)


def test_a_cut_block_keeps_what_is_of_its_code():
    text = "INLINE 0 7 0 1 10 8 30 4\nINLINE 1 7 0 1 30 4\n10 8 3 0\n18 8 4 0\n"

    assert cut_block(text, 0x14, 0x1C) == "INLINE 0 7 0 1 14 4\n14 4 3 0\n18 4 4 0\n"


def test_symbols_name_what_no_function_does_and_get_its_lines():
    symbols = Symbols((0x10, 0x20, "known"), (0x20, 0x30, "start"), (0x40, 0x48, "end"))
    rows = [(0x24, 4, 3, 0)]

    lines = write((0x10, 0x10, "main"), (0x24, 8, "", [], rows), symbols=symbols)

    assert lines == [
        "FUNC 10 10 0 main",
        "FUNC 20 10 0 start",
        "24 4 3 0",
        "FUNC 40 8 0 end",
    ]


def test_lines_without_any_name_say_so():
    assert write((0x10, 8, "", [], [(0x10, 8, 3, 0)])) == [
        "FUNC 10 8 0 <name omitted>",
        "10 8 3 0",
    ]


def test_a_symbol_without_a_size_does_not_name_the_padding_behind_its_function():
    row = (0x10, 0x30, "main")

    assert write((0x10, 0x10, "main"), symbols=Symbols(row, has_sizes=False)) == [
        "FUNC 10 10 0 main"
    ]
    assert write((0x10, 0x10, "main"), symbols=Symbols(row)) == [
        "FUNC 10 10 0 main",
        "FUNC 20 10 0 main",
    ]


def test_names_cannot_end_their_record():
    lines = write((0x10, 8, "a\nFUNC 0 1 0 evil\u2028b"), spell=str)

    assert lines == ["FUNC 10 8 0 a FUNC 0 1 0 evil b"]


def test_parts_count_in_their_own_numbers():
    parts = []
    for number in range(2):
        spool = io.BytesIO()
        blocks = SymbolBlocks(spool, first=number, step=2)
        file, origin = blocks.number_file(f"/{number}.c"), blocks.number_origin("callee")
        assert (file, origin) == (number, number)
        assert blocks.number_file("/more.c") == number + 2
        start = 0x20 - 0x10 * number
        blocks.add(start, 8, f"f{number}", [], [(start, 8, 1, file)])
        parts.append(BlockPart(blocks, spool))

    assert "".join(walk_symbol_file(MODULE, parts)).splitlines()[1:] == [
        "FILE 0 /0.c",
        "FILE 2 /more.c",
        "FILE 1 /1.c",
        "FILE 3 /more.c",
        "INLINE_ORIGIN 0 callee",
        "INLINE_ORIGIN 1 callee",
        "FUNC 10 8 0 f1",
        "10 8 1 1",
        "FUNC 20 8 0 f0",
        "20 8 1 0",
    ]
