"""Unix `ar` archives: Debian's packages are such (deb(5)), and so are static libraries."""

from collections.abc import Iterator
from typing import IO

from crashtool.errors import MalformedFile
from crashtool.formats.archives.streams import ArchiveMember, Slice

MAGIC = b"!<arch>\n"
PACKAGE_HEAD = MAGIC + b"debian-binary"
HEADER_SIZE = 60
NAME, SIZE_FIELD, END = slice(0, 16), slice(48, 58), slice(58, 60)


def walk_members(file: IO[bytes]) -> Iterator[ArchiveMember]:
    """The members, in order; a member's stream may be left unread. MalformedFile for damage."""
    place = len(MAGIC)
    while True:
        file.seek(place)
        header = file.read(HEADER_SIZE)
        if not header:
            return
        digits = header[SIZE_FIELD].strip()
        if header[END] != b"`\n" or not digits.isdigit():
            raise MalformedFile("the ar archive is damaged or cut short", offset=place)
        name = header[NAME].decode("latin-1").rstrip(" ").removesuffix("/")
        size = int(digits)
        yield ArchiveMember(name, size, Slice(file, place + HEADER_SIZE, size))
        place += HEADER_SIZE + size + size % 2
