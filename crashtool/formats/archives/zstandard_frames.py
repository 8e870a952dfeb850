"""Zstandard (RFC 8878), its frames cut into blocks here, so that each call unpacks 128 KiB at most.

What undoes a block is Python's own library (from 3.14 on) or the package `zstandard`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from crashtool.errors import InputUnusable, MalformedFile, how_to_install
from crashtool.formats.archives.archive_streams import ArchiveStream, Counted, Portion, read_fully
from crashtool.formats.archives.bounds import MAX_WINDOW, Budget
from crashtool.formats.archives.codecs import window_too_large

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = b"\x2a\x4d\x18"  # after a first byte from 0x50 to 0x5f
MAX_BLOCK = 1 << 17  # bytes, packed or unpacked
SINGLE_SEGMENT, CHECKSUM = 0x20, 0x04  # flags of a frame's descriptor
DICTIONARY_BYTES = (0, 1, 2, 4)
SIZE_BYTES = (0, 2, 4, 8)
RUN = 1  # a block that is one byte, repeated


class ZstandardFrame(Protocol):
    """What unpacks one frame."""

    def decompress(self, data: bytes, /) -> bytes:
        """What so much of the frame gives."""


class Zstandard:
    """The unpacked bytes of a stream of frames. InputUnusable when nothing here can unpack it."""

    def __init__(self, source: ArchiveStream, budget: Budget) -> None:
        self._source = Counted(source)
        self._budget = budget
        self._make = load_library()
        self._frame: ZstandardFrame | None = None
        self._tail = 0
        self._ready = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. MalformedFile for damage."""
        if self._at >= len(self._ready):
            self._ready, self._at = self._fill(), 0
        block = self._ready[self._at : self._at + size]
        self._at += len(block)
        return block

    def _fill(self) -> bytes:
        while self._frame is not None or self._begin_frame():
            block = self._read_block()
            if block:
                self._budget.spend(len(block))
                return block
        return b""

    def _begin_frame(self) -> bool:
        """Open the next frame; False at the end."""
        magic = read_fully(self._source, len(MAGIC))
        while magic[1:] == SKIPPABLE and magic[0] >> 4 == 5:  # noqa: PLR2004 (0x50 to 0x5f)
            Portion(self._source, int.from_bytes(self._take(4), "little")).skip()
            magic = read_fully(self._source, len(MAGIC))
        if not magic.strip(b"\0"):
            return False
        if magic != MAGIC:
            raise self._malformed("is followed by something else")
        descriptor = self._take(1)[0]
        is_single = bool(descriptor & SINGLE_SEGMENT)
        window = b"" if is_single else self._take(1)
        dictionary = self._take(DICTIONARY_BYTES[descriptor & 3])
        size = self._take(SIZE_BYTES[descriptor >> 6] or int(is_single))
        if is_single:
            needed = int.from_bytes(size, "little") + (256 if len(size) == 2 else 0)  # noqa: PLR2004
        else:
            base = 1 << 10 + (window[0] >> 3)
            needed = base + base // 8 * (window[0] & 7)
        if needed > self._budget.window:
            raise window_too_large("zstd", self._budget.window)
        if any(dictionary):
            raise InputUnusable("packed with a zstd dictionary of its own", hint="unpack it")
        self._tail = 4 if descriptor & CHECKSUM else 0
        self._frame = self._make()
        self._feed(magic + bytes([descriptor]) + window + dictionary + size)
        return True

    def _read_block(self) -> bytes:
        header = self._take(3)
        value = int.from_bytes(header, "little")
        is_last, kind, size = value & 1, value >> 1 & 3, value >> 3
        if size > MAX_BLOCK:
            raise self._malformed("is damaged (a block is too large)")
        content = self._take(1 if kind == RUN else size)
        block = self._feed(header + content + (self._take(self._tail) if is_last else b""))
        if is_last:
            self._frame = None
        return block

    def _take(self, size: int) -> bytes:
        data = read_fully(self._source, size)
        if len(data) < size:
            raise self._malformed("is cut short")
        return data

    def _feed(self, data: bytes) -> bytes:
        try:
            return cast("ZstandardFrame", self._frame).decompress(data)
        except Exception as error:  # noqa: BLE001 (whatever a library makes of damage is damage)
            raise self._malformed(f"is damaged ({error or type(error).__name__})") from None

    def _malformed(self, what: str) -> MalformedFile:
        return MalformedFile(f"zstd data {what}", offset=self._source.position)


def load_library() -> Callable[[], ZstandardFrame]:
    """What makes the decompressor of a frame. InputUnusable when there is no library."""
    limit = MAX_WINDOW.bit_length() - 1
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        pass
    else:
        options = {zstd.DecompressionParameter.window_log_max: limit}
        return lambda: cast("ZstandardFrame", zstd.ZstdDecompressor(options=options))
    try:
        import zstandard
    except ImportError:
        raise InputUnusable(
            "packed with Zstandard, which needs the extra 'zstd'",
            hint=f"{how_to_install('zstd')}, or unpack it with zstd -d",
        ) from None
    library: Any = zstandard
    return lambda: cast(
        "ZstandardFrame", library.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
    )
