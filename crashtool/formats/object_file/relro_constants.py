"""The bytes of an ELF file that only its loader writes to, where it writes nothing.

.data.rel.ro has constants with addresses in them, such as vtables: the addresses are filled in when
the file is loaded, and the numbers between them stay as they are in the file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from struct import iter_unpack
from typing import TYPE_CHECKING, TypeAlias, cast

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import find_elf_code, read_layout, read_segments
from crashtool.formats.object_file.elf_structs import ElfSection32, ElfSection64
from crashtool.formats.object_file.elf_symbols import ElfSymbol32, ElfSymbol64

if TYPE_CHECKING:
    from crashtool.formats.object_file.elf import Section
    from crashtool.formats.object_kinds import Content

NAME = ".data.rel.ro"
RELA, REL, RELR = 4, 9, 19  # SHT_*
PACKED = (0x60000001, 0x60000002)  # SHT_ANDROID_REL and _RELA
ALLOCATED = 0x2  # SHF_ALLOC
COPIED = {62: 5, 3: 5, 183: 1024, 40: 20}  # R_*_COPY, by machine
MAX_BYTES = 1 << 25  # of relocations

SectionRow: TypeAlias = ElfSection32 | ElfSection64


class _Written(NamedTuple):
    """A place that the loader writes to."""

    start: int
    size: int


class RelroConstants:
    """Reads such bytes by addresses from the module's base; none where headers do not hold."""

    def __init__(self, data: Content) -> None:
        self._data = data
        self._sections: list[Section] = []
        self._written: list[_Written] | None = None  # once something is asked for
        self._starts: list[int] = []
        with suppress(MalformedFile):
            self._read_headers()

    def _read_headers(self) -> None:
        layout = read_layout(self._data)
        has_code = any(code.present for code in find_elf_code(self._data))  # else a debug file
        if layout is None or not has_code:
            return
        header, _, _ = read_segments(self._data)
        self._base, self._is_wide, self._machine = layout.base, layout.wide, header.machine
        kind: type[SectionRow] = ElfSection64 if layout.wide else ElfSection32
        count = len(layout.sections)
        self._headers = cast(
            "list[SectionRow]", list(kind.read_array(self._data, header.sections_offset, count))
        )
        if any(section.section_type in PACKED for section in self._headers):
            return
        self._sections = [
            section
            for section in layout.sections
            if section.name.startswith(NAME) and section.present
        ]

    def read(self, address: int, size: int) -> bytes | None:
        """`size` bytes; None unless all of them are in the file, and loading leaves them alone."""
        wanted = self._base + address if self._sections and size > 0 else -1
        for section in self._sections:
            if section.address <= wanted and wanted + size <= section.address + section.size:
                if self._is_written(wanted, wanted + size):
                    return None
                start = section.offset + wanted - section.address
                content = bytes(self._data[start : start + size])
                return content if len(content) == size else None
        return None

    def _is_written(self, start: int, end: int) -> bool:
        if self._written is None:
            try:
                self._written = sorted(set(self._walk_written(self._headers)))
            except MalformedFile:
                self._written, self._sections = [], []
                return True
            self._starts = [place.start for place in self._written]
        number = bisect_left(self._starts, start)
        if number < len(self._starts) and self._starts[number] < end:
            return True
        before = self._written[:number][-2:]  # a copy may be before one that is filled in
        return any(start < place.start + place.size for place in before)

    def _walk_written(self, sections: list[SectionRow]) -> Iterator[_Written]:
        width = 8 if self._is_wide else 4
        left = MAX_BYTES
        for section in sections:
            if not section.flags & ALLOCATED or section.section_type not in (RELA, REL, RELR):
                continue
            left -= section.size
            if left < 0:
                raise MalformedFile("too many relocations", offset=section.offset)
            content = bytes(self._data[section.offset : section.offset + section.size])
            if section.section_type == RELR:
                places = walk_packed(content, width)
                yield from (_Written(place, width) for place in places)
            else:
                yield from self._walk_relocations(content, section, sections)

    def _walk_relocations(
        self, content: bytes, section: SectionRow, sections: list[SectionRow]
    ) -> Iterator[_Written]:
        letter, width = ("Q", 8) if self._is_wide else ("I", 4)
        fields = 3 if section.section_type == RELA else 2
        whole = len(content) // (fields * width) * fields * width
        for values in iter_unpack(f"<{fields}{letter}", content[:whole]):
            place, info = values[:2]
            kind, number = (
                (info & 0xFFFFFFFF, info >> 32) if self._is_wide else (info & 0xFF, info >> 8)
            )
            is_copy = kind == COPIED.get(self._machine)
            size = self._measure_copy(section, sections, number) if is_copy else width
            yield _Written(place, size)

    def _measure_copy(self, section: SectionRow, sections: list[SectionRow], number: int) -> int:
        """How many bytes are copied from a library: as its symbol says."""
        kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if self._is_wide else ElfSymbol32
        symbols = sections[section.link] if section.link < len(sections) else None
        if symbols is None or (number + 1) * kind.SIZE > symbols.size:
            return MAX_BYTES
        return kind.read(self._data, symbols.offset + number * kind.SIZE).size


def walk_packed(content: bytes, width: int) -> Iterator[int]:
    """The places of SHT_RELR: an address, then bits for the words behind it (ELF gABI draft)."""
    letter = "Q" if width == 8 else "I"  # noqa: PLR2004
    following = 0
    for (entry,) in iter_unpack(f"<{letter}", content[: len(content) // width * width]):
        if not entry & 1:
            yield entry
            following = entry + width
            continue
        for bit in range(8 * width - 1):
            if entry >> bit + 1 & 1:
                yield following + bit * width
        following += (8 * width - 1) * width
