"""A request's body, written to a draft while it arrives: memory does not grow with the upload."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol
from urllib.parse import unquote_to_bytes

from crashtool.services.receiver.incoming_report import DraftFile, IncomingReport
from crashtool.services.receiver.received_report import MINIDUMP_NAMES

BLOCK = 1 << 20
MAX_PARTS = 10_000
MAX_FILES = 500  # of these parts; each is a file on the disk
RATIO_FREE, MAX_RATIO = 64 << 20, 250  # bytes that any body may unpack to; beyond, so many times
MAX_PART_HEADERS = 16 << 10
MAX_FIELDS = 32 << 20  # bytes of all form fields; a Crashpad annotation may be of any length
GZIP_WINDOW = 31  # zlib.h: 15 bits, plus 16 for the gzip wrapper
ZLIB_WINDOW = 15


class Refusal(Exception):
    """The answer is no: an HTTP status and the sentence that goes with it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Sink(Protocol):
    """What takes the decoded bytes of a body."""

    def write(self, data: bytes) -> object:
        """The next bytes."""

    def finish(self) -> None:
        """The end; Refusal when it comes too early."""


class BodyGate(Protocol):
    """What says no, by a Refusal, to more than may come from a sender that is not known."""

    def check_raw(self) -> None:
        """A body that is one file."""

    def check_data(self, size: int) -> None:
        """So many bytes more."""

    def check_file(self) -> None:
        """Another file."""

    def take_field(self, name: bytes, value: bytes) -> None:
        """A field that is whole."""


class OpenGate:
    """Everyone is known."""

    def check_raw(self) -> None:
        """It may come."""

    def check_data(self, size: int) -> None:
        """They may come."""

    def check_file(self) -> None:
        """It may come."""

    def take_field(self, name: bytes, value: bytes) -> None:
        """It is no news."""


class MultipartParser(Protocol):
    """The parser of python-multipart, as far as we use it."""

    def write(self, data: bytes) -> int:
        """Parse the next bytes."""


MakeParser = Callable[[bytes, dict[str, Callable[..., None]]], MultipartParser]


