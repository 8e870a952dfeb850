"""Line programs: the byte code that makes the rows of a line table (DWARF 5, 6.2).

There are tens of millions of opcodes in a large file, so that all of them are obeyed in one loop.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from functools import lru_cache

from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.named_tuple import NamedTuple

# DW_LNS_*, DW_LNE_*
(EXTENDED, COPY, ADVANCE_ADDRESS, ADVANCE_LINE, SET_FILE, SET_COLUMN, _, _, CONST_ADD,
 FIXED_ADVANCE, _, _, SET_ISA) = range(13)  # fmt: skip
SILENT = frozenset({6, 7, 10, 11})  # statement, block, prologue's end, epilogue's begin
END_SEQUENCE, SET_ADDRESS = 1, 2
MAX_SPECIAL = 255
MASK = (1 << 64) - 1
MAX_LINE = 1 << 31
SHORT = 0x80  # a LEB128 number below it is one byte
HALF = SHORT // 2  # and a signed one below this is no less than 0


class Coding(NamedTuple):
    """What a program's header says of its byte code."""

    opcode_base: int
    line_base: int
    line_range: int
    smallest: int  # an instruction's size, in bytes
    lengths: bytes  # of each standard opcode from the first on, the number of its operands


class Rows(NamedTuple):
    """Rows of growing addresses; each is good up to the next, the last up to the last address,
    which has no row.
    """

    addresses: list[int]
    files: list[int]
    lines: list[int]


class Sequence:
    """Rows to be kept and looked up in; each is good up to the next, the last up to `high`."""

    def __init__(self, rows: Rows) -> None:
        self.addresses = array("Q", rows.addresses[:-1])
        self.files = array("Q", rows.files)
        self.lines = array("Q", rows.lines)
        self.high = rows.addresses[-1]

    def find(self, address: int) -> tuple[int, int] | None:
        """File number and line at an address; of several rows there the last counts."""
        index = bisect_right(self.addresses, address) - 1
        if index < 0 or address >= self.high:
            return None
        return self.files[index], self.lines[index]


def run_program(code: bytes, coding: Coding) -> list[Rows]:
    """The sequences of a program, in its order. DamagedDwarf where it runs out."""
    try:
        return _run(code, coding)
    except IndexError:
        raise DamagedDwarf("a line program is cut short", offset=0) from None


def _run(code: bytes, coding: Coding) -> list[Rows]:  # noqa: C901, PLR0912, PLR0915 (one loop)
    """Run a program, in one loop: opcodes come by the million, and a call for each is dear."""
    advances, steps = list_specials(*coding[:-1])
    base, offset, end = coding.opcode_base, 0, len(code)
    sequences: list[Rows] = []
    address, file, line = 0, 1, 1
    last, last_file, last_line = 0, -1, -1  # the last row's, if there is one
    addresses, files, lines = rows = Rows([], [], [])
    while offset < end:
        opcode = code[offset]
        offset += 1
        if opcode >= base:
            address += advances[opcode]
            line += steps[opcode]
        elif opcode == SET_COLUMN:
            while code[offset] >= SHORT:
                offset += 1
            offset += 1
            continue
        elif opcode == ADVANCE_LINE:
            step = code[offset]
            if step < SHORT:
                line += step if step < HALF else step - SHORT
                offset += 1
            else:
                step, offset = _read_signed(code, offset)
                line += step
            continue
        elif opcode in SILENT:
            continue
        elif opcode == EXTENDED:
            size = code[offset]
            start = offset + 1
            if size >= SHORT:
                size, start = _read_number(code, offset)
            offset = start + size
            kind = code[start] if size else 0
            if kind == SET_ADDRESS:
                address = int.from_bytes(code[start + 1 : start + min(size, 9)], "little")
            elif kind == END_SEQUENCE:
                if addresses:
                    addresses.append(address & MASK)
                    sequences.append(rows)
                address, file, line, last_file = 0, 1, 1, -1
                addresses, files, lines = rows = Rows([], [], [])
            continue
        elif opcode != COPY:
            if opcode == ADVANCE_ADDRESS:
                step, offset = _read_number(code, offset)
                address += step * coding.smallest
            elif opcode == SET_FILE:
                file, offset = _read_number(code, offset)
            elif opcode == CONST_ADD:
                address += advances[MAX_SPECIAL]
            elif opcode == FIXED_ADVANCE:
                address += code[offset] | code[offset + 1] << 8
                offset += 2
            else:
                for _ in range(1 if opcode == SET_ISA else coding.lengths[opcode - 1]):
                    offset = _skip_number(code, offset)
            continue
        if line == last_line and file == last_file and address >= last:
            last = address
            continue
        address &= MASK
        if address < last and last_file >= 0:  # addresses begin anew
            addresses.append(last + 1)
            sequences.append(rows)
            addresses, files, lines = rows = Rows([], [], [])
        addresses.append(address)
        files.append(file)
        lines.append(line if 0 <= line < MAX_LINE else 0)
        last, last_file, last_line = address, file, line
    return sequences


def _read_number(code: bytes, offset: int) -> tuple[int, int]:
    """A LEB128 number of at most 64 bits, and where it ends."""
    value = code[offset]
    if value < SHORT:
        return value, offset + 1
    following = code[offset + 1]
    if following < SHORT:
        return value - SHORT | following << 7, offset + 2
    cursor = Cursor(code, offset)
    return cursor.uleb() & MASK, cursor.offset


def _read_signed(code: bytes, offset: int) -> tuple[int, int]:
    """A signed LEB128 number of more than a byte, and where it ends."""
    first, second = code[offset], code[offset + 1]
    if second < SHORT:
        high = second if second < HALF else second - SHORT
        return first - SHORT + (high << 7), offset + 2
    cursor = Cursor(code, offset)
    return cursor.sleb(), cursor.offset


def _skip_number(code: bytes, offset: int) -> int:
    while code[offset] >= SHORT:
        offset += 1
    return offset + 1


@lru_cache(maxsize=16)
def list_specials(
    base: int, line_base: int, line_range: int, smallest: int
) -> tuple[list[int], list[int]]:
    """What each special opcode adds to the address and to the line, by opcode."""
    adjusted = [max(0, opcode - base) for opcode in range(MAX_SPECIAL + 1)]
    advances = [number // line_range * smallest for number in adjusted]
    return advances, [line_base + number % line_range for number in adjusted]
