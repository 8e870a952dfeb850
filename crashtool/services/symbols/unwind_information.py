"""What a native debug file says of callers, by its own unwind tables, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats import object_kinds

if TYPE_CHECKING:
    from crashtool.formats.object_file.macho import Architecture
    from crashtool.formats.object_kinds import Content
    from crashtool.formats.unwind_rules import CfiText, UnwindTables

DEBUG_FRAME = "debug_frame"
MAX_DEBUG_FRAME = 1 << 28  # bytes

Opener = Callable[[], "UnwindTables | None"]


class UnwindInformation:
    """That of one ELF, PE or Mach-O file; addresses are from the module's base.

    A table is opened when those before it have no answer. What is damaged goes to `problems`.
    """

    def __init__(self, data: Content, kind: str, architecture: str, problems: list[str]) -> None:
        self._problems = problems
        self._rest = _walk_openers(data, kind, architecture)
        self._opened: list[UnwindTables] = []

    def find_cfi(self, address: int) -> CfiText | None:
        """The unwind rules at an address."""
        return next(filter(None, (table.find_cfi(address) for table in self._walk_tables())), None)

    def covers(self, address: int) -> bool:
        """Whether a caller can be found from an address: as `find_cfi`, but cheaper."""
        return any(table.covers(address) for table in self._walk_tables())

    def _walk_tables(self) -> Iterator[UnwindTables]:
        yield from list(self._opened)
        for opener in self._rest:
            try:
                table = opener()
            except InputUnusable as error:
                self._problems.append(error.what)
                continue
            if table is not None:
                self._opened.append(table)
                yield table


def open_unwind_tables(data: Content, kind: str, architecture: str) -> UnwindTables | None:
    """The unwind tables that are loaded with a program, of ELF and 64-bit PE files.

    None where there are none; InputUnusable when they are damaged.
    """
    if kind == object_kinds.ELF:
        return _open_elf(data, architecture)
    return _open_pe(data) if kind == object_kinds.PE else None


def _walk_openers(data: Content, kind: str, architecture: str) -> Iterator[Opener]:
    """What opens the tables of a file, the likeliest first."""
    if kind == object_kinds.ELF:
        yield lambda: _open_elf(data, architecture)
    elif kind == object_kinds.PE:
        yield lambda: _open_pe(data)
        yield lambda: _open_mingw(data, architecture)
    elif kind == object_kinds.MACHO:
        from crashtool.formats.object_file.macho import find_architecture

        part = find_architecture(data, architecture)
        if part is None:
            return
        yield lambda: _open_macho_frames(data, part, architecture)
        yield lambda: _open_compact(data, part, architecture)
    yield lambda: _open_debug_frame(data, architecture)


def _open_elf(data: Content, architecture: str) -> UnwindTables | None:
    from crashtool.formats.object_file.eh_frame import EhFrame
    from crashtool.formats.object_file.elf import find_frame_tables

    tables = find_frame_tables(data)
    if tables is None:
        return None
    try:
        return EhFrame(data, tables, architecture)
    except InputUnusable:
        if tables.table is None:
            raise
    return EhFrame(data, tables._replace(table=None), architecture)  # an unusual index


def _open_pe(data: Content) -> UnwindTables | None:
    from crashtool.formats.object_file.pe import find_exception_tables, open_exception_tables

    tables = find_exception_tables(data)
    return open_exception_tables(data, tables) if tables else None


def _open_mingw(data: Content, architecture: str) -> UnwindTables | None:
    """The .eh_frame of 32-bit code."""
    from crashtool.formats.object_file.eh_frame import EhFrame, FrameTables, SectionRange
    from crashtool.formats.object_file.pe import read_image

    image = read_image(data)
    section = image.sections.get(".eh_frame")
    if section is None or not section.offset:
        return None
    base = image.optional.image_base
    size = min(section.size, section.virtual_size or section.size)
    section_range = SectionRange(section.offset, base + section.address, size)
    return EhFrame(data, FrameTables(base, section_range, None), architecture)


def _open_macho_frames(data: Content, part: Architecture, architecture: str) -> UnwindTables | None:
    from crashtool.formats.object_file.eh_frame import EhFrame, FrameTables, SectionRange

    section = _find_section(part, "__eh_frame")
    if section is None:
        return None
    start, address, size = section
    frames = SectionRange(start, address, size)
    return EhFrame(data, FrameTables(part.base, frames, None), architecture)


def _open_compact(data: Content, part: Architecture, architecture: str) -> UnwindTables | None:
    section, code = _find_section(part, "__unwind_info"), _find_section(part, "__text")
    if section is None:
        return None
    from crashtool.formats.object_file.compact_tables import CompactTables

    def read_code(address: int, size: int) -> bytes:
        if code is None:
            return b""
        start, first, length = code
        offset = address + part.base - first
        return bytes(data[start + offset :][:size]) if 0 <= offset <= length - size else b""

    start, _, size = section
    return CompactTables(bytes(data[start : start + size]), architecture, read_code)


def _find_section(part: Architecture, name: str) -> tuple[int, int, int] | None:
    """Where a section is in the file, its address, its size; None when it is not there."""
    for section in part.sections:
        start = part.start + section.offset
        is_there = section.offset and start + section.size <= part.end
        if is_there and section.name.rstrip(b"\0") == name.encode():
            return start, section.address, section.size
    return None


def _open_debug_frame(data: Content, architecture: str) -> UnwindTables | None:
    """DWARF's own table, which is not loaded with the program."""
    from crashtool.formats.dwarf.file_sections import open_all_sections
    from crashtool.formats.object_file.eh_frame import EhFrame, FrameTables, SectionRange

    sections = open_all_sections(data, architecture)
    if sections is None or not sections.has(DEBUG_FRAME):
        return None
    size = min(sections.size(DEBUG_FRAME), MAX_DEBUG_FRAME)
    content = sections.open(DEBUG_FRAME).take(size)
    section_range = SectionRange(0, sections.base, size)  # addresses in it are whole ones
    return EhFrame(
        content, FrameTables(sections.base, section_range, None), architecture, is_debug=True
    )
