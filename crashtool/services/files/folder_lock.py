"""One receiver per folder: a lock that the system releases when its holder dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from crashtool.errors import UsageError


class FolderLock:
    """An exclusive lock on a file, held by a process until `release` or its death."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; UsageError when another receiver has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise UsageError(
                f"another receiver is using {self._path.parent}",
                hint="stop it, or choose another folder with --folder",
            ) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back, if held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
