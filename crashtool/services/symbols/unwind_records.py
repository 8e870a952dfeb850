"""Breakpad's STACK records of a debug file of any kind, made of its own unwind tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats import object_kinds
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.object_file.eh_frame import FrameTables, SectionRange
from crashtool.formats.object_file.frame_records import walk_frame_records

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content
    from crashtool.formats.unwind_rules import FrameData

DEBUG_FRAME = "debug_frame"
MAX_DEBUG_FRAME = 1 << 28  # bytes


def walk_unwind_records(data: Content, kind: str, architecture: str) -> Iterator[str]:
    """STACK CFI or STACK WIN records, one or several lines at once; nothing without unwind tables.

    Addresses are from the module's base. `architecture` chooses in a universal Mach-O file.
    InputUnusable when the file's tables cannot be read at all.
    """
    if kind == object_kinds.PDB:
        return _walk_pdb(data)
    if kind == object_kinds.PE:
        return _walk_pe(data, architecture)
    if kind == object_kinds.MACHO:
        return _walk_macho(data, architecture)
    return _walk_elf(data, architecture)


def _walk_pdb(data: Content) -> Iterator[str]:
    from crashtool.formats.pdb.lookup import PdbLookup

    return map(_say_frame_data, PdbLookup(data).walk_frame_data())


def _say_frame_data(frame: FrameData) -> str:
    sizes = (
        frame.start,
        frame.size,
        frame.prologue_size,
        frame.epilogue_size,
        frame.parameter_size,
        frame.saved_register_size,
        frame.local_size,
        frame.max_stack_size,
    )
    numbers = " ".join(f"{size:x}" for size in sizes)
    program = " ".join(frame.program.split())
    if program:
        return f"STACK WIN {frame.kind} {numbers} 1 {program}\n"
    return f"STACK WIN {frame.kind} {numbers} 0 {int(frame.allocates_base_pointer)}\n"


def _walk_pe(data: Content, architecture: str) -> Iterator[str]:
    from crashtool.formats.object_file import pe

    tables = pe.find_exception_tables(data)
    if tables is not None:
        from crashtool.formats.object_file.exception_records import walk_exception_records

        yield from walk_exception_records(data, tables)
        return
    image = pe.read_image(data)
    section = image.sections.get(".eh_frame")  # MinGW's, of 32-bit code
    if section is not None and section.offset:
        base = image.optional.image_base
        size = min(section.size, section.virtual_size or section.size)
        frames = SectionRange(section.offset, base + section.address, size)
        yield from walk_frame_records(data, FrameTables(base, frames, None), architecture)
    yield from _walk_debug_frame(data, architecture)


def _walk_macho(data: Content, architecture: str) -> Iterator[str]:
    from crashtool.formats.object_file.compact_unwind import walk_compact_records
    from crashtool.formats.object_file.macho import find_architecture

    part = find_architecture(data, architecture)
    if part is None:
        return
    sections = {section.name.rstrip(b"\0"): section for section in part.sections if section.offset}
    described: set[int] = set()
    frames = sections.get(b"__eh_frame")
    if frames is not None:
        section_range = SectionRange(part.start + frames.offset, frames.address, frames.size)
        for records in walk_frame_records(
            data, FrameTables(part.base, section_range, None), architecture
        ):
            described.add(int(_find_start(records), 16))
            yield records
    compact = sections.get(b"__unwind_info")
    if compact is not None:
        start = part.start + compact.offset
        code = sections.get(b"__text")

        def read_code(address: int, size: int) -> bytes:
            offset = address + part.base - code.address if code else -1
            if code is None or not 0 <= offset <= code.size - size:
                return b""
            return bytes(data[part.start + code.offset + offset :][:size])

        content = bytes(data[start : min(start + compact.size, part.end)])
        yield from walk_compact_records(content, architecture, read_code, described)
    yield from _walk_debug_frame(data, architecture)


def _walk_elf(data: Content, architecture: str) -> Iterator[str]:
    from crashtool.formats.object_file.elf import find_frame_tables

    tables = find_frame_tables(data)
    described: set[str] = set()
    if tables is not None:
        for records in walk_frame_records(data, tables, architecture):
            described.add(_find_start(records))
            yield records
    for records in _walk_debug_frame(data, architecture):
        if _find_start(records) not in described:
            yield records


def _find_start(records: str) -> str:
    """Where the function of some records begins, as they say it."""
    return records.split(" ", 4)[3]


def _walk_debug_frame(data: Content, architecture: str) -> Iterator[str]:
    """DWARF's own table, which is not loaded with the program."""
    sections = open_all_sections(data, architecture)
    if sections is None or not sections.has(DEBUG_FRAME):
        return
    try:
        size = min(sections.size(DEBUG_FRAME), MAX_DEBUG_FRAME)
        content = sections.open(DEBUG_FRAME).take(size)
    except MalformedFile:
        return
    tables = FrameTables(sections.base, SectionRange(0, 0, size), None)
    try:
        yield from walk_frame_records(content, tables, architecture, is_debug=True)
    except InputUnusable:  # of a machine that is not known
        return
