"""Looked up in rows that are made where they are asked for, or in all of them: it is the same."""

import random
from bisect import bisect_right

import pytest

from crashtool.formats.dwarf import line_blocks
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.line_blocks import compile_skip, compile_sum
from crashtool.formats.dwarf.line_program import Coding, LineRegisters, run_program
from crashtool.formats.dwarf.line_sequences import LineSequences, list_sequences, run_kept
from tests.synth.dwarf import number, uleb

USUAL = Coding(13, -5, 14, 1, bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1)))
OLD = Coding(10, -5, 14, 1, bytes((0, 1, 1, 1, 1, 0, 0, 0, 1)))
MORE = Coding(15, -3, 12, 4, bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 2)))
FEW = Coding(4, -5, 14, 1, bytes((0, 1, 1)))
CODINGS = pytest.mark.parametrize("coding", [USUAL, OLD, MORE, FEW], ids=["13", "10", "15", "4"])
CODE = (range(0x1000, 0x40000),)
END = b"\0\x01\x01"


@pytest.fixture(params=[1, 7, 1000])
def small_blocks(monkeypatch, request):
    """Blocks of a few opcodes, and of many."""
    monkeypatch.setattr(line_blocks, "MAX_AT_ONCE", request.param)
    compile_skip.cache_clear()
    yield
    compile_skip.cache_clear()


def set_address(address):
    return b"\0\x09\x02" + number(address, 8)


def sleb(value):
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def draw_opcodes(draw, coding, count):
    """Opcodes that neither begin nor end a sequence, of all kinds that a coding has."""
    base = coding.opcode_base
    made = [
        lambda: bytes([draw.randrange(base, 256)]),
        lambda: b"\x01",
        lambda: b"\x02" + uleb(draw.choice([0, 3, 0x90])),
        lambda: b"\x03" + sleb(draw.choice([-1, 5, -100, 300, 40_000])),
        lambda: b"\x04" + uleb(draw.choice([1, 2, 200])),
        lambda: b"\x05" + uleb(draw.choice([0, 2, 3, 0x80, 300])),
        lambda: bytes([draw.choice([6, 7])]),
        lambda: b"\x08",
        lambda: b"\x09" + number(draw.choice([0, 2, 0x103]), 2),
        lambda: bytes([draw.choice([10, 11])]),
        lambda: b"\x0c" + uleb(3),
        lambda: b"\x0d",
        lambda: b"\x0e" + uleb(2) + uleb(0x103),
        lambda: (
            b"\0" + draw.choice([b"\x02\x04\x01", b"\x03\x04\x81\x02", b"\x04\x04\x81\x82\x02"])
        ),
    ]
    firsts = [None, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14]
    usable = [
        make
        for make, first in zip(made, [*firsts, None], strict=True)
        if first is None or first < base
    ]
    return b"".join(draw.choice(usable)() for _ in range(count))


def begin(address):
    """An address that is set, and a row there, as compilers write them."""
    return set_address(address) + b"\x01"


def draw_program(draw, coding):
    """Some sequences: of one address, of growing and of shrinking ones, without, with an oddity."""
    program = b""
    for _ in range(draw.randrange(1, 6)):
        first = draw.randrange(0x1000, 0x4000)
        kind = draw.randrange(6)
        parts = [draw_opcodes(draw, coding, draw.randrange(40)) for _ in range(3)]
        if kind == 0:
            program += parts[0]
        elif kind == 1:
            program += begin(first) + parts[0] + set_address(first + 0x10000) + parts[1]
            program += set_address(first + 0x20000) + parts[2]
        elif kind == 2:
            program += begin(first) + parts[0] + begin(first - 0x20) + parts[1]
        elif kind == 3:
            program += begin(first) + parts[0] + b"\0\x06\x80hello" + parts[1]
        elif kind == 4:
            program += set_address(0) + parts[0]
        else:
            program += begin(first) + b"".join(parts)
        program += END
    return program


def find_in_all(pieces, address):
    """The last piece of code that begins before an address and holds it, and its row."""
    in_code = [rows for rows in pieces if any(rows.addresses[0] in span for span in CODE)]
    in_code.sort(key=lambda rows: rows.addresses[0])
    for rows in reversed([rows for rows in in_code if rows.addresses[0] <= address][-8:]):
        if address < rows.addresses[-1]:
            index = bisect_right(rows.addresses[:-1], address) - 1
            return rows.files[index], rows.lines[index], rows.addresses[0]
    return None


