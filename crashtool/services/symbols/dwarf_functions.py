"""The functions of an ELF file, by its own DWARF and its symbol tables."""

from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.dwarf.elf_sections import to_sections
from crashtool.formats.dwarf.lookup import DwarfLookup
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.object_file.elf import find_symbol_tables, read_layout
from crashtool.formats.object_file.elf_symbols import FunctionNames
from crashtool.services.symbols.function_hits import to_hit

if TYPE_CHECKING:
    from crashtool.formats.breakpad.symbol_file import FunctionHit
    from crashtool.formats.object_kinds import Content


class DwarfFunctions:
    """Functions with the calls merged into them; addresses are from the module's base.

    What is wrong with the file is told in `problems`, which it shares with its owner.
    """

    def __init__(self, lookup: DwarfLookup, symbols: DwarfLookup, problems: list[str]) -> None:
        """`symbols` looks up in the symbol tables alone, where the rest cannot be unpacked here."""
        self._lookup = lookup
        self._symbols = symbols
        self._problems = problems

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found to be damaged so far."""
        return self._lookup is not self._symbols and not self._lookup.problems

    def find_function(self, address: int) -> "FunctionHit | None":
        """The function at an address."""
        try:
            locations = self._lookup.find_locations(address)
        except InputUnusable as error:  # nothing here can unpack its sections
            self._problems.append(error.what)
            self._lookup = self._symbols
            locations = self._lookup.find_locations(address)
        for problem in self._lookup.problems:
            if problem not in self._problems:
                self._problems.append(problem)
        return to_hit(locations, address) if locations else None


def open_functions(data: "Content", problems: list[str]) -> DwarfFunctions | None:
    """The functions of an ELF file; None where numbers are big-endian."""
    layout = read_layout(data)
    if layout is None:
        return None
    sections = to_sections(data, layout)
    base = layout.base
    code = tuple(range(span.start - base, span.stop - base) for span in sections.code)
    symbols = FunctionNames(data, find_symbol_tables(data), code)
    empty = DebugSections(data, {}, base, sections.code)
    return DwarfFunctions(DwarfLookup(sections, symbols), DwarfLookup(empty, symbols), problems)
