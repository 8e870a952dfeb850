"""Records of one kind in a long text, found by their number without reading the rest.

Writers put records in the order of their numbers, so a binary search over the mapped text finds one
in about 25 looks however long the text is. Where the order does not hold, one pass over the text
makes an index, once.
"""

import re
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.object_file.kinds import Content

NUMBER_ROOM = 48  # bytes after a tag that hold the number
SAMPLES = 128
SMALL = 1 << 20  # bytes: an index of that much text is made in some milliseconds
MOST_DIGITS = 16
LONGEST_LINE = 1 << 20


class Column:
    """The records that begin with `tag` (a line feed first) between `start` and `end`.

    Each has a number behind the tag, in `base`; `m ` may stand between them. A record is told by
    the offset of its tag.
    """

    def __init__(self, data: "Content", tag: bytes, start: int, end: int, base: int = 16) -> None:
        self._data = data
        self.tag = tag
        self.start = start
        self.end = end
        self._base = base
        self._index: tuple[array[int], array[int]] | None = None
        self._is_sorted: bool | None = None

    def find(self, number: int) -> int:
        """The last record whose number is at most `number`, by binary search; -1 for none.

        Right as far as the records are in order; `find_surely` does not rely on that.
        """
        low, high, best = self.start, self.end, -1
        while low < high:
            middle = (low + high) // 2
            place = self._next(middle, high)
            found = self.number(place) if place >= 0 else None
            if found is not None and found <= number:
                best, low = place, place + 1
            else:
                high = middle
        return best

    def find_surely(self, number: int) -> int:
        """As `find`, but by an index unless the order of the records is beyond doubt."""
        if self.end - self.start > SMALL and self._looks_sorted():
            return self.find(number)
        numbers, places = self._make_index()
        found = bisect_right(numbers, number)
        return places[found - 1] if found else -1

    def next(self, place: int) -> int:
        """The record after the one at `place`; `end` when it is the last."""
        found = self._next(place + 1, self.end)
        return self.end if found < 0 else found

    def exists(self) -> bool:
        """Whether there is any."""
        return self._next(self.start, self.end) >= 0

    def number(self, place: int) -> int | None:
        """A record's number; None when it is damaged."""
        start = place + len(self.tag)
        words = bytes(self._data[start : start + NUMBER_ROOM]).split(None, 2)
        if not words:
            return None
        word = words[1] if words[0] == b"m" and len(words) > 1 else words[0]
        try:
            return int(word, self._base) if len(word) <= MOST_DIGITS else None
        except ValueError:
            return None

    def _next(self, start: int, end: int) -> int:
        return self._data.find(self.tag, start, end + len(self.tag) - 1)

    def _looks_sorted(self) -> bool:
        if self._is_sorted is None:
            step = max(1, (self.end - self.start) // SAMPLES)
            places = (self._next(place, self.end) for place in range(self.start, self.end, step))
            numbers = [self.number(place) for place in places if place >= 0]
            known = [number for number in numbers if number is not None]
            self._is_sorted = len(known) == len(numbers) and known == sorted(known)
        return self._is_sorted

    def _make_index(self) -> "tuple[array[int], array[int]]":
        """All numbers in order, and the records' places: of equal numbers the first comes last."""
        if self._index is None:
            digits = rb"([0-9a-fA-F]{1,16})" if self._base == 16 else rb"([0-9]{1,16})"  # noqa: PLR2004
            pattern = re.compile(re.escape(self.tag) + rb"[ \t]*(?:m )?[ \t]*" + digits + rb"\b")
            view = memoryview(self._data)
            rows = [
                (int(match.group(1), self._base), -match.start())
                for match in pattern.finditer(view, self.start, self.end)
            ]
            del view
            rows.sort()
            numbers = array("Q", (number for number, _ in rows))
            self._index = numbers, array("Q", (-place for _, place in rows))
        return self._index


class Line(NamedTuple):
    """A line's text without its end, and the offset of the line feed behind it."""

    text: bytes
    end: int


def read_line(data: "Content", start: int) -> Line:
    """The line that begins at `start`; of an endless one the first bytes."""
    end = data.find(b"\n", start, start + LONGEST_LINE)
    if end < 0:
        end = min(len(data), start + LONGEST_LINE)
    return Line(bytes(data[start:end]).rstrip(b"\r"), end)
