"""Types in units of their own, which others find by a signature: `-fdebug-types-section`.

The formats: DWARF 4, 7.5.1.2 (.debug_types); DWARF 5, 7.5.1.3 (in .debug_info).
"""

from __future__ import annotations

from crashtool.formats.dwarf.constants import DW_UT_split_type, DW_UT_type
from crashtool.formats.dwarf.entry_names import Reference
from crashtool.formats.dwarf.forms import Cursor
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.dwarf.unit_table import UnitTable
from crashtool.formats.dwarf.units import Header, Unit

INFO, OLD_TYPES = "debug_info", "debug_types"


class TypeUnits:
    """The type units that go with one table of units, by signature."""

    def __init__(self, table: UnitTable) -> None:
        self._table = table
        self._found: dict[int, tuple[UnitTable, Header]] | None = None

    def find(self, signature: int, skeleton: Unit | None) -> Reference | None:
        """The type of a signature; `skeleton` of the split unit that asks for it.

        None when it is not there, DamagedDwarf when it makes no sense.
        """
        if self._found is None:
            self._found = {}
            tables = [self._table]
            if self._table.sections.has(OLD_TYPES):
                tables.append(UnitTable(_OldTypes(self._table.sections)))
            for table in tables:
                for header in table.headers:
                    if header.kind in (DW_UT_type, DW_UT_split_type):
                        self._found.setdefault(header.identifier, (table, header))
        unit = self._found.get(signature)
        if unit is None:
            return None
        table, header = unit
        entries = table.open_entries(table.open(header.offset, skeleton))
        return Reference(table, entries, entries.read(header.type_place))


class _OldTypes(DebugSections):
    """Sections with .debug_types in the place of .debug_info."""

    has_old_types = True

    def __init__(self, whole: DebugSections) -> None:
        super().__init__(b"", {}, whole.base, whole.code, whole.supplement)
        self._whole = whole

    def has(self, name: str) -> bool:
        return self._whole.has(_rename(name))

    def size(self, name: str) -> int:
        return self._whole.size(_rename(name))

    def open(self, name: str, offset: int = 0, size: int | None = None) -> Cursor:
        return self._whole.open(_rename(name), offset, size)


def _rename(name: str) -> str:
    return OLD_TYPES if name == INFO else name
