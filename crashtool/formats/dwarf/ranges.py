"""Where the code of a unit or an entry is: two addresses, or lists of ranges.

The formats: DWARF 4, 2.17.3 (.debug_ranges); DWARF 5, 7.25 (.debug_rnglists).
"""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.formats.dwarf.constants import (
    DW_AT_GNU_ranges_base,
    DW_AT_high_pc,
    DW_AT_low_pc,
    DW_AT_ranges,
    DW_AT_rnglists_base,
    DW_FORM_rnglistx,
)
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf, Value
from crashtool.formats.dwarf.list_tables import open_list
from crashtool.formats.dwarf.units import DWARF_5, Unit

MAX_RANGES = 1 << 16  # of one unit
# That one piece of work may read: many entries may share a list. All of a large unit, or file:
MAX_READ, MAX_READ_OF_ALL = 1 << 19, 1 << 22
# DW_RLE_*
(
    DW_RLE_end_of_list,
    DW_RLE_base_addressx,
    DW_RLE_startx_endx,
    DW_RLE_startx_length,
    DW_RLE_offset_pair,
    DW_RLE_base_address,
    DW_RLE_start_end,
    DW_RLE_start_length,
) = range(8)


class RangeBudget:
    """How much of lists of ranges one piece of work may still read."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_READ) -> None:
        self.left = left

    def walk(self) -> Iterator[None]:
        """Once for each part of a list. DamagedDwarf when too many were read."""
        for _ in range(MAX_RANGES):
            self.take(1)
            yield

    def take(self, count: int) -> None:
        """Count parts that are read. DamagedDwarf when they are too many."""
        self.left -= count
        if self.left < 0:
            raise DamagedDwarf("lists of ranges without end", offset=0)


def has_addresses(values: dict[int, tuple[int, Value]]) -> bool:
    """Whether an entry says where its code is."""
    return DW_AT_ranges in values or (DW_AT_low_pc in values and DW_AT_high_pc in values)


def find_ranges(
    unit: Unit, values: dict[int, tuple[int, Value]], budget: RangeBudget | None = None
) -> list[tuple[int, int]]:
    """First address and end of each piece of code of an entry by its attributes.

    Empty pieces are left out. DamagedDwarf when its list makes no sense.
    """
    form, value = values.get(DW_AT_ranges, (0, None))
    if isinstance(value, int):
        pieces = _walk_pieces(unit, form, value, budget or RangeBudget())
        return [(low, high) for low, high in pieces if low < high]
    if DW_AT_low_pc not in values or DW_AT_high_pc not in values:
        return []
    low = unit.address(*values[DW_AT_low_pc])
    form, size = values[DW_AT_high_pc]
    high = unit.address(form, size)
    if low is None or not isinstance(size, int):
        return []
    if high is None:  # a number counts from the first address
        high = low + size
    return [(low, high)] if low < high else []


def _walk_pieces(
    unit: Unit, form: int, value: int, budget: RangeBudget
) -> Iterator[tuple[int, int]]:
    if unit.sizes.version >= DWARF_5:
        return _walk_list(find_list(unit, form, value), unit, budget)
    owner = unit.skeleton
    if owner is not None:  # only a split unit's lists are counted from a base
        value += owner.base(DW_AT_GNU_ranges_base)
    sections = (owner or unit).sections
    return _walk_old(sections.open("debug_ranges", value), unit, budget)


def _walk_old(cursor: Cursor, unit: Unit, budget: RangeBudget) -> Iterator[tuple[int, int]]:
    size = unit.sizes.address
    base, last = unit.low, (1 << 8 * size) - 1
    for _ in budget.walk():
        low, high = cursor.number(size), cursor.number(size)
        if not low and not high:
            return
        if low == last:
            base = high
        else:
            yield base + low & last, base + high & last


def find_list(unit: Unit, form: int, value: int) -> Cursor:
    """The list at an offset, or by its index in the table that DW_AT_rnglists_base leads to.

    DamagedDwarf when that is not in its section.
    """
    return open_list(
        unit, "debug_rnglists", DW_AT_rnglists_base, value, is_index=form == DW_FORM_rnglistx
    )


def _walk_list(cursor: Cursor, unit: Unit, budget: RangeBudget) -> Iterator[tuple[int, int]]:
    size, base = unit.sizes.address, unit.low
    for _ in budget.walk():
        kind = cursor.number(1)
        if kind == DW_RLE_end_of_list:
            return
        if kind == DW_RLE_base_addressx:
            base = unit.address_at(cursor.uleb())
        elif kind == DW_RLE_base_address:
            base = cursor.number(size)
        else:
            yield _read_entry(cursor, unit, kind, base)


def _read_entry(cursor: Cursor, unit: Unit, kind: int, base: int) -> tuple[int, int]:
    size = unit.sizes.address
    if kind == DW_RLE_offset_pair:
        return base + cursor.uleb(), base + cursor.uleb()
    if kind == DW_RLE_start_end:
        return cursor.number(size), cursor.number(size)
    if kind == DW_RLE_startx_endx:
        return unit.address_at(cursor.uleb()), unit.address_at(cursor.uleb())
    if kind == DW_RLE_start_length:
        low = cursor.number(size)
    elif kind == DW_RLE_startx_length:
        low = unit.address_at(cursor.uleb())
    else:
        raise DamagedDwarf(f"a range of kind {kind}", offset=cursor.offset)
    return low, low + cursor.uleb()
