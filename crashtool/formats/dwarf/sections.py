"""Sections that hold DWARF, in whatever kind of file; they are inflated when first read."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, cast

from crashtool.formats.archives.bounds import FREE_BYTES, MAX_RATIO, Budget
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.dwarf.inflated import Inflated
from crashtool.formats.mapped_pages import let_go
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf_structs import CompressionHeader32, CompressionHeader64

if TYPE_CHECKING:
    from crashtool.formats.object_file.elf import ThreadImage
    from crashtool.formats.object_kinds import Content

PLAIN, PACKED_32, PACKED_64, PACKED_OLD = range(4)  # as an ELF file packs sections, by its class
COMPRESSED_ZLIB, COMPRESSED_ZSTD = 1, 2  # elf.h
OLD_MAGIC, OLD_HEAD = b"ZLIB", 12  # of .zdebug sections: the size follows, big-endian
MAX_INFLATED = 1 << 30  # bytes, of all sections of a file
MAX_WHOLE = 1 << 18  # bytes of a section that is inflated at once
MAX_STRING = 1 << 14
NOTHING: tuple[bytes, int, int] = (b"", 0, 0)


class SectionPlace(NamedTuple):
    """Where a section is in its file, in bytes, and how it is packed."""

    offset: int
    size: int
    packing: int = PLAIN


class DebugSections:
    """Sections by their names without the dot; offsets are in bytes from a section's start.

    Those of a split unit (.dwo, or its part of a .dwp) have the names of the others: `debug_info`
    is .debug_info.dwo there. `base` is the module's first address as its DWARF counts, `code` where
    its code is, `supplement` the sections of the file that dwz has moved what is shared to.
    `has_old_types`: what is called `debug_info` are units of types of DWARF 4. `thread_image`: what
    each thread has of its own, in ELF files.
    """

    has_old_types = False
    thread_image: ThreadImage | None = None

    def __init__(
        self,
        data: Content,
        places: Mapping[str, SectionPlace],
        base: int = 0,
        code: tuple[range, ...] = (),
        supplement: DebugSections | None = None,
    ) -> None:
        self._data = data
        self._places = places
        self._found: dict[str, tuple[Content, int, int]] = {}
        self._budget = MAX_INFLATED
        self.base = base
        self.code = code
        self.supplement = supplement

    def has(self, name: str) -> bool:
        """Whether there is such a section, sound or not."""
        return name in self._places

    def size(self, name: str) -> int:
        """A section's size, inflated; 0 when there is none. DamagedDwarf when it cannot be."""
        _, start, end = self._find(name)
        return end - start

    def open(self, name: str, offset: int = 0, size: int | None = None) -> Cursor:
        """A section's bytes from an offset on, at most `size` of them."""
        data, start, end = self._find(name)
        if not 0 <= offset <= end - start:
            raise DamagedDwarf(f"an offset leads out of .{name}", offset=offset)
        start += offset
        if size is not None:
            end = min(end, start + size)
            if end - start <= MAX_STRING and isinstance(data, Inflated):
                return Cursor(data[start:end])  # it is slow to be asked for each number
        return Cursor(data, start, end)

    def let_go(self, name: str, offset: int, size: int) -> None:
        """Give back the memory that a mapped file takes for bytes that were read.

        Whoever reads them again gets them again.
        """
        data, start, end = self._find(name)
        let_go(data, start + offset, min(start + offset + size, end))

    def string(self, name: str, offset: int) -> str:
        """The text at an offset of a section of strings."""
        cursor = self.open(name, offset, MAX_STRING)
        return cursor.string().decode("utf-8", "replace")

    def _find(self, name: str) -> tuple[Content, int, int]:
        """A section's bytes: what they are in, their start and end there."""
        if name not in self._found:
            self._found[name] = NOTHING  # as it stays when it cannot be inflated
            self._found[name] = self._load(name)
        return self._found[name]

    def _load(self, name: str) -> tuple[Content, int, int]:
        section = self._places.get(name)
        if section is None:
            return NOTHING
        if section.packing == PLAIN:
            return self._data, section.offset, section.offset + section.size
        method, start, size = self._read_head(name, section)
        start, end = section.offset + start, section.offset + section.size
        content = self._inflate(name, method, (start, end), size)
        return content, 0, len(content)

    def _read_head(self, name: str, section: SectionPlace) -> tuple[int, int, int]:
        """How a section is compressed, where its bytes begin, and its size when inflated."""
        if section.packing == PACKED_OLD:
            head = self._data[section.offset : section.offset + OLD_HEAD]
            if section.size < OLD_HEAD or not head.startswith(OLD_MAGIC):
                raise DamagedDwarf(f".{name} is not packed as it should be", offset=section.offset)
            return COMPRESSED_ZLIB, OLD_HEAD, int.from_bytes(head[len(OLD_MAGIC) :], "big")
        kind = CompressionHeader64 if section.packing == PACKED_64 else CompressionHeader32
        if section.size < kind.SIZE:
            raise DamagedDwarf(f".{name} cut short", offset=section.offset)
        header = kind.read(self._data, section.offset)
        return header.method, kind.SIZE, header.size

    def _inflate(self, name: str, method: int, span: tuple[int, int], size: int) -> Content:
        """A section's bytes. Only of zlib's streams a large one can be read piece by piece."""
        start, end = span
        if size > self._budget:
            raise DamagedDwarf(f".{name} of {size} bytes is too large", offset=start)
        self._budget -= size
        if size > max(FREE_BYTES, MAX_RATIO * (end - start)):
            raise DamagedDwarf(f".{name} expands more than {MAX_RATIO}-fold", offset=start)
        if method == COMPRESSED_ZLIB and size > MAX_WHOLE:
            return cast("Content", Inflated(self._data, start, end, size))
        packed = self._data[start:end]
        if method == COMPRESSED_ZLIB:
            try:
                return zlib.decompressobj().decompress(packed, size) if size else b""
            except zlib.error as error:
                raise DamagedDwarf(f".{name}: {error}", offset=start) from None
        if method == COMPRESSED_ZSTD:
            return _inflate_zstandard(packed, size)
        raise DamagedDwarf(f".{name}: compression {method}", offset=start)


def _inflate_zstandard(packed: bytes, size: int) -> bytes:
    """InputUnusable when nothing here can unpack it."""
    from crashtool.formats.archives.zstandard_frames import Zstandard

    stream = Zstandard(BytesIO(packed), Budget(len(packed)))
    content = bytearray()
    while len(content) < size and (block := stream.read(size - len(content))):
        content += block
    return bytes(content)
