"""The records that follow a FUNC record: its lines, and the calls that were merged into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.breakpad import records
from crashtool.formats.breakpad.records import MAX_LINE_LENGTH, find_line_end, note
from crashtool.formats.breakpad.sorted_records import SMALL, SortedRecords
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

INLINE = b"INLINE "
OLD_WORDS = 4  # INLINE, depth, line of the call, origin; newer records have the call's file, too
INLINE_ROOM = 1 << 20  # bytes of a function's INLINE records that are looked at
MAX_DIGITS = 16


class LineRecord(NamedTuple):
    """A line record's line, and the number of its file."""

    line: int
    file: int


class Inline(NamedTuple):
    """An INLINE record: a call at `line` of `file`, a number, merged into the caller.

    `file` is None in old records. `depth` is 0 for a call by the function itself.
    """

    depth: int
    line: int
    file: int | None
    origin: int


class FunctionBlock:
    """The lines of text from `start` to before `end`, which follow a FUNC record's."""

    def __init__(self, data: Content, start: int, end: int, problems: list[str]) -> None:
        self._data = data
        self._problems = problems
        first, run, last = self._find_inlines(start, end)
        self._inlines = first, min(last, first + INLINE_ROOM)
        if last - first > INLINE_ROOM:
            note(problems, f"a function has more than {INLINE_ROOM} bytes of INLINE records")
        # Writers put INLINE records first; only then can the others be searched by halves.
        is_usual = end - start > SMALL and first == start and run == last
        self._lines = SortedRecords(data, records.LINE, run if is_usual else start, end, problems)

    def find_line(self, address: int) -> LineRecord | None:
        """The line at an address."""
        record = self._lines.find_covering(address)
        return None if record is None else LineRecord(int(record[3]), int(record[4]))

    def find_first_file(self) -> int | None:
        """The number of the file where the function begins."""
        record = self._lines.read_first()
        return None if record is None else int(record[4])

    def find_inlines(self, address: int) -> list[Inline]:
        """The merged calls at an address, one of each depth, the outermost first."""
        by_depth: dict[int, tuple[int, Inline]] = {}
        start, end = self._inlines
        while start < end:
            line_end = find_line_end(self._data, start, end)
            text = self._data[start : min(line_end, start + MAX_LINE_LENGTH)]
            if text.startswith(INLINE):
                self._add_inline(text, address, by_depth)
            start = line_end + 1
        return [by_depth[depth][1] for depth in sorted(by_depth)]

    def _add_inline(
        self, text: bytes, address: int, by_depth: dict[int, tuple[int, Inline]]
    ) -> None:
        """Keep the record if it covers the address and begins nearest before it of its depth."""
        try:
            begin, inline = _parse_inline(text, address)
        except ValueError:
            note(self._problems, "damaged INLINE records")
            return
        if inline is not None and begin > by_depth.get(inline.depth, (-1,))[0]:
            by_depth[inline.depth] = (begin, inline)

    def _find_inlines(self, start: int, end: int) -> tuple[int, int, int]:
        """Where INLINE records begin, where the first run of them ends, and where the last ends."""
        first = start
        if self._data[start : start + len(INLINE)] != INLINE:
            first = self._data.find(b"\n" + INLINE, start, end) + 1
            if not first:
                return end, end, end
        run = first
        most = min(end, first + INLINE_ROOM)
        while run < most and self._data[run : run + len(INLINE)] == INLINE:
            run = min(end, find_line_end(self._data, run, end) + 1)
        last = self._data.rfind(b"\n" + INLINE, run - 1, end) + 1
        return first, run, find_line_end(self._data, last, end) + 1 if last else run


def _parse_inline(text: bytes, address: int) -> tuple[int, Inline | None]:
    """Where the range that covers the address begins, and the record; ValueError for damage."""
    words = text.split()
    has_file = len(words) % 2 == 1
    first = OLD_WORDS + has_file
    if len(words) < first + 2:
        raise ValueError
    depth, line, *file, origin = (_parse_decimal(word) for word in words[1:first])
    for offset in range(first, len(words) - 1, 2):
        start = _parse_hexadecimal(words[offset])
        if start <= address < start + _parse_hexadecimal(words[offset + 1]):
            return start, Inline(depth, line, file[0] if file else None, origin)
    return -1, None


def _parse_decimal(word: bytes) -> int:
    if not word.isdigit() or len(word) > MAX_DIGITS:
        raise ValueError
    return int(word)


def _parse_hexadecimal(word: bytes) -> int:
    if not word.isalnum() or len(word) > MAX_DIGITS or word[1:2] in (b"x", b"X"):
        raise ValueError
    return int(word, 16)
