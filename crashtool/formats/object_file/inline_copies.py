"""Texts that code copies in pieces: what looks like a text in the data is not the whole of it.

GCC (12 with -O2, and older ones with -O3) copies a literal into a std::string by constants of 16 or
32 bytes. Equal ones are there once, the last begins before the one ahead of it ends, and anything
may follow; the literal itself is nowhere. Clang and Visual C++ load from the literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file import elf, pe
from crashtool.formats.object_file.data_texts import Extent

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

PIECE = 16  # bytes, and how constants are aligned
X86_64_MACHINES = (62, 0x8664)  # EM_X86_64, IMAGE_FILE_MACHINE_AMD64
# movdqa, movaps, vmovdqa, vmovaps REGISTER, [rip + 4 bytes]: aligned loads alone, for a literal of
# a text is not aligned. F3 before makes another instruction (Intel's manual, volume 2)
LOAD = re.compile(
    rb"(?:(?<!\xf3)(?<!\xf3\x44)\x0f[\x28\x6f]|\xc5[\x78\x79\x7c\x7d\xf8\xf9\xfc\xfd][\x28\x6f])"
    rb"[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]",
    re.DOTALL,
)
DISPLACEMENT = 4  # bytes after the match
MAX_LOADS = 2_000_000


class Mapped(NamedTuple):
    """A section: where it is in the file, and how far its addresses are from that."""

    extent: Extent
    distance: int
    is_code: bool


def find_copied(data: Content, places: tuple[int, ...]) -> frozenset[int]:
    """Of some places in an ELF or PE file for x86-64, those that code loads such a piece from."""
    sections = _list_sections(data)
    wanted = {}
    for offset in places:
        home = next(
            (mapped for mapped in sections if mapped.extent.start <= offset < mapped.extent.end),
            None,
        )
        if home is not None and (offset + home.distance) % PIECE == 0:
            wanted[offset + home.distance] = offset
    if not wanted:
        return frozenset()
    return frozenset(wanted[target] for target in _walk_loads(data, sections) if target in wanted)


def _walk_loads(data: Content, sections: tuple[Mapped, ...]) -> Iterator[int]:
    """The addresses that aligned loads relative to the instruction read."""
    count = 0
    for section in sections:
        if not section.is_code:
            continue
        for match in LOAD.finditer(data, section.extent.start, section.extent.end):
            end = match.end() + DISPLACEMENT
            field = bytes(data[match.end() : end])
            yield end + section.distance + int.from_bytes(field, "little", signed=True)
            count += 1
            if count >= MAX_LOADS:
                return


def _list_sections(data: Content) -> tuple[Mapped, ...]:
    """The sections of a file for x86-64; none of any other."""
    if bytes(data[:4]) == elf.MAGIC:
        layout = elf.read_layout(data)
        if layout is None or elf.read_segments(data)[0].machine not in X86_64_MACHINES:
            return ()
        return tuple(
            Mapped(
                Extent(section.offset, section.offset + section.size),
                section.address - section.offset,
                bool(section.flags & elf.FLAG_EXECUTABLE),
            )
            for section in layout.sections
            if section.present and section.address
        )
    if bytes(data[:2]) != pe.MAGIC:
        return ()
    image = pe.read_image(data)
    if image.header.machine not in X86_64_MACHINES:
        return ()
    return tuple(
        Mapped(
            Extent(section.offset, section.offset + section.size),
            section.address - section.offset,
            bool(section.characteristics & pe.CONTAINS_CODE),
        )
        for section in image.sections.values()
    )
