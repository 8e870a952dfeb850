"""Finding minidumps in files, folders, globs and standard input: by content, through wrappers."""

import glob
import gzip
import mmap
import os
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile, NothingFound, reason_of
from crashtool.formats.multipart import Part, parse_multipart
from crashtool.services.path_patterns import expand_path

if TYPE_CHECKING:
    from crashtool.formats.attributes import Attachment
    from crashtool.services.database.sending import Held

SIGNATURE = b"MDMP"
GZIP_MAGIC, ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
FORM_MARK, FORM_HEADER = b"--", b"content-disposition: form-data"
HEAD = 1024  # bytes that tell what a file is
MINIDUMP_NAMES = ("upload_file_minidump", "upload_file")
UNPACKED_LIMIT = 1 << 34  # bytes; the largest full-memory dumps are smaller
DEPTH = 3  # a zip of gzipped request bodies
BLOCK = 1 << 20
STANDARD_INPUT = "standard input"
DATABASE_MARKS = ("settings.dat", "metadata")  # of a Crashpad database: generic and macOS, Windows
DATABASE_ASIDE = ("attachments", "new")  # copies of the user's files; reports still being written
BROKEN_WRAPPER = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile,
                  NotImplementedError, RuntimeError)  # fmt: skip


class ByteStream(Protocol):
    """Anything whose bytes can be read."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class DumpFile(NamedTuple):
    """A minidump to read at `file`. `path` is how to call it; `size` is in bytes.

    `note` says what it was taken out of. A `temporary` file is the reader's to remove. What comes
    from a database has its report's `attachments`, and is `held` while it is sent.
    """

    path: str
    file: Path
    size: int
    note: str | None = None
    temporary: bool = False
    attachments: "tuple[Attachment, ...]" = ()
    held: "Held | None" = None

    def discard(self) -> None:
        """Remove the file if it was only unpacked."""
        if self.temporary:
            self.file.unlink(missing_ok=True)


class UnusableInput(NamedTuple):
    """An input that gives no minidump, and why. `passing`: it ends by itself, as a lock does."""

    path: str
    error: CrashtoolError
    passing: bool = False


def find_dumps(
    inputs: Sequence[str], spool: Path, stdin: ByteStream | None
) -> Iterator[DumpFile | UnusableInput]:
    """The minidumps that the inputs stand for, each file once, in the order given.

    A file is taken whatever it holds, for the reader has the better words for what is wrong with
    it; in a folder only what holds a minidump is. Wrappers (gzip, zip, a saved form body) are
    unpacked into the folder `spool`, one at a time as the iteration goes on. `-` is `stdin`, None
    when it is closed.
    """
    seen: set[str] = set()
    for text in inputs:
        try:
            for path in _expand(text, spool, stdin):
                real = os.path.realpath(path)  # a Path of each of thousands would be much larger
                if real not in seen:
                    seen.add(real)
                    spooled = path.parent == spool
                    shown = STANDARD_INPUT if text == "-" else text if spooled else str(path)
                    yield from _open_input(path, shown, spool)
        except CrashtoolError as error:
            yield UnusableInput(text, error)
        except OSError as error:
            reason = reason_of(error)
            named = STANDARD_INPUT if text == "-" else text
            yield UnusableInput(text, InputUnusable(f"cannot read {named}: {reason}"))


def _expand(text: str, spool: Path, stdin: ByteStream | None) -> Iterator[Path]:
    """The files that an input stands for."""
    path = Path(text)
    if text == "-":
        if stdin is None:
            raise InputUnusable(f"cannot read {STANDARD_INPUT}: it is closed")
        yield _spool_stream(stdin, spool)
    elif path.is_dir():
        yield from _expand_folder(path)
    elif path.exists():
        yield from _expand_file(path, spool)
    elif glob.has_magic(text):
        matches = expand_path(text)
        if not matches:
            raise NothingFound(f"nothing matches {text}")
        for match in map(Path, matches):
            yield from walk_dumps(match) if match.is_dir() else _expand_file(match, spool)
    else:
        raise InputUnusable(f"{text} does not exist")


def _expand_file(path: Path, spool: Path) -> Iterator[Path]:
    if stat.S_ISREG(path.stat().st_mode):
        yield path
    else:  # a pipe, such as the shell's <(…)
        with path.open("rb") as stream:
            yield _spool_stream(stream, spool)


def _expand_folder(folder: Path) -> Iterator[Path]:
    found = False
    for path in walk_dumps(folder):
        found = True
        yield path
    if not found:
        raise NothingFound(
            f"no minidump in {folder}",
            hint="minidumps are known by their first bytes (MDMP), whatever their name",
        )


def walk_dumps(folder: Path) -> Iterator[Path]:
    """Files below a folder that hold a minidump or wrap one, folder by folder, sorted by name."""
    return filter(holds_dump, walk_files(folder))


def walk_files(folder: Path) -> Iterator[Path]:
    """Files below a folder that may hold minidumps, folder by folder, sorted by name.

    Of a Crashpad database, the copies of attachments and the unfinished reports are left out.
    Links to folders are not followed.
    """
    for parent, folders, files in os.walk(folder):
        is_database = any(mark in files for mark in DATABASE_MARKS)
        folders[:] = sorted(
            name for name in folders if not (is_database and name in DATABASE_ASIDE)
        )
        for name in sorted(files):
            yield Path(parent, name)


def holds_dump(path: Path) -> bool:
    """Whether the content is a minidump, or a wrapper with one in it."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        if head[:2] == GZIP_MAGIC:
            with gzip.open(path) as packed:
                head = packed.read(HEAD)
        elif head[:4] == ZIP_MAGIC:
            with zipfile.ZipFile(path) as archive:
                return any(_dump_members(archive))
    except (OSError, *BROKEN_WRAPPER):
        return False  # whatever it is, it is not a wrapper around a dump
    return _is_dump_or_form(head)


