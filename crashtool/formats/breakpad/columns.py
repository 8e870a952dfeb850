"""Records of one kind in a long text, found by their number without reading the rest.

Writers put records in the order of their numbers, so a binary search over the mapped text finds one
in about 25 looks however long the text is. The neighbours of what it finds must be in order, too;
where they are not, one pass over the text makes an index, once.
"""

import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from crashtool.formats.breakpad.records import LONGEST_LINE, note

if TYPE_CHECKING:
    from re import Match

    from crashtool.formats.breakpad.records import RecordKind
    from crashtool.formats.object_file.kinds import Content

    _Rows = dict[int, int | list[int]]

SMALL = 1 << 14  # bytes: an index of that much text takes less than a millisecond
LARGE = 1 << 20  # bytes: an index of more takes longer than all the rest
SAMPLES = 128
LOOKED_FOR = 1 << 23  # bytes
NESTED = 64  # records that begin before a number and are asked whether they cover it
AHEAD = 8  # records behind a number that are looked at where none covers it
MOST_RECORDS = 1 << 21
WINDOW = 1 << 22  # bytes that are split at a time
ROOM = 8
NO_DAMAGE = (b"INLINE ", b"\n", b"\r")  # among lines


class Column:
    """The records of one kind whose lines begin from `start` to before `end`.

    A record is told by the offset of its line. Of several with one number the first counts.
    """

    def __init__(
        self, data: "Content", kind: "RecordKind", start: int, end: int, problems: list[str]
    ) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self._last = end  # no record begins here or behind
        self._data = data
        self._problems = problems
        self._tag = b"\n" + kind.word
        self._pattern: re.Pattern[bytes] | None = None
        self._index: _Index | None = None
        self._is_sorted: bool | None = None

    def find(self, number: int) -> int:
        """The record with the greatest number that is at most `number`; -1 for none.

        Right where records are in order; if they turn out not to be, by index.
        """
        if self._index is None and self.end - self.start > SMALL:
            place = self._search(number)
            if place is not None:
                return self._first_of_equals(place) if place >= 0 else place
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

    def find_covering(self, number: int) -> "Match[bytes] | None":
        """The innermost record that covers a number, of a kind that has sizes."""
        record = self.read(self.find(number))
        if record is not None and covers(record, number):
            return record
        for place in self.find_nearest(number):
            record = self.read(place)
            if record is not None and covers(record, number):
                return record
        return None

    def find_before(self, number: int) -> "Match[bytes] | None":
        """The last record that begins at or before a number, if it covers anything."""
        for place in self.find_nearest(number):
            record = self.read(place)
            if record is not None and int(record[2], 16):
                return record
        return None

    def find_next(self, place: int) -> int:
        """The record behind the one at `place`; `end` when that is the last."""
        found = self._next(place + 1, self.end)
        return self.end if found < 0 else found

    def exists(self) -> bool:
        """Whether there is any near the beginning or the end: a huge text is not read whole."""
        last = max(self.start, self.end - LOOKED_FOR)
        return (
            self._next(self.start, min(self.end, self.start + LOOKED_FOR)) >= 0
            or self._next(last, self.end) >= 0
        )

    def read_first(self) -> "Match[bytes] | None":
        """The fields of the first intact record in the text."""
        place = self._next(self.start, self.end)
        while place >= 0:
            record = self.read(place)
            if record is not None:
                return record
            place = self._next(place + 1, self.end)
        return None

    def read(self, place: int) -> "Match[bytes] | None":
        """The fields of a record; None for -1 and for damage."""
        if place < 0:
            return None
        if self._pattern is None:
            self._pattern = re.compile(self.kind.pattern)
        return self._pattern.match(self._data, place, place + LONGEST_LINE)

    def is_in_order(self) -> bool:
        """Whether the records are in order as far as samples tell."""
        if self._is_sorted is None:
            self._is_sorted = self._index is None and self._has_ordered_samples()
        return self._is_sorted and self._index is None

    def _has_ordered_samples(self) -> bool:
        step = max(1, (self.end - self.start) // SAMPLES)
        place, previous = self.start, 0
        for sample in range(self.start, self.end, step):
            place = self._next(max(place, sample), self._last)
            if place < 0:
                break
            number = self._number(place)
            if number is None or number < previous:
                return False
            previous = number
        return True

    def _number(self, place: int) -> int | None:
        record = self.read(place)
        return None if record is None else int(record[1], self.kind.base)

    def _next(self, start: int, end: int) -> int:
        """The first line from `start` to before `end` that begins with the word; -1 for none."""
        word = self.kind.word
        if not start and self._data[: len(word)] == word:
            return 0
        found = self._data.find(self._tag, max(0, start - 1), end - 1 + len(word))
        return found + 1 if found >= 0 else -1

    def _previous(self, place: int) -> int:
        word = self.kind.word
        found = self._data.rfind(self._tag, max(0, self.start - 1), place - 1 + len(word))
        if found >= 0:
            return found + 1
        return 0 if self.start == 0 < place and self._data[: len(word)] == word else -1

    def _search(self, number: int) -> int | None:
        """The last record whose number is at most `number`; -1 for none, None without order."""
        low, high, best = self.start, self._last, -1
        while low < high:
            middle = (low + high) // 2
            place = self._next(middle, high)
            if place < 0:
                if high == self._last:
                    self._last = middle
                high = middle
                continue
            found = self._number(place)
            if found is None:
                return None
            if found <= number:
                best, low = place, place + 1
            else:
                high = middle
        return best if best < 0 or self._has_ordered_neighbours(best, number) else None

    def _has_ordered_neighbours(self, place: int, number: int) -> bool:
        before, after = self._previous(place), self._next(place + 1, self._last)
        here, previous, following = map(self._number, (place, before, after))
        return (
            here is not None
            and (before < 0 or (previous is not None and previous <= here))
            and (after < 0 or (following is not None and following > number))
        )

    def _first_of_equals(self, place: int) -> int:
        number = self._number(place)
        for _ in range(NESTED):
            before = self._previous(place)
            if before < 0 or self._number(before) != number:
                return place
            place = before
        return self.make_index().find(number or 0)

    def _walk_back(self, number: int) -> list[int] | None:
        """As `find_nearest`, from record to record; None without order."""
        place = self._search(number)
        if place is None or not self._is_ordered_behind(place):
            return None
        rows: list[tuple[int, int]] = []
        while place >= 0 and len(rows) < NESTED:
            found = self._number(place)
            if found is None or (rows and found > -rows[-1][0]):
                return None
            rows.append((-found, place))
            place = self._previous(place)
        return [row[1] for row in sorted(rows)]

    def _is_ordered_behind(self, place: int) -> bool:
        """Whether the next records are in order; one that is misplaced hides those before it."""
        last = -1
        for _ in range(AHEAD):
            place = self._next(max(place + 1, self.start), self._last)
            if place < 0:
                break
            number = self._number(place)
            if number is None or number < last:
                return False
            last = number
        return True

    def make_index(self) -> "_Index":
        """From now on, take nothing for granted."""
        if self._index is None:
            self._index = _Index(self._make_rows())
        return self._index

    def _make_rows(self) -> "_Rows":
        """The places of records by number."""
        rows: _Rows = {}
        start, left = self.start, MOST_RECORDS
        while start < self.end and left > 0:
            end = self._data.find(b"\n", min(self.end, start + WINDOW), self.end) + 1 or self.end
            found = self._split_window(start, end)
            if found is None:
                found, seen = self._read_window(start, end, left)
            else:
                seen = len(found)
            _add_rows(rows, found)
            left -= seen
            start = end
        if left <= 0:
            note(self._problems, f"more than {MOST_RECORDS} {self.kind.name} records out of order")
        return rows

    def _split_window(self, start: int, end: int) -> "list[tuple[int, int]] | None":
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

    def _read_window(self, start: int, end: int, most: int) -> "tuple[list[tuple[int, int]], int]":
        """Numbers and places of intact records, and how many there are of all; `most` at most."""
        rows: list[tuple[int, int]] = []
        seen = 0
        is_damaged = False
        place = self._next(start, end)
        while place >= 0 and seen < most:
            seen += 1
            record = self.read(place)
            if record is not None:
                rows.append((int(record[1], self.kind.base), place))
            elif not self._data[place : place + ROOM].startswith(NO_DAMAGE):
                is_damaged = True
            place = self._next(place + 1, end)
        if is_damaged:
            note(self._problems, f"damaged {self.kind.name} records")
        return rows, seen


def _add_rows(rows: "_Rows", found: list[tuple[int, int]]) -> None:
    fresh: _Rows = dict(found)
    if len(fresh) == len(found) and rows.keys().isdisjoint(fresh):
        rows.update(fresh)
        return
    for number, place in found:
        known = rows.get(number)
        if known is None:
            rows[number] = place
        elif isinstance(known, int):
            rows[number] = [known, place]
        elif len(known) < NESTED:
            known.append(place)


class _Index:
    """Places of records by number; a list where several have it."""

    def __init__(self, rows: "_Rows") -> None:
        self._rows = rows
        self._numbers = sorted(rows)

    def find(self, number: int) -> int:
        found = bisect_right(self._numbers, number)
        places = self._rows[self._numbers[found - 1]] if found else -1
        return places[0] if isinstance(places, list) else places

    def find_nearest(self, number: int) -> list[int]:
        found = bisect_right(self._numbers, number)
        nearest: list[int] = []
        for key in reversed(self._numbers[max(0, found - NESTED) : found]):
            places = self._rows[key]
            nearest += places if isinstance(places, list) else [places]
        return nearest[:NESTED]


def covers(record: "Match[bytes]", number: int) -> bool:
    """Whether a number is in what a record with a size covers."""
    start = int(record[1], 16)
    return start <= number < start + int(record[2], 16)
