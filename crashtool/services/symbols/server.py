"""Symbol servers: files fetched from them, checked, kept in the cache; refusals remembered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Protocol

from crashtool.errors import BadUrl, CrashtoolError, NetworkFailure, TimedOut, TooLarge, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.redaction import redact_token
from crashtool.formats.symbol_store import CONVENTIONS, StorePath, compress_path
from crashtool.model.symbol_lookup import Candidate, LookupStatus
from crashtool.services.symbols.fetched_index import remember_fetched
from crashtool.services.symbols.identified_file import compare, identify_required, ids_of, matches

if TYPE_CHECKING:
    from crashtool.model.module import Module
    from crashtool.services.files.scratch import Scratch
    from crashtool.services.symbols.cache import SymbolCache

ABSENT = "absent"  # the name under which the cache remembers that a server has no such file
ABSENT_SECONDS = 86400
RECENTLY_ABSENT = "not there less than a day ago; crashtool symbols cache --clear asks afresh"
MAX_FILE = 8 << 30  # bytes
MAX_FAILURES = 3  # of a server, one after the other; then it is not asked again
MAX_READS = 2  # of what was fetched: a second time when it is not there to be read
SEPARATOR = ":"
SYMSTORE = ("symstore",)
ANY_CONVENTION = ("symstore", "breakpad", "ssqp", "debuginfod", "build-id")
HTTP_SCHEMES = ("http://", "https://")
BUCKET_SCHEMES = ("s3://", "gs://", "az://", "abfs://", "memory://")
NOT_THERE = (404, 410)
NOT_PERMITTED = (401, 402, 403, 407)
OK = 200


class Fetcher(Protocol):
    """What gets a file: its HTTP status, or the nearest to it; CrashtoolError when it cannot."""

    def fetch(self, url: str, target: IO[bytes], limit: int) -> int: ...  # noqa: D102


class FetchResult(NamedTuple):
    """What came of asking for a file: it is at `path`, or it is not had, for a reason."""

    status: LookupStatus
    note: str = ""
    path: str = ""


class Server(NamedTuple):
    """A server: its URL, the conventions it may follow, and the query that each request gets."""

    url: str
    conventions: tuple[str, ...]
    query: str = ""

    @property
    def is_bucket(self) -> bool:
        """Whether it is an object store, which fsspec speaks to."""
        return self.url.startswith(BUCKET_SCHEMES)

    def url_of(self, path: str) -> str:
        """The URL of a path, without the query, which may be a secret."""
        return f"{self.url}/{path if self.is_bucket else quote_path(path)}"


class ServerSource:
    """One server. It is asked once for each file; when it keeps failing, not again."""

    def __init__(
        self,
        server: Server,
        cache: SymbolCache,
        scratch: Scratch,
        fetcher: Callable[[], Fetcher] | None,
    ) -> None:
        """`fetcher` is None when nothing may be fetched: then only the cache answers."""
        self.server = server
        self._cache = cache
        self._scratch = scratch
        self._open_fetcher = fetcher
        self._fetcher: Fetcher | None = None
        self._failures = 0
        self._last_failure = FetchResult("failed")

    def walk_candidates(self, module: Module) -> Iterator[Candidate]:
        """Each place where the server would have a file of the module.

        SSQP's lower-case paths are those of symstore again: when the convention is a guess, a path
        is asked for in one spelling. What a symstore does not have it may have in a cabinet.
        """
        ids = ids_of(module)
        is_guess = len(self.server.conventions) > 1
        seen: set[str] = set()
        for name in self.server.conventions:
            for path in CONVENTIONS[name].paths(ids):
                spelling = path.path.lower() if is_guess else path.path
                if spelling not in seen:
                    seen.add(spelling)
                    yield (answer := self._ask(path, module))
                    if answer.status == "not_found" and self.server.conventions == SYMSTORE:
                        packed = path._replace(path=compress_path(path.path))
                        yield self._ask(packed, module)

    def _ask(self, wanted: StorePath, module: Module) -> Candidate:
        url = self.server.url_of(wanted.path)
        key, name = key_of(url), file_name(wanted.path)
        shown = redact_token(url)
        for _ in range(MAX_READS):
            path = self._cache.find(key, name)
            answer = FetchResult("found", path=path) if path else self._fetch(url, key, name)
            if not answer.path:
                return Candidate(shown, answer.status, wanted.kind, answer.note)
            candidate = self._check(answer.path, shown, wanted.kind, module)
            if candidate.status != "failed" or self._open_fetcher is None:
                break
            self._cache.remove(key, name)  # a disk of ours that does not give it back
        if candidate.status != "found":
            self._cache.remove(key, name)
        else:
            remember_fetched(self._cache, module, (key, name), shown)
        return candidate

    def _check(self, path: str, shown: str, kind: str, module: Module) -> Candidate:
        """What was sent as a candidate: servers are not believed either."""
        files = identify_required(path, self._scratch, shown)
        file = next((file for file in files if matches(file, module)), files[0])
        candidate = compare(file, module)._replace(place=shown)
        if file.is_readable:
            return candidate
        return candidate._replace(kind=kind, note=f"what it sent: {file.note}")

    def _fetch(self, url: str, key: str, name: str) -> FetchResult:
        """Have a file put into the cache, unless it is known to be no use to try."""
        if self._is_known_absent(key):
            return FetchResult("not_found", RECENTLY_ABSENT)
        if self._open_fetcher is None:
            return FetchResult("not_found", "not asked: --offline")
        if self._failures >= MAX_FAILURES:
            return self._last_failure
        try:
            path = self._cache.put(key, name, lambda target: self._download(url, target))
        except _NoFile as answer:
            self._failures = self._failures + 1 if answer.status == "failed" else 0
            self._last_failure = FetchResult(answer.status, answer.note)
            if answer.status == "not_found":
                self._remember_absence(key)
            return FetchResult(answer.status, answer.note)
        except CrashtoolError as error:
            return self._note_failure(error)
        self._failures = 0
        return FetchResult("found", path=path)

    def _download(self, url: str, target: IO[bytes]) -> None:
        assert self._open_fetcher is not None  # noqa: S101 (checked by the caller)
        if self._fetcher is None:
            self._fetcher = self._open_fetcher()
        asked = f"{url}?{self.server.query}" if self.server.query else url
        status = self._fetcher.fetch(asked, target, MAX_FILE)
        if status in NOT_THERE:
            raise _NoFile("not_found", "")
        if status in NOT_PERMITTED:
            raise _NoFile("denied", f"HTTP {status}")
        if status != OK:
            raise _NoFile("failed", f"HTTP {status}")

    def _note_failure(self, error: CrashtoolError) -> FetchResult:
        """A time-out costs a minute, what has no end a disk, and a wrong setting stays wrong: they
        count as many.
        """
        may_pass = isinstance(error, NetworkFailure) and not isinstance(error, TimedOut | TooLarge)
        self._failures += 1 if may_pass else MAX_FAILURES
        status: LookupStatus = "timeout" if isinstance(error, TimedOut) else "failed"
        may_be_mended = isinstance(error, (UsageError, BadUrl)) and error.hint
        note = f"{error.what}: {error.hint}" if may_be_mended else error.what
        self._last_failure = FetchResult(status, note)
        return self._last_failure

    def _is_known_absent(self, key: str) -> bool:
        age = self._cache.age(key, ABSENT, time.time())
        return age is not None and age < ABSENT_SECONDS

    def _remember_absence(self, key: str) -> None:
        try:
            self._cache.put(key, ABSENT, lambda _: None)
        except CrashtoolError:
            return  # then it is asked again the next time


class _NoFile(Exception):
    """The server's answer is that there is no file for us."""

    def __init__(self, status: LookupStatus, note: str) -> None:
        super().__init__(status)
        self.status = status
        self.note = note


