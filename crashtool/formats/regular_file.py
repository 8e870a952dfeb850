"""Opening files that somebody else chose: never waiting for the other end of a pipe."""

from __future__ import annotations

import os
import stat
import sys
from typing import IO

from crashtool.errors import InputUnusable

# without O_NONBLOCK a named pipe without a writer is opened never; on Windows there are none
OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
PIPE_SECONDS = 10.0
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """A regular file to read. OSError as `open`; InputUnusable for what is no regular file."""
    if not hasattr(os, "O_NONBLOCK"):
        return open(path, "rb")  # noqa: PTH123 (whoever asked closes it)
    descriptor = os.open(path, OPEN_FLAGS)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")  # noqa: PTH123
    os.close(descriptor)
    raise InputUnusable(f"{os.fspath(path)} is {kind_of(mode)}, not a file")


def open_pipe(path: str | os.PathLike[str], seconds: float = PIPE_SECONDS) -> IO[bytes]:
    """A pipe to read, once something has come; InputUnusable when nothing does in so long.

    A named pipe is opened never when no program writes to it, which nobody can tell beforehand.
    """
    if not hasattr(os, "O_NONBLOCK"):
        return open(path, "rb")  # noqa: PTH123
    import select

    descriptor = os.open(path, OPEN_FLAGS)
    if not select.select([descriptor], [], [], seconds)[0]:
        os.close(descriptor)
        raise InputUnusable(
            f"{os.fspath(path)} is a named pipe, and nothing came out of it in {seconds:.0f} s",
            hint="start the program that writes to it first",
        )
    if sys.platform != "win32":
        os.set_blocking(descriptor, True)
    return open(descriptor, "rb")  # noqa: PTH123


def kind_of(mode: int) -> str:
    """What a file is by its mode, in words."""
    return next((words for test, words in KINDS if test(mode)), "a file")
