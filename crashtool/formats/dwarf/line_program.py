"""Line programs: the byte code that makes the rows of a line table (DWARF 5, 6.2).

There are tens of millions of opcodes in a large file, so that the usual ones are obeyed in one
loop, and no more of them than an address asks for.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from functools import lru_cache
from typing import Protocol, overload

from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.named_tuple import NamedTuple

# DW_LNS_*, DW_LNE_*
EXTENDED = 0
DW_LNS_copy = 1
DW_LNS_advance_pc = 2
DW_LNS_advance_line = 3
DW_LNS_set_file = 4
DW_LNS_set_column = 5
DW_LNS_const_add_pc = 8
DW_LNS_fixed_advance_pc = 9
DW_LNS_set_isa = 12
SILENT = frozenset({6, 7, 10, 11})  # statement, block, prologue's end, epilogue's begin
DW_LNE_end_sequence, DW_LNE_set_address = 1, 2
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


class LineRegisters(NamedTuple):
    """What opcodes work on, as far as it is of use here."""

    address: int
    file: int
    line: int


FIRST = LineRegisters(0, 1, 1)


class Numbers(Protocol):
    """A list of numbers, or an array of those of 64 bits, which takes less memory."""

    def append(self, value: int, /) -> None: ...  # noqa: D102
    @overload
    def __getitem__(self, index: int, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> MutableSequence[int]: ...
    def __len__(self) -> int: ...


class Rows(NamedTuple):
    """Rows of growing addresses; each is good up to the next, the last up to the last address,
    which has no row.
    """

    addresses: Numbers
    files: Numbers
    lines: Numbers


def make_lists() -> Rows:
    """Rows to come, as lists."""
    return Rows([], [], [])


class SequenceRun:
    """A sequence of a program, run from an offset as far as is asked for.

    `pieces`: its rows from there on. There is one piece, unless the addresses begin anew; until
    `is_over`, the last one lacks what follows its last row.
    """

    __slots__ = ("_code", "_coding", "_make_rows", "_registers", "is_over", "offset", "pieces")

    def __init__(
        self,
        code: bytes,
        coding: Coding,
        offset: int = 0,
        make_rows: Callable[[], Rows] = make_lists,
        registers: LineRegisters = FIRST,
    ) -> None:
        """`registers`: what was reached at the offset, where that is within a sequence."""
        self._code = code
        self._coding = coding
        self._make_rows = make_rows
        self._registers = registers
        self.offset = offset
        self.is_over = False
        self.pieces = [make_rows()]

    def run(self, stop: int = MASK) -> None:  # noqa: C901, PLR0912, PLR0915 (one loop)
        """Go on to the first row beyond `stop`, or the end. IndexError where an opcode is cut."""
        code, offset, end = self._code, self.offset, len(self._code)
        base = self._coding.opcode_base
        advances, steps = list_specials(*self._coding[:-1])
        addresses, files, lines = self.pieces[-1]
        address, file, line = self._registers
        last, last_file, last_line = self._registers if addresses else (0, -1, -1)
        while offset < end:
            opcode = code[offset]
            offset += 1
            if opcode >= base:
                address += advances[opcode]
                line += steps[opcode]
            elif opcode == DW_LNS_set_column:
                while code[offset] >= SHORT:
                    offset += 1
                offset += 1
                continue
            elif opcode == DW_LNS_advance_line:
                step = code[offset]
                offset += 1
                if step >= SHORT:
                    step, offset = _read_signed(code, offset - 1)
                elif step >= HALF:
                    step -= SHORT
                line += step
                continue
            elif opcode in SILENT:
                continue
            elif opcode == DW_LNS_advance_pc:
                step, offset = _read_number(code, offset)
                address += step * self._coding.smallest
                continue
            elif opcode == DW_LNS_set_file:
                file, offset = _read_number(code, offset)
                continue
            elif opcode != DW_LNS_copy:
                address, file, offset = self._obey(opcode, offset, address, file)
                if not self.is_over:
                    continue
                return
            if line == last_line and file == last_file and last <= address <= MASK:
                last = address
                continue
            if not last <= address <= stop:
                address &= MASK
                if address < last:  # they begin anew
                    addresses, files, lines = self._begin_piece(last + 1)
                elif address > stop:
                    self._stop(offset, address, file, line)
                    return
            addresses.append(address)
            files.append(file)
            lines.append(line if 0 <= line < MAX_LINE else 0)
            last, last_file, last_line = address, file, line
        self._end(offset, None)

    def _begin_piece(self, end: int) -> Rows:
        """End a piece at an address, and begin another."""
        self.pieces[-1].addresses.append(min(end, MASK))
        self.pieces.append(self._make_rows())
        return self.pieces[-1]

    def _stop(self, offset: int, address: int, file: int, line: int) -> None:
        """Keep a row, and what is needed to go on behind it."""
        addresses, files, lines = self.pieces[-1]
        addresses.append(address)
        files.append(file)
        lines.append(line if 0 <= line < MAX_LINE else 0)
        self.offset, self._registers = offset, LineRegisters(address, file, line)

    def _obey(self, opcode: int, offset: int, address: int, file: int) -> tuple[int, int, int]:
        """Obey an opcode that makes no row; the address, the file and where the next one is."""
        code, coding = self._code, self._coding
        if opcode == EXTENDED:
            kind, start, offset = read_extended(code, offset)
            if kind == DW_LNE_set_address:
                address = int.from_bytes(code[start : min(offset, start + 8)], "little")
            elif kind == DW_LNE_end_sequence:
                self._end(offset, address)
        elif opcode == DW_LNS_const_add_pc:
            address += list_specials(*coding[:-1])[0][MAX_SPECIAL]
        elif opcode == DW_LNS_fixed_advance_pc:
            address += code[offset] | code[offset + 1] << 8
            offset += 2
        else:
            for _ in range(1 if opcode == DW_LNS_set_isa else coding.lengths[opcode - 1]):
                offset = _skip_number(code, offset)
        return address, file, offset

    def _end(self, offset: int, address: int | None) -> None:
        """End the sequence at an address; rows without one, of a program that ends, are dropped."""
        self.offset = offset
        self.is_over = True
        if address is not None and self.pieces[-1].addresses:
            self.pieces[-1].addresses.append(address & MASK)
        else:
            self.pieces.pop()


def run_program(code: bytes, coding: Coding) -> list[Rows]:
    """The rows of a program's sequences, in its order. DamagedDwarf where it runs out."""
    pieces: list[Rows] = []
    offset = 0
    try:
        while offset < len(code):
            sequence = SequenceRun(code, coding, offset)
            sequence.run()
            pieces += sequence.pieces
            offset = sequence.offset
    except IndexError:
        raise DamagedDwarf("a line program is cut short", offset=0) from None
    return pieces


def read_extended(code: bytes, offset: int) -> tuple[int, int, int]:
    """The kind of an extended opcode, where its operands begin, and where it ends."""
    size = code[offset]
    start = offset + 1
    if size >= SHORT:
        size, start = _read_number(code, offset)
    return code[start] if size else 0, start + 1, start + size


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
