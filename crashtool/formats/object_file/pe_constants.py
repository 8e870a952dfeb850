"""The bytes of a PE image that nothing writes to, neither the program nor what loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.object_file.pe import PeImage, find_directory, find_file_offset, read_image
from crashtool.formats.record import U16, U32, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

# winnt.h
INITIALIZED_DATA, WRITABLE = 0x40, 0x80000000
DIRECTORY_RELOCATIONS, DIRECTORY_IMPORT_ADDRESSES = 5, 12
PAGE = 1 << 12
OFFSET_MASK = PAGE - 1  # of a relocation; the four bits above are its kind, 0 for padding
WIDEST = 8  # bytes that a relocation changes at most
MAX_BLOCKS = 1 << 18
NO_LARGER = 1 << 16  # bytes at once


class BaseRelocationBlock(Record):
    """IMAGE_BASE_RELOCATION: the relocations of a page follow; `size` counts these eight bytes."""

    page: U32
    size: U32


class BaseRelocation(Record):
    """A place in a page whose contents depend on where the image is loaded."""

    value: U16


class PeConstants:
    """Reads constants by their addresses from the image's base."""

    def __init__(self, data: Content) -> None:
        """MalformedFile when its headers do not hold."""
        self._data = data
        image = read_image(data)
        self._sections = [
            section
            for section in image.sections.values()
            if section.characteristics & INITIALIZED_DATA and not section.characteristics & WRITABLE
        ]
        self._written = _find_import_addresses(image)
        self._blocks = self._find_blocks(image)

    def read(self, address: int, size: int) -> bytes | None:
        """`size` bytes; None unless all of them are in the file, and loading leaves them alone."""
        if not 0 < size <= NO_LARGER or self._is_written(address, address + size):
            return None
        for section in self._sections:
            start, length = (
                address - section.address,
                min(section.size, section.virtual_size or section.size),
            )
            if start >= 0 and start + size <= length:
                content = bytes(self._data[section.offset + start : section.offset + start + size])
                return content if len(content) == size else None
        return None

    def _is_written(self, start: int, end: int) -> bool:
        if start < self._written.stop and end > self._written.start:
            return True
        first = (start - WIDEST) // PAGE * PAGE
        return any(
            start < place + WIDEST and place < end
            for page in range(first, end, PAGE)
            for place in self._walk_relocations(page)
        )

    def _walk_relocations(self, page: int) -> list[int]:
        """Where loading changes a page. One of an unknown kind counts as the widest."""
        return [
            page + (relocation.value & OFFSET_MASK)
            for offset, count in self._blocks.get(page, ())
            for relocation in BaseRelocation.read_array(self._data, offset, count)
            if relocation.value & ~OFFSET_MASK
        ]

    def _find_blocks(self, image: PeImage) -> dict[int, list[tuple[int, int]]]:
        """Where in the file the relocations of each page are, and how many."""
        address = find_directory(image, DIRECTORY_RELOCATIONS)
        offset = find_file_offset(image, address) if address else None
        if offset is None:
            return {}
        end = min(offset + image.directories[DIRECTORY_RELOCATIONS].size, len(self._data))
        blocks: dict[int, list[tuple[int, int]]] = {}
        for _ in range(MAX_BLOCKS):
            if offset + BaseRelocationBlock.SIZE > end:
                break
            block = BaseRelocationBlock.read(self._data, offset)
            size = min(block.size, end - offset)
            if size < BaseRelocationBlock.SIZE:
                break
            rows = (size - BaseRelocationBlock.SIZE) // BaseRelocation.SIZE
            blocks.setdefault(block.page, []).append((offset + BaseRelocationBlock.SIZE, rows))
            offset += size
        return blocks


def _find_import_addresses(image: PeImage) -> range:
    """Where loading writes the addresses of imported functions."""
    start = find_directory(image, DIRECTORY_IMPORT_ADDRESSES)
    size = image.directories[DIRECTORY_IMPORT_ADDRESSES].size if start else 0
    return range(start, start + size)
