"""Files that are written whole or not at all: all that the user has crashtool write."""

from __future__ import annotations

import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

from crashtool.errors import CannotWrite, UsageError, cannot_write
from crashtool.services.files.long_paths import plain_path

FOR_THE_OWNER = 0o600  # as dumps are: what shows a crashed program's memory is nobody else's
FOR_ANYBODY = 0o666  # what the umask leaves of it
PARTIAL = ".part"
MINIDUMP_MARK = b"MDMP"
O_BINARY = getattr(os, "O_BINARY", 0)  # on Windows
OPEN_STREAMS = ("/dev/", "/proc/")  # /dev/stdout, /dev/fd/3: whatever is behind them is in use


@contextmanager
def open_whole(path: Path, mode: int = FOR_ANYBODY, *, in_place: bool = True) -> Iterator[BinaryIO]:
    """A file to write that takes its place when the context ends well, and is gone otherwise.

    Pipes and devices are written directly, and a link stays a link. A file for anybody keeps the
    permissions of the one it replaces. CannotWrite when the place cannot be written; what goes
    wrong elsewhere in the body passes through. A minidump is not replaced: UsageError. Without
    `in_place` the body may read the file that it replaces, and that may be a minidump: a pipe or
    device is a UsageError then, and a folder that takes no new file CannotWrite.
    """
    if in_place:
        spare_minidump(path)
    target, is_new = _plan(path, in_place=in_place)
    with blaming(path):
        descriptor, partial = _open_partial(target, mode) if is_new else (_open(path), target)
    file = _Output(descriptor, path)
    try:
        yield cast("BinaryIO", file)
        file.close()
        if partial != target:
            with blaming(path):
                if mode == FOR_ANYBODY:
                    _keep_permissions(target, partial)
                partial.replace(target)
    finally:
        with suppress(OSError, CannotWrite):  # what a full disk did not take is tried once more
            file.close()
        if partial != target:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, mode: int = FOR_ANYBODY) -> None:
    """Write a file as `open_whole` does."""
    with open_whole(path, mode) as file:
        file.write(content)


def spare_minidump(path: Path) -> None:
    """UsageError when a file that is to be written is a minidump: there may be no other of it."""
    try:
        with path.open("rb") if path.is_file() else io.BytesIO() as file:
            is_minidump = file.read(len(MINIDUMP_MARK)) == MINIDUMP_MARK
    except OSError:
        return  # what is wrong with it is told where it is written
    if is_minidump:
        raise UsageError(
            f"{path} is a minidump, and would be overwritten", hint="name another file"
        )


def append_text(path: Path, text: str) -> None:
    """Add to a file that others add to as well, such as the summary of a CI job. CannotWrite."""
    with blaming(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """A folder for what is to be written, with its parents. CannotWrite."""
    with blaming(path):
        path.mkdir(mode=mode, parents=True, exist_ok=True)


def remove_partials(path: Path) -> list[Path]:
    """Remove what writers of a place have left that were killed; those that it removed.

    A writer that still lives holds its file: by a lock, and on Windows by having it open.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    start = _mark_partial(target.name)
    removed = []
    with suppress(OSError), os.scandir(target.parent) as entries:
        names = sorted(entry.name for entry in entries if entry.name.startswith(start))
        for partial in (target.with_name(name) for name in names if name.endswith(PARTIAL)):
            with suppress(OSError):
                _remove_dead(partial)
                removed.append(partial)
    return removed


def _remove_dead(partial: Path) -> None:
    """Remove a file that no writer holds. OSError where one does, or where that cannot be told."""
    if sys.platform == "win32":
        partial.unlink()
    else:
        with partial.open("rb") as file:
            if not _hold(file.fileno()):
                raise BlockingIOError
            partial.unlink()


def _mark_partial(name: str) -> str:
    """How the names of a file's partial files start: of one length, whatever that of the file."""
    return f".{zlib.crc32(os.fsencode(name)):08x}."


def _open_partial(target: Path, mode: int) -> tuple[int, Path]:
    """A new file beside the target, open and held, and its path."""
    start = _mark_partial(target.name)
    while True:
        partial = target.with_name(f"{start}{uuid4().hex}{PARTIAL}")
        descriptor = os.open(partial, os.O_WRONLY | O_BINARY | os.O_CREAT | os.O_EXCL, mode)
        # Whoever removes what was left may have come between.
        if _hold(descriptor) is not False and partial.exists():
            return descriptor, partial
        os.close(descriptor)
        with suppress(OSError):
            partial.unlink()


def _hold(descriptor: int) -> bool | None:
    """Lock a file until it is closed: False when another process has, None where there are none."""
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 (mypy reads one branch on each system)
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True


def _plan(path: Path, *, in_place: bool) -> tuple[Path, bool]:
    """The file to replace, and whether another is written until it is: not so for a pipe.

    A file that may be written in a folder that may not is written where it is, too.
    """
    with blaming(path):
        text = os.path.realpath(path) if path.is_symlink() else str(path)
        is_stream = os.path.abspath(path).startswith(OPEN_STREAMS)  # noqa: PTH100 (links stay)
        target = path if is_stream else Path(text)
        try:
            status = target.stat()
        except FileNotFoundError:
            return target, True
    folder = target.parent
    if not stat.S_ISREG(status.st_mode) or is_stream:
        if not in_place:
            raise UsageError(
                f"{path} is not a regular file, so it cannot be replaced", hint="name a file"
            )
        return target, False
    is_closed = in_place and not os.access(folder, os.W_OK) and os.access(target, os.W_OK)
    return target, not is_closed


def _open(path: Path) -> int:
    is_stream = os.path.abspath(path).startswith(OPEN_STREAMS)  # noqa: PTH100
    return os.open(path, os.O_WRONLY | O_BINARY | (os.O_APPEND if is_stream else os.O_TRUNC))


def _keep_permissions(old: Path, new: Path) -> None:
    with suppress(OSError):
        new.chmod(stat.S_IMODE(old.stat().st_mode))


class _Output(io.BufferedWriter):
    """A buffered file whose failures are those of a place, whatever else the body reads."""

    def __init__(self, descriptor: int, path: Path) -> None:
        super().__init__(io.FileIO(descriptor, "wb"))
        self._place = path

    def write(self, content: Any) -> int:
        return int(self._do(super().write, content))

    def flush(self) -> None:
        self._do(super().flush)

    def close(self) -> None:
        self._do(super().close)

    def _do(self, action: Callable[..., Any], *arguments: Any) -> Any:
        with blaming(self._place):
            return action(*arguments)


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """An error of the system in here is that of writing a place: CannotWrite."""
    try:
        yield
    except OSError as error:
        raise cannot_write(plain_path(str(path)), error) from None
