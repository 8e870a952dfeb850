"""The receiver's web server: uvicorn in a thread, with connections that faults and limits reach."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.receiver.events import Events
from crashtool.services.receiver.faults import FaultPlan
from crashtool.services.receiver.guard import Guard
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.ingest import Tokens
from crashtool.services.receiver.receive_submission import Exchange, Submissions
from crashtool.services.receiver.routes import make_application
from crashtool.services.receiver.site import Site

SHUTDOWN_SECONDS = 2
READ_SIZE = 1 << 20
MAX_CONNECTIONS = 512
HEAD_SECONDS, BODY_SECONDS = 20.0, 60.0  # a request's head in all; between parts of a body
WATCH_SECONDS = 2.0


class ServerPlan(NamedTuple):
    """What the part that clients talk to is made of."""

    inbox: Inbox
    tokens: Tokens
    guard: Guard
    faults: FaultPlan
    max_size: int
    on_exchange: Callable[[Exchange], None]
    tls: tuple[str, str | None] | None


class WebServer:
    """uvicorn in a thread of its own."""

    def __init__(self, plan: ServerPlan, site: Site, events: Events) -> None:
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
                make_application(self._submissions, site, events, transports),
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
