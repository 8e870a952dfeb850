"""The variable of a program that an address is in: one that is not a function's own.

Linkers put global variables only where they are found by name, and those of one source file with
its symbols, too. The name comes from the public symbol at the address.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.local_structs import BlockSym, DataSym
from crashtool.formats.pdb.module_code import SIGNATURE_SIZE, RecordWindow
from crashtool.formats.pdb.structs import PublicsHeader, PublicSym, RecordHead
from crashtool.formats.pdb.symbol_hash import SymbolHash

if TYPE_CHECKING:
    from crashtool.formats.pdb.lookup import OpenModule, PdbLookup
    from crashtool.formats.pdb.msf import MsfStream

MAX_RECORDS = 1 << 18  # of the symbols that have no module
MAX_PUBLICS = 16  # at one address
MANGLED, PARTS_END = "?", "@@"
# Symbols that others are in, up to their end; it stands where a block's does in all of them
SCOPED = cv.PROCEDURES | {cv.S_THUNK32, cv.S_SEPCODE}
ACCESS = "0123"  # what follows the name of a variable: static members, and those of none


class StaticDatum(NamedTuple):
    """A variable: where it begins, the number of its type, and its name with its namespaces."""

    section: int
    offset: int
    type: int
    name: str


class StaticData:
    """The variables of a PDB that are in no function, by where they begin."""

    def __init__(self, lookup: PdbLookup) -> None:
        head = lookup.dbi.head
        self._lookup = lookup
        self._records = lookup.file.open_stream(head.symbol_stream)
        self._globals = SymbolHash(lookup.file.open_stream(head.global_stream), 0, self._records)
        publics = lookup.file.open_stream(head.public_stream)
        self._publics = SymbolHash(publics, PublicsHeader.SIZE, self._records)
        self._modules: dict[OpenModule, list[StaticDatum]] = {}
        self._all: list[StaticDatum] | None = None

    def find(self, address: int) -> StaticDatum | None:
        """The last one that begins at an address from the image's base or before it. None without
        one, and where several of other names share a place. MalformedFile.
        """
        position = self._lookup.find_section(address)
        if position is None:
            return None
        data = [*_find_last(self._list_of_module(position), position), *self._find_global(position)]
        last = max((datum.offset for datum in data), default=0)
        names = {datum.name: datum for datum in data if datum.offset == last}
        return next(iter(names.values())) if len(names) == 1 else None

    def find_named(self, name: str, public: str) -> int | None:
        """The address of a variable by its name, or that of its public symbol. MalformedFile."""
        for record in self._globals.walk(name, DataSym.SIZE):
            sym = DataSym.read(self._records.read(record, DataSym.SIZE))
            if sym.kind in cv.PLAIN_DATA:
                return self._lookup.find_address(sym.section, sym.offset)
        for record in self._publics.walk(public, PublicSym.SIZE):
            symbol = PublicSym.read(self._records.read(record, PublicSym.SIZE))
            if symbol.kind == cv.S_PUB32:
                return self._lookup.find_address(symbol.section, symbol.offset)
        return None

    def _list_of_module(self, position: tuple[int, int]) -> list[StaticDatum]:
        module = self._lookup.open_module_at(*position)
        if module is None:
            return []
        if module not in self._modules:
            size = module.symbols_size
            self._modules[module] = sorted(_walk_data(module.stream, SIGNATURE_SIZE, size))
        return self._modules[module]

    def _find_global(self, position: tuple[int, int]) -> list[StaticDatum]:
        """Those at the last public symbol."""
        publics = list(islice(self._lookup.publics.walk_last(*position), MAX_PUBLICS))
        data: list[StaticDatum] = []
        for public in publics:
            place = public.section, public.offset
            name = _qualify(public.name)
            for record in self._globals.walk(name, DataSym.SIZE) if name else ():
                sym = DataSym.read(self._records.read(record, DataSym.SIZE))
                if sym.kind in cv.PLAIN_DATA and (sym.section, sym.offset) == place:
                    data.append(StaticDatum(*place, sym.type, name))
        if data or not publics:
            return data
        if self._all is None:  # a name that only a demangler can read
            self._all = sorted(_walk_data(self._records, 0, len(self._records)))
        return _find_last(self._all, position)


def _find_last(data: list[StaticDatum], position: tuple[int, int]) -> list[StaticDatum]:
    """Those that begin last, of those that begin at a place or before it in its section."""
    at = bisect_right(data, position, key=lambda datum: datum[:2])
    place = data[at - 1][:2] if at else (0, 0)
    if place[0] != position[0]:
        return []
    return [datum for datum in data[max(0, at - MAX_PUBLICS) : at] if datum[:2] == place]


def _walk_data(stream: MsfStream, offset: int, end: int) -> Iterator[StaticDatum]:
    """What stands at the top level of symbols; the records of functions are passed over."""
    window = RecordWindow(stream)
    for _ in range(MAX_RECORDS):
        if offset + RecordHead.SIZE > end:
            return
        data, index = window.locate(offset, DataSym.SIZE)
        head = RecordHead.read(data, index)
        following = offset + max(head.size + 2, RecordHead.SIZE)
        if head.kind in cv.PLAIN_DATA:
            sym = DataSym.read(data, index)
            name = stream.read_string(offset + DataSym.SIZE)
            yield StaticDatum(sym.section, sym.offset, sym.type, name)
        elif head.kind in SCOPED:
            data, index = window.locate(offset, BlockSym.SIZE)
            scope_end = BlockSym.read(data, index).end
            if following <= scope_end < end:
                following = scope_end
        offset = following


def _qualify(public: str) -> str:
    """The name of the variable of a public symbol, as its own record has it; "" for a function, and
    for names that are not made of words alone.
    """
    if not public.startswith(MANGLED):
        return public
    words, _, kind = public[1:].partition(PARTS_END)
    parts = words.split("@")
    if kind[:1] not in ACCESS or not kind or not all(part.isidentifier() for part in parts):
        return ""
    return "::".join(reversed(parts))


def bare_name(name: str) -> str:
    """A variable's name without the namespaces, types and functions that it is in, which clang
    spells out.
    """
    depth = start = 0
    for number, letter in enumerate(name):
        depth += (letter in "<(`") - (letter in ">)'")
        if not depth and name.startswith("::", number):
            start = number + 2
    return name[start:] or name
