"""A large packed section read piece by piece: it is never held inflated as a whole.

A packed section is one stream, which can be read from its start alone. So the state of the library
that unpacks it is kept every few megabytes of output, and reading goes on from the nearest one.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from crashtool.formats.dwarf.forms import DamagedDwarf

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

BLOCK = 1 << 18  # bytes that are inflated at a time
BLOCKS_KEPT = 128
MARK_DISTANCE = 16  # blocks; of 300 MB 75 marks of some 50 KB
PORTION = 1 << 16  # packed bytes that are handed over at a time


class Inflated:
    """What a zlib stream unpacks to, as bytes are read: by index, slice and `find`.

    DamagedDwarf where the stream is damaged, or ends before its `size`.
    """

    def __init__(self, data: Content, start: int, end: int, size: int) -> None:
        self._data = data
        self._end = end
        self._size = size
        self._blocks: dict[int, bytes] = {}
        self._marks: dict[int, tuple[Any, int]] = {0: (zlib.decompressobj(), start)}
        self._front: tuple[int, Any, int] | None = None  # where the last reading has ended

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: SupportsIndex | slice) -> int | bytes:
        if isinstance(key, slice):
            start, stop, _ = key.indices(self._size)
            return self._read(start, stop)
        offset = key.__index__()
        if not 0 <= offset < self._size:
            raise IndexError(offset)
        return self._read(offset, offset + 1)[0]

    def find(self, wanted: bytes, start: int = 0, stop: int | None = None) -> int:
        """Where a byte first is from `start` on, before `stop`; -1 when it is not there."""
        stop = self._size if stop is None else min(stop, self._size)
        while start < stop:
            end = min(stop, (start // BLOCK + 1) * BLOCK)
            position = self._read(start, end).find(wanted)
            if position >= 0:
                return start + position
            start = end
        return -1

    def _read(self, start: int, stop: int) -> bytes:
        parts = []
        while start < stop:
            number, at = divmod(start, BLOCK)
            end = min(BLOCK, at + stop - start)
            parts.append(self._open(number)[at:end])
            start += end - at
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _open(self, number: int) -> bytes:
        block = self._blocks.pop(number, None)
        if block is None:
            block = self._inflate(number)
        self._blocks[number] = block  # the one that was used last stands last
        while len(self._blocks) > BLOCKS_KEPT:
            del self._blocks[next(iter(self._blocks))]
        return block

    def _inflate(self, wanted: int) -> bytes:
        """A block, from the nearest mark on; the last of those that were passed are kept, too."""
        first, stream, offset = self._find_start(wanted)
        block = b""
        for number in range(first, wanted + 1):
            block, offset = self._read_block(stream, offset, number)
            if number > wanted - MARK_DISTANCE:
                self._blocks[number] = block
            following = number + 1
            if following % MARK_DISTANCE == 0 and following not in self._marks:
                self._marks[following] = stream.copy(), offset
        self._front = wanted + 1, stream, offset
        return block

    def _find_start(self, wanted: int) -> tuple[int, Any, int]:
        """The nearest block before one from which the stream can be read, and where that is."""
        first = max(number for number in self._marks if number <= wanted)
        front, self._front = self._front, None  # as it stays when the stream is damaged
        if front is not None and first <= front[0] <= wanted:
            return front
        stream, offset = self._marks[first]
        return first, stream.copy(), offset

    def _read_block(self, stream: Any, offset: int, number: int) -> tuple[bytes, int]:
        """A block, and where in the file the stream goes on behind it."""
        size = min(BLOCK, self._size - number * BLOCK)
        block = bytearray()
        while len(block) < size:
            portion = self._data[offset : min(offset + PORTION, self._end)]
            try:
                content = stream.decompress(portion, size - len(block))
            except zlib.error as error:
                raise DamagedDwarf(f"a packed section: {error}", offset=offset) from None
            passed = len(portion) - len(stream.unconsumed_tail)
            if not content and not passed:
                break
            block += content
            offset += passed
        if len(block) < size:
            raise DamagedDwarf("a packed section is shorter than it should be", offset=offset)
        return bytes(block), offset
