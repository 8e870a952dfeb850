"""MSF 7.00, the container of a PDB: streams, each a list of blocks anywhere in the file."""

from __future__ import annotations

from itertools import accumulate
from struct import unpack_from
from typing import TYPE_CHECKING, Annotated

from crashtool.errors import MalformedFile
from crashtool.formats.record import U32, Record

Bytes32 = Annotated[bytes, "32s"]

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
ABSENT = 0xFFFFFFFF
BLOCK_SIZES = frozenset(1 << power for power in range(9, 17))
MAX_DIRECTORY_BYTES = 64 << 20
MAX_STREAMS = 1 << 16  # a module names its stream with 16 bits
MAX_TEXT = 1 << 16
NUMBER = 4  # bytes of a block's number, a stream's size


class SuperBlock(Record):
    """What an MSF file begins with; the blocks that hold the directory's list of blocks follow."""

    magic: Bytes32
    block_size: U32
    free_map_block: U32
    block_count: U32
    directory_size: U32
    reserved: U32


class MsfStream:
    """A stream, as far as its blocks are there; reading beyond its end gives fewer bytes.

    `numbers` holds the numbers of its blocks from `start` on, 32 bits each.
    """

    def __init__(self, file: MultiStreamFile, numbers: bytes, start: int, size: int) -> None:
        self.size = size
        self._file = file
        self._numbers = numbers
        self._start = start

    def __len__(self) -> int:
        return self.size

    def read(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start` on. MalformedFile when they lie beyond the file."""
        size = min(size, self.size - start)
        if size <= 0 or start < 0:
            return b""
        block_size = self._file.block_size
        first, inner = divmod(start, block_size)
        count = (inner + size + block_size - 1) // block_size
        blocks = unpack_from(f"<{count}I", self._numbers, self._start + first * NUMBER)
        if blocks[-1] - blocks[0] == count - 1 and blocks == tuple(
            range(blocks[0], blocks[0] + count)
        ):
            return self._file.read_bytes(blocks[0] * block_size + inner, size)
        pieces = [self._file.read_bytes(number * block_size, block_size) for number in blocks[:-1]]
        rest = inner + size - (count - 1) * block_size
        pieces.append(self._file.read_bytes(blocks[-1] * block_size, rest))
        return b"".join(pieces)[inner:]

    def read_exactly(self, start: int, size: int) -> bytes:
        """`size` bytes. MalformedFile when the stream has fewer."""
        data = self.read(start, size)
        if len(data) != size:
            raise MalformedFile("a stream of the PDB is cut short", offset=max(start, 0))
        return data

    def read_string(self, start: int) -> str:
        """The text from `start` to its zero; "" where there is none."""
        size = 1 << 8
        while True:
            data = self.read(start, size)
            text, zero, _ = data.partition(b"\0")
            if zero or len(data) < size or size >= MAX_TEXT:
                return text.decode("utf-8", "replace")
            size <<= 3


class MultiStreamFile:
    """The streams of an MSF file, by their numbers."""

    def __init__(self, data: Content) -> None:
        """MalformedFile when the directory cannot be read."""
        self._data = data
        head = SuperBlock.read(data)
        self.block_size = head.block_size
        if head.block_size not in BLOCK_SIZES:
            raise MalformedFile("a PDB of impossible block size", offset=32)
        size = head.block_size * head.block_count
        if size > len(data):
            raise MalformedFile(
                f"a PDB cut short: {len(data):,} of its {size:,} bytes are here", offset=len(data)
            )
        if head.directory_size > min(MAX_DIRECTORY_BYTES, len(data)):
            raise MalformedFile("a PDB whose directory does not fit", offset=44)
        self._directory = self._read_directory(head.directory_size)
        count = int.from_bytes(self._directory[:NUMBER], "little")
        if count > MAX_STREAMS:
            raise MalformedFile(f"a PDB of {count} streams", offset=0)
        if NUMBER * (1 + count) > len(self._directory):
            raise MalformedFile("the directory of a PDB is cut short", offset=0)
        sizes = unpack_from(f"<{count}I", self._directory, NUMBER)
        self.sizes = tuple(0 if size == ABSENT else size for size in sizes)
        self._starts = tuple(
            accumulate(
                (NUMBER * self.count_blocks(size) for size in self.sizes),
                initial=NUMBER * (1 + count),
            )
        )

    def _read_directory(self, size: int) -> bytes:
        """The directory, by the list of its blocks, by the list of that list's blocks."""
        count = self.count_blocks(size)
        lists = self.count_blocks(count * NUMBER)
        numbers = self.read_bytes(SuperBlock.SIZE, lists * NUMBER)
        blocks = MsfStream(self, numbers, 0, count * NUMBER).read_exactly(0, count * NUMBER)
        return MsfStream(self, blocks, 0, size).read_exactly(0, size)

    def count_blocks(self, size: int) -> int:
        """How many blocks so many bytes take."""
        return -(-size // self.block_size)

    def read_bytes(self, offset: int, size: int) -> bytes:
        """Bytes of the file itself. MalformedFile when they lie beyond its end."""
        if offset + size > len(self._data):
            raise MalformedFile("a PDB's block lies beyond the end", offset=offset)
        return bytes(self._data[offset : offset + size])

    def get_size(self, number: int) -> int:
        """The size of a stream in bytes; 0 for one that is not there."""
        return self.sizes[number] if number < len(self.sizes) else 0

    def open_stream(self, number: int) -> MsfStream:
        """A stream; an empty one for a number that none has.

        MalformedFile when the directory has not all its blocks.
        """
        size = self.get_size(number)
        if not size:
            return MsfStream(self, b"", 0, 0)
        start = self._starts[number]
        if self._starts[number + 1] - self._starts[0] > NUMBER * self.count_blocks(len(self._data)):
            raise MalformedFile("the streams of a PDB have more blocks than it", offset=start)
        if start + NUMBER * self.count_blocks(size) > len(self._directory):
            raise MalformedFile("the directory of a PDB is cut short", offset=start)
        return MsfStream(self, self._directory, start, size)
