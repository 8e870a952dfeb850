"""The standard streams made fit for answers: UTF-8 into pipes and files; no loss goes unsaid."""

import codecs
import errno
import io
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

from crashtool.errors import DONE, MACHINE, CannotWrite, explain_import, reason_of

ANSWERS, NOTES = "crashtool-answers", "crashtool-notes"  # our ways with what an encoding lacks
WORDS = {"→": "->", "…": "...", "─": "-", "├": "|", "└": "`"}
CLOSED = OSError(errno.EBADF, "it is closed")
BUSY_SECONDS = 0.01


class Outlet(io.RawIOBase):
    """The way out of a standard stream. What cannot be written is dropped, and `failure` says why.

    A disk that is full, or a reader that went away, ends no upload that is under way.
    """

    def __init__(self, raw: io.RawIOBase | None, tell: Callable[[OSError], None]) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self._raw = raw
        self._tell = tell

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether a person is at the other end."""
        return self._raw is not None and self._raw.isatty()

    def fileno(self) -> int:
        """The descriptor; OSError when the stream is closed."""
        if self._raw is None:
            raise CLOSED
        return self._raw.fileno()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Write the bytes, or remember why not."""
        size = len(data)
        if self.failure is None:
            try:
                return self._write(data)
            except OSError as error:
                self.failure = error
                self._tell(error)
        return size

    def _write(self, data: bytes | bytearray | memoryview) -> int:
        if self._raw is None:
            raise CLOSED
        while (written := self._raw.write(data)) is None:
            time.sleep(BUSY_SECONDS)  # somebody else made the pipe non-blocking, as Node.js does
        return written


class StandardStreams:
    """stdout and stderr for the time of one call; `restore` puts back what was there."""

    def __init__(self) -> None:
        _hold_descriptors()
        codecs.register_error(ANSWERS, replace_in_answer)
        codecs.register_error(NOTES, replace_in_note)
        self._before = sys.stdout, sys.stderr
        self._outlet: Outlet | None = None
        sys.stderr = self._prepare(sys.stderr, lambda _: None, NOTES)
        sys.stdout = self._prepare(sys.stdout, _tell_loss, ANSWERS)
        if isinstance(raw := _raw_of(sys.stdout), Outlet):
            self._outlet = raw

    def find_status(self, status: int) -> int:
        """The exit status in the end: that of a call whose answer was lost is never 0."""
        sys.stdout.flush()
        lost = self._outlet is not None and self._outlet.failure is not None
        return MACHINE if lost and status == DONE else status

    def restore(self) -> None:
        """Write what is left, and put back the streams of before."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = self._before

    def _prepare(
        self, stream: TextIO | None, tell: Callable[[OSError], None], errors: str
    ) -> TextIO:
        """The stream with our encoding, line ends and failures."""
        encoding, errors = _choose_encoding(stream, errors)
        live = stream is not None and stream.isatty()
        newline = None if live else "\n"
        raw = _raw_of(stream) if stream is not None else None
        if raw is None or isinstance(raw, io.RawIOBase):
            buffer: Any = io.BufferedWriter(Outlet(raw, tell))
            return io.TextIOWrapper(buffer, encoding, errors, newline, line_buffering=live)
        assert stream is not None  # noqa: S101 (there is no raw stream of None)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors=errors, newline=newline)
        return stream


def is_lost(stream: TextIO) -> bool:
    """Whether what is written there reaches nobody any more."""
    raw = _raw_of(stream)
    return isinstance(raw, Outlet) and raw.failure is not None


def tell_bug() -> None:
    """Show the traceback of what was not foreseen, with no line in it that a CI system obeys."""
    import traceback

    from crashtool.render.safe_text import log_line

    for line in traceback.format_exc().rstrip("\n").split("\n"):
        sys.stderr.write(log_line(line) + "\n")
    sys.stderr.flush()


def tell_missing(error: ImportError) -> NoReturn:
    """Say which library every command needs, and how to install it; ends the process."""
    from crashtool.render.safe_text import log_line, safe

    missing = explain_import(error)
    if missing is None:
        raise error
    sys.stderr.write(f"crashtool: error: {safe(missing.what)}\n{log_line(f'  {missing.hint}')}\n")
    sys.exit(missing.exit_status)


def check_encodable(text: str, stream: TextIO) -> None:
    """CannotWrite unless the stream's encoding has every character of an answer for programs."""
    if stream.errors != ANSWERS:
        return
    try:
        text.encode(stream.encoding, "surrogateescape")
    except UnicodeEncodeError as error:
        raise CannotWrite(
            f"cannot write the answer: {stream.encoding} has no {text[error.start]!a}",
            hint="set PYTHONIOENCODING=utf-8",
        ) from None


def replace_in_answer(error: UnicodeError) -> tuple[str | bytes, int]:
    """What to write for a character that an encoding lacks (see `codecs.register_error`).

    Bytes of a file name that are no UTF-8 go out as they came in; an arrow becomes `->`.
    """
    letter, end = _first_letter(error)
    if "\udc80" <= letter <= "\udcff":
        return bytes([ord(letter) - 0xDC00]), end
    return WORDS.get(letter, "?"), end


def replace_in_note(error: UnicodeError) -> tuple[str | bytes, int]:
    """The same for people: what has no word is shown by its number."""
    letter, end = _first_letter(error)
    return WORDS.get(letter) or ascii(letter)[1:-1], end


def _first_letter(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start], error.start + 1


def _choose_encoding(stream: TextIO | None, errors: str) -> tuple[str, str]:
    """UTF-8 for programs whatever the code page, unless PYTHONIOENCODING says what they want."""
    encoding, _, wanted = os.environ.get("PYTHONIOENCODING", "").partition(":")
    if stream is not None and (encoding or stream.isatty()):
        return stream.encoding or "utf-8", wanted or errors
    return "utf-8", wanted or errors


def _raw_of(stream: TextIO) -> object:
    buffer = getattr(stream, "buffer", stream)  # itself the raw one under python -u
    return getattr(buffer, "raw", buffer)


def _tell_loss(error: OSError) -> None:
    """Say once that the answer is lost; a reader that went away knows."""
    gone = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)
    if error.errno not in gone:
        reason = f"stdout: {reason_of(error)}"
        sys.stderr.write(f"crashtool: error: cannot write the answer to {reason}\n")
        sys.stderr.flush()


def _hold_descriptors() -> None:
    """Put the null device in place of closed standard streams, closed again in child processes.

    Else the next file that is opened is stdout to a library that writes there.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
