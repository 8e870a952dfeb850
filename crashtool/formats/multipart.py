"""multipart/form-data bodies, streamed: built as crashpad_handler builds them, and taken apart."""

from __future__ import annotations

import os
import random
import string
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import IO, Protocol, Self

from crashtool.errors import InputUnusable, MalformedFile, reason_of
from crashtool.formats.named_tuple import NamedTuple

BLOCK = 1 << 18  # bytes; smaller ones cost throughput, larger ones only memory
MAX_HEADER = 1 << 14
MAX_PARTS = 10_000
PREFIX, SUFFIX = "---MultipartBoundary-", "---"
FILE_TYPE = "application/octet-stream"
LETTERS = string.ascii_letters + string.digits


class Readable(Protocol):
    """An open file: read in blocks, closed when its context ends."""

    def read(self, size: int, /) -> bytes | None:
        """At most `size` bytes; none at the end."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> object: ...


class FormField(NamedTuple):
    """A field of a form: both as bytes, because an annotation need not be UTF-8."""

    name: bytes
    value: bytes


class FormFile(NamedTuple):
    """A file of a form; `open` gives its bytes from the start, as often as it is called.

    `size` is in bytes. A `content_type` of None leaves the part without that header.
    """

    name: bytes
    filename: bytes
    size: int
    open: Callable[[], Readable]
    content_type: str | None = FILE_TYPE


class MultipartBody:
    """A form as blocks of bytes: iterating starts again from the first byte each time.

    Fields come first, then files, in the order given. `size` is in bytes.
    """

    def __init__(
        self, fields: Sequence[FormField], files: Sequence[FormFile], boundary: str
    ) -> None:
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._mark = b"--" + boundary.encode("ascii")
        self._fields = b"".join(self._field(field) for field in fields)
        self._files = [(self._file_head(file), file) for file in files]
        self._end = self._mark + b"--\r\n"
        files_size = sum(len(head) + file.size + 2 for head, file in self._files)
        self.size = len(self._fields) + files_size + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        pending = self._fields
        for head, file in self._files:
            pending += head
            for block in read_blocks(file):
                if pending:
                    yield pending
                    pending = b""
                yield block
            pending += b"\r\n"
        yield pending + self._end

    def _field(self, field: FormField) -> bytes:
        return self._disposition(field.name) + b"\r\n\r\n" + field.value + b"\r\n"

    def _file_head(self, file: FormFile) -> bytes:
        filename = b'; filename="' + escape_name(file.filename) + b'"'
        head = self._disposition(file.name) + filename + b"\r\n"
        if file.content_type is not None:
            head += b"Content-Type: " + file.content_type.encode("ascii") + b"\r\n"
        return head + b"\r\n"

    def _disposition(self, name: bytes) -> bytes:
        escaped = escape_name(name)
        return self._mark + b'\r\nContent-Disposition: form-data; name="' + escaped + b'"'


def escape_name(name: bytes) -> bytes:
    """A name inside quotes, as Crashpad writes it (http_multipart_builder.cc)."""
    for raw, escaped in ((b"%", b"%25"), (b"\r", b"%0d"), (b"\n", b"%0a"), (b'"', b"%22")):
        name = name.replace(raw, escaped)
    return name


def read_blocks(file: FormFile) -> Iterator[bytes]:
    """The bytes of a file, exactly as many as its `size`; InputUnusable when it has shrunk.

    A log that grows while it is sent is cut at the size that was announced.
    """
    left, name = file.size, file.filename.decode("utf-8", "backslashreplace")
    try:
        with file.open() as stream:
            while left:
                block = stream.read(min(BLOCK, left))
                if not block:
                    raise MalformedFile(
                        f"{name} became shorter while it was read: it ends",
                        offset=file.size - left,
                    )
                left -= len(block)
                yield block
    except OSError as error:
        raise InputUnusable(f"cannot read {name}: {reason_of(error)}") from None


def make_boundary(generator: random.Random | None = None) -> str:
    """A boundary in crashpad_handler's style: 32 random letters and digits between dashes."""
    raw = generator.randbytes(32) if generator else os.urandom(32)
    return PREFIX + "".join(LETTERS[byte % len(LETTERS)] for byte in raw) + SUFFIX


class FormPart(NamedTuple):
    """One part of a parsed body; its content is `data[start:end]`. Names are unescaped."""

    name: str
    filename: str | None
    start: int
    end: int


class FormText:
    """A form body in a file, searched and read a block at a time, whatever its size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getitem__(self, part: slice) -> bytes:
        self._file.seek(part.start or 0)
        return self._file.read(part.stop - (part.start or 0))

    def find(self, wanted: bytes, start: int, end: int | None = None) -> int:
        """Where `wanted` is, from `start` on and before `end`; -1 when it is not there."""
        before = b""
        self._file.seek(start)
        while block := self._file.read(BLOCK if end is None else min(BLOCK, end - start)):
            position = (before + block).find(wanted)
            if position >= 0:
                return start - len(before) + position
            start += len(block)
            before = (before + block)[1 - len(wanted) :]
        return -1


def parse_multipart(data: bytes | FormText) -> list[FormPart]:
    """The parts of a form body whose boundary is its first line, as in a saved request.

    MalformedFile when it is no such body, has too many parts or ends before its last boundary.
    """
    first_end = data.find(b"\r\n", 0, 256)
    mark = data[:first_end]
    if first_end < 3 or not mark.startswith(b"--"):  # noqa: PLR2004 (two dashes and a letter)
        raise MalformedFile("no multipart boundary", offset=0)
    parts: list[FormPart] = []
    index = first_end + 2
    while len(parts) < MAX_PARTS:
        head_end = data.find(b"\r\n\r\n", index, index + MAX_HEADER)
        if head_end < 0:
            raise MalformedFile("a multipart part without its headers", offset=index)
        end = data.find(b"\r\n" + mark, head_end + 4)
        if end < 0:
            raise MalformedFile("a multipart part without its end", offset=head_end)
        head = data[index:head_end].decode("utf-8", "surrogateescape")
        parts.append(
            FormPart(
                _parameter(head, "name") or "", _parameter(head, "filename"), head_end + 4, end
            )
        )
        index = end + 2 + len(mark)
        if data[index : index + 2] == b"--":
            return parts
        index += 2
    raise MalformedFile(f"more than {MAX_PARTS:,} multipart parts", offset=index)


def _parameter(head: str, key: str) -> str | None:
    start = head.find(f' {key}="')
    if start < 0:
        return None
    start += len(key) + 3
    value = head[start : head.find('"', start)]
    for escaped, raw in (("%22", '"'), ("%0a", "\n"), ("%0d", "\r"), ("%25", "%")):
        value = value.replace(escaped, raw).replace(escaped.upper(), raw)
    return value
