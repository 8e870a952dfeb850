"""Bodies of requests: a file, a body compressed or counted; each starts afresh at every try."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from time import perf_counter
from types import TracebackType
from typing import Self

from crashtool.formats.multipart import FormFile, Readable, read_blocks
from crashtool.services.transport.balance import Balance, tells
from crashtool.services.transport.deflate import Deflater
from crashtool.services.transport.http import Body

GZIP_LEVEL = 6  # http_multipart_builder.cc uses zlib's default
GZIP_HEAD = b"\x1f\x8b\x08" + bytes(6) + b"\xff"  # deflate, no time, no name, system unknown
LEAST_CHUNK = 1 << 16  # bytes; what compresses well would otherwise go in crumbs


class FileBody:
    """A file as it is."""

    def __init__(self, file: FormFile) -> None:
        self.size: int | None = file.size
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        return read_blocks(self._file)


class GzipBody:
    """Another body, compressed on the way; its size is not known before it has been made.

    What a network takes much faster than it can be deflated goes as it is, in stored blocks of the
    same stream (RFC 1951, 3.2.4). A `balance` that several bodies share knows that from the others.
    """

    size: int | None = None

    def __init__(self, body: Body, balance: Balance | None = None) -> None:
        self._body = body
        self._balance = balance or Balance()
        self._weight, self._packing = 0, 0.0

    def __iter__(self) -> Iterator[bytes]:
        stream, balance = _GzipStream(), self._balance
        self._weight, self._packing = 0, 0.0
        pending: list[bytes] = []
        size = weight = 0  # bytes to be sent, and what they were made of
        began = perf_counter()
        for block in self._body:
            pending.append(stream.pack(block, store=balance.is_network_faster))
            size += len(pending[-1])
            weight += len(block)
            if size >= LEAST_CHUNK:
                packed = perf_counter()
                yield b"".join(pending)
                sent = perf_counter()
                self._note(weight, packed - began)
                if tells(self._body.size):
                    balance.add(weight, packed - began, sent - packed)
                pending, size, weight, began = [], 0, 0, sent
        pending.append(stream.finish())
        self._note(weight, perf_counter() - began)
        yield b"".join(pending)

    def _note(self, weight: int, seconds: float) -> None:
        self._weight += weight
        self._packing += seconds

    def weigh(self, seconds: float) -> None:
        """After a small body was sent and answered: how long that took in all."""
        if not tells(self._body.size):
            self._balance.add(self._weight, self._packing, seconds - self._packing)


class _GzipStream:
    """A gzip member (RFC 1952)."""

    def __init__(self) -> None:
        self._pending = GZIP_HEAD
        self._deflater = Deflater(GZIP_LEVEL)
        self._check = self._size = 0

    def pack(self, block: bytes, *, store: bool) -> bytes:
        """What the stream goes on with for a block, not always at once when it is deflated."""
        self._check = zlib.crc32(block, self._check)
        self._size += len(block)
        head, self._pending = self._pending, b""
        return head + self._deflater.pack(block, store=store)

    def finish(self) -> bytes:
        """The end of the stream."""
        size = self._size & 0xFFFFFFFF
        tail = self._check.to_bytes(4, "little") + size.to_bytes(4, "little")
        return self._pending + self._deflater.finish() + tail


class CountedBody:
    """Another body that tells how many of its bytes have been taken, anew at each try."""

    def __init__(self, body: Body, advance: Callable[[int], None]) -> None:
        self.size = body.size
        self._body = body
        self._advance = advance

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        for block in self._body:
            yield block
            done += len(block)
            self._advance(done)


class HashedFile:
    """A file that is hashed while it is sent, if that is `wanted`, so that it is read once.

    `size` is in bytes.
    """

    def __init__(self, file: FormFile) -> None:
        self.size = file.size
        self.wanted = False
        self._file = file
        self._digest: str | None = None

    @property
    def form_file(self) -> FormFile:
        """The file, hashed along when it is read to its end."""
        return self._file._replace(open=self._open)

    @property
    def sha256(self) -> str:
        """The hash in hex; the file is read for it unless that has happened before."""
        if self._digest is None:
            self.wanted = True
            for _ in read_blocks(self.form_file):
                pass
        return self._digest or hashlib.sha256().hexdigest()

    def _open(self) -> Readable:
        if not self.wanted:
            return self._file.open()
        return _HashingStream(self._file.open(), self._file.size, self._finish)

    def _finish(self, digest: str) -> None:
        self._digest = digest


class _HashingStream:
    def __init__(self, stream: Readable, size: int, on_end: Callable[[str], None]) -> None:
        self._stream = stream
        self._left = size
        self._on_end = on_end
        self._hasher = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.__exit__(kind, error, trace)

    def read(self, size: int, /) -> bytes | None:
        block = self._stream.read(size)
        if block:
            self._hasher.update(block)
            self._left -= len(block)
            if not self._left:
                self._on_end(self._hasher.hexdigest())
        return block
