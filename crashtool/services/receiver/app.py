"""The receiver as a running server, and the inbox as pages in the browser."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crashtool.errors import CrashtoolError, MissingExtra, UsageError
from crashtool.services.receiver.faults import Fault, FaultPlan
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.ingest import Tokens, error_body
from crashtool.services.receiver.pages import Pages, download_name, report_document
from crashtool.services.receiver.report import StoredReport
from crashtool.services.receiver.submission import Exchange, Submissions

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

LOOPBACK = "127.0.0.1"
MAX_SIZE = 2 << 30
PAGE_REPORTS = 500
LOCAL_TOKEN = "5ca1ab1e" * 8  # what a receiver that lets every token in names in its URLs
SHUTDOWN_SECONDS = 2
READ_SIZE = 1 << 20
HTML = "text/html; charset=utf-8"
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class DumpPage(NamedTuple):
    """What is shown of a minidump: one line to group by, and a text of many lines."""

    headline: str
    text: str


ReadDump = Callable[[Path], DumpPage]


class Receiver(NamedTuple):
    """A receiver that runs: `url` is its root without a slash at the end."""

    url: str
    inbox: Inbox
    tokens: Tokens

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
    faults: Iterable[str | Fault] = (),
    max_size: int = MAX_SIZE,
    read_dump: ReadDump | None = None,
    on_exchange: Callable[[Exchange], None] = lambda _exchange: None,
) -> Iterator[Receiver]:
    """A receiver that keeps its reports in `folder`, for as long as the context lasts.

    It runs in a thread of its own; when this yields, it listens. `port` 0 takes a free one.
    `max_size` bounds a request's body in bytes, as sent and unpacked. `read_dump` makes the text
    that the inbox shows of a minidump. `on_exchange` is called after each request, in the
    receiver's thread. UsageError when the port is taken; MissingExtra without `serve`.
    """
    _require_libraries()
    tokens = Tokens(token, symbols_token)
    inbox = Inbox(folder)
    with _listen(host, port) as listener:
        inbox.open()
        try:
            receiver = Receiver(_url_of(listener), inbox, tokens)
            describer = _Describer(inbox, read_dump)

            def report_exchange(exchange: Exchange) -> None:
                if exchange.report:
                    describer.add(exchange.report)
                on_exchange(exchange)

            server = _Server(receiver, FaultPlan(faults), max_size, report_exchange)
            try:
                server.start(listener)
                yield receiver
            finally:
                server.stop()
                describer.stop()
        finally:
            inbox.close()


def _require_libraries() -> None:
    if not all(map(find_spec, ("jinja2", "python_multipart", "starlette", "uvicorn"))):
        raise MissingExtra("serve", "serve")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {error}",
            hint="choose another port with --port, or 0 for a free one",
        ) from None
    return listener


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    wildcard = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 (read, not bound)
    host = wildcard.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Describer:
    """Reads minidumps one after the other, after their clients have been answered."""

    def __init__(self, inbox: Inbox, read_dump: ReadDump | None) -> None:
        self._inbox = inbox
        self._read_dump = read_dump
        self._pool = ThreadPoolExecutor(1, "crashtool-describer")
        if read_dump:
            for report in inbox.reports():
                self.add(report)

    def add(self, report: StoredReport) -> None:
        if self._read_dump and report.headline is None:
            self._pool.submit(self._describe, report, self._read_dump)

    def _describe(self, report: StoredReport, read_dump: ReadDump) -> None:
        path = report.minidump
        if path is None:
            return
        try:
            headline, text = read_dump(path)
        except CrashtoolError as error:
            headline, text = error.what, ""
        except Exception as error:  # noqa: BLE001 (one dump must not stop the next)
            headline, text = f"cannot be shown: {error!r}", ""
        self._inbox.describe(report, headline, text)

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Server:
    """uvicorn in a thread."""

    def __init__(
        self, receiver: Receiver, faults: FaultPlan, max_size: int,
        on_exchange: Callable[[Exchange], None],
    ) -> None:  # fmt: skip
        import uvicorn
        from python_multipart.multipart import MultipartParser
        from uvicorn.protocols.http.h11_impl import H11Protocol

        transports: dict[Any, Any] = {}

        class Connection(H11Protocol):
            """Lets a fault reach the connection itself, which ASGI keeps from it."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                transports[self.client] = transport
                # asyncio's own 256 KiB a read cost a large upload a fifth of its speed; loops
                # that do not know the attribute ignore it
                transport.max_size = READ_SIZE  # type: ignore[attr-defined]

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.client, None)
                super().connection_lost(exc)

        self._submissions = Submissions(
            receiver.inbox,
            tokens=receiver.tokens,
            faults=faults,
            max_size=max_size,
            make_parser=MultipartParser,  # type: ignore[arg-type]  # its callbacks are a TypedDict
            transports=transports,
            on_exchange=on_exchange,
        )
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                _application(self._submissions, receiver),
                http=Connection,
                ws="none",
                lifespan="off",
                loop="asyncio",
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                log_level="error",  # a traceback is a bug and must be seen; the rest is told below
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
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
        self._loop.call_soon(self._ready.set)  # the socket listens already: no client is refused
        await self._uvicorn.serve([self._listener])


