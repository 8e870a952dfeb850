"""Finding minidumps in files, folders, globs and standard input: by content, through wrappers."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError, InputUnusable, NothingFound
from crashtool.formats.archives.archive_streams import Rejoined
from crashtool.formats.regular_file import open_pipe
from crashtool.formats.seen_texts import SeenTexts
from crashtool.services.files import unwrap_dumps
from crashtool.services.files.denied import explain
from crashtool.services.files.path_patterns import expand_path, may_exist
from crashtool.services.files.unwrap_dumps import (
    ByteStream,
    DumpFile,
    UnusableInput,
    is_dump_or_form,
    is_wrapper,
    open_input,
    spool_stream,
)

if TYPE_CHECKING:
    from crashtool.services.files.scratch import Scratch

STANDARD_INPUT = "standard input"
DATABASE_MARKS = ("settings.dat", "metadata")  # of a Crashpad database: generic and macOS, Windows
DATABASE_ASIDE = ("attachments", "new")  # copies of the user's files; reports still being written
VERDICT_BYTES = 1 << 16  # what tells a reader that a stream is none of its business


def find_dumps(
    inputs: Sequence[str], spool: Scratch, stdin: ByteStream | None
) -> Iterator[DumpFile | UnusableInput]:
    """The minidumps that the inputs stand for, each file once, in the order given.

    A file is taken whatever it holds, for the reader has the better words for what is wrong with
    it; in a folder only what holds a minidump is. Wrappers (packed files, archives, a saved
    form body) are unpacked into `spool`, one at a time as the iteration goes on. `-` is
    `stdin`, None when it is closed.
    """
    seen = SeenTexts()
    for text in inputs:
        denied: list[OSError] = []
        try:
            for path in _expand(text, spool, stdin, denied.append):
                if seen.add(os.path.realpath(path)):
                    spooled = spool.holds(path)
                    shown = STANDARD_INPUT if text == "-" else text if spooled else str(path)
                    yield from open_input(path, shown, spool)
        except CrashtoolError as error:
            yield UnusableInput(text, error)
        except OSError as error:
            denied.append(error)
        for refusal in denied:
            yield UnusableInput(text, explain(refusal, STANDARD_INPUT if text == "-" else text))


def _expand(
    text: str, spool: Scratch, stdin: ByteStream | None, denied: Callable[[OSError], None]
) -> Iterator[Path]:
    """The files that an input stands for. `denied` is as for `walk_dumps`."""
    path = Path(text)
    if text == "-":
        if stdin is None:
            raise InputUnusable(f"cannot read {STANDARD_INPUT}: it is closed")
        yield _spool_input(stdin, spool)
    elif path.is_dir():
        yield from _expand_folder(path, denied)
    elif may_exist(text):
        yield from _expand_file(path, spool)
    elif glob.has_magic(text):
        matches = expand_path(text)
        if not matches:
            raise NothingFound(f"nothing matches {text}")
        for match in map(Path, matches):
            yield from walk_dumps(match, denied) if match.is_dir() else _expand_file(match, spool)
    else:
        hint = "download it, and name the file" if "://" in text else None
        raise InputUnusable(f"{text} does not exist", hint=hint)


def _expand_file(path: Path, spool: Scratch) -> Iterator[Path]:
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        yield path
    elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise InputUnusable(f"{path} is a device, which may have no end", hint="give a file")
    else:  # a pipe, such as the shell's <(…)
        with open_pipe(path) as stream:
            yield _spool_input(stream, spool)


def _expand_folder(folder: Path, denied: Callable[[OSError], None]) -> Iterator[Path]:
    """The dumps in it. NothingFound when there is none, and nothing that could not be read."""
    has_any = False

    def note(error: OSError) -> None:
        nonlocal has_any
        has_any = True
        denied(error)

    for path in walk_dumps(folder, note):
        has_any = True
        yield path
    if not has_any:
        raise NothingFound(
            f"no minidump in {folder}",
            hint="minidumps are known by their first bytes (MDMP), whatever their name",
        )


def walk_dumps(folder: Path, denied: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """Files below a folder that hold a minidump or wrap one, folder by folder, sorted by name.

    `denied` hears of folders and files that cannot be read.
    """
    return (path for path in walk_files(folder, denied) if holds_dump(path, denied))


def walk_files(folder: Path, denied: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """Files below a folder that may hold minidumps, folder by folder, sorted by name.

    Of a Crashpad database, the copies of attachments and the unfinished reports are left out.
    Links to folders are not followed. `denied` hears of folders that cannot be read.
    """
    for parent, folders, files in os.walk(folder, onerror=denied):
        is_database = any(mark in files for mark in DATABASE_MARKS)
        folders[:] = sorted(
            name for name in folders if not (is_database and name in DATABASE_ASIDE)
        )
        for name in sorted(files):
            yield Path(parent, name)


def holds_dump(path: Path, denied: Callable[[OSError], None] | None = None) -> bool:
    """Whether the content is a minidump, or a wrapper with one in it.

    `denied` hears of a file named like a minidump that cannot be read: it may not be, or is gone
    since its folder was listed, or a link leads nowhere.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode) and unwrap_dumps.holds_dump(path)
    except OSError as error:
        if denied and path.suffix == ".dmp":
            denied(error)
        return False


def _spool_input(stream: ByteStream, spool: Scratch) -> Path:
    """Copy a pipe to a file in `spool`; of what is no dump only so much that its kind can be told.

    It may have no end.
    """
    head = _read_head(stream)
    if is_wrapper(head) or is_dump_or_form(head):
        return spool_stream(Rejoined(head, stream), spool)
    return spool_stream(BytesIO(head), spool)


def _read_head(stream: ByteStream) -> bytes:
    head = bytearray()
    while len(head) < VERDICT_BYTES and (block := stream.read(VERDICT_BYTES - len(head))):
        head += block
    return bytes(head)
