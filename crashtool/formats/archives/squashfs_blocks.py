"""The blocks of a SquashFS image: metadata, files' data, fragments; each unpacked in bounds.

Blocks may be shared: a fragment holds the ends of many files, and files with the same bytes have
the same blocks. So whatever is unpacked counts, stored blocks too, and a few blocks are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from io import BytesIO
from typing import IO, TypeVar

from crashtool.errors import MalformedFile
from crashtool.formats.archives.archive_streams import ArchiveStream, Slice, read_fully
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.archives.codecs import Unpacker
from crashtool.formats.archives.squashfs_tables import (
    BLOCK_SIZE_MASK,
    METADATA_SIZE,
    STORED_BLOCK,
    STORED_METADATA,
    Fragment,
    Superblock,
    method_of,
    read_superblock,
)
from crashtool.formats.archives.zstandard_frames import Zstandard
from crashtool.formats.record import U16, U64, Record

AnyRecord = TypeVar("AnyRecord", bound=Record)

METADATA_KEPT, FRAGMENTS_KEPT = 64, 4  # blocks: 512 KiB and 4 MiB at most
ROWS_IN_BLOCK = METADATA_SIZE // Fragment.SIZE


class MetadataHeader(Record):
    """What stands before a metadata block: its packed size, with a bit for what is only stored."""

    size: U16


class MetadataBlock(Record):
    """Where a metadata block of a table is."""

    offset: U64


class SquashfsImage:
    """An image that begins at `start` of a file. Errors of `read_superblock`."""

    def __init__(self, file: IO[bytes], start: int, budget: Budget) -> None:
        self._file = file
        self._start = start
        self._budget = budget
        self.superblock: Superblock = read_superblock(file, start)
        self._method = method_of(self.superblock)
        self._metadata: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        self._fragments: OrderedDict[int, bytes] = OrderedDict()

    def damaged(self, what: str, offset: int) -> MalformedFile:
        """The error for what is wrong at an offset of the image, told by that in the file."""
        return MalformedFile(f"the SquashFS image is damaged: {what}", offset=self._start + offset)

    def spend(self, size: int) -> None:
        """Count work that unpacks nothing, as so many bytes."""
        self._budget.spend(size)

    def read_metadata(self, offset: int) -> tuple[bytes, int]:
        """The metadata block at an offset, unpacked, and where the next one is."""
        kept = self._metadata.get(offset)
        if kept:
            self._metadata.move_to_end(offset)
            return kept
        size = MetadataHeader.read(self._take(offset, MetadataHeader.SIZE)).size
        start = offset + MetadataHeader.SIZE
        packed_size = size & ~STORED_METADATA
        if not 0 < packed_size <= METADATA_SIZE:
            raise self.damaged(f"a metadata block of {packed_size:,} bytes", offset)
        stream = self._open(start, packed_size, is_stored=bool(size & STORED_METADATA))
        block = self._read_block(stream, METADATA_SIZE, start)
        unpacked = self._metadata[offset] = (block, start + packed_size)
        if len(self._metadata) > METADATA_KEPT:
            self._metadata.popitem(last=False)
        return unpacked

    def open_fragment(self, index: int, start: int, size: int) -> ArchiveStream:
        """So many bytes of the block of a fragment, from `start` on."""
        data = self._read_fragment(index)[start : start + size]
        return _Spent(BytesIO(data), self._budget)

    def open_zeros(self, size: int) -> ArchiveStream:
        """So many zeros."""
        return _Spent(_Zeros(size), self._budget)

    def open_block(self, offset: int, told: int) -> ArchiveStream:
        """The bytes of a data block; `told` is its packed size, with a bit for what is stored."""
        size = told & BLOCK_SIZE_MASK
        if told > STORED_BLOCK | BLOCK_SIZE_MASK or not 0 < size <= self.superblock.block_size:
            raise self.damaged(f"a block of {size:,} bytes", offset)
        return self._open(offset, size, is_stored=bool(told & STORED_BLOCK))

    def _read_fragment(self, index: int) -> bytes:
        kept = self._fragments.get(index)
        if kept is not None:
            self._fragments.move_to_end(index)
            return kept
        table = self.superblock.fragments
        if index >= self.superblock.fragment_count:
            raise self.damaged(f"a file in fragment {index}, which there is not", table)
        block, entry = divmod(index, ROWS_IN_BLOCK)
        offset = table + block * MetadataBlock.SIZE
        rows, _ = self.read_metadata(
            MetadataBlock.read(self._take(offset, MetadataBlock.SIZE)).offset
        )
        if (entry + 1) * Fragment.SIZE > len(rows):
            raise self.damaged("the table of fragments is too short", offset)
        fragment = Fragment.read(rows, entry * Fragment.SIZE)
        stream = self.open_block(fragment.start, fragment.size)
        data = self._read_block(stream, self.superblock.block_size, fragment.start)
        self._fragments[index] = data
        if len(self._fragments) > FRAGMENTS_KEPT:
            self._fragments.popitem(last=False)
        return data

    def _open(self, start: int, size: int, *, is_stored: bool) -> ArchiveStream:
        if start < Superblock.SIZE or start + size > self.superblock.size:
            raise self.damaged("a block that is not in it", start)
        packed = Slice(self._file, self._start + start, size)
        if is_stored:
            return _Spent(packed, self._budget)
        if self._method is None:
            return Zstandard(packed, self._budget)
        return Unpacker(packed, self._method, self._budget)

    def _read_block(self, stream: ArchiveStream, most: int, offset: int) -> bytes:
        """All of a block's bytes, of which there are so many at most, and not none."""
        try:
            block = read_fully(stream, most + 1)
        except MalformedFile as error:
            raise self.damaged(error.fault, offset) from None
        if not 0 < len(block) <= most:
            raise self.damaged(f"a block that unpacks to other than {most:,} bytes", offset)
        return block

    def _take(self, offset: int, size: int) -> bytes:
        """So many bytes of the image."""
        if offset < Superblock.SIZE or offset + size > self.superblock.size:
            raise self.damaged("it points out of itself", offset)
        self._file.seek(self._start + offset)
        return self._file.read(size)


class _Zeros:
    """A block of zeros, which is not written in the image."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


class _Spent:
    """Bytes that come out without a decompressor, and count as if they came from one."""

    def __init__(self, stream: ArchiveStream, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        block = self._stream.read(size)
        self._budget.spend(len(block))
        return block


class MetadataReader:
    """Structs that lie one after the other in metadata blocks, from an offset in the first on."""

    def __init__(self, image: SquashfsImage, start: int, offset: int) -> None:
        self._image = image
        self.start = start
        self._block, self._next = image.read_metadata(start)
        self._at = offset
        if offset >= len(self._block):
            raise image.damaged(f"it points {offset:,} bytes into a block", start)

    def read(self, kind: type[AnyRecord]) -> AnyRecord:
        """The next struct, which may go on in the next block."""
        return kind.read(self.take(kind.SIZE))

    def take(self, size: int) -> bytes:
        """The next bytes: so many."""
        data = self._block[self._at : self._at + size]
        self._at += len(data)
        while len(data) < size:
            self.start = self._next
            self._block, self._next = self._image.read_metadata(self.start)
            self._at = min(size - len(data), len(self._block))
            data += self._block[: self._at]
        return data
