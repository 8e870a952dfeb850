"""The receiver: an inbox, its pages and its web server, for as long as a context lasts."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable, MissingExtra, UsageError, reason_of
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.files.scratch import Scratch
from crashtool.services.receiver.describer import Describer, DumpReader
from crashtool.services.receiver.events import Events
from crashtool.services.receiver.faults import FaultPlan, InjectedFault
from crashtool.services.receiver.guard import Guard
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.ingest import Tokens
from crashtool.services.receiver.receive_submission import Exchange
from crashtool.services.receiver.site import Site
from crashtool.services.receiver.symbol_folder import FOLDER
from crashtool.services.receiver.symbol_index import SymbolIndex
from crashtool.services.receiver.web_server import ServerPlan, WebServer

if TYPE_CHECKING:
    from crashtool.services.receiver.upstream import Upstream

LOOPBACK = "127.0.0.1"
LOOPBACKS = (LOOPBACK, "::1")
MAX_SIZE = 2 << 30
LOCAL_TOKEN = "5ca1ab1e" * 8  # what a receiver that lets every token in names in its URLs


class Receiver(NamedTuple):
    """A receiver that runs: `url` is its root without a slash at the end."""

    url: str
    inbox: Inbox
    tokens: Tokens

    @property
    def symbol_server(self) -> str:
        """The URL that debuggers are given, with the token in it if there is one."""
        token = self.tokens.submission
        return f"{self.url}/symbols/{token}" if token else self.url

    def submission_url(self, format: str = "minidump", *, form: str = "hosted") -> str:  # noqa: A002 (Backtrace's word)
        """Where to send reports of a format.

        `form` is one of Backtrace's: "hosted", "post", or "root", which needs the annotations
        `token` and `format`.
        """
        token = self.tokens.submission
        if format == "symbols":
            token = self.tokens.symbols or token
        token = token or LOCAL_TOKEN
        return {
            "hosted": f"{self.url}/local/{token}/{format}",
            "post": f"{self.url}/post?format={format}&token={token}",
            "root": f"{self.url}/",
        }[form]


@contextmanager
def start_receiver(
    folder: str | Path,
    *,
    port: int = 0,
    host: str = LOOPBACK,
    token: str | None = None,
    symbols_token: str | None = None,
    faults: Iterable[str | InjectedFault] = (),
    max_size: int = MAX_SIZE,
    read_dump: DumpReader | None = None,
    style: str = "",
    certificate: str | Path | None = None,
    key: str | Path | None = None,
    names: Iterable[str] = (),
    sources: Sequence[str] = (),
    symbol_servers: Sequence[str] = (),
    on_exchange: Callable[[Exchange], None] = lambda _exchange: None,
) -> Iterator[Receiver]:
    """A receiver that keeps its reports in `folder`, for as long as the context lasts.

    It runs in a thread of its own; when this yields, it listens. `port` 0 takes a free one.
    `max_size` bounds a request's body in bytes, as sent and unpacked. `read_dump` makes what the
    inbox shows of a minidump, `style` is the style sheet for that. `certificate` is a PEM file for
    TLS, with its private key in it or in `key`. On loopback only loopback's own names are served,
    and `names`. Debuggers are given the symbols that were uploaded, and source from the folders
    `sources`; what was not uploaded is asked for at `symbol_servers`. With `token` it takes that to
    send and to read. `on_exchange` is called after each request, in the receiver's thread.
    UsageError when the port is taken, InputUnusable when the certificate cannot be used, BadUrl for
    a symbol server that is none, MissingExtra without `serve`.
    """
    _require_libraries()
    tls = _check_certificate(certificate, key) if certificate else None
    tokens = Tokens(token, symbols_token)
    inbox = Inbox(folder)
    with _listen(host, port) as listener, Scratch() as scratch:
        inbox.open()
        try:
            receiver = Receiver(_url_of(listener, is_secure=bool(tls)), inbox, tokens)
            is_local = listener.getsockname()[0] in LOOPBACKS
            guard = Guard(is_local=is_local, token=token, names=names)
            index = SymbolIndex(inbox.folder / FOLDER, sources)
            upstream = _open_upstream(symbol_servers, inbox.folder, scratch, on_exchange)
            site = _make_site(receiver, guard, index, upstream, style)
            events = Events()
            describer = Describer(inbox, read_dump, events.tell_report, index)

            report_exchange = _tell_all(events, describer, on_exchange)
            plan = ServerPlan(
                inbox, tokens, guard, FaultPlan(faults), max_size, report_exchange, tls
            )
            server = WebServer(plan, site, events)
            try:
                server.start(listener)
                yield receiver
            finally:
                server.stop()
                describer.stop()
        finally:
            inbox.close()


def _tell_all(
    events: Events, describer: Describer, on_exchange: Callable[[Exchange], None]
) -> Callable[[Exchange], None]:
    """What tells of a request: open pages, who describes reports, and who started the receiver."""

    def report_exchange(exchange: Exchange) -> None:
        if exchange.report:
            events.tell_report(exchange.report)
            describer.add(exchange.report)
        on_exchange(exchange)

    return report_exchange


def _make_site(
    receiver: Receiver, guard: Guard, index: SymbolIndex, upstream: Upstream | None, style: str
) -> Site:
    urls = [receiver.submission_url(form=form) for form in ("hosted", "post")]
    return Site(
        receiver.inbox,
        urls,
        guard,
        style=style,
        symbols=index,
        symbol_server=receiver.symbol_server,
        upstream=upstream,
    )


def _open_upstream(
    servers: Sequence[str],
    folder: Path,
    scratch: Scratch,
    on_exchange: Callable[[Exchange], None],
) -> Upstream | None:
    if not servers:
        return None
    from crashtool.services.receiver.upstream import Upstream  # brings an HTTP client in

    def tell(sentence: str) -> None:
        on_exchange(Exchange(0, sentence))

    return Upstream(servers, folder, scratch, tell=tell)


def _require_libraries() -> None:
    if not all(map(find_spec, ("jinja2", "python_multipart", "starlette", "uvicorn"))):
        raise MissingExtra("serve", "serve")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {reason_of(error)}",
            hint="choose another port with --port, or 0 for a free one",
        ) from None
    return listener


def _check_certificate(certificate: str | Path, key: str | Path | None) -> tuple[str, str | None]:
    """The two files, tried."""
    files = str(certificate), None if key is None else str(key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files)
    except (OSError, ssl.SSLError) as error:
        raise InputUnusable(
            f"the certificate {certificate} cannot be used: {reason_of(error)}",
            hint="a PEM file with the certificate and its private key, or the key by --key",
        ) from None
    return files


def _url_of(listener: socket.socket, *, is_secure: bool) -> str:
    host, port = listener.getsockname()[:2]
    wildcard = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 (read, not bound)
    host = wildcard.get(host, host)
    scheme = "https" if is_secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
