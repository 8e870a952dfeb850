"""Cpio archives, read forward, as RPM packages hold them: "newc", with and without check sums."""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.archive_streams import (
    ArchiveMember,
    ArchiveStream,
    Counted,
    Portion,
    read_fully,
)
from crashtool.formats.archives.bounds import MAX_MEMBERS, MAX_NAME_LENGTH

MAGICS = (b"070701", b"070702")
STRIPPED = b"07070X"  # the names are in the package's header (RPM, for files of 4 GiB and more)
FIELDS = 13
HEADER_SIZE = 6 + 8 * FIELDS
MODE, SIZE_FIELD, NAME_SIZE = 1, 6, 11
FILE_KIND, REGULAR = 0o170000, 0o100000
ALIGNMENT = 4
LAST = b"TRAILER!!!"


def walk_members(stream: ArchiveStream) -> Iterator[ArchiveMember]:
    """The plain files. MalformedFile for damage, InputUnusable for another kind of cpio."""
    source = Counted(stream)
    for _ in range(MAX_MEMBERS):
        offset = source.position
        header = read_fully(source, HEADER_SIZE)
        if header.startswith(STRIPPED):
            raise InputUnusable("a package of files beyond 4 GiB", hint="unpack it: rpm2archive")
        if len(header) < HEADER_SIZE or not header.startswith(MAGICS):
            raise MalformedFile("the cpio archive is damaged or cut short", offset=offset)
        fields = _read_fields(header, offset)
        name = read_fully(source, _bounded(fields[NAME_SIZE], offset)).partition(b"\0")[0]
        Portion(source, -(HEADER_SIZE + fields[NAME_SIZE]) % ALIGNMENT).skip()
        if name == LAST:
            return
        portion = Portion(source, fields[SIZE_FIELD])
        if fields[MODE] & FILE_KIND == REGULAR:
            yield ArchiveMember(
                name.decode("utf-8", "surrogateescape"),
                fields[SIZE_FIELD],
                portion,
                mode=fields[MODE] & 0o777,
            )
        portion.skip()
        Portion(source, -fields[SIZE_FIELD] % ALIGNMENT).skip()


def _read_fields(header: bytes, offset: int) -> list[int]:
    try:
        return [int(header[at : at + 8], 16) for at in range(6, HEADER_SIZE, 8)]
    except ValueError:
        raise MalformedFile("the cpio archive has a damaged header", offset=offset) from None


def _bounded(size: int, offset: int) -> int:
    if size > MAX_NAME_LENGTH:
        raise MalformedFile(f"the cpio archive has a name of {size:,} bytes", offset=offset)
    return size
