"""COFF: what Microsoft's compilers make of one source file, and what it asks of the linker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.linker_directives import Directives, parse_directives
from crashtool.formats.object_file.pe import ARCHITECTURES
from crashtool.formats.object_file.pe_structs import SectionHeader
from crashtool.formats.record import U8, U16, U32, Bytes8, Bytes16, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

# winnt.h
ANONYMOUS = b"\0\0\xff\xff"  # IMAGE_FILE_MACHINE_UNKNOWN, 0xffff: not an object as of old
IMPORT_VERSION = 0
BIG_CLASS = bytes.fromhex("c7a1bad1eebaa94baf20faf66aa4dcb8")
WHOLE_PROGRAM_CLASS = bytes.fromhex("38feb30ca5d9ab4dac9bd6b6222653c2")  # cl /GL
BITCODE = b"BC\xc0\xde"  # clang -flto
UNDEFINED, CLASS_EXTERNAL = 0, 2  # IMAGE_SYM_UNDEFINED, IMAGE_SYM_CLASS_EXTERNAL
DIRECTIVES_NAME = b".drectve"

STRINGS_HEAD = 4  # the table's size in bytes, these among them
MAX_DIRECTIVES = 1 << 20  # bytes; dllexport of everything makes them long
MAX_NAME = 1024
MAX_SYMBOLS = 1 << 20
# Entry points of Microsoft's STL that its headers call: extern "C", on x86 with one more `_`.
STL_NAME = re.compile(rb"_?(__std_[a-z0-9_]+)")


class ObjectHeader(Record):
    """IMAGE_FILE_HEADER, at an object's very start."""

    machine: U16
    section_count: U16
    timestamp: U32
    symbols_offset: U32
    symbol_count: U32
    optional_size: U16
    characteristics: U16


class AnonymousMark(Record):
    """What all anonymous objects begin with; those of import libraries are short."""

    machine_none: U16
    mark: U16
    version: U16
    machine: U16


class AnonymousHeader(Record):
    """ANON_OBJECT_HEADER."""

    machine_none: U16
    mark: U16
    version: U16
    machine: U16
    timestamp: U32
    class_id: Bytes16
    data_size: U32


class BigHeader(Record):
    """ANON_OBJECT_HEADER_BIGOBJ: cl /bigobj."""

    machine_none: U16
    mark: U16
    version: U16
    machine: U16
    timestamp: U32
    class_id: Bytes16
    data_size: U32
    flags: U32
    metadata_size: U32
    metadata_offset: U32
    section_count: U32
    symbols_offset: U32
    symbol_count: U32


class Symbol(Record):
    """IMAGE_SYMBOL. A `name` whose first four bytes are 0 is an offset into the strings."""

    name: Bytes8
    value: U32
    section: U16
    symbol_type: U16
    storage_class: U8
    auxiliary_count: U8


class BigSymbol(Record):
    """IMAGE_SYMBOL_EX."""

    name: Bytes8
    value: U32
    section: U32
    symbol_type: U16
    storage_class: U8
    auxiliary_count: U8


class CoffObject(NamedTuple):
    """One object. `architecture` as in a crash report, "" when it has none.

    `is_whole_program`: cl /GL or clang -flto left no machine code, and no directives to read.
    `stl_calls`: entry points of Microsoft's STL that it needs, "__std_..." each.
    """

    architecture: str
    is_whole_program: bool = False
    directives: Directives = Directives()
    stl_calls: frozenset[str] = frozenset()


def is_coff(head: bytes) -> bool:
    """Whether a file begins as a COFF object does; ObjectHeader.SIZE bytes are enough.

    There is no magic number: a known machine, no optional header, a plausible number of sections.
    """
    if head.startswith((ANONYMOUS, BITCODE)):
        return True
    if len(head) < ObjectHeader.SIZE:
        return False
    header = ObjectHeader.read(head)
    return header.machine in ARCHITECTURES and not header.optional_size and header.section_count > 0


def read_coff(data: Content) -> CoffObject | None:
    """An object's needs; None for the stub of an import library, which has none.

    InputUnusable for what is no COFF object, MalformedFile for a damaged one.
    """
    head = bytes(data[: AnonymousHeader.SIZE])
    if head.startswith(BITCODE):
        return CoffObject("", is_whole_program=True)
    if not is_coff(head):
        raise InputUnusable("not a COFF object")
    if not head.startswith(ANONYMOUS):
        header = ObjectHeader.read(data)
        return _read_object(data, header, ObjectHeader.SIZE, Symbol)
    if AnonymousMark.read(data).version == IMPORT_VERSION:
        return None
    anonymous = AnonymousHeader.read(data)
    if anonymous.class_id == WHOLE_PROGRAM_CLASS:
        return CoffObject(_architecture(anonymous.machine), is_whole_program=True)
    if anonymous.class_id != BIG_CLASS:
        raise InputUnusable("an anonymous object of an unknown kind")
    return _read_object(data, BigHeader.read(data), BigHeader.SIZE, BigSymbol)


def _architecture(machine: int) -> str:
    return ARCHITECTURES.get(machine, "")


def _read_object(
    data: Content,
    header: ObjectHeader | BigHeader,
    size: int,
    symbol: type[Symbol | BigSymbol],
) -> CoffObject:
    texts = [
        bytes(_part(data, section.offset, section.size, "directives"))
        for section in SectionHeader.read_array(data, size, header.section_count)
        if section.name == DIRECTIVES_NAME and section.size <= MAX_DIRECTIVES
    ]
    return CoffObject(
        _architecture(header.machine),
        directives=parse_directives(b" ".join(texts)),
        stl_calls=frozenset(_walk_stl_calls(data, header, symbol)),
    )


def _part(data: Content, offset: int, size: int, name: str) -> memoryview:
    """Half a directive or name is another one: what is cut is damage, and no shorter text."""
    if offset + size > len(data):
        raise MalformedFile(f"the object's {name} are cut short", offset=offset)
    return memoryview(data)[offset : offset + size]


def _walk_stl_calls(
    data: Content, header: ObjectHeader | BigHeader, symbol: type[Symbol | BigSymbol]
) -> Iterator[str]:
    count = min(header.symbol_count, MAX_SYMBOLS)
    strings = header.symbols_offset + header.symbol_count * symbol.SIZE
    if count:
        size = int.from_bytes(_part(data, strings, STRINGS_HEAD, "names"), "little")
        _part(data, strings, size, "names")
    if not count or data.find(b"__std_", strings) < 0:  # each name is longer than eight bytes
        return
    auxiliary = 0
    for entry in symbol.read_array(data, header.symbols_offset, count):
        if auxiliary:
            auxiliary -= 1
            continue
        auxiliary = entry.auxiliary_count
        is_undefined = entry.section == UNDEFINED and not entry.value
        if is_undefined and entry.storage_class == CLASS_EXTERNAL and entry.name[:4] == b"\0\0\0\0":
            start = strings + int.from_bytes(entry.name[4:], "little")
            if called := STL_NAME.match(bytes(data[start : start + MAX_NAME])):
                yield called.group(1).decode("ascii")
