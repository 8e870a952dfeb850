"""All functions of an ELF, Mach-O or PE file, for those who write them down."""

from __future__ import annotations

from crashtool.formats.dwarf.code_records import DwarfRecords
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.object_file.elf_symbols import FunctionNames
from crashtool.formats.object_file.symbol_spans import ElfSymbols, OtherSymbols, SymbolTables
from crashtool.services.symbols.dwarf_functions import SUPPLEMENT_LINKS, SplitUnits, open_symbols
from crashtool.services.symbols.mapped_file import map_file


def open_records(
    path: str, architecture: str, problems: list[str], absent: list[str]
) -> DwarfRecords | None:
    """What the DWARF of a file and of those beside it says; as `open_functions` of one address."""
    sections = open_all_sections(map_file(path), architecture)
    if sections is None:
        return None
    if any(map(sections.has, SUPPLEMENT_LINKS)):
        from crashtool.services.symbols.supplement_file import find_supplement  # dwz's alone

        sections.supplement = find_supplement(path, sections, problems, absent)
    splits = SplitUnits(path, problems, absent)
    return DwarfRecords(sections, open_all_symbols(path, architecture), splits.find)


def open_all_symbols(path: str, architecture: str) -> SymbolTables | None:
    """All functions of a file's symbol tables, else of what it exports; None without."""
    data = map_file(path)
    sections = open_all_sections(data, architecture)
    symbols = None if sections is None else open_symbols(data, sections, architecture)
    if isinstance(symbols, FunctionNames):
        return ElfSymbols(symbols)
    return None if symbols is None else OtherSymbols(symbols)