def _application(submissions: Submissions, receiver: Receiver) -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Route

    site = _Site(receiver)
    starlette = Starlette(
        routes=[
            Route("/", site.inbox),
            Route("/inbox.css", site.style),
            Route("/api/reports", site.api),
            Route("/reports/{rxid}", site.report),
            Route("/reports/{rxid}/files/{number:int}", site.file),
            Route("/{path:path}", site.nothing),
        ]
    )

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] in ("POST", "PUT"):
            await submissions(scope, receive, send)
        else:
            await starlette(scope, receive, send)

    return application


class _Site:
    """What a browser may ask for."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._inbox = receiver.inbox
        self._pages = Pages([receiver.submission_url(form=form) for form in ("hosted", "post")])

    def inbox(self, request: "Request") -> "Response":
        """The list of reports."""
        if denied := self._deny(request):
            return denied
        reports = self._inbox.reports(newest=PAGE_REPORTS)
        return self._respond(200, self._pages.inbox(reports, self._inbox.count()), HTML)

    def report(self, request: "Request") -> "Response":
        """One report."""
        if denied := self._deny(request):
            return denied
        report = self._inbox.find(request.path_params["rxid"])
        if report is None:
            return self.nothing(request)
        return self._respond(200, self._pages.report(report), HTML)

    def file(self, request: "Request") -> "Response":
        """One file of a report, never as anything a browser would open."""
        from starlette.responses import FileResponse

        if denied := self._deny(request):
            return denied
        report = self._inbox.find(request.path_params["rxid"])
        number = request.path_params["number"]
        file = next((file for file in report.files if file.id == number), None) if report else None
        if file is None:
            return self.nothing(request)
        return FileResponse(
            file.path,
            media_type="application/octet-stream",
            filename=download_name(file.filename or file.name),
            headers=HEADERS,
        )

    def api(self, request: "Request") -> "Response":
        """All reports as one JSON document."""
        if denied := self._deny(request):
            return denied
        return self._json(
            200, {"reports": [report_document(report) for report in self._inbox.reports()]}
        )

    def style(self, _request: "Request") -> "Response":
        """The style sheet."""
        return self._respond(200, self._pages.style(), "text/css; charset=utf-8")

    def nothing(self, request: "Request") -> "Response":
        """The answer to everything else: Backtrace's endpoints want a POST."""
        if request.method not in ("GET", "HEAD"):
            return self._json(405, error_body(405, "method not allowed"))
        return self._json(404, error_body(404, "not found: reports are sent with POST"))

    def _deny(self, request: "Request") -> "Response | None":
        """Refuse a page of another site that had its name resolved to this machine."""
        host = re.sub(r":\d+$", "", request.headers.get("host", ""))
        bound = re.sub(r"^http://(.*):\d+$", r"\1", self._receiver.url)
        if bound not in (LOOPBACK, "[::1]") or host in (LOOPBACK, "[::1]", "localhost", ""):
            return None
        return self._json(421, error_body(421, "this host name is not served"))

    def _json(self, status: int, document: dict[str, Any]) -> "Response":
        return self._respond(status, json.dumps(document), "application/json")

    def _respond(self, status: int, text: str, media_type: str) -> "Response":
        from starlette.responses import Response

        content = text.encode("utf-8", "backslashreplace")
        return Response(content, status, headers=HEADERS, media_type=media_type)
