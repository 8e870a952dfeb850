"""Records of one kind in a long text, found by their number without reading the rest.

Writers put records in the order of their numbers, so a binary search over the mapped text finds one
in about 25 looks however long the text is. The neighbours of what it finds must be in order, too;
where they are not, one pass over the text makes an index, once.
"""

from __future__ import annotations

import mmap
import re
from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from crashtool.formats.breakpad.records import MAX_LINE_LENGTH, RecordKind, note

if TYPE_CHECKING:
    from re import Match

    from crashtool.formats.object_kinds import Content

SMALL = 1 << 14  # bytes: an index of that much text takes less than a millisecond
LARGE = 1 << 20  # bytes: an index of more takes longer than all the rest
SAMPLES = 128
LOOKED_FOR = 1 << 23  # bytes
NESTED = 64  # records that begin before a number and are asked whether they cover it
AHEAD = 8  # records behind a number that are looked at where none covers it
MAX_RECORDS = 1 << 21
PLACE_BITS = 48  # a key of the index is a number and a place in one
MAX_PLACE, MAX_NUMBER = (1 << PLACE_BITS) - 1, 1 << 64
WINDOW = 1 << 22  # bytes that are split at a time
ROOM = 8
NO_DAMAGE = (b"INLINE ", b"\n", b"\r")  # among lines


