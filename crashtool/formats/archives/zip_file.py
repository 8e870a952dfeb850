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
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.archives.codecs import (
    BZIP2,
    DEFLATE,
    LZMA_PROPERTIES,
    XZ,
    Unpacker,
    lzma1,
)
from crashtool.formats.archives.zip_directory import (
    CentralDirectory,
    ListedMember,
    find_directory,
    walk_entries,
)
from crashtool.formats.archives.zstandard_frames import Zstandard
from crashtool.formats.zip_structs import (
    DEFLATED,
    ENCRYPTED,
    END,
    IS_UTF8,
    LOCAL,
    STORED,
    LocalHeader,
)

MAGICS = (LOCAL, END)
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


def walk_members(file: IO[bytes], budget: Budget) -> Iterator[ArchiveMember]:
    """The files and folders of an archive, in the directory's order.

    A member's stream may be left unread.

    MalformedFile for damage, here or while a member is read; InputUnusable for one of several
    disks, and for members that lie on one another, as is made to unpack to more than is there.
    """
    directory = find_directory(file)
    _check_places(file, directory)
    for entry in walk_entries(file, directory):
        content = _MemberContent(file, entry, directory.shift, budget)
        yield ArchiveMember(_decode(entry), entry.size, content, _obstacle(entry), mode=entry.mode)


def _check_places(file: IO[bytes], directory: CentralDirectory) -> None:
    """InputUnusable when members lie on one another."""
    offsets, ends = array("Q"), array("Q")
    last, is_sorted = -1, True
    for entry in walk_entries(file, directory):
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
                "a zip archive with overlapping members, as archives made to fill a disk have",
                hint="do not trust it",
            )
        before = ends[index]


def _decode(entry: ListedMember) -> str:
    name = entry.name.partition(b"\0")[0]
    return name.decode("utf-8" if entry.flags & IS_UTF8 else "cp437", "replace")


def _obstacle(entry: ListedMember) -> str:
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

    def __init__(self, file: IO[bytes], entry: ListedMember, shift: int, budget: Budget) -> None:
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
