"""Notes of core files: their owners, and how one is packed."""

from __future__ import annotations

from crashtool.formats.object_file.elf_structs import Note

CORE, LINUX = b"CORE\0", b"LINUX\0"


def pack_note(owner: bytes, kind: int, content: bytes) -> bytes:
    """One note; owner and content are padded to four bytes each."""
    head = Note(name_size=len(owner), content_size=len(content), note_type=kind).pack()
    return head + _pad(owner) + _pad(content)


def _pad(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
