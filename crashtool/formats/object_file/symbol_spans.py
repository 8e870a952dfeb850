"""All functions of a file's symbol tables, for those who need every one of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from crashtool.formats.object_file.elf_symbols import ElfFunction, FunctionNames

if TYPE_CHECKING:
    from crashtool.formats.object_file.unsized_functions import UnsizedFunctions


class SymbolTables(Protocol):
    """Functions by address from the module's base; `has_sizes`: where they end is told."""

    has_sizes: bool

    def list_names(self, start: int) -> list[str]:
        """The names of the functions that begin at an address."""
        ...

    def find(self, address: int) -> ElfFunction | None:
        """The function that an address lies in."""
        ...

    def walk_spans(self) -> Iterator[tuple[int, int]]:
        """First address and end of the code of each, in order; none overlaps another."""
        ...


class ElfSymbols:
    """The functions of an ELF file: `FunctionNames` with its tables decoded at once."""

    has_sizes = True

    def __init__(self, names: FunctionNames) -> None:
        self._tables = names.open_tables()
        self._names = [table.read_names() for table in self._tables]

    def list_names(self, start: int) -> list[str]:
        """The names of the functions that begin at an address, of the fullest table that has it."""
        return next((own for names in self._names if (own := names.get(start))), [])

    def find(self, address: int) -> ElfFunction | None:
        """The function that an address lies in."""
        functions = (table.find(address) for table in self._tables)
        return next(filter(None, functions), None)

    def walk_spans(self) -> Iterator[tuple[int, int]]:
        """First address and end of the code of each: of a further table, what others leave."""
        spans: list[tuple[int, int]] = []
        for table in self._tables:
            further = [
                gap for start, end in table.walk_spans() for gap in walk_gaps(spans, start, end)
            ]
            spans = sorted(spans + further)
        yield from spans


class OtherSymbols:
    """The functions of a Mach-O or PE file."""

    has_sizes = False

    def __init__(self, functions: UnsizedFunctions) -> None:
        self.list_names = functions.list_names
        self.find = functions.find
        self._functions = functions

    def walk_spans(self) -> Iterator[tuple[int, int]]:
        """First address and end of the code of each, in order."""
        for function in self._functions.walk_functions():
            yield function.start, function.start + function.size


def walk_gaps(spans: list[tuple[int, int]], low: int, high: int) -> Iterator[tuple[int, int]]:
    """What sorted spans, none of which overlaps another, leave of the code from `low` to `high`."""
    at = max(0, bisect_right(spans, (low, 1 << 64)) - 1)
    while at < len(spans) and spans[at][0] < high:
        start, end = spans[at]
        if low < start:
            yield low, start
        low = max(low, end)
        at += 1
    if low < high:
        yield low, high
