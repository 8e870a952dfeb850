"""A folder for files that are unpacked or copied to be read: made when the first comes."""

from __future__ import annotations

import os
from contextlib import ExitStack
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from crashtool.errors import MachineFault, reason_of

if TYPE_CHECKING:
    from crashtool.formats.archives.archive_streams import ArchiveStream
    from crashtool.formats.archives.bounds import Allowance

BLOCK = 1 << 20  # bytes
SPARE_ROOMS = ("/var/tmp", "/dev/shm")  # noqa: S108 (a folder of our own is made there)


class Scratch:
    """The folder; it is deleted when the context ends."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._rooms: list[str | None] = [None, *SPARE_ROOMS]
        self._lock = Lock()
        self._used: set[str] = set()
        self._open = ExitStack()
        self._allowance: Allowance | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def folder(self) -> str:
        """The folder's path, for files that come from elsewhere. MachineFault without one."""
        with self._lock:
            if self._folder is None:
                self.move_on(None)
        return self._folder or ""

    def make_folder(self) -> str:
        """A new empty folder in it."""
        from pathlib import Path

        self._count += 1
        target = Path(self.folder(), f"folder{self._count}")
        target.mkdir()
        return str(target)

    def holds(self, path: str | os.PathLike[str]) -> bool:
        """Whether a file is one of these."""
        return os.path.dirname(path) in self._used  # noqa: PTH120

    def move_on(self, error: OSError | None) -> None:
        """Go on in another folder: the first, or the next after one that `error` came from."""
        from crashtool.services.files.temporary_folder import temporary_folder

        while self._rooms:
            room = self._rooms.pop(0)
            try:
                self._folder = str(self._open.enter_context(temporary_folder(room)))
            except OSError as failure:
                error = failure
            else:
                self._used.add(self._folder)
                return
        reason = f": {reason_of(error)}" if error else ""
        raise MachineFault(
            f"no space left for temporary files{reason}",
            hint="set TMPDIR to a folder with more space",
        )

    @property
    def allowance(self) -> Allowance:
        """What all that is unpacked to the folder may be beyond what is usual."""
        from crashtool.formats.archives.bounds import Allowance

        self._allowance = self._allowance or Allowance()
        return self._allowance

    def keep(self, stream: ArchiveStream) -> str:
        """Write a stream to a new file; nothing is left of one that cannot be read to its end.

        MachineFault when no disk has room for it.
        """
        self._count += 1
        kept = _Kept(self, str(self._count))
        try:
            try:
                while block := stream.read(BLOCK):
                    kept.write(block)
            finally:
                kept.file.close()
        except BaseException:
            self.drop(kept.path)  # it is closed by now: Windows would keep an open one
            raise
        return kept.path

    def drop(self, path: str) -> None:
        """Remove a file of the folder before its time."""
        from contextlib import suppress
        from pathlib import Path

        with suppress(OSError):  # the folder goes anyway
            Path(path).unlink()


class _Kept:
    """A file that moves to another folder when the disk under it is full."""

    def __init__(self, scratch: Scratch, name: str) -> None:
        self._scratch = scratch
        self._name = name
        self._size = 0
        while True:
            self.path = os.path.join(scratch.folder(), name)  # noqa: PTH118
            try:
                self.file = open(self.path, "xb", buffering=0)  # noqa: PTH123, SIM115
            except OSError as error:
                scratch.move_on(error)
            else:
                return

    def write(self, block: bytes) -> None:
        try:
            self._write_all(block)
        except OSError as error:
            self._move(error)
            self.write(block)
        else:
            self._size += len(block)

    def _write_all(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rest = rest[self.file.write(rest) :]

    def _move(self, error: OSError) -> None:
        """What there is so far, into a file of the next folder."""
        old, size = self.path, self._size
        self.file.close()
        self._scratch.move_on(error)
        moved = _Kept(self._scratch, self._name)
        self.path, self.file, self._size = moved.path, moved.file, 0
        with open(old, "rb") as source:  # noqa: PTH123
            while size > self._size:
                self.write(source.read(min(BLOCK, size - self._size)))
        self._scratch.drop(old)