@CODINGS
def test_a_row_is_that_of_the_whole_program(coding, small_blocks):
    draw = random.Random(coding.opcode_base)  # noqa: S311
    seen = 0
    for _ in range(150):
        program = draw_program(draw, coding)
        pieces = run_program(program, coding)
        sequences = LineSequences(program, coding, CODE)
        wanted = {row for rows in pieces for row in rows.addresses}
        addresses = [near for row in sorted(wanted) for near in (row - 1, row, row + 1)]
        draw.shuffle(addresses)
        for address in addresses:
            expected = find_in_all(pieces, address)
            assert sequences.find(address) == expected
            seen += expected is not None
    assert seen > 1000


@CODINGS
def test_what_is_kept_is_what_the_whole_program_has_of_code(coding, small_blocks):
    draw = random.Random(coding.opcode_base)  # noqa: S311
    kept = left_out = 0
    for _ in range(150):
        program = draw_program(draw, coding)
        pieces = run_program(program, coding)
        expected = [rows for rows in pieces if any(rows.addresses[0] in span for span in CODE)]
        assert run_kept(program, coding, CODE) == expected
        kept += len(expected)
        left_out += len(pieces) - len(expected)
    assert kept > 200
    assert left_out > 20


def test_a_sequence_of_dropped_code_in_which_an_address_is_set_is_run():
    dropped = begin(0x90000) + b"\x02\x10\x14"

    program = dropped + set_address(0x1000) + b"\x15\x02\x04" + END + dropped + END
    (kept,) = run_kept(program, USUAL, CODE)

    assert kept.addresses[0] == 0x1000
    assert len(run_program(program, USUAL)) == 3
    with pytest.raises(DamagedDwarf, match="cut short"):
        run_kept(dropped + b"\x02", USUAL, CODE)


def test_an_address_that_is_set_below_the_last_row_begins_anew(small_blocks):
    program = set_address(0x1000) + b"\x02\x80\x01\x14\x02\x80\x01\x15" + set_address(0x1090)
    program += b"\x20\x02\x20\x21\x02\x20" + END
    pieces = run_program(program, USUAL)
    assert len(pieces) == 2

    sequences = LineSequences(program, USUAL, CODE)

    for address in range(0xFF0, 0x1200):
        assert sequences.find(address) == find_in_all(pieces, address)


@CODINGS
def test_blocks_add_up_to_what_their_opcodes_do(coding):
    draw = random.Random(4)  # noqa: S311
    add_up = compile_sum(coding)
    if coding is FEW:
        assert add_up is None
        return
    for _ in range(200):
        begin, rest = (draw_opcodes(draw, coding, 30) for _ in range(2))
        last = b"\x05\x00\x03\x01\x01\x03\x01\x01"  # two rows that differ from those before
        (rows,) = run_program(set_address(0x1000) + begin + rest + last + END, coding)

        reached = add_up(rest, add_up(begin, LineRegisters(0x1000, 1, 1)))

        assert reached.address == rows.addresses[-1]
        lines = [max(0, reached.line + step) for step in (1, 2)]
        assert rows.lines[-2:] == lines
        assert rows.files[-1] == reached.file


def test_sequences_are_found_without_running_them():
    first = set_address(0x1000) + b"\x14\x15"
    program = b"\x05\x02" + first + END + first + set_address(0x2000) + b"\x20" + END + b"\x05\x01"

    found = list_sequences(program, USUAL)

    assert [place.offset for place in found] == [0, 2 + len(first) + len(END)]
    assert [place.addresses for place in found] == [[0x1000], [0x1000, 0x2000]]


@pytest.mark.parametrize("cut", [b"\x05", b"\x03\x80", b"\x09\x01", b"\0", b"\0\x09", b"\0\x80"])
def test_a_program_that_is_cut_short_has_no_rows(cut):
    program = set_address(0x1000) + b"\x14\x15" + END + cut
    with pytest.raises(DamagedDwarf, match="cut short"):
        LineSequences(program, USUAL, CODE)
    with pytest.raises(DamagedDwarf, match="cut short"):
        run_program(program, USUAL)


def test_many_opcodes_with_one_operand_are_kept_no_longer_than_is_of_use(monkeypatch):
    monkeypatch.setattr(line_blocks, "MAX_EFFECTS", 2)
    compile_sum.cache_clear()
    steps = b"".join(b"\x03" + uleb(step) for step in range(1, 20))

    assert compile_sum(USUAL)(steps, LineRegisters(8, 1, 1)) == (8, 1, 191)
    compile_sum.cache_clear()
