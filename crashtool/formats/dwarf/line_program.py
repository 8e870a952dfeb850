"""Line programs: the byte code that makes the rows of a line table (DWARF 5, 6.2)."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
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


class Coding(NamedTuple):
    """What a program's header says of its byte code."""

    opcode_base: int
    line_base: int
    line_range: int
    smallest: int  # an instruction's size, in bytes
    lengths: bytes  # of each standard opcode from the first on, the number of its operands


class Sequence:
    """Rows of growing addresses; each is good up to the next, the last up to `high`."""

    def __init__(self) -> None:
        self.addresses = array("Q")
        self.files = array("Q")
        self.lines = array("Q")
        self.high = 0

    def find(self, address: int) -> tuple[int, int] | None:
        """File number and line at an address; of several rows there the last counts."""
        place = bisect_right(self.addresses, address) - 1
        if place < 0 or address >= self.high:
            return None
        return self.files[place], self.lines[place]


def walk_sequences(cursor: Cursor, coding: Coding) -> Iterator[Sequence]:
    """The sequences of a program, from its first opcode on. DamagedDwarf where it runs out."""
    machine = _Machine(cursor.take(cursor.end - cursor.place), coding)
    return machine.walk_sequences()


class _Machine:
    """The registers that matter here, and the program."""

    def __init__(self, code: bytes, coding: Coding) -> None:
        self._code = code
        self._place = 0
        self._coding = coding
        self._advances, self._steps = list_specials(*coding[:-1])
        self._reset()

    def _reset(self) -> None:
        self._address, self._file, self._line = 0, 1, 1
        self._rows = Sequence()

    def walk_sequences(self) -> Iterator[Sequence]:
        try:
            yield from self._walk_sequences()
        except IndexError:
            raise DamagedDwarf("a line program is cut short", offset=self._place) from None

    def _walk_sequences(self) -> Iterator[Sequence]:
        """Rows and columns, which most of a program is, are run here; the rest by functions."""
        code, base, end = self._code, self._coding.opcode_base, len(self._code)
        advances, steps = self._advances, self._steps
        place, address, line = self._place, self._address, self._line
        while place < end:
            opcode = code[place]
            place += 1
            if opcode >= base:
                address += advances[opcode]
                line += steps[opcode]
            elif opcode == SET_COLUMN:
                while code[place] >= SHORT:
                    place += 1
                place += 1
                continue
            elif opcode != COPY:
                self._place, self._address, self._line = place, address, line
                if opcode == EXTENDED:
                    yield from self._run_extended()
                else:
                    self._run_standard(opcode)
                place, address, line = self._place, self._address, self._line
                continue
            if done := self._add_row(address & MASK, line if 0 <= line < MAX_LINE else 0):
                yield done

    def _add_row(self, address: int, line: int) -> Sequence | None:
        """Append a row; the sequence so far is given back where addresses begin anew."""
        done, sequence = None, self._rows
        if sequence.addresses:
            if address < sequence.addresses[-1]:
                done = sequence
                sequence.high = sequence.addresses[-1] + 1
                sequence = self._rows = Sequence()
            elif sequence.lines[-1] == line and sequence.files[-1] == self._file:
                return None  # it says what the one before says
        sequence.addresses.append(address)
        sequence.files.append(self._file)
        sequence.lines.append(line)
        return done

    def _run_standard(self, opcode: int) -> None:
        if opcode == ADVANCE_LINE:
            self._line += self._sleb()
        elif opcode == SET_ISA:
            self._uleb()
        elif opcode == ADVANCE_ADDRESS:
            self._address += self._uleb() * self._coding.smallest
        elif opcode == SET_FILE:
            self._file = self._uleb() & MASK
        elif opcode == CONST_ADD:
            self._address += self._advances[MAX_SPECIAL]
        elif opcode == FIXED_ADVANCE:
            self._address += self._code[self._place] | self._code[self._place + 1] << 8
            self._place += 2
        elif opcode not in SILENT:
            for _ in range(self._coding.lengths[opcode - 1]):
                self._uleb()

    def _run_extended(self) -> "tuple[Sequence, ...]":
        size = self._uleb()
        start = self._place
        self._place += size
        if not size:
            return ()
        opcode = self._code[start]
        if opcode == SET_ADDRESS:
            self._address = int.from_bytes(self._code[start + 1 : start + min(size, 9)], "little")
        if opcode != END_SEQUENCE:
            return ()
        sequence = self._rows
        sequence.high = self._address & MASK
        self._reset()
        return (sequence,) if sequence.addresses else ()

    def _uleb(self) -> int:
        value = self._code[self._place]
        if value < SHORT:
            self._place += 1
            return value
        following = self._code[self._place + 1]
        if following < SHORT:
            self._place += 2
            return value & SHORT - 1 | following << 7
        cursor = Cursor(self._code, self._place)
        value = cursor.uleb()
        self._place = cursor.place
        return value

    def _sleb(self) -> int:
        value = self._code[self._place]
        if value < SHORT:
            self._place += 1
            return value - SHORT if value >= SHORT // 2 else value
        cursor = Cursor(self._code, self._place)
        value = cursor.sleb()
        self._place = cursor.place
        return value


@lru_cache(maxsize=16)
def list_specials(
    base: int, line_base: int, line_range: int, smallest: int
) -> tuple[list[int], list[int]]:
    """What each special opcode adds to the address and to the line, by opcode."""
    adjusted = [max(0, opcode - base) for opcode in range(MAX_SPECIAL + 1)]
    advances = [number // line_range * smallest for number in adjusted]
    return advances, [line_base + number % line_range for number in adjusted]
