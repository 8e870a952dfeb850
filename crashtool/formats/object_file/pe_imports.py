"""The DLLs that a PE image names in its import tables (winnt.h, delayimp.h)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.object_file.pe import find_directory, find_file_offset, read_image
from crashtool.formats.record import U32, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

DIRECTORY_IMPORT = 1
MAX_DLLS = 1024
MAX_NAME = 256  # bytes


class ImportDescriptor(Record):
    """IMAGE_IMPORT_DESCRIPTOR."""

    names: U32
    timestamp: U32
    forwarder: U32
    name: U32
    addresses: U32


def read_imports(data: Content) -> tuple[str, ...]:
    """The names of the DLLs, without those that are loaded at their first use."""
    return tuple(_walk_names(data))


def _walk_names(data: Content) -> Iterator[str]:
    image = read_image(data)
    address = find_directory(image, DIRECTORY_IMPORT)
    start = find_file_offset(image, address) if address else None
    if start is None:
        return
    for index in range(MAX_DLLS):
        descriptor = ImportDescriptor.read(data, start + index * ImportDescriptor.SIZE)
        offset = find_file_offset(image, descriptor.name) if descriptor.name else None
        if offset is None:
            return
        raw = bytes(data[offset : offset + MAX_NAME])
        yield raw.partition(b"\0")[0].decode("ascii", "replace")