def _is_dump_or_form(head: bytes) -> bool:
    return head[:4] == SIGNATURE or _wrapper_of(head) == "form"


def _wrapper_of(head: bytes) -> str | None:
    """What the first bytes say a file is wrapped in."""
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    if head.startswith(ZIP_MAGIC):
        return "zip"
    if head.startswith(FORM_MARK) and FORM_HEADER in head.lower():
        return "form"
    return None


def _open_input(
    path: Path, shown: str, spool: Path, *, depth: int = 0, note: str | None = None
) -> Iterator[DumpFile | UnusableInput]:
    """The dump in a file, or the dumps in what it wraps."""
    temporary = path.parent == spool
    with path.open("rb") as stream:
        wrapper = _wrapper_of(stream.read(HEAD))
    if wrapper is None or depth == DEPTH:
        yield DumpFile(shown, path, path.stat().st_size, note, temporary)
        return
    try:
        for name, file, inner in _UNPACKERS[wrapper](path, spool):
            label = f"{shown}:{name}" if name else shown
            notes = f"{note}, {inner}" if note else inner
            yield from _open_input(file, label, spool, depth=depth + 1, note=notes)
    except MalformedFile as error:
        yield UnusableInput(shown, InputUnusable(f"{shown} is a damaged form body: {error}"))
    except InputUnusable as error:
        yield UnusableInput(shown, InputUnusable(f"{shown} {error}"))
    except BROKEN_WRAPPER as error:
        yield UnusableInput(shown, InputUnusable(f"{shown} is damaged {wrapper}: {error}"))
    finally:
        if temporary:
            path.unlink()


def _unpack_gzip(path: Path, spool: Path) -> Iterator[tuple[str, Path, str]]:
    with gzip.open(path) as stream:
        yield "", _spool_stream(stream, spool), "out of gzip"


def _unpack_zip(path: Path, spool: Path) -> Iterator[tuple[str, Path, str]]:
    with zipfile.ZipFile(path) as archive:
        members = list(_dump_members(archive))
        if not members:
            raise InputUnusable("is a zip archive without a minidump in it")
        for name in members:
            with archive.open(name) as stream:
                yield name, _spool_stream(stream, spool), "out of a zip archive"


def _unpack_form(path: Path, spool: Path) -> Iterator[tuple[str, Path, str]]:
    found = _find_dump_part(path)
    if found is None:
        raise InputUnusable("is a form body without a minidump in it")
    part, others = found
    left_out = f" (its {others} other parts are left out)" if others else ""
    with path.open("rb") as stream:
        stream.seek(part.start)
        file = _spool_stream(stream, spool, part.end - part.start)
    yield "", file, f"out of a form body{left_out}"


_UNPACKERS = {"gzip": _unpack_gzip, "zip": _unpack_zip, "form": _unpack_form}


def _dump_members(archive: zipfile.ZipFile) -> Iterator[str]:
    for info in archive.infolist():
        encrypted = info.flag_bits & 1
        if info.is_dir() or encrypted:
            continue
        with archive.open(info) as stream:
            head = stream.read(HEAD)
        if head[:2] == GZIP_MAGIC:
            with archive.open(info) as stream, gzip.open(stream) as packed:
                head = packed.read(HEAD)
        if _is_dump_or_form(head):
            yield info.filename


def _find_dump_part(path: Path) -> tuple[Part, int] | None:
    """The part of a form body that is the dump, and how many others there are."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        parts = parse_multipart(data)
        for part in parts:
            if part.name in MINIDUMP_NAMES or data[part.start : part.start + 4] == SIGNATURE:
                return part, len(parts) - 1
    return None


def _spool_stream(stream: ByteStream, spool: Path, size: int | None = None) -> Path:
    """Copy `size` bytes, or all, to a new file in `spool`; InputUnusable when that is too much."""
    limit = UNPACKED_LIMIT if size is None else size
    with tempfile.NamedTemporaryFile(dir=spool, delete=False) as target:
        written = 0
        try:
            while written < limit and (block := stream.read(min(BLOCK, limit - written))):
                target.write(block)
                written += len(block)
        except BaseException:
            _remove(target.name)
            raise
    if size is None and written == limit:
        _remove(target.name)
        raise InputUnusable(f"holds {UNPACKED_LIMIT:,} bytes or more")
    return Path(target.name)


def _remove(name: str) -> None:
    with suppress(OSError):  # Windows keeps an open file; the folder's owner removes it later
        Path(name).unlink()
