"""Zip archives: the central directory read as a stream, each member by a bounded decompressor.

The format: PKWARE, APPNOTE.TXT. Python's `zipfile` keeps a directory of a million members in half a
gigabyte, and bounds what comes out of a member for deflate alone.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from typing import IO

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.archive_streams import (
    ArchiveMember,
    ArchiveStream,
    Slice,
    read_fully,
)
from crashtool.formats.archives.bounds import MAX_MEMBERS, Budget
from crashtool.formats.archives.codecs import (
    BZIP2,
    DEFLATE,
    LZMA_PROPERTIES,
    XZ,
    Unpacker,
    lzma1,
)
from crashtool.formats.archives.zstandard_frames import Zstandard
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.zip_structs import (
    CENTRAL,
    DEFLATED,
    ENCRYPTED,
    END,
    END64,
    FULL32,
    IS_UTF8,
    LOCAL,
    LOCATOR64,
    STORED,
    ZIP64_EXTRA,
    CentralEntry,
    End,
    Extra,
    LargeEnd,
    LocalHeader,
    Locator,
)

MAGICS = (LOCAL, END)
MAX_COMMENT = 1 << 16
BZIP2ED, LZMAED = 12, 14
ZSTANDARD, OLD_ZSTANDARD, XZED = 93, 20, 95
METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}
LZMA_HEAD = 4  # bytes before the properties: a version, and their size
UNIX_SYSTEMS = (3, 19)  # Unix, macOS: APPNOTE.TXT 4.4.2
UNTOLD_MODE = 0o644
DIRECTORY_STEP = 1 << 16


class _DirectoryEntry(NamedTuple):
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


def walk_members(file: IO[bytes], budget: Budget) -> Iterator[ArchiveMember]:
    """The files and folders of an archive, in the directory's order.

    A member's stream may be left unread.

    MalformedFile for damage, here or while a member is read; InputUnusable for one of several
    disks, and for members that lie on one another, as is made to unpack to more than is there.
    """
    directory = find_directory(file)
    _check_places(file, directory)
    for entry in _walk_rows(file, directory):
        content = _MemberContent(file, entry, directory.shift, budget)
        yield ArchiveMember(_decode(entry), entry.size, content, _obstacle(entry), mode=entry.mode)


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


def _check_places(file: IO[bytes], directory: CentralDirectory) -> None:
    """InputUnusable when members lie on one another."""
    offsets, ends = array("Q"), array("Q")
    last, is_sorted = -1, True
    for entry in _walk_rows(file, directory):
        offsets.append(entry.offset)
        ends.append(entry.offset + LocalHeader.SIZE + len(entry.name) + entry.packed_size)
        is_sorted &= entry.offset > last
        last = entry.offset
    order = (
        range(len(offsets)) if is_sorted else sorted(range(len(offsets)), key=offsets.__getitem__)
    )
    before = 0
    for index in order:
        if offsets[index] < before:
            raise InputUnusable(
                "a zip archive whose members lie on one another: made to unpack to more than it is",
                hint="do not trust it",
            )
        before = ends[index]


def _walk_rows(file: IO[bytes], directory: CentralDirectory) -> Iterator[_DirectoryEntry]:
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
        yield _read_row(offset, entry, name, data[after : after + entry.extra_size])
        offset += total
        at += total


def _read_row(offset: int, entry: CentralEntry, name: bytes, extra: bytes) -> _DirectoryEntry:
    """An entry, with what its ZIP64 part says."""
    sizes = {"size": entry.size, "packed_size": entry.packed_size, "offset": entry.offset}
    wide = [field for field, value in sizes.items() if value == FULL32]
    if wide:
        data = _find_extra(extra, ZIP64_EXTRA)
        if len(data) < len(wide) * 8:
            raise MalformedFile("a member of the zip archive has no ZIP64 sizes", offset=offset)
        for index, field in enumerate(wide):
            sizes[field] = int.from_bytes(data[index * 8 : index * 8 + 8], "little")
    return _DirectoryEntry(
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


def _decode(entry: _DirectoryEntry) -> str:
    name = entry.name.partition(b"\0")[0]
    return name.decode("utf-8" if entry.flags & IS_UTF8 else "cp437", "replace")


def _obstacle(entry: _DirectoryEntry) -> str:
    """Why a member cannot be read; "" when it can."""
    if entry.flags & ENCRYPTED and entry.size:
        return "encrypted"
    if entry.method in (STORED, DEFLATED, BZIP2ED, LZMAED, ZSTANDARD, OLD_ZSTANDARD, XZED):
        return ""
    return (
        f"packed by {METHODS.get(entry.method, f'method {entry.method}')}, which is not read here"
    )


class _MemberContent:
    """A member's bytes; its own header is not read before the first are asked for.

    At the end the check sum is compared.
    """

    def __init__(self, file: IO[bytes], entry: _DirectoryEntry, shift: int, budget: Budget) -> None:
        self._file = file
        self._row = entry
        self._start = entry.offset + shift
        self._budget = budget
        self._stream: ArchiveStream | None = None
        self._check = 0
        self._left = entry.size

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. MalformedFile for damage."""
        if self._stream is None:
            self._stream = self._open()
        block = self._stream.read(min(size, self._left)) if self._left else b""
        self._check = zlib.crc32(block, self._check)
        self._left -= len(block)
        if not block and self._left and size:
            raise self._damaged("is shorter than the directory says")
        if not self._left and self._check != self._row.check:
            raise self._damaged("has another check sum, or is longer than the directory says")
        return block

    def _open(self) -> ArchiveStream:
        entry = self._row
        header = Slice(self._file, self._start, LocalHeader.SIZE + 0xFFFF)
        local = LocalHeader.read(read_fully(header, LocalHeader.SIZE))
        name = read_fully(header, local.name_size) if local.name_size else b""
        if local.signature != LOCAL:
            raise self._damaged("is not where the directory says")
        if (
            name != entry.name
            or local.method != entry.method
            or (local.flags ^ entry.flags) & ENCRYPTED
        ):
            raise self._damaged("is another in its own header than in the directory")
        start = self._start + LocalHeader.SIZE + local.name_size + local.extra_size
        return self._unpack(Slice(self._file, start, entry.packed_size))

    def _unpack(self, packed: Slice) -> ArchiveStream:
        entry = self._row
        if entry.method == STORED:
            if entry.size != entry.packed_size:
                raise self._damaged("is stored, and has two sizes")
            return packed
        if entry.method in (ZSTANDARD, OLD_ZSTANDARD):
            return Zstandard(packed, self._budget)
        if entry.method == LZMAED:
            head = read_fully(packed, LZMA_HEAD + LZMA_PROPERTIES)
            return Unpacker(
                packed, lzma1(head[LZMA_HEAD:], entry.size, self._budget), self._budget, entry.size
            )
        method = {DEFLATED: DEFLATE, BZIP2ED: BZIP2, XZED: XZ}[entry.method]
        return Unpacker(packed, method, self._budget, entry.size)

    def _damaged(self, what: str) -> MalformedFile:
        return MalformedFile(
            f"the zip archive's member '{_decode(self._row)}' {what}", offset=self._start
        )
