"""The name that an ELF file's symbol table gives to the function at an address."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from crashtool.formats.record import U8, U16, U32, U64, Record

if TYPE_CHECKING:
    from crashtool.formats.object_file.kinds import Content

FUNCTION = 2  # STT_FUNC, in the lower four bits of `info`
LONGEST_NAME = 1 << 14


class Symbol64(Record):
    """Elf64_Sym."""

    name: U32
    info: U8
    other: U8
    section: U16
    value: U64
    size: U64


class Symbol32(Record):
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
    kind: type[Symbol64 | Symbol32] = Symbol64 if table.wide else Symbol32
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


def _name(data: "Content", table: SymbolTable, place: int) -> str:
    start = table.names_offset + place
    end = min(start + LONGEST_NAME, table.names_offset + table.names_size)
    return bytes(data[start:end]).partition(b"\0")[0].decode("utf-8", "replace")
