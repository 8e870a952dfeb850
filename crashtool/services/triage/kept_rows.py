"""Rows that were read before, kept in a folder of the user's, so that a call that ended goes on.

A file for each way of reading: the version of crashtool, the rules, the symbols. It grows by whole
lines, and a last line that is torn is read again.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from crashtool import __version__
from crashtool.errors import cannot_write
from crashtool.model.triage.row import Row, parse_row, row_document
from crashtool.services.analyze.inspect_dumps import FoundDump, Unreadable
from crashtool.services.files.whole_file import FOR_THE_OWNER, make_folder

DIGITS = 16
COMPACT = (",", ":")


class KeptRows:
    """The rows of one way of reading. CannotWrite when the folder cannot be used."""

    def __init__(self, folder: str, state: str) -> None:
        self._path = Path(folder, f"rows-{state}.jsonl")
        make_folder(Path(folder))
        self._rows = dict(_read(self._path))
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FOR_THE_OWNER)
            self._file = os.fdopen(descriptor, "ab")
            _end_line(self._path, self._file)
        except OSError as error:
            raise cannot_write(self._path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def find(self, found: FoundDump | Unreadable) -> Row | None:
        """The row of a file that has not changed since."""
        return self._rows.get(identify(found)) if isinstance(found, FoundDump) else None

    def add(self, identity: str, row: Row) -> None:
        """Keep a row. CannotWrite."""
        if not identity or row.status != "ok":
            return
        line = json.dumps([identity, row_document(row)], separators=COMPACT) + "\n"
        try:
            self._file.write(line.encode("ascii"))
            self._file.flush()
        except OSError as error:
            raise cannot_write(self._path, error) from None


def identify(found: FoundDump) -> str:
    """What a file is known again by: path, size, time of change; "" for what was unpacked."""
    if found.temporary:
        return ""
    try:
        status = os.stat(found.file)  # noqa: PTH116 (pathlib costs start-up time)
    except OSError:
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}:{found.path}"


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


def _read(path: Path) -> Iterator[tuple[str, Row]]:
    """What can be read of the file; a line that cannot is a dump to read again."""
    try:
        content = path.read_bytes()
    except OSError:
        return
    for line in content.split(b"\n"):
        try:
            identity, document = json.loads(line)
            yield str(identity), parse_row(document)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def _end_line(path: Path, file: "object") -> None:
    """Begin on a line of our own after one that was torn."""
    content = path.stat().st_size
    if content:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                file.write(b"\n")  # type: ignore[attr-defined]
