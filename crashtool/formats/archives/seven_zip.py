"""7-Zip archives: their members' bytes, by the bounded decompressors.

Members lie one after the other in folders, each packed as a whole by a chain of coders; the header
may be packed in the same way. What branches (BCJ2) or needs a coder that is not here (PPMd,
Deflate64, AES) is named.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.archive_streams import (
    ArchiveMember,
    ArchiveStream,
    Counted,
    Portion,
    Slice,
    read_fully,
)
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.archives.codecs import (
    BZIP2,
    DEFLATE,
    UNPACK_HINT,
    Unpacker,
    lzma1,
    lzma2,
)
from crashtool.formats.archives.filters import Filtered
from crashtool.formats.archives.seven_zip_header import (
    ADDITIONAL_STREAMS,
    ARCHIVE_PROPERTIES,
    ENCODED_HEADER,
    END,
    FILES,
    HEADER,
    MAIN_STREAMS,
    Coder,
    HeaderReader,
    SevenZipFolder,
    Streams,
    read_streams,
    walk_files,
)
from crashtool.formats.archives.zstandard_frames import Zstandard
from crashtool.formats.record import U8, U32, U64, Record

MAGIC = b"7z\xbc\xaf\x27\x1c"
MAX_HEADER_SIZE = 16 << 20  # bytes, unpacked: some 100,000 names
MAX_HEADER_LAYERS = 4
COPY, LZMA, LZMA2, ZSTANDARD = b"\0", b"\x03\x01\x01", b"\x21", b"\x04\xf7\x11\x01"
DEFLATED, BZIP2ED, AES = b"\x04\x01\x08", b"\x04\x02\x02", b"\x06\xf1\x07\x01"
FILTER_IDS = {
    b"\x03\x03\x01\x03": "x86",
    b"\x04": "x86",
    b"\x03\x03\x02\x05": "powerpc",
    b"\x05": "powerpc",
    b"\x03\x03\x04\x01": "ia64",
    b"\x06": "ia64",
    b"\x03\x03\x05\x01": "arm",
    b"\x07": "arm",
    b"\x03\x03\x07\x01": "armthumb",
    b"\x08": "armthumb",
    b"\x03\x03\x08\x05": "sparc",
    b"\x09": "sparc",
    b"\x03": "delta",
}
READABLE = {COPY, LZMA, LZMA2, ZSTANDARD, DEFLATED, BZIP2ED, *FILTER_IDS}
NAMES = {
    b"\x03\x04\x01": "PPMd",
    b"\x04\x01\x09": "Deflate64",
    b"\x03\x03\x01\x1b": "BCJ2",
    b"\x0a": "ARM64 filter",
    b"\x0b": "RISC-V filter",
    b"\x04\xf7\x11\x02": "Brotli",
    b"\x04\xf7\x11\x04": "LZ4",
}


class SignatureHeader(Record):
    """The signature header behind its mark: where the header is."""

    major: U8
    minor: U8
    check: U32
    offset: U64
    size: U64
    header_check: U32


DATA_START = len(MAGIC) + SignatureHeader.SIZE


def walk_members(file: IO[bytes], budget: Budget) -> Iterator[ArchiveMember]:
    """The files of an archive, in order; each is to be read before the next is asked for.

    MalformedFile for damage, here or while a member is read; InputUnusable for what is encrypted
    as a whole.
    """
    file.seek(len(MAGIC))
    start = SignatureHeader.read(file.read(SignatureHeader.SIZE))
    if not start.size:
        return
    reader = _open_header(file, start, budget)
    streams = Streams()
    while (kind := reader.byte()) != END:
        if kind == ARCHIVE_PROPERTIES:
            while reader.byte() != END:
                reader.take(reader.number())
        elif kind == ADDITIONAL_STREAMS:
            read_streams(reader)
        elif kind == MAIN_STREAMS:
            streams = read_streams(reader)
        elif kind == FILES:
            yield from _walk_files(file, streams, reader, budget)
        else:
            raise reader.malformed()


def _open_header(file: IO[bytes], start: SignatureHeader, budget: Budget) -> HeaderReader:
    """The header's bytes behind its mark, unpacked as often as it is packed."""
    data = _read_bounded(Slice(file, DATA_START + start.offset, start.size), start.size)
    if zlib.crc32(data) != start.header_check:
        raise MalformedFile(
            "checksum mismatch in the 7-Zip archive's header", offset=DATA_START + start.offset
        )
    for _ in range(MAX_HEADER_LAYERS):
        reader = HeaderReader(data)
        kind = reader.byte()
        if kind == HEADER:
            return reader
        if kind != ENCODED_HEADER:
            raise reader.malformed()
        streams = read_streams(reader)
        if len(streams.folders) != 1:
            raise reader.malformed()
        obstacle = _find_obstacle(streams.folders[0])
        if obstacle:
            raise InputUnusable(f"the archive is {obstacle}", hint=UNPACK_HINT)
        data = _read_bounded(_open_folder(file, streams, 0, 0, budget), sum(streams.sizes))
    raise reader.malformed()


