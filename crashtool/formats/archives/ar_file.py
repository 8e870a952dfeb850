"""Unix `ar` archives: Debian's packages are such (deb(5)), and so are static libraries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from crashtool.errors import MalformedFile
from crashtool.formats.archives.archive_streams import ArchiveMember, Slice

MAGIC = b"!<arch>\n"
THIN_MAGIC = b"!<thin>\n"  # members are files elsewhere; only the tables are in it (GNU ar, T)
TABLES = ("", "/", "/SYM64")  # names of those tables, as walk_members gives them
PACKAGE_HEAD = MAGIC + b"debian-binary"
HEADER_SIZE = 60
NAME, SIZE_FIELD, END = slice(0, 16), slice(48, 58), slice(58, 60)


def walk_members(file: IO[bytes], *, thin: bool = False) -> Iterator[ArchiveMember]:
    """The members, in order; a member's stream may be left unread. MalformedFile for damage.

    Of a `thin` archive each has the size of its file, and a stream with nothing in it.
    """
    offset = len(MAGIC)
    while True:
        file.seek(offset)
        header = file.read(HEADER_SIZE)
        if not header:
            return
        digits = header[SIZE_FIELD].strip()
        if header[END] != b"`\n" or not digits.isdigit():
            raise MalformedFile("the ar archive is damaged or cut short", offset=offset)
        name = header[NAME].decode("latin-1").rstrip(" ").removesuffix("/")
        size = int(digits)
        held = size if not thin or name in TABLES else 0
        yield ArchiveMember(name, size, Slice(file, offset + HEADER_SIZE, held))
        offset += HEADER_SIZE + held + held % 2
