"""Microsoft cabinets, in which symstore keeps files that it compresses (app.pd_ for app.pdb).

The format: Microsoft, "Cabinet File Format" and "MSZIP". Files lie one after the other in folders,
which are packed as a whole, in blocks of 32 KiB. Unpacked are MSZIP and what is only stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, TypeVar

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.archive_streams import ArchiveMember
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.record import U8, U16, U32, Bytes4, Record

AnyRecord = TypeVar("AnyRecord", bound=Record)

MAGIC = b"MSCF"
SPANS = 0x1 | 0x2  # flags: the set goes on in a cabinet before, or in one after
HAS_RESERVES = 0x4
STORED, MSZIP, QUANTUM, LZX = range(4)
METHOD = 0xF
METHODS = {QUANTUM: "Quantum", LZX: "LZX"}
BLOCK_MARK = b"CK"
BLOCK_SIZE = 32768  # bytes, unpacked: also the window of the next block
MAX_NAME_LENGTH = 256  # bytes, with its NUL
UTF8_NAME = 0x80


class CfHeader(Record):
    """CFHEADER up to what is optional."""

    signature: Bytes4
    reserved_1: U32
    size: U32
    reserved_2: U32
    files_offset: U32
    reserved_3: U32
    minor_version: U8
    major_version: U8
    folder_count: U16
    file_count: U16
    flags: U16
    set_id: U16
    number: U16


class Reserves(Record):
    """How much room header, folders and blocks have for others' use, in bytes."""

    header: U16
    folder: U8
    block: U8


class CfFolder(Record):
    """CFFOLDER: where its blocks begin, how many there are, how they are packed."""

    offset: U32
    block_count: U16
    method: U16


class CfFile(Record):
    """CFFILE up to its name: `start` counts unpacked bytes of the folder."""

    size: U32
    start: U32
    folder: U16
    date: U16
    time: U16
    attributes: U16


class BlockHeader(Record):
    """CFDATA up to its bytes; `checksum` 0 means that there is none."""

    checksum: U32
    size: U16
    unpacked_size: U16


def walk_members(file: IO[bytes], budget: Budget) -> Iterator[ArchiveMember]:
    """The files of a cabinet, in order; each is to be read before the next is asked for.

    InputUnusable for methods that are not known here, and for sets of cabinets; MalformedFile for
    damage, here or while a member is read.
    """
    header = _read(file, CfHeader, 0)
    if header.signature != MAGIC:
        raise MalformedFile("not a cabinet", offset=0)
    if header.flags & SPANS:
        raise InputUnusable("one of a set of cabinets", hint="unpack the set: expand, cabextract")
    offset, reserves = CfHeader.SIZE, Reserves()
    if header.flags & HAS_RESERVES:
        reserves = _read(file, Reserves, offset)
        offset += Reserves.SIZE + reserves.header
    step = CfFolder.SIZE + reserves.folder
    folders = [
        _read(file, CfFolder, offset + step * number) for number in range(header.folder_count)
    ]
    stream, current = None, -1  # of one folder at a time: each has a window
    offset = header.files_offset
    for _ in range(header.file_count):
        start = offset
        member = _read(file, CfFile, start)
        name, offset = _read_name(file, offset + CfFile.SIZE, member.attributes)
        if member.folder >= len(folders):
            raise MalformedFile(
                f"a file in folder {member.folder}, which there is not", offset=start
            )
        if stream is None or member.folder != current or stream.position > member.start:
            stream = _Unpacked(file, folders[member.folder], reserves.block, budget)
            current = member.folder
        stream.skip_to(member.start)
        stream.end = member.start + member.size
        yield ArchiveMember(name, member.size, stream)


class _Unpacked:
    """The unpacked bytes of a folder, read forward, up to `end`."""

    def __init__(self, file: IO[bytes], folder: CfFolder, reserve: int, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._method = folder.method & METHOD
        if self._method not in (STORED, MSZIP):
            name = METHODS.get(self._method, "an unknown method")
            raise InputUnusable(
                f"packed in a cabinet by {name}", hint="unpack it: expand, cabextract or 7z"
            )
        self._place = folder.offset
        self._blocks = folder.block_count
        self._reserve = reserve
        self._window = b""
        self._ready = b""
        self.position = 0
        self.end = 0

    def skip_to(self, position: int) -> None:
        self.end = position
        while self.position < position:
            self.read(min(BLOCK_SIZE, position - self.position))

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end of the member."""
        size = min(size, self.end - self.position)
        if size <= 0:
            return b""
        if not self._ready:
            self._ready = self._unpack_block()
        block, self._ready = self._ready[:size], self._ready[size:]
        self.position += len(block)
        return block

    def _unpack_block(self) -> bytes:
        if not self._blocks:
            raise MalformedFile("a folder is shorter than its files", offset=self._place)
        self._blocks -= 1
        start = self._place
        header = _read(self._file, BlockHeader, start)
        self._file.seek(start + BlockHeader.SIZE + self._reserve)
        data = self._file.read(header.size)
        if len(data) < header.size:
            raise MalformedFile("the cabinet is cut short", offset=start)
        self._place = start + BlockHeader.SIZE + self._reserve + header.size
        sizes = header.size | header.unpacked_size << 16
        if header.checksum and not self._reserve and header.checksum != checksum(data) ^ sizes:
            raise MalformedFile("checksum mismatch in a block of the cabinet", offset=start)
        unpacked = self._inflate(data, start) if self._method == MSZIP else data
        if len(unpacked) != header.unpacked_size or not unpacked:
            raise MalformedFile("size mismatch in a block of the cabinet", offset=start)
        self._budget.spend(len(unpacked))
        return unpacked

    def _inflate(self, data: bytes, offset: int) -> bytes:
        if not data.startswith(BLOCK_MARK):
            raise MalformedFile("a block of the cabinet is not MSZIP", offset=offset)
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._window)
        try:
            unpacked = unpacker.decompress(data[len(BLOCK_MARK) :], BLOCK_SIZE + 1)
        except zlib.error as error:
            raise MalformedFile(f"a block of the cabinet: {error}", offset=offset) from None
        self._window = (self._window + unpacked)[-BLOCK_SIZE:]
        return unpacked


def checksum(data: bytes) -> int:
    """The XOR of the data's 32-bit words, as CFDATA has it of its bytes.

    What is left at the end, up to three bytes, counts in the opposite order.
    """
    whole = len(data) & ~3
    value, bits = int.from_bytes(data[:whole], "little"), 32
    while bits < whole * 8:
        bits *= 2
    while bits > 32:  # noqa: PLR2004 (the two halves of what is left, down to one word)
        bits //= 2
        value = (value >> bits) ^ (value & ((1 << bits) - 1))
    return value ^ int.from_bytes(data[whole:], "big")


def _read(file: IO[bytes], kind: type[AnyRecord], offset: int) -> AnyRecord:
    file.seek(offset)
    return kind.read(file.read(kind.SIZE))


def _read_name(file: IO[bytes], offset: int, attributes: int) -> tuple[str, int]:
    """A name, and where it ends."""
    file.seek(offset)
    name, end, _ = file.read(MAX_NAME_LENGTH).partition(b"\0")
    if not end:
        raise MalformedFile("a name in the cabinet does not end", offset=offset)
    encoding = "utf-8" if attributes & UTF8_NAME else "cp1252"
    return name.decode(encoding, "replace"), offset + len(name) + 1
