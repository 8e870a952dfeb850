"""Line programs run whole, as fast as may be: what `line_program` does for one look-up.

There are tens of millions of opcodes in a large file, so that all of them are obeyed in one loop.
"""

from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.dwarf.line_program import (
    ADVANCE_ADDRESS,
    ADVANCE_LINE,
    CONST_ADD,
    COPY,
    END_SEQUENCE,
    EXTENDED,
    FIXED_ADVANCE,
    MASK,
    MAX_LINE,
    MAX_SPECIAL,
    SET_ADDRESS,
    SET_COLUMN,
    SET_FILE,
    SET_ISA,
    SHORT,
    SILENT,
    Coding,
    list_specials,
)
from crashtool.formats.named_tuple import NamedTuple

HALF = SHORT // 2


class Rows(NamedTuple):
    """Rows of growing addresses; each is good up to the next, the last up to the last address,
    which has no row.
    """

    addresses: list[int]
    files: list[int]
    lines: list[int]


def run_program(code: bytes, coding: Coding) -> list[Rows]:
    """The sequences of a program, in its order. DamagedDwarf where it runs out."""
    try:
        return _run(code, coding)
    except IndexError:
        raise DamagedDwarf("a line program is cut short", offset=0) from None


def _run(code: bytes, coding: Coding) -> list[Rows]:  # noqa: C901, PLR0912, PLR0915 (one loop)
    advances, steps = list_specials(*coding[:-1])
    base, smallest = coding.opcode_base, coding.smallest
    rowses: list[Rows] = []
    address, file, line = 0, 1, 1
    last, last_file, last_line = 0, -1, -1  # the last row's, if there is one
    rows = Rows([], [], [])
    addresses, files, lines = rows
    place, end = 0, len(code)
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
        elif opcode == ADVANCE_LINE:
            byte = code[place]
            place += 1
            if byte < SHORT:
                line += byte if byte < HALF else byte - SHORT
            elif (second := code[place]) < SHORT:
                place += 1
                byte += (second if second < HALF else second - SHORT) << 7
                line += byte - SHORT
            else:
                cursor = Cursor(code, place - 1)
                line += cursor.sleb()
                place = cursor.place
            continue
        elif opcode == COPY:
            pass
        elif opcode in SILENT:
            continue
        elif opcode == EXTENDED:
            size = code[place]
            place += 1
            if size >= SHORT:
                cursor = Cursor(code, place - 1)
                size = cursor.uleb()
                place = cursor.place
            if not size:
                continue
            start, place = place, place + size
            kind = code[start]
            if kind == SET_ADDRESS:
                address = int.from_bytes(code[start + 1 : start + min(size, 9)], "little")
            elif kind == END_SEQUENCE:
                if addresses:
                    addresses.append(address & MASK)
                    rowses.append(rows)
                address, file, line = 0, 1, 1
                last_file = -1
                rows = Rows([], [], [])
                addresses, files, lines = rows
            continue
        elif opcode == ADVANCE_ADDRESS:
            byte = code[place]
            place += 1
            if byte >= SHORT:
                if (second := code[place]) < SHORT:
                    place += 1
                    byte += (second << 7) - SHORT
                else:
                    cursor = Cursor(code, place - 1)
                    byte = cursor.uleb()
                    place = cursor.place
            address += byte * smallest
            continue
        elif opcode == CONST_ADD:
            address += advances[MAX_SPECIAL]
            continue
        elif opcode == SET_FILE:
            file = code[place]
            place += 1
            if file >= SHORT:
                if (second := code[place]) < SHORT:
                    place += 1
                    file += (second << 7) - SHORT
                else:
                    cursor = Cursor(code, place - 1)
                    file = cursor.uleb() & MASK
                    place = cursor.place
            continue
        elif opcode == FIXED_ADVANCE:
            address += code[place] | code[place + 1] << 8
            place += 2
            continue
        else:
            for _ in range(1 if opcode == SET_ISA else coding.lengths[opcode - 1]):
                while code[place] >= SHORT:
                    place += 1
                place += 1
            continue
        if line == last_line and file == last_file and address >= last:
            last = address
            continue
        address &= MASK
        if address < last and last_file >= 0:  # addresses begin anew
            addresses.append(last + 1)
            rowses.append(rows)
            rows = Rows([], [], [])
            addresses, files, lines = rows
        addresses.append(address)
        files.append(file)
        lines.append(line if 0 <= line < MAX_LINE else 0)
        last, last_file, last_line = address, file, line
    return rowses
