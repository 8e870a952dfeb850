"""HTTP as crashtool speaks it: no redirects, no ~/.netrc, bounded replies, failures in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import unquote, urljoin, urlsplit

from crashtool import __version__
from crashtool.errors import BadUrl, NetworkFailure, TooLarge, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.transport.connection import make_patient
from crashtool.services.transport.content_encoding import decode_reply
from crashtool.services.transport.failure import explain_failure, host_of
from crashtool.services.transport.trust import find_ca_bundle, open_system_store

if TYPE_CHECKING:
    from ssl import SSLContext

    import requests

USER_AGENT = f"crashtool/{__version__}"
MAX_REPLY = 1 << 20  # bytes of a reply that are kept; receivers answer with a few hundred
AT_ONCE = 1 << 20  # bytes that are gathered before they are sent
OK = 200
REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 6
DEFAULT_TIMEOUT = 60.0  # seconds
UNPROMISED = 512 << 20  # bytes that are taken from a server that did not say how many will come
MAX_PACKED = 64  # times its promised size that a packed body may unpack to, beside those


class Body(Protocol):
    """What can be sent: blocks of bytes that start afresh at each `iter()`.

    `size` is the number of bytes, or None when it is not known before they are made; then a
    request of more than AT_ONCE bytes is chunked.
    """

    @property
    def size(self) -> int | None:
        """In bytes, if known."""
        ...

    def __iter__(self) -> Iterator[bytes]: ...


class HttpResponse(NamedTuple):
    """A reply. Header names are in lower case; `body` holds at most REPLY_LIMIT bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")


