"""The central directory of a zip archive, read as a stream: a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.bounds import MAX_MEMBERS
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.zip_structs import (
    CENTRAL,
    END,
    END64,
    FULL32,
    LOCATOR64,
    ZIP64_EXTRA,
    CentralEntry,
    End,
    Extra,
    LargeEnd,
    Locator,
)

MAX_COMMENT = 1 << 16
UNIX_SYSTEMS = (3, 19)  # Unix, macOS: APPNOTE.TXT 4.4.2
UNTOLD_MODE = 0o644
DIRECTORY_STEP = 1 << 16


class ListedMember(NamedTuple):
    """What the directory says of a member; `place` is where its entry is."""

    place: int
    name: bytes
    flags: int
    method: int
    check: int
    packed_size: int
    size: int
    offset: int
    mode: int


class CentralDirectory(NamedTuple):
    """Where the central directory is; `shift` is what stands before the archive in its file."""

    start: int
    end: int
    member_count: int
    shift: int


def find_directory(file: IO[bytes]) -> CentralDirectory:
    """The central directory, by the end of the file. MalformedFile when it has none."""
    size = file.seek(0, 2)
    tail_start = max(0, size - MAX_COMMENT - End.SIZE)
    file.seek(tail_start)
    tail = file.read(MAX_COMMENT + End.SIZE)
    at = tail.rfind(END)
    if at < 0 or at + End.SIZE > len(tail):
        raise MalformedFile("the zip archive is cut short: no central directory", offset=size)
    end: End | LargeEnd = End.read(tail, at)
    position = tail_start + at
    wide = _find_end64(file, position)
    if wide:
        position, end = wide
    count, length, offset = end.entries, end.size, end.offset
    if end.disk or end.first_disk:
        raise InputUnusable(
            "one of several files of a split zip archive", hint="join them: zip -s0"
        )
    start = position - length
    if start < 0 or offset > start or count * CentralEntry.SIZE > length:
        raise MalformedFile("the zip archive's directory does not fit", offset=position)
    if count > MAX_MEMBERS:
        raise InputUnusable(f"a zip archive of {count:,} members", hint="unpack it")
    return CentralDirectory(start, position, count, start - offset)


def _find_end64(file: IO[bytes], offset: int) -> tuple[int, LargeEnd] | None:
    """The ZIP64 end of the directory and where it is, if there is one."""
    if offset < Locator.SIZE:
        return None
    file.seek(offset - Locator.SIZE)
    locator = Locator.read(file.read(Locator.SIZE))
    if locator.signature != LOCATOR64:
        return None
    at = offset - Locator.SIZE - LargeEnd.SIZE  # where it is, if nothing stands before the archive
    for candidate in (locator.offset, at):
        if 0 <= candidate <= at:
            file.seek(candidate)
            end = LargeEnd.read(file.read(LargeEnd.SIZE))
            if end.signature == END64:
                return candidate, end
    raise MalformedFile("the zip archive's ZIP64 directory is not there", offset=offset)


def walk_entries(file: IO[bytes], directory: CentralDirectory) -> Iterator[ListedMember]:
    """The directory's entries; it is read a piece at a time."""
    offset, data, at = directory.start, b"", 0
    for _ in range(directory.member_count):
        if len(data) - at < CentralEntry.SIZE + 3 * 0xFFFF:
            file.seek(offset)
            data = file.read(min(DIRECTORY_STEP + 3 * 0xFFFF, directory.end - offset))
            at = 0
        entry = CentralEntry.read(data, at)
        after = at + CentralEntry.SIZE + entry.name_size
        total = CentralEntry.SIZE + entry.name_size + entry.extra_size + entry.comment_size
        if entry.signature != CENTRAL or at + total > len(data):
            raise MalformedFile("the zip archive's directory is damaged", offset=offset)
        name = data[at + CentralEntry.SIZE : after]
        yield _read_entry(offset, entry, name, data[after : after + entry.extra_size])
        offset += total
        at += total


def _read_entry(offset: int, entry: CentralEntry, name: bytes, extra: bytes) -> ListedMember:
    """An entry, with what its ZIP64 part says."""
    sizes = {"size": entry.size, "packed_size": entry.packed_size, "offset": entry.offset}
    wide = [field for field, value in sizes.items() if value == FULL32]
    if wide:
        data = _find_extra(extra, ZIP64_EXTRA)
        if len(data) < len(wide) * 8:
            raise MalformedFile("a member of the zip archive has no ZIP64 sizes", offset=offset)
        for index, field in enumerate(wide):
            sizes[field] = int.from_bytes(data[index * 8 : index * 8 + 8], "little")
    return ListedMember(
        offset,
        name,
        entry.flags,
        entry.method,
        entry.crc,
        sizes["packed_size"],
        sizes["size"],
        sizes["offset"],
        _read_mode(entry),
    )


def _read_mode(entry: CentralEntry) -> int:
    """What unzip gives a file: an archive made on Windows, or by a library, tells no mode."""
    is_told = entry.made_by >> 8 in UNIX_SYSTEMS
    return (entry.external >> 16 & 0o777 if is_told else 0) or UNTOLD_MODE


def _find_extra(extra: bytes, wanted: int) -> bytes:
    at = 0
    while at + Extra.SIZE <= len(extra):
        field = Extra.read(extra, at)
        at += Extra.SIZE
        if field.kind == wanted:
            return extra[at : at + field.size]
        at += field.size
    return b""
