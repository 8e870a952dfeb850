"""Symbol servers: files fetched over HTTP, checked, kept in the cache; refusals remembered."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from crashtool.errors import CrashtoolError, TimedOut
from crashtool.formats.redaction import redact_token
from crashtool.formats.symbol_store import CONVENTIONS, StorePath
from crashtool.model.lookup import Candidate, LookupStatus
from crashtool.services.symbols.directory import DirectorySource
from crashtool.services.symbols.known_file import ids_of

if TYPE_CHECKING:
    from typing import IO

    from crashtool.model.crash import Module
    from crashtool.services.symbols.cache import SymbolCache
    from crashtool.services.symbols.scratch import Scratch

ABSENT = "absent"  # the name under which the cache remembers that a server has no such file
ABSENT_SECONDS = 86400
LARGEST_FILE = 8 << 30  # bytes
SEPARATOR = ":"
ANY_CONVENTION = ("symstore", "breakpad", "ssqp", "debuginfod")
NOT_THERE = (404, 410)
NOT_PERMITTED = (401, 402, 403, 407)
OK = 200


class Fetcher(Protocol):
    """What gets a file: its HTTP status, or the nearest to it; CrashtoolError when it cannot."""

    def fetch(self, url: str, target: "IO[bytes]", limit: int) -> int: ...  # noqa: D102


Failure: TypeAlias = tuple[LookupStatus, str]
NO_FAILURE: Failure = ("found", "")


class Server(NamedTuple):
    """A server's URL without a slash at its end, and the conventions it may follow."""

    url: str
    conventions: tuple[str, ...]


class ServerSource:
    """One server. It is asked once for each file; when it does not answer, not again."""

    def __init__(
        self,
        server: Server,
        cache: "SymbolCache",
        scratch: "Scratch",
        fetcher: "Callable[[], Fetcher] | None",
    ) -> None:
        """`fetcher` is None when nothing may be fetched: then only the cache answers."""
        self.server = server
        self._cache = cache
        self._scratch = scratch
        self._open_fetcher = fetcher
        self._fetcher: Fetcher | None = None
        self._failure = NO_FAILURE

    def walk_candidates(self, module: "Module") -> Iterator[Candidate]:
        """Each place where the server would have a file of the module."""
        ids = ids_of(module)
        seen: set[str] = set()
        for name in self.server.conventions:
            for place in CONVENTIONS[name].paths(ids):
                if place.path not in seen:
                    seen.add(place.path)
                    yield from self._ask(place, module)

    def _ask(self, place: StorePath, module: "Module") -> Iterator[Candidate]:
        url = f"{self.server.url}/{quote_path(place.path)}"
        shown = redact_token(url)
        key = key_of(url)
        path = self._cache.find(key, file_name(place.path))
        if path is None:
            status, note, path = self._fetch(url, key, place)
            if path is None:
                yield Candidate(shown, status, place.kind, note)
                return
        for candidate in DirectorySource([path], self._scratch).walk_candidates(module):
            yield candidate._replace(place=shown)
            return
        yield Candidate(shown, "malformed", place.kind, "what it sent is no debug file")

    def _fetch(self, url: str, key: str, place: StorePath) -> tuple[LookupStatus, str, str | None]:
        if self._is_known_absent(key):
            return "not_found", "it had no such file less than a day ago", None
        if self._open_fetcher is None:
            return "not_found", "not asked: --offline", None
        if self._failure != NO_FAILURE:
            return self._failure[0], self._failure[1], None
        try:
            path = self._cache.put(
                key, file_name(place.path), lambda target: self._download(url, target)
            )
        except _NoFile as answer:
            if answer.status == "not_found":
                self._cache.put(key, ABSENT, lambda _: None)
            return answer.status, answer.note, None
        except CrashtoolError as error:
            self._failure = ("timeout" if isinstance(error, TimedOut) else "failed", error.what)
            return self._failure[0], self._failure[1], None
        return "found", "", path

    def _download(self, url: str, target: "IO[bytes]") -> None:
        assert self._open_fetcher is not None  # noqa: S101 (checked by the caller)
        if self._fetcher is None:
            self._fetcher = self._open_fetcher()
        status = self._fetcher.fetch(url, target, LARGEST_FILE)
        if status in NOT_THERE:
            raise _NoFile("not_found", "")
        if status in NOT_PERMITTED:
            raise _NoFile("denied", f"HTTP {status}")
        if status != OK:
            raise _NoFile("failed", f"HTTP {status}")

    def _is_known_absent(self, key: str) -> bool:
        age = self._cache.age(key, ABSENT, time.time())
        return age is not None and age < ABSENT_SECONDS


class _NoFile(Exception):
    """The server's answer is that there is no file for us."""

    def __init__(self, status: LookupStatus, note: str) -> None:
        super().__init__(status)
        self.status = status
        self.note = note


def parse_server(text: str) -> Server:
    """`[CONVENTION:]URL`; without a convention all are tried that fit a module."""
    name, found, url = text.partition(SEPARATOR)
    if found and name in CONVENTIONS:
        return Server(url.rstrip("/"), (name,))
    return Server(text.rstrip("/"), ANY_CONVENTION)


def parse_search_path(text: str) -> tuple[list[str], list[Server]]:
    r"""_NT_SYMBOL_PATH: folders to look in, and servers to ask.

    `srv*C:\cache*https://host`, `cache*C:\cache`, folders and URLs, with `;` between them.
    """
    folders: list[str] = []
    servers: list[Server] = []
    for element in text.split(";"):
        parts = [part for part in element.strip().split("*") if part]
        if parts and parts[0].lower() in ("srv", "symsrv", "cache"):
            parts = [part for part in parts[1:] if not part.lower().endswith("symsrv.dll")]
        for part in parts:
            if "://" in part:
                servers.append(Server(part.rstrip("/"), ("symstore",)))
            else:
                folders.append(part)
    return folders, servers


def parse_debuginfod_urls(text: str) -> list[Server]:
    """DEBUGINFOD_URLS: URLs with blanks between them."""
    return [Server(url.rstrip("/"), ("debuginfod",)) for url in text.split()]


def quote_path(path: str) -> str:
    """A store's path as it stands in a URL."""
    from urllib.parse import quote

    return quote(path, safe="/+")


def key_of(url: str) -> str:
    """The cache's key for a URL; it does not give the URL away."""
    from hashlib import sha256

    return "url-" + sha256(url.encode()).hexdigest()[:40]


def file_name(path: str) -> str:
    """The last part of a store's path, as a name for a file on any system."""
    name = path.rpartition("/")[2]
    return "".join(c if c.isalnum() or c in "._-+" else "_" for c in name)[-100:] or "file"
