"""From an address to what DWARF says of it: function, source line, inlined calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from crashtool.formats.code_location import CodeLocation
from crashtool.formats.dwarf.addresses import UnitIndex
from crashtool.formats.dwarf.constants import (
    DW_AT_call_file,
    DW_AT_call_line,
    DW_TAG_inlined_subroutine,
)
from crashtool.formats.dwarf.entry_names import (
    EntryNames,
    FunctionName,
    LocatedFunctions,
    Reference,
)
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.functions import Scopes, UnitFunctions
from crashtool.formats.dwarf.line_lookup import CodeLine, LineLookup
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.code_spans import clip_spans
from crashtool.formats.object_file.elf_symbols import ElfFunction, FunctionNames, choose_name

if TYPE_CHECKING:
    from crashtool.formats.dwarf.entries import Entries, Entry
    from crashtool.formats.dwarf.sections import DebugSections
    from crashtool.formats.dwarf.unit_table import UnitTable
    from crashtool.formats.dwarf.units import Unit
    from crashtool.formats.dwarf.variables import DwarfVariables
    from crashtool.formats.variables.places import FoundScope

MANGLED = ("_Z", "_R", "_D")  # C++, Rust, D
# What linkage names have no text for; "__dt_base " is what gcc calls a destructor.
UNSPELLED = ("operator", "~", "{", "__ct_", "__dt_")
# Classes of the standard library that linkage names have letters for; their constructors have no
# other name (Itanium C++ ABI, 5.1.10).
SHORT = {
    "allocator": ("Sa",),
    "basic_string": ("Sb", "Ss"),
    "basic_istream": ("Si",),
    "basic_ostream": ("So",),
    "basic_iostream": ("Sd",),
}
MAX_VAIN = 1 << 27  # bytes of units that had no function at an address they promise
MAX_KEPT = 1 << 26  # bytes of units whose functions are kept
MAX_LINE = 1 << 31
MAX_PROBLEMS = 16
NO_LINE = CodeLine("", 0, 0)


class Symbols(Protocol):
    """What a file's symbol table says of functions; addresses are from the module's base."""

    def walk_functions(self) -> Iterator[ElfFunction]: ...  # noqa: D102

    def list_names(self, start: int) -> list[str]: ...  # noqa: D102
    def find(self, address: int) -> ElfFunction | None: ...  # noqa: D102


class SplitUnit(NamedTuple):
    """A unit in a file beside the program, and the units of that file."""

    table: UnitTable
    unit: Unit


class DwarfLookup:
    """The functions and lines of one file; addresses are from the module's base.

    `find_split` gives for a skeleton the unit that it stands for, None when that is not at hand.
    """

    def __init__(
        self,
        sections: DebugSections,
        symbols: Symbols | None = None,
        find_split: Callable[[Unit], SplitUnit | None] | None = None,
    ) -> None:
        self._sections = sections
        self.symbols = symbols
        self._find_split = find_split
        self._units = UnitIndex(sections)
        self._lines = LineLookup(sections, self._units)
        self._names = EntryNames()
        self._opened: dict[int, _OpenUnit | None] = {}
        self._variables: DwarfVariables | None = None
        self._left = MAX_VAIN
        self._walked = 0  # bytes of units
        self._kept = 0
        self.problems: list[str] = []

    def find_locations(self, address: int) -> list[CodeLocation]:
        """The functions at an address, innermost first; empty when there is none.

        What is damaged is noted in `problems`, and as good as not there. InputUnusable when the
        file's sections cannot be unpacked.
        """
        wanted = self._sections.base + address
        if not any(wanted in span for span in self._sections.code):
            return []
        try:
            for unit in self._units.walk_units(wanted):
                if locations := self._find_in(unit, address):
                    return locations
        except DamagedDwarf as error:  # a section that all units need
            self._note(error)
        return self._find_symbol(address)

    def find_variables(self, address: int, architecture: str) -> list[FoundScope]:
        """The variables at an address: of each merged call, innermost first, then of the function.

        None where `find_locations` finds no function in DWARF. Damage is noted.
        """
        if self._variables is None:
            from crashtool.formats.dwarf.variables import DwarfVariables  # seldom asked for

            base = self._sections.base
            self._variables = DwarfVariables(
                self.find_entries,
                base,
                architecture,
                self._name_object,
                self._sections.thread_image,
            )
        try:
            return self._variables.find(address)
        except DamagedDwarf as error:
            self._note(error)
            return []

    def _name_object(self, address: int) -> str:
        """What an ELF file's symbol table calls the variable at an address; "" for none."""
        return (
            self.symbols.name_variable(address) if isinstance(self.symbols, FunctionNames) else ""
        )

    def find_entries(self, address: int) -> LocatedFunctions | None:
        """The functions at an address, as entries."""
        wanted = self._sections.base + address
        if not any(wanted in span for span in self._sections.code):
            return None
        for unit in self._units.walk_units(wanted):
            opened = self._open(unit)
            scopes = opened and opened.functions.find(wanted, self._find_span)
            if opened and scopes:
                table, entries = opened.table, opened.entries
                calls = [Reference(table, entries, call) for call in scopes.calls]
                return LocatedFunctions(Reference(table, entries, scopes.function), calls)
        return None

    def list_damage(self) -> list[str]:
        """What is damaged of all that was read: also of units and line tables without an answer."""
        return [*self.problems, *self._units.table.problems, *self._lines.problems]

    def find_line(self, address: int) -> CodeLine | None:
        """The line at an address by the line tables alone, which is found sooner."""
        return self._lines.find(address)

    def describes_inlined_calls(self) -> bool:
        """Whether a unit that was read so far describes calls that were merged into others."""
        shapes = (unit.entries.shapes.read_all() for unit in self._opened.values() if unit)
        return any(
            shape.tag == DW_TAG_inlined_subroutine and shape.is_wanted
            for table in shapes
            for shape in table.values()
        )

    def list_unit_code(self) -> list[tuple[int, int]]:
        """First address and end of the code that units say is theirs, in order, without overlaps.

        InputUnusable as `find_locations`; units that are damaged are left out.
        """
        base = self._sections.base
        try:
            spans = self._units.list_code()
        except DamagedDwarf as error:
            self._note(error)
            return []
        return [(start - base, end - base) for start, end in clip_spans(spans, self._sections.code)]

    def _note(self, error: DamagedDwarf) -> None:
        if error.what not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(error.what)

    def _find_in(self, unit: Unit, address: int) -> list[CodeLocation]:
        """What one unit says. It costs only itself when it is damaged."""
        try:
            opened = self._open(unit)
            if opened is None:
                return []
            wanted = self._sections.base + address
            scopes = opened.functions.find(wanted, self._find_span)
            if scopes is None:
                return []
            self._left += opened.take_cost()
            return self._locate(opened, scopes, address)
        except DamagedDwarf as error:
            self._note(error)
            return []

    def _find_span(self, wanted: int, saved: int) -> tuple[int, int] | None:
        """First address and end of the function that a symbol table has at an address, as DWARF
        counts, which saves a walk through so many bytes of a unit.

        The table is sorted once that is worth it: when as many bytes would have been walked.
        """
        if not isinstance(self.symbols, FunctionNames):
            return None
        self._walked += saved
        if self._walked < self.symbols.size:
            return None
        base = self._sections.base
        span = self.symbols.find_span(wanted - base)
        return span and (base + span[0], base + span[1])

    def _open(self, unit: Unit) -> _OpenUnit | None:
        offset = unit.header.offset
        if offset not in self._opened:
            self._opened[offset] = None  # as it stays when it is damaged
            split = self._find_split(unit) if self._find_split else None
            table, unit = split or (self._units.table, unit)
            size = unit.header.end - unit.header.offset
            if size > self._left:
                return None
            self._left -= size
            self._kept += size
            if self._kept > MAX_KEPT:
                self._opened.clear()
                self._kept = size
            entries = table.open_entries(unit)
            self._opened[offset] = _OpenUnit(table, entries, self._sections.code)
        return self._opened[offset]

    def _locate(self, opened: _OpenUnit, scopes: Scopes, address: int) -> list[CodeLocation]:
        """A function and the calls merged into it, the innermost first."""
        row = self._lines.find_in(opened.entries.unit, address) or NO_LINE
        file, line = row.file, row.line
        locations = []
        for call in reversed(scopes.calls):
            name = self._names.find(opened.table, opened.entries, call).text
            locations.append(CodeLocation(name, None, file, line))
            file, line = self._find_caller(opened, call)
        start = scopes.start - self._sections.base
        name = self._name_function(opened, scopes.function, start)
        return [*locations, CodeLocation(name, start, file, line, scopes.end - scopes.start)]

    def _find_caller(self, opened: _OpenUnit, call: Entry) -> tuple[str, int]:
        """Where a call that was merged stands."""
        _, number = call.values.get(DW_AT_call_file, (0, None))
        _, line = call.values.get(DW_AT_call_line, (0, 0))
        path = ""
        if isinstance(number, int) and number >= 0:
            path = self._lines.find_path(opened.entries.unit, number)
        return path, line if path and isinstance(line, int) and 0 < line < MAX_LINE else 0

    def _name_function(self, opened: _OpenUnit, function: Entry, start: int) -> str:
        """A function's name: what linkers know it by, if either table tells, else its own.

        A symbol that begins where it begins may be of another function, which was folded into it.
        """
        name = self._names.find(opened.table, opened.entries, function)
        if name.is_linkage or self.symbols is None:
            return name.text
        return choose_symbol(name, self.symbols.list_names(start))

    def _find_symbol(self, address: int) -> list[CodeLocation]:
        """What other tables say of code that no entry describes."""
        try:
            row = self._lines.find(address)
        except DamagedDwarf as error:
            self._note(error)
            row = None
        symbol = self.symbols and self.symbols.find(address)
        if symbol:
            return [CodeLocation(symbol.name, symbol.start, *(row or NO_LINE)[:2])]
        if row is None:
            return []
        label = None
        if isinstance(self.symbols, FunctionNames):  # of assembly, which has lines and no entries
            label = self.symbols.find_label(address, row.start)
        name, start = (label.name, label.start) if label else ("", row.start)
        return [CodeLocation(name, start, row.file, row.line)]


class _OpenUnit:
    """A unit whose functions are found; for a split one, that of the file beside."""

    def __init__(self, table: UnitTable, entries: Entries, code: tuple[range, ...]) -> None:
        self.table = table
        self.entries = entries
        self.functions = UnitFunctions(entries, code)
        self._cost = entries.end

    def take_cost(self) -> int:
        """What is given back once the unit has been of use."""
        cost, self._cost = self._cost, 0
        return cost


def choose_symbol(name: FunctionName, symbols: list[str]) -> str:
    """Of the symbols that begin where a function without a linkage name does, the one that is its
    own; else its name.
    """
    if name.bare in symbols:
        return name.text
    stem = name.bare.partition("<")[0]
    spellings = (f"{len(stem)}{stem}", *SHORT.get(stem, ()))
    for symbol in symbols:
        if symbol.startswith(MANGLED) and (
            stem.startswith(UNSPELLED) or any(spelling in symbol for spelling in spellings)
        ):
            return symbol
    return name.text or choose_name(symbols)
