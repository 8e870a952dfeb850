"""Where the code of a unit or an entry is: two addresses, or lists of ranges.

The formats: DWARF 4, 2.17.3 (.debug_ranges); DWARF 5, 7.25 (.debug_rnglists).
"""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.formats.dwarf.constants import GNU_RANGES_BASE, HIGH, LOW, RANGES, RANGES_BASE
from crashtool.formats.dwarf.forms import RANGE_INDEX, Cursor, DamagedDwarf, Value
from crashtool.formats.dwarf.list_tables import open_list
from crashtool.formats.dwarf.units import DWARF_5, Unit

MAX_RANGES = 1 << 16  # of one unit
# DW_RLE_*
END, BASE_INDEX, INDEX_INDEX, INDEX_LENGTH, PAIR, BASE, START_END, START_LENGTH = range(8)


def has_addresses(values: dict[int, tuple[int, Value]]) -> bool:
    """Whether an entry says where its code is."""
    return RANGES in values or (LOW in values and HIGH in values)


def find_ranges(unit: Unit, values: dict[int, tuple[int, Value]]) -> list[tuple[int, int]]:
    """First address and end of each piece of code of an entry by its attributes.

    Empty pieces are left out. DamagedDwarf when its list makes no sense.
    """
    form, value = values.get(RANGES, (0, None))
    if isinstance(value, int):
        return [(low, high) for low, high in _walk_pieces(unit, form, value) if low < high]
    if LOW not in values or HIGH not in values:
        return []
    low = unit.address(*values[LOW])
    form, size = values[HIGH]
    high = unit.address(form, size)
    if low is None or not isinstance(size, int):
        return []
    if high is None:  # a number counts from the first address
        high = low + size
    return [(low, high)] if low < high else []


def _walk_pieces(unit: Unit, form: int, value: int) -> Iterator[tuple[int, int]]:
    if unit.sizes.version >= DWARF_5:
        return _walk_list(find_list(unit, form, value), unit)
    owner = unit.skeleton
    if owner is not None:  # only a split unit's lists are counted from a base
        value += owner.base(GNU_RANGES_BASE)
    sections = (owner or unit).sections
    return _walk_old(sections.open("debug_ranges", value), unit)


def _walk_old(cursor: Cursor, unit: Unit) -> Iterator[tuple[int, int]]:
    size = unit.sizes.address
    base, last = unit.low, (1 << 8 * size) - 1
    for _ in range(MAX_RANGES):
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
    return open_list(unit, "debug_rnglists", RANGES_BASE, value, is_index=form == RANGE_INDEX)


def _walk_list(cursor: Cursor, unit: Unit) -> Iterator[tuple[int, int]]:
    size, base = unit.sizes.address, unit.low
    for _ in range(MAX_RANGES):
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
        raise DamagedDwarf(f"a range of kind {kind}", offset=cursor.offset)
    return low, low + cursor.uleb()