class Decoder:
    """Undoes a Content-Encoding block by block; no block and no body grows beyond its bound.

    `is_behind`: what has been taken is not all unpacked yet, which may take long.
    """

    def __init__(self, encoding: str, max_size: int) -> None:
        self.is_behind = False
        self._taken = 0
        self._size = 0
        self._max_size = max_size
        names = {
            "": 0,
            "identity": 0,
            "gzip": GZIP_WINDOW,
            "x-gzip": GZIP_WINDOW,
            "deflate": ZLIB_WINDOW,
        }
        if encoding not in names:
            raise Refusal(400, f"Content-Encoding {encoding} is not supported")
        self._encoding = encoding
        self._window = names[encoding]
        self._inflate = zlib.decompressobj(self._window) if self._window else None
        self._fresh = True

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The decoded blocks that `data` leads to."""
        self._taken += len(data)
        if self._inflate is None:
            yield self._counted(data)
            return
        while data:
            if self._inflate.eof:  # a gzip file may have several members
                self._inflate = zlib.decompressobj(self._window)
                self._fresh = True
            try:
                block = self._inflate.decompress(data, BLOCK)
            except zlib.error as error:
                raise Refusal(400, f"the body is not valid {self._encoding}: {error}") from None
            self._fresh = False
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            self.is_behind = bool(data)
            yield self._counted(block)

    def finish(self) -> None:
        """Check that the compressed data was whole."""
        if self._inflate and not self._inflate.eof and not self._fresh:
            raise Refusal(400, f"the {self._encoding} body is cut short")

    def _counted(self, block: bytes) -> bytes:
        self._size += len(block)
        if self._size > self._max_size:
            raise Refusal(413, f"the body is larger than {self._max_size} bytes")
        if self._inflate and self._size > max(RATIO_FREE, MAX_RATIO * self._taken):
            raise Refusal(413, f"the body unpacks to more than {MAX_RATIO} times its size")
        return block


class RawSink:
    """A body that is one file."""

    def __init__(
        self, draft: IncomingReport, gate: BodyGate, name: str, filename: str, content_type: str
    ) -> None:
        gate.check_raw()
        self._file = draft.add_file(
            name.encode(), filename.encode("utf-8", "surrogateescape"), content_type
        )

    def write(self, data: bytes) -> None:
        """The next bytes."""
        self._file.write(data)

    def finish(self) -> None:
        """The end; an empty body is a Refusal."""
        if not self._file.size:
            raise Refusal(400, "the body is empty")


class FormSink:
    """A multipart body: fields to memory (bounded), files to disk."""

    def __init__(
        self, draft: IncomingReport, gate: BodyGate, boundary: bytes, make_parser: MakeParser
    ) -> None:
        self._draft = draft
        self._gate = gate
        self._parts = 0
        self._field_bytes = 0
        self._ended = False
        self._begin_part()
        self._parser = make_parser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def write(self, data: bytes) -> None:
        """The next bytes."""
        self._gate.check_data(len(data))
        try:
            self._parser.write(data)
        except ValueError as error:  # the base of python-multipart's own errors
            raise Refusal(400, f"malformed multipart body: {error}") from None

    def finish(self) -> None:
        """The end; a body without its closing boundary is a Refusal."""
        if not self._ended:
            raise Refusal(400, "the multipart body ends before its closing boundary")

    def _begin_part(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._field_name = bytearray()
        self._field_text = bytearray()
        self._header_size = 0
        self._name = b""
        self._value = bytearray()
        self._file: DraftFile | None = None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field_name += self._bounded_header(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._field_text += self._bounded_header(data[start:end])

    def _bounded_header(self, piece: bytes) -> bytes:
        self._header_size += len(piece)
        if self._header_size > MAX_PART_HEADERS:
            raise Refusal(400, f"the headers of a part are larger than {MAX_PART_HEADERS} bytes")
        return piece

    def _header_end(self) -> None:
        self._headers[bytes(self._field_name).lower()] = bytes(self._field_text)
        self._field_name.clear()
        self._field_text.clear()

    def _headers_finished(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Refusal(413, f"more than {MAX_PARTS} parts")
        name, filename = parse_disposition(self._headers.get(b"content-disposition", b""))
        if name is None:
            raise Refusal(400, "a part has no name")
        self._name = name
        if filename is not None or name.decode("latin-1") in MINIDUMP_NAMES:
            self._gate.check_file()
            if len(self._draft.files) >= MAX_FILES:
                raise Refusal(413, f"more than {MAX_FILES} files")
            kind = self._headers.get(b"content-type", b"").decode("latin-1").strip()
            self._file = self._draft.add_file(name, filename or b"", kind)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.write(memoryview(data)[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > MAX_FIELDS:
            raise Refusal(413, f"more than {MAX_FIELDS} bytes of form fields")
        self._value += data[start:end]

    def _end_part(self) -> None:
        if self._file:
            self._file.close()  # descriptors are few
            return
        value = bytes(self._value)
        self._gate.take_field(self._name, value)
        self._draft.fields.append((self._name, value))

    def _end(self) -> None:
        self._ended = True


def make_sink(
    draft: IncomingReport,
    content_type: str,
    make_parser: MakeParser,
    raw_name: tuple[str, str],
    gate: BodyGate | None = None,
) -> Sink:
    """The sink for a Content-Type; `raw_name`: name and file name of a body that is one file.

    `gate` bounds what may come from a sender who is not known; None: there is none such.
    """
    gate = gate or OpenGate()
    if not content_type.lower().startswith("multipart/"):
        return RawSink(draft, gate, *raw_name, content_type)
    boundary = re.search(r'boundary=(?:"([^"]+)"|([^;,\s]+))', content_type, re.IGNORECASE)
    if not boundary:
        raise Refusal(400, "multipart without a boundary")
    return FormSink(draft, gate, (boundary[1] or boundary[2]).encode("latin-1"), make_parser)


def parse_disposition(header: bytes) -> tuple[bytes | None, bytes | None]:
    r"""The name and the file name in a Content-Disposition; None for what is not there.

    Undoes what clients do to a name: Crashpad writes CR, LF, `"` and `%` as `%0d %0a %22 %25`
    (util/net/http_multipart_builder.cc), browsers the first three, old curl `"` as `\"`.
    """
    parameters: dict[bytes, bytes] = {}
    for match in _PARAMETER.finditer(header):
        key = match[1].lower()
        if match[2] is not None:
            value = re.sub(rb'\\(["\\])', rb"\1", match[2]) if b'\\"' in match[2] else match[2]
        else:
            value = match[3] if match[3] is not None else match[4]
        parameters.setdefault(key, _unescape(value))
    extended = parameters.get(b"filename*")
    if extended is not None and b"''" in extended:
        parameters[b"filename"] = unquote_to_bytes(extended.split(b"''", 1)[1])
    return parameters.get(b"name"), parameters.get(b"filename")


# a quoted text ends before ; or the end; only then is \" inside it an escape, for Crashpad leaves
# a backslash at the end of a name as it is
_PARAMETER = re.compile(
    rb';\s*([A-Za-z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"(?=\s*(?:;|$))|"([^"]*)"|([^";]*))', re.DOTALL
)


def _unescape(value: bytes) -> bytes:
    return re.sub(rb"(?i)%(0d|0a|22|25)", lambda match: bytes.fromhex(match[1].decode()), value)
