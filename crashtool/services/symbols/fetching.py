"""How files of symbol servers are got: over HTTP, or from object stores by way of fsspec."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from time import sleep
from typing import IO, Any, Self, TypeAlias, cast

from crashtool.errors import NetworkFailure, TimedOut, TooLarge
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.transport.http import HttpResponse, HttpSession
from crashtool.services.transport.reply import is_temporary

WORTH_TELLING = 4 << 20  # bytes: less is there before anybody has read of it

# A label and the bytes in all, 0 if unknown → what is called with the bytes done.
Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class HttpOptions(NamedTuple):
    """The options of `HttpSession`; whom to tell of large downloads; seconds between tries."""

    ca_bundle: str | None = None
    insecure: bool = False
    timeout: float | None = None
    progress: Progress | None = None
    waits: tuple[float, ...] = (0.5, 2.0)


class HttpFetcher:
    """Gets files over HTTP, all with one pool of connections.

    Tried again is what a server says it cannot do now, and what broke off on the way. Whoever is
    not there at all will not be there in two seconds.
    """

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._session = HttpSession(
            ca_bundle=options.ca_bundle, insecure=options.insecure, timeout=options.timeout
        )

    def fetch(self, url: str, target: IO[bytes], limit: int) -> int:
        """Write the file to `target`; the HTTP status. NetworkFailure without a whole answer."""
        for wait in self._options.waits:
            try:
                response = self._download(url, target, limit)
                if not is_temporary(response):
                    return response.status
            except _BrokenOff:
                pass
            sleep(wait)
        return self._download(url, target, limit).status

    def _download(self, url: str, target: IO[bytes], limit: int) -> HttpResponse:
        target.seek(0)
        target.truncate()
        label = url.partition("?")[0].rpartition("/")[2]
        with _Observed(target, label, self._options.progress) as observed:
            file = cast("IO[bytes]", observed)
            try:
                return self._session.download(url, file, limit, observed.begin)
            except (TimedOut, TooLarge):
                raise
            except NetworkFailure as error:
                if not observed.has_begun:
                    raise
                raise _BrokenOff(error.what, hint=error.hint) from None


class _BrokenOff(NetworkFailure):
    """A download that had begun."""


class _Observed:
    """A file that is written to, whose progress is told once it is worth it."""

    def __init__(self, file: IO[bytes], label: str, progress: Progress | None) -> None:
        self._file = file
        self._label = label
        self._progress = progress
        self._open = ExitStack()
        self._advance: Callable[[int], None] | None = None
        self._total = 0
        self._done = 0
        self.has_begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin(self, total: int) -> None:
        self.has_begun = True
        self._total = total

    def write(self, block: bytes) -> int:
        self._done += len(block)
        is_large = max(self._done, self._total) >= WORTH_TELLING
        if self._progress and self._advance is None and is_large:
            self._advance = self._open.enter_context(self._progress(self._label, self._total))
        if self._advance:
            self._advance(self._done)
        return self._file.write(block)


def open_in_bucket(url: str) -> IO[bytes]:
    """A file of an object store, of which nothing is read ahead; errors as fsspec raises them."""
    store, path = find_bucket(url)
    file: IO[bytes] = store.open(path, "rb", cache_type="none")
    return file


def find_bucket(url: str, *, anew: bool = False) -> tuple[Any, str]:
    """The files of an object store as fsspec has them, and the path in them.

    `anew`: not those of an earlier call, whose transaction they may be in the middle of.
    """
    import fsspec

    bucket: tuple[Any, str] = fsspec.core.url_to_fs(url, skip_instance_cache=anew)
    return bucket