def _read_bounded(stream: ArchiveStream, size: int) -> bytes:
    if size > MAX_HEADER_SIZE:
        raise InputUnusable(f"a 7-Zip archive with a header of {size:,} bytes", hint=UNPACK_HINT)
    data = read_fully(stream, size)
    if len(data) < size:
        raise MalformedFile("the 7-Zip archive's header is cut short", offset=len(data))
    return data


def _walk_files(
    file: IO[bytes], streams: Streams, reader: HeaderReader, budget: Budget
) -> Iterator[ArchiveMember]:
    contents = _walk_contents(file, streams, budget)
    for entry in walk_files(reader):
        if not entry.has_stream:
            continue
        content = next(contents, None)
        if content is None:
            raise reader.malformed()
        size, stream, obstacle = content
        yield ArchiveMember(entry.name.replace("\\", "/"), size, stream, obstacle)


def _walk_contents(
    file: IO[bytes], streams: Streams, budget: Budget
) -> Iterator[tuple[int, ArchiveStream, str]]:
    """The size and the bytes of each file that has any, and why they cannot be read."""
    index = first = 0
    for number, folder in enumerate(streams.folders):
        obstacle = _find_obstacle(folder)
        stream = None if obstacle else Counted(_open_folder(file, streams, number, first, budget))
        for _ in range(streams.counts[number]):
            size, check = streams.sizes[index], streams.checks[index]
            index += 1
            if stream is None:
                yield size, Slice(file, 0, 0), obstacle
                continue
            portion = Portion(stream, size)
            yield size, _Checked(portion, check), ""
            if portion.left and index < len(streams.sizes):
                portion.skip()
        first += folder.packed


def _find_obstacle(folder: SevenZipFolder) -> str:
    """Why a folder cannot be unpacked; "" when it can."""
    if AES in folder.ids:
        return "encrypted"
    for identifier in folder.ids:
        if identifier not in READABLE:
            name = NAMES.get(identifier, f"method {identifier.hex()}")
            return f"packed by {name}, which is not read here"
    return "" if folder.coders else "packed in several streams, which is not read here"


def _open_folder(
    file: IO[bytes], streams: Streams, folder_number: int, first: int, budget: Budget
) -> ArchiveStream:
    """The unpacked bytes of a folder, whose packed streams begin with number `first`."""
    offset = DATA_START + streams.offset + sum(streams.packed_sizes[:first])
    stream: ArchiveStream = Slice(file, offset, streams.packed_sizes[first])
    folder = streams.folders[folder_number]
    for coder, number in zip(folder.coders, folder.order, strict=True):
        stream = _undo(coder, stream, streams.unpack_sizes[folder_number][number], budget)
    return stream


def _undo(coder: Coder, stream: ArchiveStream, size: int, budget: Budget) -> ArchiveStream:
    if coder.id == COPY:
        return stream
    if coder.id == ZSTANDARD:
        return Zstandard(stream, budget)
    if name := FILTER_IDS.get(coder.id):
        return Filtered(stream, name, coder.properties)
    if coder.id == LZMA:
        return Unpacker(stream, lzma1(coder.properties, size, budget), budget, size)
    if coder.id == LZMA2:
        return Unpacker(stream, lzma2(coder.properties, size, budget), budget, size)
    return Unpacker(stream, DEFLATE if coder.id == DEFLATED else BZIP2, budget, size)


class _Checked:
    """A member's bytes; at their end the check sum is compared."""

    def __init__(self, portion: Portion, check: int | None) -> None:
        self._portion = portion
        self._wanted = check
        self._check = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. MalformedFile for another check sum."""
        block = self._portion.read(size)
        self._check = zlib.crc32(block, self._check)
        if not self._portion.left and self._wanted not in (None, self._check):
            raise MalformedFile("checksum mismatch in a file of the 7-Zip archive", offset=0)
        return block
