"""Symbol servers behind a receiver: asked once for what was not uploaded, and kept.

A request goes on by the server's own convention, with a path that is built anew of its checked
parts. Nothing that a server sends is believed: it is given on only if it is the file that was
asked for, by the identifiers in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import IO

from crashtool.errors import CrashtoolError
from crashtool.formats import object_kinds
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.symbol_request import SymbolRequest
from crashtool.formats.symbol_store import store_name
from crashtool.services.files.scratch import Scratch
from crashtool.services.receiver.symbol_index import walk_keys
from crashtool.services.symbols.bucket_fetcher import BucketFetcher
from crashtool.services.symbols.cache import DEFAULT_LIMIT, SymbolCache
from crashtool.services.symbols.fetching import HttpFetcher, HttpOptions
from crashtool.services.symbols.server import (
    MAX_FILE,
    NOT_THERE,
    OK,
    Fetcher,
    Server,
    file_name,
    key_of,
    parse_server,
)

FOLDER = "fetched"
MAX_ASKING = 16  # requests that wait for an upstream server at the same time
MAX_ABSENT = 100_000  # absences that are remembered
ABSENT_SECONDS = 600.0  # as long as gdb believes one
REST_SECONDS = 30.0  # of a server that does not answer
TIMEOUT = 20.0  # seconds of silence
STORE_PARTS = 3


class UpstreamAnswer(NamedTuple):
    """A file, or why there is none: `is_certain` when every server has said so."""

    path: Path | None
    is_certain: bool = True


class Upstream:
    """The servers that the user named, in their order. Threads may share it.

    `folder` is the receiver's; what was fetched is kept below it, up to `limit` bytes. `tell` hears
    what was fetched, and what could not be. BadUrl for what is no server.
    """

    def __init__(
        self,
        servers: Sequence[str],
        folder: Path,
        scratch: Scratch,
        *,
        limit: int = DEFAULT_LIMIT,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = [parse_server(text) for text in servers]
        self._cache = SymbolCache(str(folder / FOLDER), limit, scratch.folder, tell)
        self._tell = tell
        self._clock = clock
        self._lock = Lock()
        self._asking = BoundedSemaphore(MAX_ASKING)
        self._turns: dict[SymbolRequest, Lock] = {}
        self._absent: dict[str, float] = {}
        self._resting: dict[Server, float] = {}
        self._fetchers: dict[Server, list[Fetcher]] = {}

    def find(self, request: SymbolRequest, path: str) -> UpstreamAnswer:
        """The file of a request, which came as `path`; each is asked for once at a time."""
        if request.role not in (object_kinds.EXECUTABLE, object_kinds.DEBUG):
            return UpstreamAnswer(None)
        if not self._asking.acquire(blocking=False):
            return UpstreamAnswer(None, is_certain=False)
        try:
            with self._lock:
                turn = self._turns.setdefault(request, Lock())
            with turn:
                answer = self._ask_all(request, path)
            with self._lock:
                self._turns.pop(request, None)
            return answer
        finally:
            self._asking.release()

    def _ask_all(self, request: SymbolRequest, path: str) -> UpstreamAnswer:
        is_certain = True
        for server in self._servers:
            for place in dict.fromkeys(walk_places(server, request, path)):
                answer = self._ask(server, request, place)
                if answer.path:
                    return answer
                is_certain &= answer.is_certain
        return UpstreamAnswer(None, is_certain)

    def _ask(self, server: Server, request: SymbolRequest, place: str) -> UpstreamAnswer:
        """One place at one server: kept, known to be absent, or asked for."""
        url = server.url_of(place)
        key, name = key_of(url), file_name(place)
        if kept := self._cache.find(key, name):
            return UpstreamAnswer(Path(kept))
        now = self._clock()
        with self._lock:
            if self._absent.get(key, 0.0) > now:
                return UpstreamAnswer(None)
            if self._resting.get(server, 0.0) > now:
                return UpstreamAnswer(None, is_certain=False)
        try:
            return self._fetch(server, request, url, (key, name))
        except _Refused:
            with self._lock:
                if len(self._absent) >= MAX_ABSENT:
                    self._absent.clear()
                self._absent[key] = now + ABSENT_SECONDS
            return UpstreamAnswer(None)
        except CrashtoolError as error:
            self._tell(f"symbol server: {error.what}")
            with self._lock:
                self._resting[server] = now + REST_SECONDS
            return UpstreamAnswer(None, is_certain=False)

    def _fetch(
        self, server: Server, request: SymbolRequest, url: str, label: tuple[str, str]
    ) -> UpstreamAnswer:
        """The file, checked; _Refused when the server has none, or sends another."""
        name = label[1]
        fetched = self._cache.put(*label, lambda target: self._download(server, url, target))
        keys = set(walk_keys(Path(fetched)))
        if keys.isdisjoint((request, request._replace(name=""))):
            self._cache.remove(*label)
            self._tell(f"symbol server: {name} is not the file that was asked for; not given on")
            raise _Refused
        self._tell(f"symbol server: {name} was fetched, and is kept")
        return UpstreamAnswer(Path(fetched))

    def _download(self, server: Server, url: str, target: IO[bytes]) -> None:
        with self._lock:
            idle = self._fetchers.setdefault(server, [])
            fetcher = idle.pop() if idle else _open_fetcher(server)
        asked = f"{url}?{server.query}" if server.query else url
        status = fetcher.fetch(asked, target, MAX_FILE)
        with self._lock:
            idle.append(fetcher)
        if status in NOT_THERE:
            raise _Refused
        if status != OK:
            raise CrashtoolError(f"HTTP {status}")


class _Refused(Exception):
    """The server has no such file."""


def _open_fetcher(server: Server) -> Fetcher:
    if server.is_bucket:
        return BucketFetcher(TIMEOUT)
    return HttpFetcher(HttpOptions(timeout=TIMEOUT, waits=()))


def walk_places(server: Server, request: SymbolRequest, path: str) -> Iterator[str]:
    """Where a server would have what is asked for, by its conventions: of checked parts alone."""
    for name in server.conventions:
        yield from _WAYS[name](request, path)


def _as_debuginfod(request: SymbolRequest, _: str) -> Iterator[str]:
    if request.kind == object_kinds.ELF:
        what = "debuginfo" if request.role == object_kinds.DEBUG else "executable"
        yield f"buildid/{request.identifier}/{what}"


def _as_build_id(request: SymbolRequest, _: str) -> Iterator[str]:
    if request.kind == object_kinds.ELF:
        ending = ".debug" if request.role == object_kinds.DEBUG else ""
        yield f".build-id/{request.identifier[:2]}/{request.identifier[2:]}{ending}"


def _as_ssqp(request: SymbolRequest, path: str) -> Iterator[str]:
    if request.kind == object_kinds.ELF and request.role == object_kinds.DEBUG:
        yield f"_.debug/elf-buildid-sym-{request.identifier}/_.debug"
    elif request.kind != object_kinds.SYM:
        yield from (place.lower() for place in _as_it_came(path))


def _as_symstore(request: SymbolRequest, path: str) -> Iterator[str]:
    if request.kind in (object_kinds.PDB, object_kinds.PE):
        yield from _as_it_came(path)


def _as_two_tiers(request: SymbolRequest, path: str) -> Iterator[str]:
    for place in _as_symstore(request, path):
        yield f"{place[:2].lower()}/{place}"


def _as_breakpad(request: SymbolRequest, path: str) -> Iterator[str]:
    if request.kind == object_kinds.SYM:
        yield from _as_it_came(path)


def _as_it_came(path: str) -> Iterator[str]:
    """NAME/ID/NAME in the client's own letters, which some servers mind."""
    parts = path.split("/")[-STORE_PARTS:]
    is_store = len(parts) == STORE_PARTS and parts[0] not in ("buildid", ".build-id")
    if is_store and all(part and store_name(part) == part for part in parts):
        yield "/".join(parts)


_WAYS: dict[str, Callable[[SymbolRequest, str], Iterator[str]]] = {
    "debuginfod": _as_debuginfod,
    "build-id": _as_build_id,
    "ssqp": _as_ssqp,
    "symstore": _as_symstore,
    "symstore2": _as_two_tiers,
    "breakpad": _as_breakpad,
}
