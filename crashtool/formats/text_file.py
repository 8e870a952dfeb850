"""Text that people give, read as editors save it: with a BOM, in UTF-16, with any line ends."""

from __future__ import annotations

import codecs
import os

from crashtool.errors import CrashtoolError, InputUnusable, reason_of

LARGEST = 1 << 26  # bytes: nobody writes as much by hand
UTF8 = "utf-8"
MARKS = (  # a byte order mark and the encoding; the longer ones first
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text_file(
    path: str | os.PathLike[str],
    *,
    fault: type[CrashtoolError] = InputUnusable,
    largest: int = LARGEST,
) -> str:
    """The text of a file, each line ended by a line feed alone.

    Notepad and PowerShell write UTF-16, or UTF-8 with a mark. `fault` is raised for what cannot
    be read and for what is no text; it says in which line.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (pathlib costs start-up time)
            raw = file.read(largest + 1)
    except (OSError, ValueError) as error:
        raise fault(f"cannot read {path}: {reason_of(error)}") from None
    if len(raw) > largest:
        raise fault(f"cannot read {path}: it has more than {largest:,} bytes")
    return decode_text(raw, os.fspath(path), fault=fault)


def decode_text(raw: bytes, name: str, *, fault: type[CrashtoolError] = InputUnusable) -> str:
    """The text that the bytes of a file hold; `name` is what the `fault` calls it."""
    encoding, raw = find_encoding(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = _count_lines(raw[: error.start].decode(encoding, "replace"))
        what = f"byte {raw[error.start]:#x}" if encoding == UTF8 else error.reason
        words = f"cannot read {name}, line {line}: not {encoding[:6].strip('-').upper()} ({what})"
        raise fault(words, hint="save the file as UTF-8") from None
    index = text.find("\0")
    if index >= 0:
        raise fault(f"cannot read {name}, line {_count_lines(text[:index])}: a NUL: no text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def find_encoding(raw: bytes) -> tuple[str, bytes]:
    """The encoding of a text, and its bytes without the byte order mark.

    Without a mark it is UTF-8, or UTF-16 where the first character says so by its NUL.
    """
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return encoding, raw[len(mark) :]
    first, second = raw[:1], raw[1:2]
    if len(raw) % 2 == 0 and (first == b"\0") != (second == b"\0") and second:
        return "utf-16-le" if second == b"\0" else "utf-16-be", raw
    return UTF8, raw


def _count_lines(before: str) -> int:
    """The line, from 1, that what comes next is in."""
    return before.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
