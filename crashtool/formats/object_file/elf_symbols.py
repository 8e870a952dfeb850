"""The names that an ELF file's symbol table gives to functions."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import U8, U16, U32, U64, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

FUNCTION = 2  # STT_FUNC, in the lower four bits of `info`
LONGEST_NAME = 1 << 14
MOST_ALIASES = 16


class ElfSymbol64(Record):
    """Elf64_Sym."""

    name: U32
    info: U8
    other: U8
    section: U16
    value: U64
    size: U64


class ElfSymbol32(Record):
    """Elf32_Sym."""

    name: U32
    value: U32
    size: U32
    info: U8
    other: U8
    section: U16


class SymbolTable(NamedTuple):
    """Where a symbol table and its names are: offsets and sizes in bytes.

    `base`: the module's first address, which the table's values count from zero.
    """

    base: int
    wide: bool
    offset: int
    size: int
    names_offset: int
    names_size: int


def walk_function_names(data: "Content", table: SymbolTable, address: int) -> Iterator[str]:
    """The names of the functions, of any size but none, that begin at an address from the base."""
    kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if table.wide else ElfSymbol32
    field = 8 if table.wide else 4  # of `value`, and its size
    wanted = (table.base + address).to_bytes(8, "little")[: 8 if table.wide else 4]
    end = min(table.offset + table.size, len(data))
    place = data.find(wanted, table.offset, end)
    while place >= 0:
        start = place - field
        if (start - table.offset) % kind.SIZE == 0 and start + kind.SIZE <= end:
            symbol = kind.read(data, start)
            if symbol.info & 0xF == FUNCTION and symbol.size and symbol.section:
                yield _name(data, table, symbol.name)
        place = data.find(wanted, place + 1, end)


class ElfFunction(NamedTuple):
    """A function of a symbol table: its first address from the base, its bytes, its name."""

    start: int
    size: int
    name: str


class FunctionTable:
    """The functions that a symbol table knows the sizes of, looked up by address."""

    def __init__(self, data: "Content", table: SymbolTable) -> None:
        self._data = data
        self._table = table
        self._rows = sorted(_walk_functions(data, table))
        self._starts = [start for start, _, _ in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, address: int) -> ElfFunction | None:
        """The function that an address from the base lies in; the first of several names."""
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        start, size, _ = self._rows[place]
        names = [row[2] for row in self._rows[: place + 1][-MOST_ALIASES:] if row[0] == start]
        if address >= start + size:
            return None
        return ElfFunction(start, size, min(_name(self._data, self._table, name) for name in names))

    def spans(self) -> Iterator[tuple[int, int]]:
        """First address and end of each, in the order of the addresses."""
        for start, size, _ in self._rows:
            yield start, start + size


def _walk_functions(data: "Content", table: SymbolTable) -> Iterator[tuple[int, int, int]]:
    kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if table.wide else ElfSymbol32
    end = min(table.offset + table.size, len(data))
    for place in range(table.offset, end - kind.SIZE + 1, kind.SIZE):
        symbol = kind.read(data, place)
        if symbol.info & 0xF == FUNCTION and symbol.size and symbol.section:
            yield symbol.value - table.base, symbol.size, symbol.name


def _name(data: "Content", table: SymbolTable, place: int) -> str:
    start = table.names_offset + place
    end = min(start + LONGEST_NAME, table.names_offset + table.names_size)
    return bytes(data[start:end]).partition(b"\0")[0].decode("utf-8", "replace")
