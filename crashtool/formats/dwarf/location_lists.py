"""Where a variable is at an address: one expression for all of its scope, or a list by address.

The formats: DWARF 4, 2.6.2 (.debug_loc), and GNU's for split units; DWARF 5, 7.29
(.debug_loclists).
"""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.formats.dwarf.constants import DW_AT_loclists_base, DW_FORM_loclistx
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf, Value
from crashtool.formats.dwarf.list_tables import open_list
from crashtool.formats.dwarf.units import DWARF_5, Unit
from crashtool.formats.named_tuple import NamedTuple

MAX_ENTRIES = 1 << 14  # of one list
ANYWHERE = (0, 1 << 64)
# DW_LLE_*
DW_LLE_end_of_list = 0
DW_LLE_base_addressx = 1
DW_LLE_startx_endx = 2
DW_LLE_startx_length = 3
DW_LLE_offset_pair = 4
DW_LLE_default_location = 5
DW_LLE_base_address = 6
DW_LLE_start_end = 7
DW_LLE_start_length = 8
DW_LLE_GNU_view_pair = 9
# of .debug_loc.dwo before DWARF 5 (GNU, "DebugFission")
(
    DW_LLE_GNU_end_of_list_entry,
    DW_LLE_GNU_base_address_selection_entry,
    DW_LLE_GNU_start_end_entry,
    DW_LLE_GNU_start_length_entry,
    DW_LLE_GNU_offset_pair_entry,
) = range(5)


class _Located(NamedTuple):
    """From an address to before another, and the expression that holds there."""

    low: int
    high: int
    expression: bytes
    is_default: bool = False


def find_expression(unit: Unit, form: int, value: Value, address: int) -> bytes | None:
    """The expression that an attribute gives for an address; None where its list has none.

    DamagedDwarf when the list makes no sense.
    """
    if isinstance(value, bytes):
        return value
    default = None
    for entry in _walk(unit, form, value):
        if entry.is_default:
            default = default or entry.expression
        elif entry.low <= address < entry.high:
            return entry.expression
    return default


def _walk(unit: Unit, form: int, value: int) -> Iterator[_Located]:
    if unit.sizes.version >= DWARF_5:
        is_index = form == DW_FORM_loclistx
        return _walk_list(
            open_list(unit, "debug_loclists", DW_AT_loclists_base, value, is_index=is_index), unit
        )
    cursor = unit.sections.open("debug_loc", value)
    return _walk_split(cursor, unit) if unit.skeleton is not None else _walk_old(cursor, unit)


def _walk_old(cursor: Cursor, unit: Unit) -> Iterator[_Located]:
    size = unit.sizes.address
    base, last = unit.low, (1 << 8 * size) - 1
    for _ in range(MAX_ENTRIES):
        low, high = cursor.number(size), cursor.number(size)
        if not low and not high:
            return
        if low == last:
            base = high
            continue
        expression = cursor.take(cursor.number(2))
        yield _Located(base + low & last, base + high & last, expression)


def _walk_split(cursor: Cursor, unit: Unit) -> Iterator[_Located]:
    base = unit.low
    for _ in range(MAX_ENTRIES):
        kind = cursor.number(1)
        if kind == DW_LLE_GNU_end_of_list_entry:
            return
        if kind == DW_LLE_GNU_base_address_selection_entry:
            base = unit.address_at(cursor.uleb())
            continue
        if kind == DW_LLE_GNU_start_end_entry:
            low, high = unit.address_at(cursor.uleb()), unit.address_at(cursor.uleb())
        elif kind == DW_LLE_GNU_start_length_entry:
            low = unit.address_at(cursor.uleb())
            high = low + cursor.number(4)
        elif kind == DW_LLE_GNU_offset_pair_entry:
            low, high = base + cursor.number(4), base + cursor.number(4)
        else:
            raise DamagedDwarf(f"a location of kind {kind}", offset=cursor.offset)
        yield _Located(low, high, cursor.take(cursor.number(2)))


def _walk_list(cursor: Cursor, unit: Unit) -> Iterator[_Located]:
    size, base = unit.sizes.address, unit.low
    for _ in range(MAX_ENTRIES):
        kind = cursor.number(1)
        if kind == DW_LLE_end_of_list:
            return
        if kind == DW_LLE_base_addressx:
            base = unit.address_at(cursor.uleb())
        elif kind == DW_LLE_base_address:
            base = cursor.number(size)
        elif (
            kind == DW_LLE_GNU_view_pair
        ):  # gcc's: which of the statements at one address are meant
            cursor.uleb()
            cursor.uleb()
        elif kind == DW_LLE_default_location:
            yield _Located(*ANYWHERE, cursor.take(cursor.uleb()), is_default=True)
        else:
            low, high = _read_span(cursor, unit, kind, base)
            yield _Located(low, high, cursor.take(cursor.uleb()))


def _read_span(cursor: Cursor, unit: Unit, kind: int, base: int) -> tuple[int, int]:
    size = unit.sizes.address
    if kind == DW_LLE_offset_pair:
        return base + cursor.uleb(), base + cursor.uleb()
    if kind == DW_LLE_startx_endx:
        return unit.address_at(cursor.uleb()), unit.address_at(cursor.uleb())
    if kind == DW_LLE_start_end:
        return cursor.number(size), cursor.number(size)
    if kind == DW_LLE_start_length:
        low = cursor.number(size)
    elif kind == DW_LLE_startx_length:
        low = unit.address_at(cursor.uleb())
    else:
        raise DamagedDwarf(f"a location of kind {kind}", offset=cursor.offset)
    return low, low + cursor.uleb()