def parse_server(text: str) -> Server:
    """`[CONVENTION:]URL`; without a convention all are tried that fit a module.

    BadUrl when it is no URL of a known kind.
    """
    name, _, url = text.partition(SEPARATOR)
    conventions = (name,) if name in CONVENTIONS else ANY_CONVENTION
    url = url if name in CONVENTIONS else text
    if not url.lower().startswith(HTTP_SCHEMES + BUCKET_SCHEMES):
        raise BadUrl(
            f"the symbol server {redact_token(text)[:200]!r} is not a URL",
            hint="https://…, http://… or s3://…; folders are given by --symbols",
        )
    return make_server(url, conventions)


def make_server(url: str, conventions: tuple[str, ...]) -> Server:
    """A server by its URL, whose query, such as a signature, belongs to every request."""
    base, _, query = url.partition("?")
    return Server(base.rstrip("/"), conventions, query)


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
            if part.lower().startswith(HTTP_SCHEMES):
                servers.append(make_server(part, SYMSTORE))
            else:
                folders.append(part)
    return folders, servers


def parse_debuginfod_urls(text: str) -> list[Server]:
    """DEBUGINFOD_URLS: URLs with blanks between them, and between those policies (`ima:…`)."""
    urls = [word for word in text.split() if word.startswith(HTTP_SCHEMES)]
    return [make_server(url, ("debuginfod",)) for url in urls]


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
