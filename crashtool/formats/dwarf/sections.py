"""The sections of an ELF file that hold DWARF, inflated when they are first read."""

import zlib
from io import BytesIO
from typing import TYPE_CHECKING

from crashtool.formats.archives.bounds import Budget
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.object_file.elf import (
    COMPRESSED_ZLIB,
    FLAG_COMPRESSED,
    FLAG_EXECUTABLE,
    Layout,
    Section,
    read_layout,
)
from crashtool.formats.object_file.elf_structs import CompressionHeader32, CompressionHeader64

if TYPE_CHECKING:
    from crashtool.formats.object_file.kinds import Content

COMPRESSED_ZSTD = 2  # elf.h
OLD_MAGIC, OLD_HEAD = b"ZLIB", 12  # of .zdebug sections: the size follows, big-endian
MOST_INFLATED = 1 << 29  # bytes, of all sections of a file
LONGEST_STRING = 1 << 14
NOTHING: tuple[bytes, int, int] = (b"", 0, 0)


class DebugSections:
    """Sections by their names without the dot; offsets are in bytes from a section's start."""

    def __init__(self, data: "Content", layout: Layout) -> None:
        self._data = data
        self._wide = layout.wide
        self._rows = {row.name: row for row in reversed(layout.sections) if row.present}
        self._found: dict[str, tuple[Content, int, int]] = {}
        self._budget = MOST_INFLATED
        self.base = layout.base
        self.code = [
            range(row.address, row.address + row.size)
            for row in layout.sections
            if row.flags & FLAG_EXECUTABLE and row.address
        ]

    def size(self, name: str) -> int:
        """A section's size, inflated; 0 when there is none. DamagedDwarf when it cannot be."""
        _, start, end = self._find(name)
        return end - start

    def open(self, name: str, offset: int = 0, size: int | None = None) -> Cursor:
        """A section's bytes from an offset on, at most `size` of them."""
        data, start, end = self._find(name)
        if not 0 <= offset <= end - start:
            raise DamagedDwarf(f"an offset leads out of .{name}", offset=offset)
        if size is not None:
            end = min(end, start + offset + size)
        return Cursor(data, start + offset, end)

    def string(self, name: str, offset: int) -> str:
        """The text at an offset of a section of strings."""
        cursor = self.open(name, offset, LONGEST_STRING)
        return cursor.string().decode("utf-8", "replace")

    def _find(self, name: str) -> "tuple[Content, int, int]":
        """A section's bytes: what they are in, their start and end there."""
        if name not in self._found:
            self._found[name] = NOTHING  # as it stays when it cannot be inflated
            self._found[name] = self._load(name)
        return self._found[name]

    def _load(self, name: str) -> "tuple[Content, int, int]":
        row = self._rows.get(f".{name}")
        if row is None:
            old = self._rows.get(f".z{name}")
            return NOTHING if old is None else self._inflate_old(old)
        if not row.flags & FLAG_COMPRESSED:
            return self._data, row.offset, row.offset + row.size
        kind = CompressionHeader64 if self._wide else CompressionHeader32
        if row.size < kind.SIZE:
            raise DamagedDwarf(f"{row.name} cut short", offset=row.offset)
        head = kind.read(self._data, row.offset)
        packed = self._data[row.offset + kind.SIZE : row.offset + row.size]
        return self._keep(self._inflate(row, head.method, packed, head.size))

    def _inflate_old(self, row: Section) -> "tuple[Content, int, int]":
        head = self._data[row.offset : row.offset + OLD_HEAD]
        if row.size < OLD_HEAD or not head.startswith(OLD_MAGIC):
            raise DamagedDwarf(f"{row.name} is not packed as it should be", offset=row.offset)
        packed = self._data[row.offset + OLD_HEAD : row.offset + row.size]
        size = int.from_bytes(head[len(OLD_MAGIC) :], "big")
        return self._keep(self._inflate(row, COMPRESSED_ZLIB, packed, size))

    def _keep(self, content: bytes) -> "tuple[Content, int, int]":
        return content, 0, len(content)

    def _inflate(self, row: Section, method: int, packed: bytes, size: int) -> bytes:
        if size > self._budget:
            raise DamagedDwarf(f"{row.name} of {size} bytes is too large", offset=row.offset)
        if method == COMPRESSED_ZLIB:
            try:
                content = zlib.decompressobj().decompress(packed, size) if size else b""
            except zlib.error as error:
                raise DamagedDwarf(f"{row.name}: {error}", offset=row.offset) from None
        elif method == COMPRESSED_ZSTD:
            content = _inflate_zstandard(packed, size)
        else:
            raise DamagedDwarf(f"{row.name}: compression {method}", offset=row.offset)
        self._budget -= len(content)
        return content


def _inflate_zstandard(packed: bytes, size: int) -> bytes:
    """InputUnusable when nothing here can unpack it."""
    from crashtool.formats.archives.zstandard_frames import Zstandard

    stream = Zstandard(BytesIO(packed), Budget(len(packed)))
    content = bytearray()
    while len(content) < size and (block := stream.read(size - len(content))):
        content += block
    return bytes(content)


def open_sections(data: "Content") -> DebugSections | None:
    """The sections of an ELF file that has line tables; None without, and when big-endian."""
    layout = read_layout(data)
    if layout is None:
        return None
    names = {row.name for row in layout.sections if row.present}
    if not names & {".debug_line", ".zdebug_line"}:
        return None
    return DebugSections(data, layout)
