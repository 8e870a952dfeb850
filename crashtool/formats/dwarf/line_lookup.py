"""From an address to its source file and line, by the line tables of an ELF file alone.

A line table has rows for all code, also for what no DIE describes: functions of split DWARF, whose
DIEs are in another file, of `clang -gmlt`, which describes few, and assembly in a C file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.dwarf.addresses import UnitIndex
from crashtool.formats.dwarf.elf_sections import open_sections
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.line_sequences import LineSequences
from crashtool.formats.dwarf.lines import LineTable
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.dwarf.units import Unit
    from crashtool.formats.object_kinds import Content

MAX_PROGRAMS = 1 << 26  # bytes of line programs that are run for one file
MAX_KEPT = 1 << 24  # bytes of those whose rows are kept
MAX_PROBLEMS = 16


class CodeLine(NamedTuple):
    """A line of a source file.

    `start`: where the sequence of rows begins that has it, from the module's base; that of a
    function or of more of its unit's code.
    """

    file: str
    line: int
    start: int


class LineLookup:
    """The lines of one ELF file; addresses are from the module's base."""

    def __init__(self, sections: DebugSections, units: UnitIndex | None = None) -> None:
        self._sections = sections
        self._units = units or UnitIndex(sections)
        self._tables: dict[int, _Rows | None] = {}
        self._left = MAX_PROGRAMS
        self._kept = 0
        self.problems: list[str] = []

    def find(self, address: int) -> CodeLine | None:
        """The line at an address; None where there is none, or damage has taken it.

        What is damaged is noted in `problems`. InputUnusable when the file's sections cannot be
        unpacked.
        """
        wanted = self._sections.base + address
        if not any(wanted in code for code in self._sections.code):
            return None
        try:
            for unit in self._units.walk_units(wanted):
                if row := self.find_in(unit, address):
                    return row
        except DamagedDwarf as error:  # a section that all units need
            self._note(error)
        return None

    def _note(self, error: DamagedDwarf) -> None:
        if error.what not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(error.what)

    def find_in(self, unit: Unit, address: int) -> CodeLine | None:
        """The same by the table of one unit."""
        base = self._sections.base
        rows = self._open_table(unit)
        try:
            row = rows.find(base + address) if rows else None
        except DamagedDwarf as error:
            self._note(error)
            return None
        return row and row._replace(start=row.start - base)

    def find_path(self, unit: Unit, number: int) -> str:
        """A source file by its number in a unit's table; "" without."""
        rows = self._open_table(unit)
        try:
            return rows.path(number) if rows else ""
        except DamagedDwarf as error:
            self._note(error)
            return ""

    def _open_table(self, unit: Unit) -> _Rows | None:
        owner = unit.skeleton or unit
        offset = owner.line_program
        return None if offset is None else self._open(owner, offset)

    def _open(self, unit: Unit, offset: int) -> _Rows | None:
        """The rows of the table at an offset; None when it is damaged, or too much was read."""
        if offset not in self._tables:
            self._tables[offset] = None
            try:
                table = LineTable(self._sections, unit, offset)
                if table.size > self._left:
                    return None
                self._left -= table.size
                self._make_room(table.size)
                self._tables[offset] = _Rows(table, self._sections.code)
            except DamagedDwarf as error:
                self._note(error)
                return None
        return self._tables[offset]

    def _make_room(self, size: int) -> None:
        self._kept += size
        if self._kept > MAX_KEPT:
            self._tables.clear()
            self._kept = size


class _Rows:
    """The rows of one table, of which as many are made as are asked for."""

    def __init__(self, table: LineTable, code: tuple[range, ...]) -> None:
        self._table = table
        self._code = code
        self._sequences: LineSequences | None = None  # as it stays when the program is damaged
        self._is_open = False

    def path(self, number: int) -> str:
        """A source file by its number; "" when there is no such file."""
        return self._table.path(number)

    def find(self, address: int) -> CodeLine | None:
        """The line at an address. DamagedDwarf when the program makes no sense."""
        if not self._is_open:
            self._is_open = True
            self._sequences = LineSequences(*self._table.open_program(), self._code)
        row = self._sequences and self._sequences.find(address)
        path = self._table.path(row.file) if row and row.line else ""
        return CodeLine(path, row.line, row.start) if row and path else None


def open_line_lookup(data: Content) -> LineLookup | None:
    """The lines of an ELF file; None when it has no line tables, and where it is big-endian.

    MalformedFile when it is no ELF file.
    """
    sections = open_sections(data)
    return None if sections is None else LineLookup(sections)
