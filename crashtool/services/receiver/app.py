"""The receiver as a running server, and the inbox as pages in the browser."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crashtool.errors import InputUnusable, MissingExtra, UsageError, reason_of
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.files.scratch import Scratch
from crashtool.services.receiver.describer import Describer, DumpReader
from crashtool.services.receiver.events import Events
from crashtool.services.receiver.faults import FaultPlan, InjectedFault
from crashtool.services.receiver.guard import Guard
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.ingest import Tokens
from crashtool.services.receiver.receive_submission import Exchange, Submissions
from crashtool.services.receiver.responses import SentFile, make_response
from crashtool.services.receiver.site import HEADERS, PageReply, Site, is_own
from crashtool.services.receiver.symbol_folder import FOLDER
from crashtool.services.receiver.symbol_index import SymbolIndex

if TYPE_CHECKING:
    from starlette.requests import Request

    from crashtool.services.receiver.upstream import Upstream

LOOPBACK = "127.0.0.1"
LOOPBACKS = (LOOPBACK, "::1")
MAX_SIZE = 2 << 30
LOCAL_TOKEN = "5ca1ab1e" * 8  # what a receiver that lets every token in names in its URLs
SHUTDOWN_SECONDS = 2
READ_SIZE = 1 << 20
MAX_CONNECTIONS = 512
MAX_SENDING = 4  # threads that send large files; a client that is slow holds none of them
HEAD_SECONDS, BODY_SECONDS = 20.0, 60.0  # a request's head in all; between parts of a body
WATCH_SECONDS = 2.0


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
            plan = _Plan(inbox, tokens, guard, FaultPlan(faults), max_size, report_exchange, tls)
            server = _Server(plan, site, events)
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


class _Plan(NamedTuple):
    """What the part that clients talk to is made of."""

    inbox: Inbox
    tokens: Tokens
    guard: Guard
    faults: FaultPlan
    max_size: int
    on_exchange: Callable[[Exchange], None]
    tls: tuple[str, str | None] | None


class _Server:
    """uvicorn in a thread."""

    def __init__(self, plan: _Plan, site: Site, events: Events) -> None:
        import uvicorn
        from python_multipart.multipart import MultipartParser

        transports: dict[Any, Any] = {}
        self._events = events
        self._submissions = Submissions(
            plan.inbox,
            tokens=plan.tokens,
            guard=plan.guard,
            faults=plan.faults,
            max_size=plan.max_size,
            make_parser=MultipartParser,  # type: ignore[arg-type]  # its callbacks are a TypedDict
            transports=transports,
            on_exchange=plan.on_exchange,
        )
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                _application(self._submissions, site, events, transports),
                http=_make_connection_class(transports, plan.on_exchange),
                ws="none",
                lifespan="off",
                loop="asyncio",
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                log_level="error",  # a traceback is a bug and must be seen; the rest is told below
                limit_concurrency=MAX_CONNECTIONS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                ssl_certfile=plan.tls and plan.tls[0],
                ssl_keyfile=plan.tls and plan.tls[1],
            )
        )
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="crashtool-receiver")

    def start(self, listener: socket.socket) -> None:
        """Serve on a socket; returns when connections are accepted."""
        self._listener = listener
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """End all connections and the thread."""
        if self._loop and self._thread.is_alive():
            with suppress(RuntimeError):  # the loop ended by itself
                self._loop.call_soon_threadsafe(self._submissions.close)
                self._loop.call_soon_threadsafe(self._events.close)
        self._uvicorn.should_exit = True
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events.attach(self._loop)
        self._loop.call_soon(self._ready.set)  # the socket listens already: no client is refused
        await self._uvicorn.serve([self._listener])


def _make_connection_class(
    transports: dict[Any, Any], on_exchange: Callable[[Exchange], None]
) -> Any:
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Connection(H11Protocol):
        """Lets a fault reach the connection itself, which ASGI keeps from it, and ends connections
        that send too slowly to mean it.
        """

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            transports[self.client] = transport
            # asyncio does so for sockets that it made itself; without it an answer waits 40 ms for
            # the client's acknowledgement of its head
            wire = transport.get_extra_info("socket")
            if wire is not None:
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # asyncio's own 256 KiB a read cost a large upload a fifth of its speed; loops
            # that do not know the attribute ignore it
            transport.max_size = READ_SIZE  # type: ignore[attr-defined]
            self.head_began = self.heard = self.loop.time()
            self.watch = self.loop.call_later(WATCH_SECONDS, self.look)

        def connection_lost(self, exc: Exception | None) -> None:
            self.watch.cancel()
            transports.pop(self.client, None)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self.heard = self.loop.time()
            was_idle = self.conn.their_state is h11.IDLE
            super().data_received(data)
            if not was_idle:  # a head that comes in pieces keeps the time of its first
                self.head_began = self.heard

        def look(self) -> None:
            """Whether the client still does its part; a body that we do not read may wait."""
            now, state = self.loop.time(), self.conn.their_state
            late_head = state is h11.IDLE and now - self.head_began > HEAD_SECONDS
            late_body = state is h11.SEND_BODY and now - self.heard > BODY_SECONDS
            if late_head or (late_body and not self.flow.read_paused):
                what = "head" if late_head else "body"
                on_exchange(Exchange(0, f"a client was too slow with the {what} of its request"))
                self.transport.abort()
                return
            self.watch = self.loop.call_later(WATCH_SECONDS, self.look)

        def send_400_response(self, msg: str) -> None:
            on_exchange(Exchange(400, "what was sent is not HTTP, or its head is too large"))
            super().send_400_response(msg)

    return Connection


def _application(
    submissions: Submissions, site: Site, events: Events, transports: Mapping[Any, Any]
) -> Any:
    from starlette.applications import Starlette

    def refuse(request: Request, _: Exception) -> Any:
        nothing = site.nothing(request.method, request.url.path)
        return make_response(site.show(nothing, request.headers))

    starlette = Starlette(
        routes=_make_routes(site, events, transports), exception_handlers={404: refuse, 405: refuse}
    )

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and not is_own(scope["path"]):
            await submissions(scope, receive, send)
        else:
            await starlette(scope, receive, send)

    return application


def _make_routes(site: Site, events: Events, transports: Mapping[Any, Any]) -> list[Any]:
    from starlette.responses import FileResponse, StreamingResponse
    from starlette.routing import Route

    senders = ThreadPoolExecutor(MAX_SENDING, "crashtool-sender")

    def give_symbols(request: Request) -> Any:
        reply = site.symbol_file(request.path_params["path"], request.headers)
        nothing = site.nothing(request.method, request.url.path)
        reply = reply or site.show(nothing, request.headers)
        response = make_response(reply, request.headers, request.method)
        is_whole = request.method == "GET" and "range" not in request.headers
        if is_whole and isinstance(response, FileResponse):
            return SentFile(response, transports, senders)
        return response

    async def listen(request: Request) -> Any:
        denied = site.deny(request.headers)
        if denied is None and events.is_full:
            denied = site.busy()
        if denied:
            return make_response(denied)
        return StreamingResponse(
            events.listen(), headers=HEADERS, media_type="text/event-stream; charset=utf-8"
        )

    events_route = Route("/api/events", listen)
    return [*_make_page_routes(site), events_route, Route("/{path:path}", give_symbols)]


def _make_page_routes(site: Site) -> list[Any]:
    from starlette.routing import Route

    def route(path: str, answer: Callable[[Request], PageReply]) -> Route:
        def endpoint(request: Request) -> Any:
            reply = site.deny(request.headers) or answer(request)
            return make_response(site.show(reply, request.headers))

        return Route(path, endpoint)

    def change(path: str, method: str, answer: Callable[[Request], PageReply]) -> Route:
        def endpoint(request: Request) -> Any:
            reply = site.deny_changing(request.headers) or answer(request)
            return make_response(site.show(reply, request.headers))

        return Route(path, endpoint, methods=[method])

    return [
        route("/", lambda request: site.inbox(request.query_params)),
        route("/inbox.css", lambda _: site.style()),
        route("/report.css", lambda _: site.report_style()),
        route("/inbox.js", lambda _: site.script()),
        route("/api/openapi.json", lambda _: site.openapi()),
        route("/api/reports", lambda request: site.api_reports(request.query_params)),
        route("/api/groups", lambda request: site.api_groups(request.query_params)),
        route("/api/related", lambda request: site.api_related(request.query_params)),
        route("/export/{name}", lambda r: site.export(r.path_params["name"], r.query_params)),
        route("/api/reports/{rxid}", lambda r: site.api_report(r.path_params["rxid"])),
        change("/api/reports/{rxid}", "DELETE", lambda r: site.api_delete(r.path_params["rxid"])),
        change("/reports/{rxid}/delete", "POST", lambda r: site.delete(r.path_params["rxid"])),
        change("/delete-group", "POST", lambda request: site.delete_group(request.query_params)),
        route("/reports/{rxid}", lambda request: site.report(request.path_params["rxid"])),
        route(
            "/reports/{rxid}/files/{number:int}",
            lambda r: site.file(r.path_params["rxid"], r.path_params["number"]),
        ),
    ]
