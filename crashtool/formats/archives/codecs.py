"""Decompressors, each step of each bounded: input in small pieces, output in small blocks.

Nothing else of crashtool calls a decompressor on a file that a stranger may have made. A library's
own bounds do not hold: Python's `zipfile` unpacks a whole bzip2 or LZMA member for its first byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile
from crashtool.formats.archives.archive_streams import ArchiveStream, Counted
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.named_tuple import NamedTuple

INPUT_STEP = 1 << 14  # bytes
FIRST_STEP, OUTPUT_STEP = 1 << 12, 1 << 18  # often nothing but the first bytes is looked at
BESIDES = 4 << 20  # bytes that liblzma has besides the dictionary
ZLIB_WINDOW = 15  # bits (zlib.h); with gzip's wrapper 16 more, negative without any
GZIP_WINDOW, DEFLATE_WINDOW = 16 + ZLIB_WINDOW, -ZLIB_WINDOW
SMALLEST_WINDOW = 4096
LZMA_PROPERTIES = 5  # bytes: lc, lp and pb in one, then the dictionary's size
MAX_LZMA_BITS = 9 * 5 * 5
MAX_LZMA2 = 40  # the code for a dictionary of 4 GiB
UNPACK_HINT = "unpack it by hand, and give the folder"


class Codec(Protocol):
    """A decompressor in the shape of `bz2.BZ2Decompressor`."""

    @property
    def eof(self) -> bool:
        """Whether the end of the packed data was reached."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out without more input."""

    @property
    def unused_data(self) -> bytes:
        """What came after the end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """The next bytes, at most so many."""


class Method(NamedTuple):
    """A way to pack: its name in messages, what makes its decompressor for a largest dictionary.

    `magic` begins another stream that may follow the first; b"" when none may.
    """

    name: str
    make: Callable[[int], Codec]
    magic: bytes = b""


class Unpacker:
    """The unpacked bytes of a packed stream; all that comes out is spent from the budget.

    `size` is how many bytes there shall be, None when that is not told. MalformedFile, with the
    place in the packed bytes, for whatever goes wrong in the library.
    """

    def __init__(
        self, source: ArchiveStream, method: Method, budget: Budget, size: int | None = None
    ) -> None:
        self._source = Counted(source)
        self._method = method
        self._budget = budget
        self._size = size
        self._codec: Codec | None = None
        self._has_ended = False
        self._ahead = b""
        self._ready = b""
        self._at = 0
        self._done = 0
        self._step = FIRST_STEP

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._at >= len(self._ready):
            self._ready, self._at = self._fill(), 0
        block = self._ready[self._at : self._at + size]
        self._at += len(block)
        return block

    def _fill(self) -> bytes:
        while self._done != self._size and not self._has_ended and self._has_stream():
            codec = cast("Codec", self._codec)
            wants = codec.needs_input
            data = self._take() if wants else b""
            if wants and not data:
                raise self._malformed("is cut short")
            block = self._decompress(codec, data)
            if block:
                self._count(block)
                return block
            if not (wants or codec.eof or codec.needs_input):
                raise self._malformed("is damaged (it does not go on)")
        if self._size is not None and self._done < self._size:
            raise self._malformed(f"gives less than the {self._size:,} bytes that were promised")
        return b""

    def _has_stream(self) -> bool:
        """Whether a stream is open; the next one is opened when it follows the last."""
        if self._codec is not None and not self._codec.eof:
            return True
        if self._codec is not None:
            self._ahead = self._codec.unused_data + self._ahead
            self._codec = None
            self._has_ended = not self._follows()
            if self._has_ended:
                return False
        self._codec = self._make()
        return True

    def _follows(self) -> bool:
        """Whether another stream begins here; padding of zeros is passed over."""
        magic = self._method.magic
        if not magic:
            return False
        self._ahead = self._ahead.lstrip(b"\0")
        while len(self._ahead) < len(magic):
            data = self._source.read(INPUT_STEP)
            if not data:
                break
            self._ahead = (self._ahead + data).lstrip(b"\0")
        if self._ahead and not self._ahead.startswith(magic):
            raise self._malformed("is followed by something else")
        return bool(self._ahead)

    def _take(self) -> bytes:
        data, self._ahead = self._ahead, b""
        return data or self._source.read(INPUT_STEP)

    def _make(self) -> Codec:
        try:
            return self._method.make(self._budget.window)
        except CrashtoolError:
            raise
        except Exception as error:  # noqa: BLE001 (as below: of parameters that cannot be)
            raise self._malformed(f"is damaged ({error or type(error).__name__})") from None

    def _decompress(self, codec: Codec, data: bytes) -> bytes:
        try:
            return codec.decompress(data, self._step)
        except Exception as error:  # noqa: BLE001 (whatever a library makes of damage is damage)
            if "Memory usage limit" in str(error) or isinstance(error, MemoryError):
                raise window_too_large(self._method.name, self._budget.window) from None
            raise self._malformed(f"is damaged ({error or type(error).__name__})") from None

    def _count(self, block: bytes) -> None:
        self._budget.spend(len(block))
        self._done += len(block)
        self._step = min(2 * self._step, OUTPUT_STEP)
        if self._size is not None and self._done > self._size:
            raise self._malformed(f"gives more than the {self._size:,} bytes that were promised")

    def _malformed(self, what: str) -> MalformedFile:
        return MalformedFile(f"{self._method.name} data {what}", offset=self._source.position)


class _Zlib:
    """zlib's decompressor in the shape of the others."""

    def __init__(self, window: int) -> None:
        import zlib

        self._zlib = zlib.decompressobj(window)
        self._has_more = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._has_more and not self.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        block = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        # a full block may hold something back, even when all input is used up
        self._has_more = len(block) == max_length or bool(self._zlib.unconsumed_tail)
        return block


