"""Packages of split debug information (.dwp): where the parts of each unit are, by its identifier.

The index: DWARF 5, 7.3.5; before, GNU's (version 2), which numbers some sections differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.dwarf.sections import DebugSections

INDEX = "debug_cu_index"
GNU_VERSION, DWARF_5 = 2, 5
HEAD = 16  # bytes; an identifier in the table has eight, a row's number and a column's four
MAX_COLUMNS = 16
# DW_SECT_*; what only values need is left out
COLUMNS = {1: "debug_info", 3: "debug_abbrev", 6: "debug_str_offsets"}
LATER_COLUMNS = {5: "debug_loclists", 8: "debug_rnglists"}
GNU_COLUMNS = {5: "debug_loc"}


class Part(NamedTuple):
    """Which bytes of a section a unit has."""

    offset: int
    size: int


class PackageIndex:
    """The table of a package's units. DamagedDwarf when it makes no sense."""

    def __init__(self, sections: DebugSections) -> None:
        cursor = sections.open(INDEX)
        version = cursor.number(4)
        if version != GNU_VERSION:
            version &= 0xFFFF  # two bytes from DWARF 5 on, then padding
        self._columns, self._rows, self._slots = (cursor.number(4) for _ in range(3))
        self._sections = sections
        if version not in (GNU_VERSION, DWARF_5):
            raise DamagedDwarf(f"a package's index of version {version}", offset=0)
        room = sections.size(INDEX) - HEAD
        needed = self._slots * 12 + 4 * self._columns * (1 + 2 * self._rows)
        if self._columns > MAX_COLUMNS or needed > room or self._slots & self._slots - 1:
            raise DamagedDwarf("a package's index", offset=0)
        self._names = COLUMNS | (LATER_COLUMNS if version == DWARF_5 else GNU_COLUMNS)

    def find(self, identifier: int) -> dict[str, Part] | None:
        """The parts that the unit has of each section, by its name; None when it is not there."""
        row = self._find_row(identifier)
        if not 0 < row <= self._rows:
            return None
        table = HEAD + 12 * self._slots
        width = 4 * self._columns
        names = self._open(table, width)
        offsets = self._open(table + width * row, width)
        sizes = self._open(table + width * (self._rows + row), width)
        parts: dict[str, Part] = {}
        for _ in range(self._columns):
            name = self._names.get(names.number(4))
            part = Part(offsets.number(4), sizes.number(4))
            if name is not None:
                parts.setdefault(name, part)
        return parts

    def _find_row(self, identifier: int) -> int:
        """Open addressing: the low bits choose the first slot, the high ones the step."""
        mask = self._slots - 1
        slot, step = identifier & mask, identifier >> 32 & mask | 1
        for _ in range(self._slots):
            row = self._open(HEAD + 8 * self._slots + 4 * slot, 4).number(4)
            if not row:
                return 0
            if self._open(HEAD + 8 * slot, 8).number(8) == identifier:
                return row
            slot = slot + step & mask
        return 0

    def _open(self, offset: int, size: int) -> Cursor:
        return self._sections.open(INDEX, offset, size)
