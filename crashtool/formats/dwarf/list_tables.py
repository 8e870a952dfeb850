"""Lists of ranges or locations, by offset or by index in the unit's table (DWARF 5, 7.28, 7.29)."""

from __future__ import annotations

from crashtool.formats.dwarf.forms import Cursor
from crashtool.formats.dwarf.units import Unit

SPLIT_HEAD = {4: 12, 8: 20}  # of .debug_rnglists.dwo and .debug_loclists.dwo, by an offset's size


def open_list(unit: Unit, section: str, base: int, value: int, *, is_index: bool) -> Cursor:
    """A list of a section, whose table of the unit the attribute `base` leads to.

    DamagedDwarf when that is not in its section.
    """
    sections = unit.sections
    if is_index:
        size = unit.sizes.offset
        table = unit.base(base) or (SPLIT_HEAD[size] if unit.skeleton is not None else 0)
        value = table + sections.open(section, table + value * size).number(size)
    return sections.open(section, value)