def _make_gzip(_window: int) -> Codec:
    return _Zlib(GZIP_WINDOW)


def _make_zlib(_window: int) -> Codec:
    return _Zlib(ZLIB_WINDOW)


def _make_deflate(_window: int) -> Codec:
    return _Zlib(DEFLATE_WINDOW)


def _make_bzip2(_window: int) -> Codec:
    try:
        import bz2
    except ImportError:
        raise _absent("bzip2") from None
    return bz2.BZ2Decompressor()


def _make_xz(window: int) -> Codec:
    lzma = load_lzma()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=window + BESIDES)


def _make_lzma_alone(window: int) -> Codec:
    lzma = load_lzma()
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=window + BESIDES)


GZIP = Method("gzip", _make_gzip, b"\x1f\x8b")
ZLIB = Method("zlib", _make_zlib)
DEFLATE = Method("deflate", _make_deflate)
BZIP2 = Method("bzip2", _make_bzip2, b"BZh")
XZ = Method("xz", _make_xz, b"\xfd7zXZ\0")
LZMA_ALONE = Method("lzma", _make_lzma_alone)


def lzma1(properties: bytes, size: int, budget: Budget) -> Method:
    """LZMA without a header, as zip and 7-Zip have it; `size` bytes will come out.

    InputUnusable for a dictionary that is too large, MalformedFile for properties that are none.
    """
    if len(properties) != LZMA_PROPERTIES or properties[0] >= MAX_LZMA_BITS:
        raise MalformedFile("LZMA properties are damaged", offset=0)
    bits, literal_context = divmod(properties[0], 9)
    position, literal_position = divmod(bits, 5)
    window = _check_window("lzma", int.from_bytes(properties[1:], "little"), size, budget)
    lzma = load_lzma()
    chain = [
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": window,
            "lc": literal_context,
            "lp": literal_position,
            "pb": position,
        }
    ]
    return Method("lzma", lambda _window: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain))


def lzma2(properties: bytes, size: int, budget: Budget) -> Method:
    """LZMA2 without a header, as 7-Zip has it; as `lzma1`."""
    if len(properties) != 1 or properties[0] > MAX_LZMA2:
        raise MalformedFile("LZMA2 properties are damaged", offset=0)
    code = properties[0]
    window = _check_window("lzma2", (2 | code & 1) << code // 2 + 11, size, budget)
    lzma = load_lzma()
    chain = [{"id": lzma.FILTER_LZMA2, "dict_size": window}]
    return Method("lzma2", lambda _window: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain))


def window_too_large(name: str, most: int) -> InputUnusable:
    """The refusal of data that needs a larger dictionary than is given to it."""
    return InputUnusable(
        f"{name} data needs a dictionary of more than {most >> 20} MiB",
        hint=UNPACK_HINT,
    )


def _check_window(name: str, window: int, size: int, budget: Budget) -> int:
    """The dictionary to give; no look back goes beyond what has come out."""
    window = max(SMALLEST_WINDOW, min(window, size))
    if window > budget.window:
        raise window_too_large(name, budget.window)
    return window


def load_lzma() -> Lzma:
    """The module `lzma`. InputUnusable when this Python was built without it."""
    try:
        import lzma
    except ImportError:
        raise _absent("xz") from None
    return cast("Lzma", lzma)


class Lzma(Protocol):
    """The module, as far as it is used; a Python may have been built without it."""

    FORMAT_XZ: int
    FORMAT_ALONE: int
    FORMAT_RAW: int
    FILTER_LZMA1: int
    FILTER_LZMA2: int

    def LZMADecompressor(  # noqa: N802 (its name)
        self,
        format: int,  # noqa: A002
        memlimit: int | None = None,
        filters: object = None,
    ) -> Codec:
        """What unpacks a stream."""


def _absent(name: str) -> InputUnusable:
    return InputUnusable(
        f"packed with {name}, which this Python was built without", hint=UNPACK_HINT
    )
