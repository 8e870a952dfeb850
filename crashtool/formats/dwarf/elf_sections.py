"""The sections of an ELF file that hold DWARF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.dwarf.sections import (
    PACKED_32,
    PACKED_64,
    PACKED_OLD,
    PLAIN,
    DebugSections,
    SectionPlace,
)
from crashtool.formats.object_file.elf import (
    FLAG_COMPRESSED,
    FLAG_EXECUTABLE,
    ElfLayout,
    Section,
    read_layout,
)

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

OLD_PREFIX, PREFIX = ".zdebug", ".debug"


def open_sections(data: Content) -> DebugSections | None:
    """The sections of an ELF file that has line tables; None without, and when big-endian."""
    layout = read_layout(data)
    if layout is None:
        return None
    sections = to_sections(data, layout)
    return sections if sections.has("debug_line") else None


def to_sections(data: Content, layout: ElfLayout) -> DebugSections:
    """All sections by their names without the dot, and those of `.zdebug` as of `.debug`."""
    places: dict[str, SectionPlace] = {}
    for section in reversed(layout.sections):
        if section.present:
            name = section.name.replace(OLD_PREFIX, PREFIX, 1)
            is_old = name != section.name
            if not is_old or name[1:] not in places:
                places[name[1:]] = _place(section, layout, is_old=is_old)
    code = (
        range(section_header.address, section_header.address + section_header.size)
        for section_header in layout.sections
        if section_header.flags & FLAG_EXECUTABLE and section_header.address
    )
    opened = DebugSections(data, places, layout.base, tuple(code))
    opened.thread_image = layout.thread_image
    return opened


def _place(section: Section, layout: ElfLayout, *, is_old: bool) -> SectionPlace:
    packing = PACKED_OLD if is_old else PLAIN
    if section.flags & FLAG_COMPRESSED:
        packing = PACKED_64 if layout.wide else PACKED_32
    return SectionPlace(section.offset, section.size, packing)
