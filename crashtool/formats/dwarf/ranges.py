"""Where a unit's code is: DW_AT_low_pc and DW_AT_high_pc, or lists of ranges.

The formats: DWARF 4, 2.17.3 (.debug_ranges); DWARF 5, 7.25 (.debug_rnglists).
"""

from collections.abc import Iterator

from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.dwarf.units import DWARF_5, RANGES_BASE, Unit

MOST_RANGES = 1 << 16  # of one unit
# DW_RLE_*
END, BASE_INDEX, INDEX_INDEX, INDEX_LENGTH, PAIR, BASE, START_END, START_LENGTH = range(8)


def find_ranges(sections: DebugSections, unit: Unit) -> list[tuple[int, int]]:
    """First address and end of each piece of a unit's code; empty ones are left out."""
    found = unit.ranges
    if found is None:
        pairs = iter([(unit.low, unit.high)]) if unit.has_addresses else iter(())
    elif unit.sizes.version < DWARF_5:
        pairs = _walk_old(sections.open("debug_ranges", found[0]), unit)
    else:
        pairs = _walk_list(_open_list(sections, unit, *found), unit)
    return [(low, high) for low, high in pairs if low < high]


def _walk_old(cursor: Cursor, unit: Unit) -> Iterator[tuple[int, int]]:
    size = unit.sizes.address
    base, last = unit.low, (1 << 8 * size) - 1
    for _ in range(MOST_RANGES):
        low, high = cursor.number(size), cursor.number(size)
        if not low and not high:
            return
        if low == last:
            base = high
        else:
            yield base + low & last, base + high & last


def _open_list(sections: DebugSections, unit: Unit, value: int, is_index: bool) -> Cursor:
    """The list at an offset, or by its index in the table that DW_AT_rnglists_base leads to."""
    if is_index:
        table, size = unit.base(RANGES_BASE), unit.sizes.offset
        value = table + sections.open("debug_rnglists", table + value * size).number(size)
    return sections.open("debug_rnglists", value)


def _walk_list(cursor: Cursor, unit: Unit) -> Iterator[tuple[int, int]]:
    size, base = unit.sizes.address, unit.low
    for _ in range(MOST_RANGES):
        kind = cursor.number(1)
        if kind == END:
            return
        if kind == BASE_INDEX:
            base = unit.address_at(cursor.uleb())
        elif kind == BASE:
            base = cursor.number(size)
        else:
            yield _read_entry(cursor, unit, kind, base)


def _read_entry(cursor: Cursor, unit: Unit, kind: int, base: int) -> tuple[int, int]:
    size = unit.sizes.address
    if kind == PAIR:
        return base + cursor.uleb(), base + cursor.uleb()
    if kind == START_END:
        return cursor.number(size), cursor.number(size)
    if kind == INDEX_INDEX:
        return unit.address_at(cursor.uleb()), unit.address_at(cursor.uleb())
    if kind == START_LENGTH:
        low = cursor.number(size)
    elif kind == INDEX_LENGTH:
        low = unit.address_at(cursor.uleb())
    else:
        raise DamagedDwarf(f"a range of kind {kind}", offset=cursor.place)
    return low, low + cursor.uleb()
