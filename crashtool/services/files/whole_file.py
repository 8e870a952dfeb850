"""Files that are written whole or not at all: all that the user has crashtool write."""

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

from crashtool.errors import CannotWrite, UsageError, cannot_write

FOR_THE_OWNER = 0o600  # as dumps are: what shows a crashed program's memory is nobody else's
FOR_ANYBODY = 0o666  # what the umask leaves of it
O_BINARY = getattr(os, "O_BINARY", 0)  # on Windows
OPEN_STREAMS = ("/dev/", "/proc/")  # /dev/stdout, /dev/fd/3: whatever is behind them is in use


@contextmanager
def open_whole(path: Path, mode: int = FOR_ANYBODY, *, in_place: bool = True) -> Iterator[BinaryIO]:
    """A file to write that takes its place when the context ends well, and is gone otherwise.

    Pipes and devices are written directly, and a link stays a link. A file for anybody keeps the
    permissions of the one it replaces. CannotWrite when the place cannot be written; what goes
    wrong elsewhere in the body passes through. Without `in_place` the body may read the file that
    it replaces: a pipe or device is a UsageError then, and a folder that takes no new file
    CannotWrite.
    """
    target, partial = _plan(path, in_place=in_place)
    file = _Output(_open(partial, mode, is_new=partial != target, target=path), path)
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


def append_text(path: Path, text: str) -> None:
    """Add to a file that others add to as well, such as the summary of a CI job. CannotWrite."""
    with blaming(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """A folder for what is to be written, with its parents. CannotWrite."""
    with blaming(path):
        path.mkdir(mode=mode, parents=True, exist_ok=True)


def _plan(path: Path, *, in_place: bool) -> tuple[Path, Path]:
    """The file to replace, and the one that is written until it does: the same for a pipe.

    A file that may be written in a folder that may not is written where it is, too.
    """
    with blaming(path):
        text = os.path.realpath(path) if path.is_symlink() else str(path)
        is_stream = os.path.abspath(path).startswith(OPEN_STREAMS)  # noqa: PTH100 (links stay)
        target = path if is_stream else Path(text)
        try:
            status = target.stat()
        except FileNotFoundError:
            return target, target.with_name(f".{uuid4().hex}.part")
    folder = target.parent
    if not stat.S_ISREG(status.st_mode) or is_stream:
        if not in_place:
            raise UsageError(
                f"{path} is not a regular file, so it cannot be replaced", hint="name a file"
            )
        return target, target
    if in_place and not os.access(folder, os.W_OK) and os.access(target, os.W_OK):
        return target, target
    return target, target.with_name(f".{uuid4().hex}.part")


def _open(path: Path, mode: int, *, is_new: bool, target: Path) -> int:
    flags = os.O_WRONLY | O_BINARY
    if is_new:
        flags |= os.O_CREAT | os.O_EXCL
    elif os.path.abspath(path).startswith(OPEN_STREAMS):  # noqa: PTH100
        flags |= os.O_APPEND
    else:
        flags |= os.O_TRUNC
    with blaming(target):
        return os.open(path, flags, mode)


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
        raise cannot_write(path, error) from None
