"""Rows that were read before, kept in a folder of the user's, so that a call that ended goes on.

A file for each way of reading: the version of crashtool, the rules, the symbols. It grows by whole
lines, and a last line that is torn is read again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Self

from crashtool import __version__
from crashtool.errors import cannot_write, reason_of
from crashtool.model.triage.row import Row, parse_row, row_document
from crashtool.services.analyze.inspect_dumps import FoundDump, Unreadable
from crashtool.services.files.whole_file import FOR_THE_OWNER, O_BINARY, make_folder

DIGITS = 16
COMPACT = (",", ":")


class KeptRows:
    """The rows of one way of reading. CannotWrite when the folder cannot be used.

    A disk that is full later on is told to `warn`, once: no answer is worse for it.
    """

    def __init__(self, folder: str, state: str, warn: Callable[[str], None]) -> None:
        self._path = Path(folder, f"rows-{state}.jsonl")
        self._warn = warn
        self._is_full = False
        make_folder(Path(folder))
        try:
            descriptor = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | O_BINARY, FOR_THE_OWNER
            )
            self._file = os.fdopen(descriptor, "ab", buffering=0)
            self._lines = self._path.open("rb")
            self._places = dict(_walk_places(self._lines))
            _end_line(self._lines, self._file)
        except OSError as error:
            raise cannot_write(self._path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._lines.close()

    def find(self, dump: FoundDump | Unreadable) -> Row | None:
        """The row of a file that has not changed since."""
        identity = identify(dump) if isinstance(dump, FoundDump) else ""
        place = self._places.get(_number(identity)) if identity else None
        if place is None:
            return None
        self._lines.seek(place)
        line = _parse(self._lines.readline())
        return line[1] if line and line[0] == identity else None

    def add(self, identity: str, row: Row) -> None:
        """Keep a row."""
        if not identity or row.status != "ok" or self._is_full:
            return
        line = json.dumps([identity, row_document(row)], separators=COMPACT) + "\n"
        content = line.encode("ascii")
        try:
            while content:
                content = content[self._file.write(content) :]
        except OSError as error:
            self._is_full = True
            words = f"{self._path} cannot be written any more: {reason_of(error)}"
            self._warn(f"{words}; what is read from here on is read again by the next call")


def identify(dump: FoundDump) -> str:
    """What a file is known again by: path, size, time of change; "" for what was unpacked."""
    if dump.temporary:
        return ""
    try:
        status = os.stat(dump.file)  # noqa: PTH116 (pathlib costs start-up time)
    except OSError:
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}:{dump.path}"


def name_state(texts: Iterable[str], folders: Iterable[str]) -> str:
    """A name for a way of reading: its texts, and the names, sizes and times of symbols' files."""
    hasher = hashlib.sha256(__version__.encode("ascii"))
    for text in (*texts, *(line for folder in folders for line in _walk_files(folder))):
        hasher.update(text.encode("utf-8", "surrogateescape") + b"\0")
    return hasher.hexdigest()[:DIGITS]


def _walk_files(path: str) -> Iterator[str]:
    if not os.path.isdir(path):  # noqa: PTH112
        yield _describe(path)
        return
    for parent, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            yield _describe(os.path.join(parent, name))  # noqa: PTH118


def _describe(path: str) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return path
    return f"{path}:{status.st_size}:{status.st_mtime_ns}"


def _walk_places(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """For each whole line its identity's number, and where it begins.

    The rows stay in the file: of a million dumps they would be a gigabyte.
    """
    decoder = json.JSONDecoder()
    place = 0
    for line in file:
        if line.startswith(b"[") and line.endswith(b"]\n"):
            with suppress(ValueError):
                identity, _ = decoder.raw_decode(line.decode("ascii"), 1)
                yield _number(str(identity)), place
        place += len(line)


def _number(identity: str) -> int:
    text = identity.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def _parse(line: bytes) -> tuple[str, Row] | None:
    """What is kept in a line; None for one that cannot be read: its dump is read again."""
    try:
        identity, document = json.loads(line)
        return str(identity), parse_row(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _end_line(lines: BinaryIO, file: FileIO) -> None:
    """Begin on a line of our own after one that was torn."""
    if lines.seek(0, os.SEEK_END):
        lines.seek(-1, os.SEEK_END)
        if lines.read(1) != b"\n":
            file.write(b"\n")
