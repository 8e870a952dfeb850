"""What identifies an ELF file: its notes, and the hash that Breakpad takes where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.identifiers import BuildId
from crashtool.formats.object_file.elf_structs import Note

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAX_NOTE = 4096  # bytes of a block of notes that are looked through
HASHED_BYTES = 4096  # Breakpad's file_id.cc: the first page of .text
HASH_SIZE = 16


def read_note(
    data: Content, span: range, owner: bytes, note_type: int, *, big_endian: bool
) -> bytes | None:
    """The content of the first note of an owner (with its NUL) and type in a span of a file.

    None without one, where it is empty, and where the notes are damaged before it.
    """
    offset, end = span.start, min(span.stop, span.start + MAX_NOTE)
    while offset + Note.SIZE <= end:
        note = Note.read(data, offset, big_endian=big_endian)
        name = offset + Note.SIZE
        content = name + (note.name_size + 3 & ~3)
        if content + note.content_size > end:
            return None
        if note.note_type == note_type and data[name : name + len(owner)] == owner:
            return bytes(data[content : content + note.content_size]) or None
        offset = content + (note.content_size + 3 & ~3)
    return None


def hash_page(page: Content) -> BuildId:
    """The bytes of a page of code, put together by exclusive or."""
    hashed = bytearray(HASH_SIZE)
    for offset, byte in enumerate(page):
        hashed[offset % HASH_SIZE] ^= byte
    return BuildId(bytes(hashed))
