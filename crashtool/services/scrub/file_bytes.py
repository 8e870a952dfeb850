"""The bytes of a file of any size, a block of them in memory at a time, also to be overwritten.

A mapping of a file counts as the process's memory as far as it was touched: all of it, here.
"""

from __future__ import annotations

from re import Pattern
from typing import BinaryIO

BLOCK = 1 << 20  # bytes
OVERLAP = 1 << 17  # bytes kept of the block before: a variable is at most half of that
_ZEROS = bytes(BLOCK + OVERLAP)


class FileBytes:
    """As `bytes`, as far as searching needs that; changed, too, if the file is open for writing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        self._start = 0
        self._block = b""
        self._is_blank = False

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """The bytes from and to offsets in the file, in steps if need be."""
        start, end, step = part.indices(self._size)
        if end <= start:
            return b""
        if self._start <= start and end <= self._start + len(self._block):
            return self._block[start - self._start : end - self._start : step]
        return self._read(start, end)[::step]

    def find(self, wanted: bytes, start: int, end: int) -> int:
        """Where `wanted` begins, all of it from `start` to before `end`; or -1."""
        end = min(end, self._size)
        while start + len(wanted) <= end:
            self._hold(start)
            block, shift = self._block, self._start
            is_there = not (self._is_blank and any(wanted))  # much of a full dump is zeros
            offset = block.find(wanted, start - shift, end - shift) if is_there else -1
            if offset >= 0:
                return shift + offset
            if shift + len(block) >= end:
                break
            start = max(start + 1, shift + len(block) - len(wanted) + 1)
        return -1

    def search(self, pattern: Pattern[bytes], start: int, end: int) -> tuple[int, int] | None:
        """(start, end) of the first match of a pattern that takes no more than OVERLAP bytes.

        It must not match zeros alone: much of a full dump is that, and passed over.
        """
        end = min(end, self._size)
        while start < end:
            self._hold(start)
            shift, last = self._start, self._start + len(self._block)
            match = None
            if not self._is_blank:
                match = pattern.search(self._block, start - shift, end - shift)
            if match and (shift + match.start() + OVERLAP <= last or last >= end):
                return shift + match.start(), shift + match.end()
            if last >= end:
                break
            start = shift + match.start() if match else max(start + 1, last - OVERLAP)
        return None

    def match(self, pattern: Pattern[bytes], start: int, end: int) -> tuple[int, int] | None:
        """(start, end) of a match at `start` of such a pattern."""
        self._hold(start)
        shift = self._start
        match = pattern.match(self._block, start - shift, min(end, self._size) - shift)
        return (shift + match.start(), shift + match.end()) if match else None

    def write(self, start: int, content: bytes) -> None:
        """Overwrite the bytes from `start` on; the file keeps its size."""
        self._file.seek(start)
        self._file.write(content[: self._size - start])
        self._block = b""

    def _hold(self, start: int) -> None:
        """Have the block in memory that holds `start` and, if there are any, OVERLAP bytes more."""
        last = self._start + len(self._block)
        if self._start <= start < last and (start + OVERLAP <= last or last == self._size):
            return
        self._start = max(0, start - OVERLAP)
        self._block = self._read(self._start, self._start + OVERLAP + BLOCK)
        self._is_blank = _ZEROS.startswith(self._block)

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        return self._file.read(end - start)
