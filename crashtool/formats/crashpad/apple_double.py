"""AppleDouble files: what copies of macOS files carry their extended attributes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crashtool.errors import MalformedFile
from crashtool.formats.record import U8, U16, U32, Bytes16, Record

APPLE_DOUBLE_MAGIC = 0x00051607
FINDER_INFO = 9
FINDER_INFO_SIZE = 32
ATTRIBUTES_MAGIC = 0x41545452  # "ATTR"
ALIGNMENT = 4


class AppleDoubleHeader(Record):
    """apple_double_header (xnu, bsd/vfs/vfs_xattr.c); big-endian, as all of the file."""

    magic: U32
    version: U32
    filler: Bytes16
    entry_count: U16


EMPTY = AppleDoubleHeader(
    magic=APPLE_DOUBLE_MAGIC, version=0x00020000, filler=b"Mac OS X".ljust(16)
).pack(big_endian=True)


class AppleDoubleEntry(Record):
    """apple_double_entry."""

    type: U32
    offset: U32
    length: U32


class AttributesHeader(Record):
    """attr_header, without what stands before it; two bytes after the Finder information."""

    magic: U32
    debug_tag: U32
    total_size: U32
    data_start: U32
    data_length: U32
    reserved_0: U32
    reserved_1: U32
    reserved_2: U32
    flags: U16
    attribute_count: U16


class AttributeEntry(Record):
    """attr_entry; the name follows, with its NUL, and padding to four bytes."""

    offset: U32
    length: U32
    flags: U16
    name_length: U8


def read_apple_double(data: bytes) -> dict[str, bytes]:
    """The extended attributes in an AppleDouble file, as cp, tar and zip write beside a copy."""
    for entry in _walk_parts(data):
        if entry.type == FINDER_INFO:
            start = entry.offset + FINDER_INFO_SIZE + 2
            return _read_entries(data, start) if entry.length > FINDER_INFO_SIZE else {}
    return {}


def pack_apple_double(attributes: Mapping[str, bytes], old: bytes = EMPTY) -> bytes:
    """An AppleDouble file with extended attributes; an old one's Finder info and fork stay.

    MalformedFile for an old one that is none.
    """
    finder, others = bytes(FINDER_INFO_SIZE), []
    for entry in _walk_parts(old):
        content = old[entry.offset : entry.offset + entry.length]
        if entry.type == FINDER_INFO:
            finder = content[:FINDER_INFO_SIZE].ljust(FINDER_INFO_SIZE, b"\0")
        else:
            others.append((entry.type, content))
    start = AppleDoubleHeader.SIZE + (1 + len(others)) * AppleDoubleEntry.SIZE
    packed = _pack_entries(attributes, start + FINDER_INFO_SIZE + 2)
    rows = [(FINDER_INFO, finder + bytes(2) + packed), *others]
    header = AppleDoubleHeader.read(old, big_endian=True)
    table, content = header.replace(entry_count=len(rows)).pack(big_endian=True), b""
    for kind, part in rows:
        table_entry = AppleDoubleEntry(type=kind, offset=start + len(content), length=len(part))
        table += table_entry.pack(big_endian=True)
        content += part
    return table + content


def _walk_parts(data: bytes) -> Iterator[AppleDoubleEntry]:
    header = AppleDoubleHeader.read(data, big_endian=True)
    if header.magic != APPLE_DOUBLE_MAGIC:
        raise MalformedFile(f"not an AppleDouble file: magic {header.magic:#010x}", offset=0)
    for number in range(header.entry_count):
        offset = AppleDoubleHeader.SIZE + number * AppleDoubleEntry.SIZE
        yield AppleDoubleEntry.read(data, offset, big_endian=True)


def _pack_entries(attributes: Mapping[str, bytes], start: int) -> bytes:
    """attr_header and what follows it, at `start` bytes into the file."""
    names = {name: name.encode() + b"\0" for name in attributes}
    sizes = [_aligned(AttributeEntry.SIZE + len(raw)) for raw in names.values()]
    data_start = start + AttributesHeader.SIZE + sum(sizes)
    table, content = b"", b""
    for name, value in attributes.items():
        entry = AttributeEntry(
            offset=data_start + len(content), length=len(value), name_length=len(names[name])
        )
        packed = entry.pack(big_endian=True) + names[name]
        table += packed.ljust(_aligned(len(packed)), b"\0")
        content += value
    header = AttributesHeader(
        magic=ATTRIBUTES_MAGIC,
        total_size=data_start + len(content),
        data_start=data_start,
        data_length=len(content),
        attribute_count=len(attributes),
    )
    return header.pack(big_endian=True) + table + content


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _read_entries(data: bytes, start: int) -> dict[str, bytes]:
    header = AttributesHeader.read(data, start, big_endian=True)
    if header.magic != ATTRIBUTES_MAGIC:
        raise MalformedFile(f"no attributes: magic {header.magic:#010x}", offset=start)
    offset = start + AttributesHeader.SIZE
    parts = {}
    left = len(data)
    for _ in range(header.attribute_count):
        entry = AttributeEntry.read(data, offset, big_endian=True)
        name_start = offset + AttributeEntry.SIZE
        name = data[name_start : name_start + entry.name_length].split(b"\0")[0]
        value = data[entry.offset : entry.offset + entry.length]
        left -= len(value)
        if len(value) != entry.length or left < 0:
            raise MalformedFile(f"the attribute {name!r} is cut short", offset=entry.offset)
        parts[name.decode("utf-8", "backslashreplace")] = value
        offset = _aligned(name_start + entry.name_length)
    return parts
