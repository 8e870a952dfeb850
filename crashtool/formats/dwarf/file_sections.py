"""The sections that hold DWARF, of whatever kind of file: ELF, Mach-O, and PE as MinGW makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.dwarf.elf_sections import to_sections
from crashtool.formats.dwarf.sections import PACKED_OLD, PLAIN, DebugSections, SectionPlace
from crashtool.formats.object_file import elf, macho, pe

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

DEBUG_SEGMENT = b"__DWARF"
MAX_MACHO_NAME = 16  # bytes
LONG_NAMES = ("debug_str_offsets", "debug_rnglists", "debug_loclists", "debug_line_str")
PREFIX, OLD_PREFIX = "__", "__z"


def open_all_sections(data: Content, architecture: str = "") -> DebugSections | None:
    """The sections of a file; `architecture` chooses in a universal Mach-O file.

    None where numbers are big-endian, and when there is no such architecture. InputUnusable when
    the file is of another kind, MalformedFile when its headers do not hold.
    """
    magic = bytes(data[:4])
    if magic[:2] == pe.MAGIC:
        return _open_pe(data)
    if magic in macho.MAGICS or magic in (macho.UNIVERSAL_32, macho.UNIVERSAL_64):
        part = macho.find_architecture(data, architecture)
        return None if part is None else _open_macho(data, part)
    layout = elf.read_layout(data)
    return None if layout is None else to_sections(data, layout)


def _open_macho(data: Content, architecture: macho.Architecture) -> DebugSections:
    places = {}
    for section in architecture.sections:
        offset = architecture.start + section.offset
        is_here = section.offset and offset + section.size <= architecture.end
        if section.segment.rstrip(b"\0") == DEBUG_SEGMENT and is_here:
            name = section.name.rstrip(b"\0").decode("ascii", "replace")
            packing = PACKED_OLD if name.startswith(OLD_PREFIX) else PLAIN
            places[_lengthen(name)] = SectionPlace(offset, section.size, packing)
    return DebugSections(data, places, architecture.base, tuple(macho.list_code(architecture)))


def _lengthen(name: str) -> str:
    """A section's name without its mark, and whole where it was cut to sixteen bytes."""
    for prefix in (PREFIX, OLD_PREFIX):
        for long_name in LONG_NAMES:
            if name == (prefix + long_name)[:MAX_MACHO_NAME]:
                return long_name
    return name.removeprefix(OLD_PREFIX if name.startswith(OLD_PREFIX) else PREFIX)


def _open_pe(data: Content) -> DebugSections:
    """Addresses include the base that the image wants; raw data are padded."""
    image = pe.read_image(data)
    base = image.optional.image_base
    places = {
        name.removeprefix("."): SectionPlace(
            section.offset, min(section.virtual_size or section.size, section.size)
        )
        for name, section in image.sections.items()
        if section.offset and section.offset + section.size <= len(data)
    }
    code = (
        range(
            base + section.address, base + section.address + (section.virtual_size or section.size)
        )
        for section in image.rows
        if section.characteristics & pe.CONTAINS_CODE
    )
    return DebugSections(data, places, base, tuple(code))
