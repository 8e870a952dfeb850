"""The lock that Crashpad holds on a file while it changes it: flock, LockFileEx on Windows."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from crashtool.errors import InputUnusable

PATIENCE = 10.0  # seconds; a handler holds the lock for one read and one write
PAUSE = 0.02  # seconds between two tries
WHOLE = 0x7FFFFFFF  # bytes; all of any such file, and it may lie beyond the end


@contextmanager
def locked_file(file: BinaryIO, path: Path) -> Iterator[None]:
    """Hold the exclusive lock; InputUnusable when another process keeps it for too long."""
    deadline = time.monotonic() + PATIENCE
    while not _try_lock(file):
        if time.monotonic() > deadline:
            raise InputUnusable(f"{path} is locked by another process", hint="end it, or try later")
        time.sleep(PAUSE)
    try:
        yield
    finally:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, WHOLE)


def _try_lock(file: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, WHOLE)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # closing the file lets it go
    except OSError:
        return False
    return True
