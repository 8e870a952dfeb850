"""Where a variable is at an address: one expression for all of its scope, or a list by address.

The formats: DWARF 4, 2.6.2 (.debug_loc), and GNU's for split units; DWARF 5, 7.29
(.debug_loclists).
"""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.formats.dwarf.constants import LOCATIONS_BASE
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf, Value
from crashtool.formats.dwarf.list_tables import open_list
from crashtool.formats.dwarf.units import DWARF_5, Unit
from crashtool.formats.named_tuple import NamedTuple

MAX_ENTRIES = 1 << 14  # of one list
LIST_INDEX = 0x22  # DW_FORM_loclistx
ANYWHERE = (0, 1 << 64)
# DW_LLE_*
END = 0
BASE_INDEX = 1
INDEX_INDEX = 2
INDEX_LENGTH = 3
PAIR = 4
DEFAULT = 5
BASE = 6
START_END = 7
START_LENGTH = 8
VIEW_PAIR = 9
# of .debug_loc.dwo before DWARF 5 (GNU, "DebugFission")
GNU_END, GNU_BASE_INDEX, GNU_INDEX_INDEX, GNU_INDEX_LENGTH, GNU_PAIR = range(5)


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
        is_index = form == LIST_INDEX
        return _walk_list(
            open_list(unit, "debug_loclists", LOCATIONS_BASE, value, is_index=is_index), unit
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
        if kind == GNU_END:
            return
        if kind == GNU_BASE_INDEX:
            base = unit.address_at(cursor.uleb())
            continue
        if kind == GNU_INDEX_INDEX:
            low, high = unit.address_at(cursor.uleb()), unit.address_at(cursor.uleb())
        elif kind == GNU_INDEX_LENGTH:
            low = unit.address_at(cursor.uleb())
            high = low + cursor.number(4)
        elif kind == GNU_PAIR:
            low, high = base + cursor.number(4), base + cursor.number(4)
        else:
            raise DamagedDwarf(f"a location of kind {kind}", offset=cursor.offset)
        yield _Located(low, high, cursor.take(cursor.number(2)))


def _walk_list(cursor: Cursor, unit: Unit) -> Iterator[_Located]:
    size, base = unit.sizes.address, unit.low
    for _ in range(MAX_ENTRIES):
        kind = cursor.number(1)
        if kind == END:
            return
        if kind == BASE_INDEX:
            base = unit.address_at(cursor.uleb())
        elif kind == BASE:
            base = cursor.number(size)
        elif kind == VIEW_PAIR:  # gcc's: which of the statements at one address are meant
            cursor.uleb()
            cursor.uleb()
        elif kind == DEFAULT:
            yield _Located(*ANYWHERE, cursor.take(cursor.uleb()), is_default=True)
        else:
            low, high = _read_span(cursor, unit, kind, base)
            yield _Located(low, high, cursor.take(cursor.uleb()))


def _read_span(cursor: Cursor, unit: Unit, kind: int, base: int) -> tuple[int, int]:
    size = unit.sizes.address
    if kind == PAIR:
        return base + cursor.uleb(), base + cursor.uleb()
    if kind == INDEX_INDEX:
        return unit.address_at(cursor.uleb()), unit.address_at(cursor.uleb())
    if kind == START_END:
        return cursor.number(size), cursor.number(size)
    if kind == START_LENGTH:
        low = cursor.number(size)
    elif kind == INDEX_LENGTH:
        low = unit.address_at(cursor.uleb())
    else:
        raise DamagedDwarf(f"a location of kind {kind}", offset=cursor.offset)
    return low, low + cursor.uleb()
