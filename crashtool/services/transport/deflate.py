"""A deflate stream (RFC 1951) in which some blocks are deflated and others only stored."""

from __future__ import annotations

import zlib

EMPTY_LAST = b"\x03\0"  # a last block without anything
MAX_STORED = 0xFFFF  # bytes


class Deflater:
    """Makes one stream of blocks of bytes."""

    def __init__(self, level: int) -> None:
        self._level = level
        self._packer: zlib._Compress | None = None  # none while blocks are stored

    def pack(self, block: bytes, *, store: bool) -> bytes:
        """What the stream goes on with for a block, not always at once when it is deflated."""
        if store:
            return self._end_deflating() + _store(block)
        if self._packer is None:
            self._packer = zlib.compressobj(self._level, zlib.DEFLATED, -zlib.MAX_WBITS)
        return self._packer.compress(block)

    def _end_deflating(self) -> bytes:
        """Come to a whole byte."""
        packer, self._packer = self._packer, None
        return packer.flush(zlib.Z_FULL_FLUSH) if packer else b""

    def finish(self) -> bytes:
        """The end of the stream."""
        return self._packer.flush() if self._packer else EMPTY_LAST


def _store(block: bytes) -> bytes:
    """Stored blocks; zlib's own level 0 is twenty times as slow."""
    view = memoryview(block)
    pieces: list[bytes | memoryview] = []
    for offset in range(0, len(block), MAX_STORED):
        piece = view[offset : offset + MAX_STORED]
        size = len(piece)
        pieces += [
            b"\0" + size.to_bytes(2, "little") + (size ^ MAX_STORED).to_bytes(2, "little"),
            piece,
        ]
    return b"".join(pieces)
