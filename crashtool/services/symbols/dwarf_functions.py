"""The functions of an ELF, Mach-O or PE file, by its own DWARF and its symbol tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.lookup import DwarfLookup, SplitUnit
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.dwarf.units import Unit, is_skeleton
from crashtool.formats.mapped_pages import let_go
from crashtool.formats.object_file import elf, pe
from crashtool.formats.object_file.elf_symbols import FunctionNames
from crashtool.services.symbols.function_hits import to_hit

if TYPE_CHECKING:
    from crashtool.formats.breakpad.symbol_file import FunctionHit
    from crashtool.formats.object_file.unsized_functions import UnsizedFunctions
    from crashtool.formats.object_kinds import Content
    from crashtool.formats.variables.places import FoundScope
    from crashtool.services.symbols.split_files import SplitFiles

SUPPLEMENT_LINKS = ("gnu_debugaltlink", "debug_sup")  # what dwz leaves in a file


class DwarfFunctions:
    """Functions with the calls merged into them; addresses are from the module's base.

    What is wrong with the file is told in `problems`, which it shares with its owner.
    """

    def __init__(
        self,
        data: Content,
        lookup: DwarfLookup,
        symbols: DwarfLookup,
        problems: list[str],
        architecture: str,
    ) -> None:
        """`symbols` looks up in the symbol tables alone, where the rest cannot be unpacked here."""
        self._data = data
        self._architecture = architecture
        self._lookup = lookup
        self._symbols = symbols
        self._problems = problems

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found to be damaged so far."""
        return self._lookup is not self._symbols and not self._lookup.problems

    def find_function(self, address: int) -> FunctionHit | None:
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
        let_go(self._data, 0, len(self._data))  # for a text of ten bytes a system maps 64 KB
        return to_hit(locations, address) if locations else None

    def find_variables(self, address: int) -> list[FoundScope]:
        """The variables at an address, once its function was found."""
        return self._lookup.find_variables(address, self._architecture)


class SplitUnits:
    """The split units of a debug file, whose reader is loaded for the first skeleton."""

    def __init__(self, path: str, problems: list[str], absent: list[str]) -> None:
        self._arguments = path, problems, absent
        self._files: SplitFiles | None = None

    def find(self, unit: Unit) -> SplitUnit | None:
        """The unit that a skeleton stands for; None for a whole unit, or without its file."""
        if not is_skeleton(unit):
            return None
        if self._files is None:
            from crashtool.services.symbols.split_files import SplitFiles

            self._files = SplitFiles(*self._arguments)
        return self._files.find(unit)


def open_functions(
    data: Content, path: str, architecture: str, problems: list[str], absent: list[str]
) -> DwarfFunctions | None:
    """The functions of an ELF, Mach-O or PE file, also where their entries are in files beside it:
    what is not at hand of those is told in `absent`.

    `path` is where `data` are from, and where others are looked for. `architecture` chooses in a
    universal file. None where numbers are big-endian, and when there is no such architecture.
    """
    sections = open_all_sections(data, architecture)
    if sections is None:
        return None
    symbols = open_symbols(data, sections, architecture)
    empty = DebugSections(data, {}, sections.base, sections.code)
    if any(map(sections.has, SUPPLEMENT_LINKS)):
        from crashtool.services.symbols.supplement_file import find_supplement  # dwz's alone

        sections.supplement = find_supplement(path, sections, problems, absent)
    lookup = DwarfLookup(sections, symbols, SplitUnits(path, problems, absent).find)
    return DwarfFunctions(data, lookup, DwarfLookup(empty, symbols), problems, architecture)


def open_alone(data: Content, architecture: str) -> DwarfLookup | None:
    """What a file says by itself, without those beside it, which servers of symbols do not have.

    As `open_functions` where there is none.
    """
    sections = open_all_sections(data, architecture)
    if sections is None:
        return None
    return DwarfLookup(sections, open_symbols(data, sections, architecture))


def open_symbols(
    data: Content, sections: DebugSections, architecture: str
) -> FunctionNames | UnsizedFunctions | None:
    """What the file's symbol table says of functions, else what it exports."""
    head = bytes(data[: len(elf.MAGIC)])
    if head.startswith(pe.MAGIC):
        from crashtool.formats.object_file.pe_symbols import read_pe_exports, read_pe_functions

        return read_pe_functions(data) or read_pe_exports(data)
    if head != elf.MAGIC:
        from crashtool.formats.object_file.macho_symbols import read_macho_functions

        return read_macho_functions(data, architecture)
    base = sections.base
    code = tuple(range(span.start - base, span.stop - base) for span in sections.code)
    return FunctionNames(data, elf.find_symbol_tables(data), code)
