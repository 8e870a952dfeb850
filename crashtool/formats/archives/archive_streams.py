"""Bytes that are read forward: parts of a file, begun streams, the members of archives."""

from __future__ import annotations

from typing import IO, Protocol

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple

SKIP_STEP = 1 << 18  # bytes
MAX_FILE = (1 << 63) - 1  # of any system; archives may point beyond


class ArchiveStream(Protocol):
    """Anything whose bytes can be read forward."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class ArchiveMember(NamedTuple):
    """A file in an archive: its name there, its unpacked size (None: not told), its bytes.

    The stream is to be read before the next member is asked for. `obstacle` says why it cannot be
    read, "" when it can; `attributes` are a tar member's pax headers. `mode`: what Unix lets be
    done with it once it is unpacked, such as 0o755; None where that is not told.
    """

    name: str
    size: int | None
    stream: ArchiveStream
    obstacle: str = ""
    attributes: dict[str, str] | None = None
    mode: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, which has no bytes."""
        return self.name.endswith("/") and not self.size


class Slice:
    """`size` bytes of a file from `start` on; MalformedFile when the file ends before them."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file = file
        self._place = start
        self._left = size

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        size = min(size, self._left)
        if size <= 0:
            return b""
        block = b""
        if self._place <= MAX_FILE:
            self._file.seek(self._place)
            block = self._file.read(size)
        if not block:
            raise MalformedFile("cut short", offset=self._place)
        self._place += len(block)
        self._left -= len(block)
        return block


class Rejoined:
    """A stream whose first bytes have been read already."""

    def __init__(self, head: bytes, rest: ArchiveStream) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._head:
            block, self._head = self._head[:size], self._head[size:]
            return block
        return self._rest.read(size)


class Counted:
    """A stream that knows how many bytes were read of it: its `position`."""

    def __init__(self, stream: ArchiveStream) -> None:
        self._stream = stream
        self.position = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        block = self._stream.read(size)
        self.position += len(block)
        return block


class Portion:
    """The next `size` bytes of a stream; MalformedFile when it ends before them."""

    def __init__(self, stream: Counted, size: int) -> None:
        self._stream = stream
        self.left = size

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        size = min(size, self.left)
        if size <= 0:
            return b""
        block = self._stream.read(size)
        if not block:
            raise MalformedFile("cut short", offset=self._stream.position)
        self.left -= len(block)
        return block

    def skip(self) -> None:
        """Read what is left of it."""
        while self.left:
            self.read(SKIP_STEP)


def read_fully(stream: ArchiveStream, size: int) -> bytes:
    """So many bytes, or fewer at the stream's end."""
    block = stream.read(size)
    if len(block) == size or not block:
        return block
    whole = bytearray(block)
    while len(whole) < size and (block := stream.read(size - len(whole))):
        whole += block
    return bytes(whole)
