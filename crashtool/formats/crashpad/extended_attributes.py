"""Extended attributes of a file, where macOS keeps a report's metadata: on disk, or in a copy."""

import os
import sys
from pathlib import Path
from typing import Any

from crashtool.errors import MalformedFile
from crashtool.formats.record import U8, U16, U32, Bytes16, Record

APPLE_DOUBLE_MAGIC = 0x00051607
FINDER_INFO = 9
FINDER_INFO_SIZE = 32
ATTRIBUTES_MAGIC = 0x41545452  # "ATTR"
ALIGNMENT = 4
MAX_VALUE = 1 << 20
LINUX_NAMESPACE = "user."  # where copying tools put an attribute that came from macOS


class AppleDoubleHeader(Record):
    """apple_double_header (xnu, bsd/vfs/vfs_xattr.c); big-endian, as all of the file."""

    magic: U32
    version: U32
    filler: Bytes16
    entry_count: U16


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


def read_attributes(path: Path) -> dict[str, bytes]:
    """The extended attributes of a file, from the file system or the `._` file beside it.

    Nothing where there are none, or where the platform has none. A damaged `._` file raises
    MalformedFile.
    """
    found = _read_from_system(path)
    sidecar = path.with_name("._" + path.name)
    if not found and sidecar.is_file() and not sidecar.is_symlink():
        with sidecar.open("rb") as stream:
            found = read_apple_double(stream.read(MAX_VALUE))
    return found


def read_apple_double(data: bytes) -> dict[str, bytes]:
    """The extended attributes in an AppleDouble file, as cp, tar and zip write beside a copy."""
    header = AppleDoubleHeader.read(data, big_endian=True)
    if header.magic != APPLE_DOUBLE_MAGIC:
        raise MalformedFile(f"no AppleDouble file: magic {header.magic:#010x}", offset=0)
    place = AppleDoubleHeader.SIZE
    for _ in range(header.entry_count):
        entry = AppleDoubleEntry.read(data, place, big_endian=True)
        if entry.type == FINDER_INFO:
            start = entry.offset + FINDER_INFO_SIZE + 2
            return _read_entries(data, start) if entry.length > FINDER_INFO_SIZE else {}
        place += AppleDoubleEntry.SIZE
    return {}


def _read_entries(data: bytes, start: int) -> dict[str, bytes]:
    header = AttributesHeader.read(data, start, big_endian=True)
    if header.magic != ATTRIBUTES_MAGIC:
        raise MalformedFile(f"no attributes: magic {header.magic:#010x}", offset=start)
    place = start + AttributesHeader.SIZE
    found = {}
    left = len(data)
    for _ in range(header.attribute_count):
        entry = AttributeEntry.read(data, place, big_endian=True)
        name_start = place + AttributeEntry.SIZE
        name = data[name_start : name_start + entry.name_length].split(b"\0")[0]
        value = data[entry.offset : entry.offset + entry.length]
        left -= len(value)
        if len(value) != entry.length or left < 0:
            raise MalformedFile(f"the attribute {name!r} is cut short", offset=entry.offset)
        found[name.decode("utf-8", "backslashreplace")] = value
        place = -(-(name_start + entry.name_length) // ALIGNMENT) * ALIGNMENT
    return found


def _read_from_system(path: Path) -> dict[str, bytes]:
    if sys.platform == "darwin":
        return _read_from_darwin(path, _load_libc())
    if not hasattr(os, "getxattr"):
        return {}
    try:
        return {
            name.removeprefix(LINUX_NAMESPACE): os.getxattr(path, name)
            for name in os.listxattr(path)
        }
    except OSError:  # a file system without attributes
        return {}


def _load_libc() -> Any:
    import ctypes

    return ctypes.CDLL(None)


def _read_from_darwin(path: Path, libc: Any) -> dict[str, bytes]:
    """What listxattr and getxattr of macOS say; Python's os module lacks them there."""
    import ctypes

    libc.listxattr.restype = libc.getxattr.restype = ctypes.c_ssize_t
    raw = os.fsencode(path)
    names = ctypes.create_string_buffer(MAX_VALUE)
    size = libc.listxattr(raw, names, ctypes.c_size_t(MAX_VALUE), 0)
    found = {}
    for name in names.raw[: max(size, 0)].split(b"\0")[:-1]:
        value = ctypes.create_string_buffer(MAX_VALUE)
        length = libc.getxattr(raw, name, value, ctypes.c_size_t(MAX_VALUE), ctypes.c_uint32(0), 0)
        if length >= 0:
            found[name.decode("utf-8", "backslashreplace")] = value.raw[:length]
    return found
