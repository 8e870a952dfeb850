"""What was fetched from servers, kept on disk for the next time.

A folder per key, a file per name. Files appear whole or not at all, so that several processes can
share the cache; the ones not used for longest go when it grows beyond its limit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Lock
from typing import IO

from crashtool.errors import MachineFault, cannot_write, reason_of
from crashtool.formats.named_tuple import NamedTuple

DEFAULT_LIMIT = 8 << 30  # bytes
PARTIAL = ".part"
LEFTOVER_SECONDS = 86400  # then a partial file is taken to be of a process that was killed
SUBFOLDER = "symbols-1"  # the number is that of the layout
OUTDATED = ("/lines.symcache", "/unwind.cfi")  # what earlier versions made of debug files
TRIM_STAMP = "trimmed"  # an empty file; when it was written, the cache was last looked through
TRIM_SECONDS = 86400
MAX_TRIES = 8
OTHER_FOLDER = "name another folder by --cache or CRASHTOOL_CACHE"


class CacheEntry(NamedTuple):
    """A file in the cache; `used` in seconds since 1970."""

    path: str
    size: int
    used: float


class SymbolCache:
    """A cache in a subfolder of `folder`, of at most `limit` bytes.

    The folder may be anyone's: what is not in the subfolder is not looked at. Only a file that is
    itself larger than the limit exceeds it, until the next comes.
    """

    def __init__(
        self,
        folder: str,
        limit: int = DEFAULT_LIMIT,
        fallback: Callable[[], str] | None = None,
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        """`fallback` gives a folder to write to when the first one cannot be written.

        A build machine's home may be read-only, or none at all, and its disk may be full; the
        symbols are needed all the same. What the first folder holds is still found. `warn` hears
        once that nothing is kept.
        """
        self.folder = os.path.join(folder, SUBFOLDER)
        self.limit = limit
        self.warn = warn
        self._first = self.folder
        self._fallback = fallback
        self._lock = Lock()

    def find(self, key: str, name: str) -> str | None:
        """The path of a file, which now counts as used; None when it is not there."""
        for path in dict.fromkeys((self.path_of(key, name), cached_path(self._first, key, name))):
            try:
                os.utime(path)
            except OSError:  # a cache that is only read; or a file that another process removes
                if not _can_be_read(path):
                    continue
            return path
        return None

    def age(self, key: str, name: str, now: float) -> float | None:
        """The seconds since a file was put; None when it is not there."""
        try:
            return now - os.stat(self.path_of(key, name)).st_mtime
        except OSError:
            return None

    def put(self, key: str, name: str, write: Callable[[IO[bytes]], None]) -> str:
        """Have `write` write a file, and keep it; CannotWrite when no disk has room for it.

        What else `write` raises passes through, and nothing is kept. It is called again, with an
        empty file, when the first folder turns out to be full.
        """
        try:
            return self._put(self.path_of(key, name), write)
        except OSError as error:
            if not self._give_up(error):
                raise cannot_write(self.folder, error, hint=OTHER_FOLDER) from None
        try:
            return self._put(self.path_of(key, name), write)
        except OSError as error:
            raise cannot_write(self.folder, error, hint=OTHER_FOLDER) from None

    def _put(self, path: str, write: Callable[[IO[bytes]], None]) -> str:
        target = _create(f"{path}.{os.getpid()}.{os.urandom(4).hex()}{PARTIAL}")
        try:
            with target as file:
                write(file)
                size = file.tell()
            self._make_room(size)
            _replace(target.name, path)
        finally:
            with suppress(OSError):
                os.unlink(target.name)
        return path

    def _give_up(self, error: OSError) -> bool:
        """Write elsewhere from now on; False when there is nowhere else."""
        with self._lock:
            fallback, self._fallback = self._fallback, None
            if fallback is None:
                return self.folder != self._first
            self.warn(
                f"the symbol cache {self._first} cannot be written ({reason_of(error)}): nothing "
                f"is kept for the next time; {OTHER_FOLDER}"
            )
            try:
                self.folder = os.path.join(fallback(), SUBFOLDER)
            except MachineFault:
                return False
            return True

    def remove(self, key: str, name: str) -> None:
        """Forget a file, if it is there."""
        with suppress(OSError):
            os.unlink(self.path_of(key, name))

    def path_of(self, key: str, name: str) -> str:
        """Where a file is, or would be."""
        return cached_path(self.folder, key, name)

    def walk(self) -> Iterator[CacheEntry]:
        """All files, whole ones and what killed processes left."""
        for parent, _, names in os.walk(self.folder):
            for name in set(names) - {TRIM_STAMP}:
                path = os.path.join(parent, name)
                with suppress(OSError):
                    status = os.stat(path)
                    yield CacheEntry(path, status.st_size, status.st_mtime)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.walk())

    def clear(self) -> list[CacheEntry]:
        """Remove everything but what is just being written; what was removed."""
        return self.trim(-1)

    def trim(self, limit: int, now: float | None = None) -> list[CacheEntry]:
        """Remove what was not used for longest until `limit` bytes are left; what was removed.

        Files that are just being written stay. Those that a killed process left go in any case, and
        what earlier versions made of debug files.
        `now` is in seconds since 1970.
        """
        now = time.time() if now is None else now
        entries = sorted(self.walk(), key=lambda entry: entry.used)
        size = sum(entry.size for entry in entries)
        removed = []
        for entry in entries:
            is_partial = entry.path.endswith(PARTIAL)
            is_left = now - entry.used > LEFTOVER_SECONDS
            is_outdated = entry.path.replace(os.sep, "/").endswith(OUTDATED)
            is_over = is_left if is_partial else is_outdated or size > limit
            if is_over and _remove(entry):
                size -= entry.size
                removed.append(entry)
        return removed

    def _make_room(self, size: int) -> None:
        """Trim for a file that was written; seldom, as it looks at every file."""
        stamp = os.path.join(self.folder, TRIM_STAMP)
        try:
            is_due = time.time() - os.stat(stamp).st_mtime > TRIM_SECONDS
        except OSError:
            is_due = True
        if is_due or size > self.limit // 1024:
            self.trim(self.limit)
            with suppress(OSError), open(stamp, "wb"):
                pass


def _can_be_read(path: str) -> bool:
    """Windows lists a removed file that is still open elsewhere, and lets nobody open it."""
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


def cached_path(folder: str, key: str, name: str) -> str:
    """Where a file is in a cache's own folder."""
    return os.path.join(folder, key[:2], key, name)


def _create(path: str) -> IO[bytes]:
    """A new file; again if its folder goes, emptied by another process, in between."""
    for left in reversed(range(MAX_TRIES)):
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            return open(path, "xb")
        except (FileNotFoundError, FileExistsError):
            if not left:
                raise
    raise AssertionError


def _replace(source: str, target: str) -> None:
    """Put a file in its place; one in use on Windows, which cannot be replaced, is as good."""
    try:
        os.replace(source, target)
    except PermissionError:
        if not os.path.isfile(target):
            raise


def _remove(entry: CacheEntry) -> bool:
    with suppress(OSError):
        os.unlink(entry.path)
        with suppress(OSError):
            os.rmdir(os.path.dirname(entry.path))
        return True
    return False