class SortedRecords:
    """The records of one kind whose lines begin from `start` to before `end`.

    A record is told by the offset of its line. Of several with one number the first counts.
    """

    def __init__(
        self, data: Content, kind: RecordKind, start: int, end: int, problems: list[str]
    ) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self._last = end  # no record begins here or behind
        self._data = data
        self._problems = problems
        self._tag = b"\n" + kind.word
        self._pattern: re.Pattern[bytes] | None = None
        self._index: _RecordIndex | None = None
        self._is_sorted: bool | None = None

    def find(self, number: int) -> int:
        """The record with the greatest number that is at most `number`; -1 for none.

        Right where records are in order; if they turn out not to be, by index.
        """
        if self._index is None and self.end - self.start > SMALL:
            offset = self._search(number)
            if offset is not None:
                return self._first_of_equals(offset) if offset >= 0 else offset
        return self.make_index().find(number)

    def find_surely(self, number: int) -> int:
        """As `find`, after a look at whether samples are in order."""
        self.check_order()
        return self.find(number)

    def check_order(self) -> None:
        """Make an index now if samples are out of order.

        Neighbours may be in order by chance. Where records nest, or cover nothing, what is found
        then looks right.
        """
        if self.end - self.start > SMALL and not self.is_in_order():
            self.make_index()

    def find_nearest(self, number: int) -> list[int]:
        """Records whose numbers are at most `number`, the greatest first: NESTED at most.

        Unlike `find` it takes the order for granted only in a large text that shows no exception.
        """
        if self._index is None and self.end - self.start > LARGE and self.is_in_order():
            places = self._walk_back(number)
            if places is not None:
                return places
        return self.make_index().find_nearest(number)

    def find_covering(self, number: int) -> Match[bytes] | None:
        """The innermost record that covers a number, of a kind that has sizes."""
        record = self.read(self.find(number))
        if record is not None and covers(record, number):
            return record
        for offset in self.find_nearest(number):
            record = self.read(offset)
            if record is not None and covers(record, number):
                return record
        return None

    def find_before(self, number: int) -> Match[bytes] | None:
        """The last record that begins at or before a number, if it covers anything."""
        for offset in self.find_nearest(number):
            record = self.read(offset)
            if record is not None and int(record[2], 16):
                return record
        return None

    def find_next(self, offset: int) -> int:
        """The record behind the one at `offset`; `end` when that is the last."""
        following = self._next(offset + 1, self.end)
        return self.end if following < 0 else following

    def exists(self) -> bool:
        """Whether there is any near the beginning or the end: a huge text is not read whole."""
        last = max(self.start, self.end - LOOKED_FOR)
        return (
            self._next(self.start, min(self.end, self.start + LOOKED_FOR)) >= 0
            or self._next(last, self.end) >= 0
        )

    def read_first(self) -> Match[bytes] | None:
        """The fields of the first intact record in the text."""
        offset = self._next(self.start, self.end)
        while offset >= 0:
            record = self.read(offset)
            if record is not None:
                return record
            offset = self._next(offset + 1, self.end)
        return None

    def read(self, offset: int) -> Match[bytes] | None:
        """The fields of a record; None for -1 and for damage."""
        if offset < 0:
            return None
        if self._pattern is None:
            self._pattern = re.compile(self.kind.pattern)
        return self._pattern.match(self._data, offset, offset + MAX_LINE_LENGTH)

    def is_in_order(self) -> bool:
        """Whether the records are in order as far as samples tell."""
        if self._is_sorted is None:
            self._is_sorted = self._index is None and self._has_ordered_samples()
        return self._is_sorted and self._index is None

    def _has_ordered_samples(self) -> bool:
        step = max(1, (self.end - self.start) // SAMPLES)
        offset, previous = self.start, 0
        for sample in range(self.start, self.end, step):
            offset = self._next(max(offset, sample), self._last)
            if offset < 0:
                break
            number = self._number(offset)
            if number is None or number < previous:
                return False
            previous = number
        return True

    def _number(self, offset: int) -> int | None:
        record = self.read(offset)
        return None if record is None else int(record[1], self.kind.base)

    def _next(self, start: int, end: int) -> int:
        """The first line from `start` to before `end` that begins with the word; -1 for none."""
        word = self.kind.word
        if not start and self._data[: len(word)] == word:
            return 0
        newline = self._data.find(self._tag, max(0, start - 1), end - 1 + len(word))
        return newline + 1 if newline >= 0 else -1

    def _previous(self, offset: int) -> int:
        word = self.kind.word
        newline = self._data.rfind(self._tag, max(0, self.start - 1), offset - 1 + len(word))
        if newline >= 0:
            return newline + 1
        return 0 if self.start == 0 < offset and self._data[: len(word)] == word else -1

    def _search(self, number: int) -> int | None:
        """The last record whose number is at most `number`; -1 for none, None without order."""
        low, high, best = self.start, self._last, -1
        while low < high:
            middle = (low + high) // 2
            offset = self._next(middle, high)
            if offset < 0:
                if high == self._last:
                    self._last = middle
                high = middle
                continue
            own = self._number(offset)
            if own is None:
                return None
            if own <= number:
                best, low = offset, offset + 1
            else:
                high = middle
        return best if best < 0 or self._has_ordered_neighbours(best, number) else None

    def _has_ordered_neighbours(self, offset: int, number: int) -> bool:
        before, after = self._previous(offset), self._next(offset + 1, self._last)
        here, previous, following = map(self._number, (offset, before, after))
        return (
            here is not None
            and (before < 0 or (previous is not None and previous <= here))
            and (after < 0 or (following is not None and following > number))
        )

    def _first_of_equals(self, offset: int) -> int:
        number = self._number(offset)
        for _ in range(NESTED):
            before = self._previous(offset)
            if before < 0 or self._number(before) != number:
                return offset
            offset = before
        return self.make_index().find(number or 0)

    def _walk_back(self, number: int) -> list[int] | None:
        """As `find_nearest`, from record to record; None without order."""
        offset = self._search(number)
        if offset is None or not self._is_ordered_behind(offset):
            return None
        rows: list[tuple[int, int]] = []
        while offset >= 0 and len(rows) < NESTED:
            own = self._number(offset)
            if own is None or (rows and own > -rows[-1][0]):
                return None
            rows.append((-own, offset))
            offset = self._previous(offset)
        return [pair[1] for pair in sorted(rows)]

    def _is_ordered_behind(self, offset: int) -> bool:
        """Whether the next records are in order; one that is misplaced hides those before it."""
        last = -1
        for _ in range(AHEAD):
            offset = self._next(max(offset + 1, self.start), self._last)
            if offset < 0:
                break
            number = self._number(offset)
            if number is None or number < last:
                return False
            last = number
        return True

    def make_index(self) -> _RecordIndex:
        """From now on, take nothing for granted."""
        if self._index is None:
            self._index = _RecordIndex(self._read_keys())
        return self._index

    def _read_keys(self) -> list[int]:
        """The number and the place of each record, as `_RecordIndex` takes them."""
        keys: list[int] = []
        start, left = self.start, MAX_RECORDS
        while start < self.end and left > 0:
            end = self._data.find(b"\n", min(self.end, start + WINDOW), self.end) + 1 or self.end
            rows = self._split_window(start, end)
            if rows is None:
                rows, seen = self._read_window(start, end, left)
            else:
                seen = len(rows)
            keys += [
                number << PLACE_BITS | offset for number, offset in rows if 0 <= number < MAX_NUMBER
            ]
            left -= seen
            _let_go(self._data, start, end)
            start = end
        if left <= 0:
            note(self._problems, f"more than {MAX_RECORDS} {self.kind.name} records out of order")
        return keys

    def _split_window(self, start: int, end: int) -> list[tuple[int, int]] | None:
        """Numbers and places from `start` to before `end`; None where it takes a closer look.

        Half as slow as one by one. The records may be damaged behind their numbers, which those
        that have sizes are looked at for anyway.
        """
        if not self.kind.has_size or not start or end - start > 2 * WINDOW:
            return None
        first, *parts = self._data[start - 1 : end - 1].split(self._tag)
        try:
            numbers = [int(part.partition(b" ")[0], 16) for part in parts]
        except ValueError:
            return None
        widths = [len(self._tag) + len(part) for part in parts]
        return list(zip(numbers, accumulate(widths, initial=start + len(first)), strict=False))

    def _read_window(self, start: int, end: int, most: int) -> tuple[list[tuple[int, int]], int]:
        """Numbers and places of intact records, and how many there are of all; `most` at most."""
        rows: list[tuple[int, int]] = []
        seen = 0
        is_damaged = False
        offset = self._next(start, end)
        while offset >= 0 and seen < most:
            seen += 1
            record = self.read(offset)
            if record is not None:
                rows.append((int(record[1], self.kind.base), offset))
            elif not self._data[offset : offset + ROOM].startswith(NO_DAMAGE):
                is_damaged = True
            offset = self._next(offset + 1, end)
        if is_damaged:
            note(self._problems, f"damaged {self.kind.name} records")
        return rows, seen


def _let_go(data: Content, start: int, end: int) -> None:
    """Leave a part of a mapped text that has been read to the system, which has it in the file."""
    advise = getattr(data, "madvise", None)  # not on Windows, nor of bytes
    if advise is not None and hasattr(mmap, "MADV_DONTNEED"):
        start = start // mmap.PAGESIZE * mmap.PAGESIZE
        advise(mmap.MADV_DONTNEED, start, end - start)


class _RecordIndex:
    """Places of records by number: 16 bytes a record. Of several with one number all are there."""

    def __init__(self, keys: list[int]) -> None:
        """Each key is a number, shifted by PLACE_BITS, and a place."""
        keys.sort()
        self._numbers = array("Q", (key >> PLACE_BITS for key in keys))
        self._places = array("Q", (key & MAX_PLACE for key in keys))

    def find(self, number: int) -> int:
        count = bisect_right(self._numbers, number)
        if not count:
            return -1
        return self._places[bisect_left(self._numbers, self._numbers[count - 1], 0, count)]

    def find_nearest(self, number: int) -> list[int]:
        end = bisect_right(self._numbers, number)
        nearest: list[int] = []
        while end and len(nearest) < NESTED:
            start = bisect_left(self._numbers, self._numbers[end - 1], 0, end)
            nearest += self._places[start : min(end, start + NESTED)]
            end = start
        return nearest[:NESTED]


def covers(record: Match[bytes], number: int) -> bool:
    """Whether a number is in what a record with a size covers."""
    start = int(record[1], 16)
    return start <= number < start + int(record[2], 16)
