"""A request on its way in: its head, and its body block by block."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.receiver.ingest import Pairs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Disconnected(Exception):
    """The client went away before its request was whole."""


class Incoming(NamedTuple):
    """The head of a request."""

    path: str
    query: Pairs
    headers: dict[str, str]
    client: tuple[str, int] | None

    @property
    def target(self) -> str | None:
        """The report that a later attachment is for; None for what is a report itself."""
        values = dict(self.query)
        return values.get("object") if "attachment_name" in values else None


class IncomingBody:
    """A request's body, block by block."""

    def __init__(self, receive: Receive, max_size: int, client: Any, sending: set[Any]) -> None:
        self._receive = receive
        self._left = max_size
        self._more = True
        self._client = client
        self._sending = sending

    async def next(self) -> bytes | None:
        """The next bytes as they were sent; None at the end."""
        if not self._more:
            return None
        self._sending.add(self._client)
        try:
            message = await self._receive()
        finally:
            self._sending.discard(self._client)
        if message["type"] == "http.disconnect":
            raise Disconnected
        self._more = bool(message.get("more_body"))
        data: bytes = message.get("body", b"")
        self._left -= len(data)
        return data

    async def drain(self, most: int | None = None) -> None:
        """Let the client finish sending, so that it reads the answer; not beyond the bound."""
        if most is not None:
            self._left = min(self._left, most)
        while self._left >= 0 and await self.next() is not None:
            pass


def read_head(scope: MutableMapping[str, Any]) -> Incoming:
    """The head in an ASGI scope."""
    query = scope["query_string"].decode("latin-1")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    # errors: a query may hold any bytes; so may what the database keeps
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    return Incoming(scope["path"], pairs, headers, scope.get("client"))
