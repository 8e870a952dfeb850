"""Connections that hear early replies, and whose patience with a slow peer has an end.

The time-out of a socket is one of silence: a peer that says a byte now and then would hold a call
for ever. Here each half of an exchange, the sending and the reply, has that time, and more only
for what has come across meanwhile.
"""

from __future__ import annotations

import io
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

SLOWEST = 4096  # bytes a second on the average, once the time-out has passed


class TooSlow(TimeoutError):
    """A peer that is not silent, but would take for ever."""


class Patience:
    """How long a half of an exchange may still take, in seconds; `timeout` None: for ever."""

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._done = 0
        self._spent = 0.0
        self._is_short = False

    def limit(self, sock: socket.socket) -> None:
        """Give the next piece the time that it may take; TooSlow when there is none left."""
        if self._timeout is None:
            return
        left = self._timeout + self._done / SLOWEST - self._spent
        if left <= 0:
            raise TooSlow
        sock.settimeout(min(left, self._timeout))
        self._is_short = left < self._timeout

    def assess(self, error: TimeoutError) -> TimeoutError:
        """What a time-out was: silence, or the end of a patience that crumbs had used up."""
        return TooSlow() if self._is_short else error

    def note(self, size: int, seconds: float) -> None:
        """After a piece: its bytes, and what it took. The time between pieces does not count."""
        self._done += size
        self._spent += seconds


class PatientReader(io.RawIOBase):
    """What comes over a socket."""

    def __init__(self, sock: socket.socket, raw: Any, patience: Patience) -> None:
        self._sock = sock
        self._raw = raw
        self._patience = patience

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """The next bytes. TimeoutError after silence, TooSlow after too many crumbs."""
        self._patience.limit(self._sock)
        began = monotonic()
        try:
            size: int | None = self._raw.readinto(buffer)
        except TimeoutError as error:
            raise self._patience.assess(error) from None
        self._patience.note(size or 0, monotonic() - began)
        return size

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


def make_patient(manager: Any) -> None:
    """Let a pool manager of urllib3 make such connections.

    urllib3 hears an early reply after a broken pipe only; a receiver that refuses a large body and
    closes at once (413 from nginx) is seen on Linux as a reset with the reply in the buffer.
    """
    from http.client import HTTPResponse

    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Response(HTTPResponse):
        def __init__(self, sock: Any, *args: Any, patience: Patience, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(PatientReader(sock, self.fp.detach(), patience))

    def putrequest(self: Any, *args: Any, **options: Any) -> None:
        self.patience = Patience(self.timeout)
        super(type(self), self).putrequest(*args, **options)

    def send(self: Any, data: Any) -> None:
        if self.sock is not None:
            self.patience.limit(self.sock)
        began = monotonic()
        try:
            super(type(self), self).send(data)
        except ConnectionResetError as error:
            raise BrokenPipeError(error.errno, error.strerror) from error
        except TimeoutError as error:
            raise self.patience.assess(error) from None
        self.patience.note(len(data), monotonic() - began)

    def answer(self: Any, sock: Any, *args: Any, **options: Any) -> Response:
        """Also that of a proxy to CONNECT, before any request."""
        return Response(sock, *args, patience=Patience(self.timeout), **options)

    # a proxy is sent its CONNECT before there is a request
    own = {
        "patience": Patience(None),
        "putrequest": putrequest,
        "send": send,
        "response_class": answer,
    }
    plain = type("PlainConnection", (HTTPConnection,), own)
    secure = type("SecureConnection", (HTTPSConnection,), own)
    manager.pool_classes_by_scheme = {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
