"""Pieces of code of many entries of one unit, as `ranges` reads those of one."""

from __future__ import annotations

from contextlib import suppress
from struct import Struct

from crashtool.formats.dwarf.constants import (
    DW_AT_high_pc,
    DW_AT_low_pc,
    DW_AT_ranges,
    DW_FORM_addr,
    DW_FORM_rnglistx,
)
from crashtool.formats.dwarf.entries import MORE
from crashtool.formats.dwarf.forms import ADDRESS_INDEXES, Cursor, DamagedDwarf, Value
from crashtool.formats.dwarf.ranges import (
    MAX_READ,
    DW_RLE_base_address,
    DW_RLE_offset_pair,
    DW_RLE_start_length,
    RangeBudget,
    find_list,
    find_ranges,
)
from crashtool.formats.dwarf.units import DWARF_5, Unit

PLACES = (DW_AT_low_pc, DW_AT_high_pc, DW_AT_ranges)
PORTION = 1 << 10  # bytes of a list that are looked at together, at least
WINDOW = 1 << 14  # bytes of lists that are
OLD_PORTION = 16  # pairs of addresses; most lists have fewer
PAIRS = {4: Struct("<II"), 8: Struct("<QQ")}  # by the size of addresses


class RangeReader:
    """The pieces of code of a unit's entries."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._size = unit.sizes.address
        self._base = 0
        self._window, self._window_start, self._window_last = b"", 0, -1
        self._lists: Cursor | None = None
        self._old_lists: Cursor | None = None  # of a whole unit before DWARF 5
        self._budget = RangeBudget()
        with suppress(DamagedDwarf):  # what needs it says so again
            self._base = unit.low
            if unit.sizes.version >= DWARF_5:
                self._lists = unit.sections.open("debug_rnglists")
            elif unit.skeleton is None and self._size in PAIRS:
                self._old_lists = unit.sections.open("debug_ranges")

    def begin(self, most: int = MAX_READ) -> None:
        """Begin a piece of work, which may read so many parts of lists."""
        self._budget = RangeBudget(most)

    @property
    def is_spent(self) -> bool:
        """Whether it has read more than that."""
        return self._budget.left < 0

    def find(
        self, low: Value | None, high: Value | None, ranges: Value | None, forms: tuple[int, ...]
    ) -> list[tuple[int, int]]:
        """First address and end of each piece, by three attributes whose `forms` come first.

        DamagedDwarf when a list makes no sense.
        """
        if ranges is not None:
            if self._lists is not None and isinstance(ranges, int):
                pairs = self._read_list(self._lists, ranges, forms[2])
                if pairs is not None:
                    return pairs
            elif self._old_lists is not None and isinstance(ranges, int):
                pairs = self._read_old(self._old_lists, ranges)
                if pairs is not None:
                    return pairs
        elif (
            forms[0] == DW_FORM_addr
            and forms[1] not in ADDRESS_INDEXES
            and isinstance(low, int)
            and isinstance(high, int)
        ):
            end = high if forms[1] == DW_FORM_addr else low + high
            return [(low, end)] if low < end else []
        names = zip(PLACES, forms, (low, high, ranges), strict=False)
        values = {name: (form, value) for name, form, value in names if value is not None}
        return find_ranges(self._unit, values, self._budget)

    def _read_old(self, lists: Cursor, value: int) -> list[tuple[int, int]] | None:
        """A list of .debug_ranges; None for one that is long, and for damage."""
        start = lists.offset + value
        last, base = (1 << 8 * self._size) - 1, self._base
        pairs: list[tuple[int, int]] = []
        if not lists.offset <= start < lists.end:
            return None
        layout = PAIRS[self._size]
        end = min(lists.end, start + OLD_PORTION * layout.size)
        content = lists.data[start : end - (end - start) % layout.size]
        for number, (low, high) in enumerate(layout.iter_unpack(content)):
            if not low and not high:
                self._budget.take(number)
                return pairs
            if low == last:
                base = high
            elif (first := base + low & last) < (behind := base + high & last):
                pairs.append((first, behind))
        return None

    def _read_list(  # noqa: C901, PLR0912 (one loop, for its speed)
        self, lists: Cursor, value: int, form: int
    ) -> list[tuple[int, int]] | None:
        """A list of DWARF 5, of the kinds that are usual; None for others, and for damage."""
        size = self._size
        start = lists.offset + value
        if form == DW_FORM_rnglistx:
            cursor = find_list(self._unit, form, value)
            start = cursor.offset
        offset = start - self._window_start
        if not 0 <= offset <= self._window_last:
            self._move_window(lists, start)
            offset = 0
        first, data, base = offset, self._window, self._base
        pairs: list[tuple[int, int]] = []
        try:
            while kind := data[offset]:
                offset += 1
                if kind == DW_RLE_offset_pair:
                    low = data[offset]
                    offset += 1
                    if low >= MORE:
                        if (more := data[offset]) < MORE:
                            low += (more << 7) - MORE
                            offset += 1
                        else:
                            low, offset = _read_leb(data, offset, low)
                    high = data[offset]
                    offset += 1
                    if high >= MORE:
                        if (more := data[offset]) < MORE:
                            high += (more << 7) - MORE
                            offset += 1
                        else:
                            high, offset = _read_leb(data, offset, high)
                    if low < high:
                        pairs.append((base + low, base + high))
                elif kind == DW_RLE_base_address:
                    base = int.from_bytes(data[offset : offset + size], "little")
                    offset += size
                elif kind == DW_RLE_start_length:
                    low = int.from_bytes(data[offset : offset + size], "little")
                    high, offset = _read_leb(data, offset + size + 1, data[offset + size])
                    if high:
                        pairs.append((low, low + high))
                else:
                    return None
        except IndexError:
            return None
        self._budget.take((offset - first) // 2)
        return pairs

    def _move_window(self, lists: Cursor, start: int) -> None:
        """Take the bytes from an offset on; lists of one unit stand next to each other."""
        end = min(lists.end, start + WINDOW)
        self._window = lists.data[start:end]
        self._window_start = start
        # A list that begins further on may need what is behind the window.
        self._window_last = WINDOW - PORTION if end < lists.end else max(0, end - start)


def _read_leb(data: bytes, offset: int, first: int) -> tuple[int, int]:
    """A number whose first byte was read, and where it ends."""
    if first < MORE:
        return first, offset
    value = first & MORE - 1
    shift = 7
    while (byte := data[offset]) >= MORE:
        value |= (byte & MORE - 1) << shift
        shift += 7
        offset += 1
    return value | byte << shift, offset + 1
