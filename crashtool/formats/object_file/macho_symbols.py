"""The names that a Mach-O file's symbol table gives to functions (mach-o/nlist.h)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.object_file.macho import (
    HAS_INSTRUCTIONS,
    Architecture,
    find_architecture,
    list_code,
)
from crashtool.formats.object_file.unsized_functions import MAX_NAME_LENGTH, UnsizedFunctions
from crashtool.formats.record import U8, U16, U32, U64, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

STAB, KIND, IN_SECTION = 0xE0, 0x0E, 0x0E  # parts of `kind`: N_STAB, N_TYPE, and N_SECT of that
REDACTED = "<redacted>"  # what Apple leaves of names in system libraries
PREFIX = "_"  # of C's names; those of assembly may lack it


class MachSymbol32(Record):
    """struct nlist."""

    name: U32
    kind: U8
    section: U8
    description: U16
    value: U32


class MachSymbol64(Record):
    """struct nlist_64."""

    name: U32
    kind: U8
    section: U8
    description: U16
    value: U64


def read_macho_functions(data: Content, architecture: str = "") -> UnsizedFunctions | None:
    """The functions of a file's symbol table, names as C and C++ have them.

    `architecture` chooses in a universal file. None without a symbol table, or such a part.
    MalformedFile when the headers do not hold.
    """
    part = find_architecture(data, architecture)
    if part is None or part.symbols is None:
        return None
    first = part.start + part.symbols.strings_offset
    end = min(first + part.symbols.strings_size, part.end)

    def read_name(offset: int) -> str:
        stop = min(first + offset + MAX_NAME_LENGTH, end)
        raw = bytes(data[first + offset : stop]).partition(b"\0")[0]
        name = raw.decode("utf-8", "replace").removeprefix(PREFIX)
        return "" if name == REDACTED else name

    code = [range(span.start - part.base, span.stop - part.base) for span in list_code(part)]
    return UnsizedFunctions(_walk_functions(data, part), code, read_name)


def _walk_functions(data: Content, part: Architecture) -> Iterator[tuple[int, int]]:
    """Of each symbol in a section of code, its address from the base, and where its name is."""
    assert part.symbols is not None  # noqa: S101 (the caller has asked)
    kind: type[MachSymbol64 | MachSymbol32] = MachSymbol64 if part.wide else MachSymbol32
    first = part.start + part.symbols.symbols_offset
    count = min(part.symbols.symbol_count, max(0, part.end - first) // kind.SIZE)
    code = {
        number
        for number, section in enumerate(part.sections, 1)
        if section.flags & HAS_INSTRUCTIONS
    }
    for symbol in kind.read_array(data, first, count):
        is_placed = not symbol.kind & STAB and symbol.kind & KIND == IN_SECTION
        if is_placed and symbol.section in code and symbol.value >= part.base:
            yield symbol.value - part.base, symbol.name
