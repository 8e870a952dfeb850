"""A report on its way in, before anyone has been told that it is there."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import IO

from crashtool.services.receiver.received_report import MINIDUMP_NAMES


class DraftFile:
    """A file on its way in."""

    def __init__(self, path: Path, name: bytes, filename: bytes, content_type: str) -> None:
        self.path = path
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self.size = 0
        self._stream: IO[bytes] = path.open("xb", buffering=0)

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`."""
        done = 0
        while done < len(data):
            done += self._stream.write(data[done:]) or 0
        self.size += len(data)

    def sync(self) -> None:
        """Make the content durable and close."""
        if self._stream.closed:
            self._stream = self.path.open("r+b", buffering=0)  # Windows syncs what may be written
        os.fsync(self._stream.fileno())
        self._stream.close()

    def close(self) -> None:
        """Close without waiting for the disk."""
        self._stream.close()


class IncomingReport:
    """A report on its way in: nothing of it shows until `Inbox.keep`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fields: list[tuple[bytes, bytes]] = []
        self.files: list[DraftFile] = []
        self.is_moved = False
        folder.mkdir(mode=0o700)

    def add_file(self, name: bytes, filename: bytes, content_type: str) -> DraftFile:
        """A new empty file; it is stored under a name of our own."""
        suffix = ".dmp" if name == MINIDUMP_NAMES[0].encode() else ".bin"
        path = self.folder / f"{len(self.files)}{suffix}"
        file = DraftFile(path, name, filename, content_type)
        self.files.append(file)
        return file

    def move(self, folder: Path) -> None:
        """Rename its folder; no file is open then, for Windows would not have it."""
        for file in self.files:
            file.close()
        self.folder.rename(folder)
        self.is_moved = True
        for file in self.files:
            file.path = folder / file.path.name

    def digest(self, name: str = "") -> str:
        """A hash of what its files hold: the same when a client sends them again.

        With the name that the client gives its request, that and the fields count, too.
        """
        digest = hashlib.sha256()
        if name:
            digest.update(repr((name, self.fields)).encode())
        for file in sorted(self.files, key=lambda file: (file.name, file.filename)):
            digest.update(file.size.to_bytes(8, "little"))
            with file.path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    def discard(self) -> None:
        """Remove all traces, unless it has been moved: then it is no draft any more."""
        for file in self.files:
            file.close()
        if not self.is_moved:
            shutil.rmtree(self.folder, ignore_errors=True)
