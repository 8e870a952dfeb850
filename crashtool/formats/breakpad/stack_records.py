"""STACK records: the unwind rules of a module as Breakpad writes them, found by address."""

import re
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from crashtool.formats.breakpad.columns import Column, read_line

if TYPE_CHECKING:
    from crashtool.formats.object_file.kinds import Content

INIT = b"\nSTACK CFI INIT "
DELTA = b"STACK CFI "
WIN = re.compile(rb"\nSTACK WIN +([0-9a-fA-F]{1,8}) +([0-9a-fA-F]{1,16}) +([0-9a-fA-F]{1,16}) ")
INIT_WORDS, DELTA_WORDS = 5, 3
WIN_NUMBERS = 9
FRAME_DATA = 4
MOST_DELTAS = 1 << 16
MOST_NESTED = 1 << 10
MOST_ADDRESS = (1 << 64) - 1


class CfiText(NamedTuple):
    """The rules for one address, of the function that has `size` bytes from `start` on.

    `rules`: the initial rules, then those that replace them on the way to the address.
    """

    start: int
    size: int
    rules: str


class WinRecord(NamedTuple):
    """A STACK WIN record; sizes in bytes. `kind`: 4 for frame data, 0 for FPO data.

    `program` is "" where there is none; then `allocates_base_pointer` says whether the function
    uses ebp for itself.
    """

    kind: int
    start: int
    size: int
    prologue_size: int
    epilogue_size: int
    parameter_size: int
    saved_register_size: int
    local_size: int
    max_stack_size: int
    program: str
    allocates_base_pointer: bool


class StackRecords:
    """The STACK records in `data` from `start` to `end`; addresses are from the module's base."""

    def __init__(self, data: "Content", start: int = 0, end: int | None = None) -> None:
        if not start and bytes(data[:6]) == b"STACK ":
            data = b"\n" + bytes(data)  # a text of nothing but records: each behind a line feed
        self._data = data
        self._start = start
        self._end = len(data) if end is None else end
        self._column = Column(data, INIT, self._start, self._end)
        self._win: _WinIndex | None = None

    def find_cfi(self, address: int) -> CfiText | None:
        """The rules at an address; None when no STACK CFI record covers it."""
        if address < 0 or address > MOST_ADDRESS:
            return None
        found = self._read_cfi(self._column.find(address), address)
        return found or self._read_cfi(self._column.find_surely(address), address)

    def find_win(self, address: int) -> WinRecord | None:
        """The innermost STACK WIN record that covers an address, frame data before FPO data."""
        if address < 0 or address > MOST_ADDRESS:
            return None
        if self._win is None:
            self._win = _WinIndex(self._data, self._start, self._end)
        return self._win.find(address)

    def _read_cfi(self, place: int, address: int) -> CfiText | None:
        if place < 0:
            return None
        line = read_line(self._data, place + 1)
        words = line.text.split(None, INIT_WORDS)
        try:
            start, size = int(words[3], 16), int(words[4], 16)
        except (IndexError, ValueError):
            return None
        if not start <= address < start + size:
            return None
        rules = [words[INIT_WORDS]] if len(words) > INIT_WORDS else []
        for _ in range(MOST_DELTAS):
            line = read_line(self._data, line.end + 1)
            delta = self._read_delta(line.text, address)
            if delta is None:
                break
            rules.append(delta)
        return CfiText(start, size, b" ".join(rules).decode("ascii", "replace"))

    def _read_delta(self, text: bytes, address: int) -> bytes | None:
        """A delta's rules, b"" when they hold only further on; None when it is no delta."""
        words = text.split(None, DELTA_WORDS)
        if len(words) <= DELTA_WORDS or not text.startswith(DELTA):
            return None
        try:
            return words[DELTA_WORDS] if int(words[2], 16) <= address else b""
        except ValueError:
            return None


class _WinIndex:
    """All STACK WIN records by address; they nest, so one that covers may begin far before."""

    def __init__(self, data: "Content", start: int, end: int) -> None:
        self._data = data
        view = memoryview(data)
        rows = sorted(
            (int(match.group(2), 16), int(match.group(3), 16), match.start())
            for match in WIN.finditer(view, start, end)
        )
        del view
        self._starts = array("Q", (row[0] for row in rows))
        self._sizes = array("Q", (row[1] for row in rows))
        self._places = array("Q", (row[2] for row in rows))

    def find(self, address: int) -> WinRecord | None:
        best: WinRecord | None = None
        last = bisect_right(self._starts, address) - 1
        for number in range(last, max(-1, last - MOST_NESTED), -1):
            if address >= self._starts[number] + self._sizes[number]:
                continue
            record = _parse_win(read_line(self._data, self._places[number] + 1).text)
            if record is None:
                continue
            if record.kind == FRAME_DATA:
                return record
            best = best or record
        return best


def _parse_win(text: bytes) -> WinRecord | None:
    """`STACK WIN` type, address, six sizes, maximum, whether a program follows, and the rest."""
    words = text.split(None, 2 + WIN_NUMBERS + 1)[2:]
    try:
        numbers = [int(word, 16) for word in words[:WIN_NUMBERS]]
        has_program = int(words[WIN_NUMBERS]) == 1
        rest = words[WIN_NUMBERS + 1].decode("ascii", "replace").strip()
    except (IndexError, ValueError):
        return None
    program, allocates = (rest, False) if has_program else ("", rest == "1")
    return WinRecord._make((*numbers, program, allocates))