class HttpSession:
    """A connection pool with one policy.

    `timeout` is in seconds: of silence, and of all that a reply takes if less than 4 KiB a second
    come of it. With a `url` of plain HTTP, no certificates are read before something needs them:
    that takes longer than to send a small dump. Else InputUnusable at once when they are no good.
    """

    def __init__(
        self,
        *,
        ca_bundle: str | None = None,
        insecure: bool = False,
        timeout: float | None = None,
        url: str = "",
    ) -> None:
        self._timeout = DEFAULT_TIMEOUT if timeout is None else timeout
        if self._timeout <= 0:
            raise UsageError(f"the time-out must be more than 0 seconds, not {self._timeout:g}")
        self._ca_bundle = ca_bundle
        self._verify: bool | str | None = False if insecure else None
        self._session = _make_session(insecure=insecure)
        if not _is_plain(url):
            self._trust_authorities()
        self._proxies: dict[tuple[str, str], dict[str, str]] = {}
        self._last: tuple[tuple[str, str], requests.PreparedRequest] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """GET; NetworkFailure when there is no complete answer."""
        return self._request("GET", url, None, headers)

    def download(
        self, url: str, target: IO[bytes], limit: int, expect: Callable[[int], None] | None = None
    ) -> HttpResponse:
        """GET a file of at most `limit` bytes into `target`; the reply's own body stays empty.

        `expect` is told first how many bytes the server promises, 0 when it does not say.
        Redirects are followed, as symbol servers give their files out by them, but not from https
        to http. A `user:password@` in the URL is for its own host alone. NetworkFailure when there
        is no complete answer, or too much of one.
        """
        try:
            own = _origin(url)
            credentials = _find_credentials(url)
        except ValueError as error:
            raise BadUrl(f"not a URL that can be used: {error}") from None
        for _ in range(MAX_REDIRECTS):
            headers = credentials if _origin(url) == own else None
            response = self._request("GET", url, None, headers, _Target(target, limit, expect))
            location = response.headers.get("location", "")
            if response.status not in REDIRECTS or not location:
                return response
            url = _follow(url, location)
        raise NetworkFailure(f"{host_of(url)} redirects too many times")

    def post(
        self, url: str, body: Body | bytes, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """POST a body; NetworkFailure when there is no complete answer.

        A receiver that answers before it has read everything, and hangs up, is heard.
        """
        return self._request("POST", url, body, headers)

    def put(
        self, url: str, body: Body | bytes, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """PUT a body, as `post` does."""
        return self._request("PUT", url, body, headers)

    def _request(
        self,
        method: str,
        url: str,
        body: Body | bytes | None,
        headers: Mapping[str, str] | None,
        target: _Target | None = None,
    ) -> HttpResponse:
        import requests
        import urllib3

        try:
            response = self._session.send(
                self._prepare(method, url, body, headers or {}),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                verify=self._find_trust(url),
                proxies=self._find_proxies(url),
            )
            with response:
                names = {name.lower(): value for name, value in response.headers.items()}
                if target is not None and response.status_code == OK:
                    raw = response.raw.stream(1 << 18, decode_content=False)
                    blocks = decode_reply(raw, names.get("content-encoding", ""), host_of(url))
                    kept = target.fill(blocks, target.announce(names, url), url)
                else:
                    kept = _read_capped(response.iter_content(1 << 14))
                return HttpResponse(response.status_code, names, kept, url)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise explain_failure(error, url, self._timeout) from None
        except (UnicodeError, ValueError) as error:
            raise BadUrl(f"not a URL that can be used: {host_of(url)}: {error}") from None

    def _prepare(
        self, method: str, url: str, body: Body | bytes | None, headers: Mapping[str, str]
    ) -> Any:
        """The request; one to the same place as the last is made of that."""
        import requests

        last = self._last
        if last is None or last[0] != (method, url):
            last = (method, url), self._session.prepare_request(requests.Request(method, url))
            self._last = last
        prepared = last[1].copy()
        prepared.prepare_headers({**prepared.headers, **headers})
        data: Any = body if body is None or isinstance(body, bytes) else _gather(body)
        if data is not None:
            prepared.headers.pop("Content-Length", None)  # that of no body
            prepared.prepare_body(data, None)
        return prepared

    def _find_trust(self, url: str) -> bool | str:
        """What requests calls `verify`: a file of certificates, the usual ones, or none at all."""
        is_plain = _is_plain(url) and all(map(_is_plain, self._find_proxies(url).values()))
        if self._verify is None and is_plain:
            return True  # nobody will ask
        return self._trust_authorities()

    def _trust_authorities(self) -> bool | str:
        if self._verify is None:
            self._verify = find_ca_bundle(self._ca_bundle) or True
            if self._verify is True:
                _mount(self._session, open_system_store())
        return self._verify

    def _find_proxies(self, url: str) -> dict[str, str]:
        """The proxies that the usual variables name for a host, looked for once."""
        from requests.utils import get_environ_proxies

        origin = _origin(url)
        if origin not in self._proxies:
            self._proxies[origin] = dict(get_environ_proxies(url))
        return self._proxies[origin]


def _gather(body: Body) -> bytes | _BodyBlocks:
    """A body as requests wants it: a small one whole, and so with its length."""
    blocks, gathered = [], 0
    source = iter(body)
    for block in source:
        blocks.append(block)
        gathered += len(block)
        if gathered > AT_ONCE:
            return _BodyBlocks(chain(blocks, source), body.size)
    return b"".join(blocks)


class _BodyBlocks:
    """A large body: with a length when there is one, with none when not."""

    def __init__(self, blocks: Iterable[bytes], size: int | None) -> None:
        self._blocks = blocks
        if size is not None:
            self.len = size  # read by requests: Content-Length instead of chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._blocks)


class _Target(NamedTuple):
    """A file that takes a reply's body."""

    file: IO[bytes]
    limit: int
    expect: Callable[[int], None] | None

    def announce(self, headers: Mapping[str, str], url: str) -> int:
        """Say how many bytes will come, of a packed body nobody knows; the most that are taken."""
        is_packed = "content-encoding" in headers
        sizes = [headers.get(name, "") for name in ("content-length", "x-debuginfod-size")]
        promised = next((int(text) for text in sizes if text.isdecimal()), None)
        if promised is not None and promised > self.limit:
            raise _too_large(url, self.limit)
        if self.expect:
            self.expect(0 if is_packed else promised or 0)
        if promised is None or is_packed:
            return min(self.limit, UNPROMISED + MAX_PACKED * (promised or 0))
        return promised

    def fill(self, blocks: Iterable[bytes], most: int, url: str) -> bytes:
        """Write the blocks, `most` bytes in all; what is left for the reply itself."""
        size = 0
        for block in blocks:
            size += len(block)
            if size > most:
                raise _too_large(url, most)
            self.file.write(block)
        return b""


def _too_large(url: str, most: int) -> TooLarge:
    return TooLarge(f"{host_of(url)} sends more than {most:,} bytes")


def _read_capped(blocks: Iterable[bytes]) -> bytes:
    kept = bytearray()
    for block in blocks:
        kept += block
        if len(kept) >= MAX_REPLY:
            break
    return bytes(kept[:MAX_REPLY])


def _follow(url: str, location: str) -> str:
    """Where a redirect leads. NetworkFailure when that is no URL, or one without the TLS of now."""
    try:
        onward = urljoin(url, location)
        scheme = urlsplit(onward).scheme
    except ValueError:
        raise NetworkFailure(f"{host_of(url)} redirects to something that is not a URL") from None
    if scheme not in ("https", urlsplit(url).scheme):
        raise NetworkFailure(f"{host_of(url)} redirects to {host_of(onward)} without TLS")
    return onward


def _origin(url: str) -> tuple[str, str]:
    """The scheme of a URL, and its host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _find_credentials(url: str) -> dict[str, str]:
    """The header that says who asks, if the URL does."""
    user, at_sign, _ = urlsplit(url).netloc.rpartition("@")
    if not at_sign:
        return {}
    from base64 import b64encode

    return {"Authorization": f"Basic {b64encode(unquote(user).encode()).decode()}"}


def _is_plain(url: str) -> bool:
    return url[:7].lower() == "http://"


def _make_session(*, insecure: bool) -> requests.Session:
    import requests
    import urllib3

    class Session(requests.Session):
        def get_redirect_target(self, _response: requests.Response) -> None:
            """None, so that no request is made of a hostile Location: redirects are our matter."""

    if insecure:  # the command warns, once and in our words
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    session = Session()
    session.auth = _no_credentials  # keeps requests from reading ~/.netrc
    session.trust_env = False  # it would look for proxies anew at each request
    session.headers["User-Agent"] = USER_AGENT
    session.headers["Accept-Encoding"] = "gzip, deflate"
    _mount(session, None)
    return session


def _mount(session: requests.Session, context: SSLContext | None) -> None:
    """Have the session's connections be patient, and trust what the context does, if any."""
    from requests.adapters import HTTPAdapter

    trusted: dict[str, Any] = {"ssl_context": context} if context else {}

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **(trusted | options))
            make_patient(self.poolmanager)

        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **(trusted | options))
            make_patient(manager)
            return manager

    session.mount("https://", Adapter())
    session.mount("http://", Adapter())


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
