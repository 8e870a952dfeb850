"""What was made from debug files, or fetched from servers, kept on disk for the next time.

A folder per key, a file per name. Files appear whole or not at all, so that several processes can
share the cache; the ones not used for longest go when it grows beyond its limit.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, NamedTuple

from crashtool.errors import InputUnusable

DEFAULT_LIMIT = 8 << 30  # bytes
SAMPLE = 1 << 16  # bytes
SAMPLES = 16
PARTIAL = ".part"
LEFTOVER_SECONDS = 86400  # a partial file of a process that was killed
VERSION = "1"  # of the layout, and of what the derived files mean


class Entry(NamedTuple):
    """A file in the cache; `used` in seconds since 1970."""

    path: str
    size: int
    used: float


class SymbolCache:
    """A cache in `folder`, of at most `limit` bytes."""

    def __init__(self, folder: str, limit: int = DEFAULT_LIMIT) -> None:
        self.folder = os.path.join(folder, VERSION)
        self.limit = limit

    def find(self, key: str, name: str) -> str | None:
        """The path of a file, which now counts as used; None when it is not there."""
        path = self.place(key, name)
        try:
            os.utime(path)
        except OSError:
            return path if os.path.isfile(path) else None
        return path

    def age(self, key: str, name: str, now: float) -> float | None:
        """The seconds since a file was put; None when it is not there."""
        try:
            return now - os.stat(self.place(key, name)).st_mtime
        except OSError:
            return None

    def put(self, key: str, name: str, write: Callable[[IO[bytes]], None]) -> str:
        """Have `write` write a file, and keep it. InputUnusable when the cache cannot be written.

        What `write` raises passes through, and nothing is kept.
        """
        path = self.place(key, name)
        partial = f"{path}.{os.getpid()}.{os.urandom(4).hex()}{PARTIAL}"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(partial, "xb") as file:
                write(file)
                size = file.tell()
            self._make_room(size)
            os.replace(partial, path)
        except OSError as error:
            raise InputUnusable(
                f"cannot write {path}: {error.strerror or error}",
                hint="name another folder by --cache or CRASHTOOL_CACHE",
            ) from None
        finally:
            with suppress(OSError):
                os.unlink(partial)
        return path

    def place(self, key: str, name: str) -> str:
        """Where a file is, or would be."""
        return os.path.join(self.folder, key[:2], key, name)

    def walk(self) -> Iterator[Entry]:
        """All files, whole ones and what killed processes left."""
        for parent, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(parent, name)
                with suppress(OSError):
                    status = os.stat(path)
                    yield Entry(path, status.st_size, status.st_mtime)

    def clear(self) -> list[Entry]:
        """Remove everything; what was removed."""
        return [entry for entry in self.walk() if _remove(entry)]

    def trim(self, limit: int, now: float | None = None) -> list[Entry]:
        """Remove what was not used for longest until `limit` bytes are left; what was removed."""
        entries = sorted(self.walk(), key=lambda entry: entry.used)
        size = sum(entry.size for entry in entries)
        removed = []
        for entry in entries:
            is_left = now is not None and now - entry.used > LEFTOVER_SECONDS
            is_partial = entry.path.endswith(PARTIAL)
            if (is_left if is_partial else size > limit) and _remove(entry):
                size -= entry.size
                removed.append(entry)
        return removed

    def _make_room(self, size: int) -> None:
        """Trim for a file that comes; seldom, as it looks at every file."""
        if size > self.limit // 1024:
            self.trim(max(0, self.limit - size))


def _remove(entry: Entry) -> bool:
    with suppress(OSError):
        os.unlink(entry.path)
        with suppress(OSError):
            os.rmdir(os.path.dirname(entry.path))
        return True
    return False


def identify_content(path: str) -> str:
    """A key for what a file holds: SHA-256 over its size and 16 blocks of 64 KiB spread evenly.

    As cheap for gigabytes as for kilobytes. The first and the last block are among them: headers,
    build ids and section tables, which differ between any two builds.
    """
    from hashlib import sha256

    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = sha256(str(size).encode())
            step = max(SAMPLE, (size - SAMPLE) // (SAMPLES - 1))
            for place in sorted({*range(0, size, step), max(0, size - SAMPLE)}):
                file.seek(place)
                digest.update(file.read(SAMPLE))
    except OSError as error:
        raise InputUnusable(f"{path} cannot be read: {error.strerror}") from None
    return digest.hexdigest()[:40]
