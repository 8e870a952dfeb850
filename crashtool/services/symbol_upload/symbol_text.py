"""The functions of one debug file as the text of a .sym file, in the order of addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, BinaryIO

from crashtool.errors import InputUnusable, MachineFault, reason_of
from crashtool.formats.breakpad.symbol_blocks import SymbolBlocks
from crashtool.formats.breakpad.symbol_file_writer import BlockPart, ModuleLine, walk_symbol_file
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb.code_records import PdbRecords
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.services.symbol_upload.dwarf_blocks import (
    DwarfSource,
    make_blocks,
    name_spool,
    open_spool,
)
from crashtool.services.symbol_upload.text_spool import TextSpool
from crashtool.services.symbols.demangle import demangle
from crashtool.services.symbols.dwarf_records import open_all_symbols
from crashtool.services.symbols.mapped_file import map_file

if TYPE_CHECKING:
    from crashtool.formats.object_file.symbol_spans import SymbolTables
    from crashtool.services.files.scratch import Scratch


class SymbolTextOptions(NamedTuple):
    """How to write: `inlines` and `cfi` may be left out, names kept as they are in the file.

    `architecture` chooses, "" takes all. `name` is what the module is called instead of its own.
    """

    inlines: bool = True
    cfi: bool = True
    readable: bool = True
    architecture: str = ""
    name: str = ""


def make_native_text(
    module: ModuleLine,
    path: str,
    architecture: str,
    wishes: SymbolTextOptions,
    scratch: Scratch,
) -> Iterator[str]:
    """The records of an ELF, Mach-O or PE file. InputUnusable when it cannot be read."""
    source = DwarfSource(path, architecture, wishes.inlines, wishes.readable)
    problems: list[str] = []
    with ExitStack() as stack:
        parts = []
        for made in make_blocks(source, scratch):
            spool = _read_spool(made.spool)
            stack.callback(spool.close)
            blocks = SymbolBlocks(spool)
            blocks.files, blocks.origins = made.files, made.origins
            blocks.blocks = made.blocks
            parts.append(BlockPart(blocks, spool))
            problems += made.problems
        symbols = open_all_symbols(path, architecture)
        if problems and not any(part.blocks.blocks for part in parts):
            raise InputUnusable(f"cannot read the debug information: {problems[0]}")
        names = _SymbolNames(symbols, demangle if wishes.readable else str) if symbols else None
        yield from walk_symbol_file(module, parts, names)


def _read_spool(made: TextSpool | str) -> TextSpool | BinaryIO:
    """A share's text. MachineFault when what another process wrote cannot be read."""
    if isinstance(made, TextSpool):
        return made
    try:
        return open(made, "rb")  # noqa: PTH123 (closed with the others)
    except OSError as error:
        raise MachineFault(f"a temporary file cannot be read: {reason_of(error)}") from None


class _SymbolNames:
    """What a symbol table names."""

    def __init__(self, symbols: SymbolTables, spell: Callable[[str], str]) -> None:
        self.has_sizes = symbols.has_sizes
        self._symbols = symbols
        self._spell = spell
        self.walk_spans = symbols.walk_spans

    def name(self, start: int) -> str:
        function = self._symbols.find(start)
        return self._spell(function.name) if function else ""


def make_pdb_text(
    module: ModuleLine,
    path: str,
    architecture: str,  # noqa: ARG001 (a PDB has one)
    wishes: SymbolTextOptions,
    scratch: Scratch,
) -> Iterator[str]:
    """The records of a PDB. InputUnusable when it cannot be read."""
    records = PdbRecords(PdbLookup(map_file(path)))
    spell = demangle if wishes.readable else str
    with closing(TextSpool(lambda: open_spool(name_spool(scratch)))) as spool:
        blocks = SymbolBlocks(spool, spell, inlines=wishes.inlines)
        records.write(blocks)
        if records.problems and not blocks.blocks:
            raise InputUnusable(f"cannot read the debug information: {records.problems[0]}")
        yield from walk_symbol_file(module, [BlockPart(blocks, spool)], _Publics(records, spell))


class _Publics:
    """What a PDB's public symbols name."""

    has_sizes = True

    def __init__(self, records: PdbRecords, spell: Callable[[str], str]) -> None:
        self._records = records
        self._spell = spell
        self.walk_spans = records.walk_spans

    def name(self, start: int) -> str:
        return self._spell(self._records.name(start))
