"""Split DWARF: units whose entries are in a file beside, a .dwo or a package of them (.dwp).

The program keeps a skeleton of each: its addresses, its lines, and the name of the other file.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import (
    DW_AT_dwo_name,
    DW_AT_GNU_dwo_id,
    DW_AT_GNU_dwo_name,
    DW_UT_skeleton,
    DW_UT_split_compile,
    DW_UT_split_type,
    DW_UT_type,
)
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.dwarf.lookup import SplitUnit
from crashtool.formats.dwarf.package import INDEX, PackageIndex, Part
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.dwarf.unit_table import UnitTable
from crashtool.formats.dwarf.units import DWARF_5, Unit
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

SUFFIX = ".dwo"
MAX_KEPT = 1 << 9  # units of a package that are kept open


class SplitName(NamedTuple):
    """What a skeleton says of its unit: the path of its file, which counts from where the source
    was compiled, and the unit's identifier there.
    """

    path: str
    folder: str
    identifier: int


def read_split_name(unit: Unit) -> SplitName | None:
    """Where a skeleton's unit is; None for a unit that is whole."""
    is_later = unit.sizes.version >= DWARF_5
    if is_later and unit.header.kind != DW_UT_skeleton:
        return None
    path = unit.string(DW_AT_dwo_name if is_later else DW_AT_GNU_dwo_name)
    identifier = unit.header.identifier if is_later else unit.base(DW_AT_GNU_dwo_id)
    return SplitName(path, unit.folder, identifier) if path else None


class SplitFile:
    """A .dwo or .dwp file. InputUnusable when it is of another kind, MalformedFile for damage."""

    def __init__(self, data: Content) -> None:
        sections = open_all_sections(data)
        if sections is None:
            raise DamagedDwarf("split debug information in big-endian numbers", offset=5)
        self._sections = sections
        self._index = PackageIndex(sections) if sections.has(INDEX) else None
        self._table = UnitTable(_Window(sections, None))
        self._opened: dict[int, UnitTable] = {}

    def find(self, skeleton: Unit, identifier: int) -> SplitUnit | None:
        """The unit that a skeleton stands for; None when it is not in here."""
        if self._index is None:
            return self._find_alone(skeleton, identifier)
        table = self._opened.get(identifier)
        if table is None:
            parts = self._index.find(identifier)
            if parts is None:
                return None
            if len(self._opened) >= MAX_KEPT:
                self._opened.clear()
            table = self._opened[identifier] = UnitTable(_Window(self._sections, parts))
        unit = table.open(0, skeleton)
        if not _has_identifier(unit, identifier):
            raise DamagedDwarf("a package's index leads to another unit", offset=0)
        return SplitUnit(table, unit)

    def _find_alone(self, skeleton: Unit, identifier: int) -> SplitUnit | None:
        for header in self._table.headers:
            if header.kind in (DW_UT_type, DW_UT_split_type):
                continue
            with suppress(DamagedDwarf):
                unit = self._table.open(header.offset, skeleton)
                if _has_identifier(unit, identifier):
                    return SplitUnit(self._table, unit)
        return None


def _has_identifier(unit: Unit, identifier: int) -> bool:
    """Whether a split unit has an identifier; before DWARF 5 its own entry says so."""
    if unit.sizes.version >= DWARF_5:
        return unit.header.kind == DW_UT_split_compile and unit.header.identifier == identifier
    return unit.base(DW_AT_GNU_dwo_id) == identifier


class _Window(DebugSections):
    """Of sections, those that split units have, and of these a unit's `parts`; all without."""

    def __init__(self, whole: DebugSections, parts: Mapping[str, Part] | None) -> None:
        super().__init__(b"", {}, whole.base, whole.code)
        self._whole = whole
        self._parts = parts

    def has(self, name: str) -> bool:
        return self._whole.has(name + SUFFIX)

    def size(self, name: str) -> int:
        part = self._part(name)
        return max(0, min(part.size, self._whole.size(name + SUFFIX) - part.offset))

    def open(self, name: str, offset: int = 0, size: int | None = None) -> Cursor:
        part = self._part(name)
        room = self.size(name) - offset
        if offset < 0 or room < 0:
            raise DamagedDwarf(f"an offset leads out of .{name}{SUFFIX}", offset=offset)
        size = room if size is None else min(size, room)
        return self._whole.open(name + SUFFIX, part.offset + offset, size)

    def _part(self, name: str) -> Part:
        """Strings are shared: all of their section is every unit's."""
        whole = Part(0, self._whole.size(name + SUFFIX))
        if self._parts is None or name == "debug_str":
            return whole
        return self._parts.get(name, Part(0, 0))
