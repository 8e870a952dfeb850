"""What happens in the inbox, told to every browser that listens (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from crashtool.services.receiver.received_report import StoredReport

MAX_LISTENERS = 64
MAX_WAITING = 256  # events that a listener may be behind before it has to load the list anew
BEAT_SECONDS = 15.0
BEAT = b": still here\n\n"
START = b"retry: 2000\n\n"


class Events:
    """A hub: anything may `tell` it, from any thread; each listener gets all from then on."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: set[asyncio.Queue[bytes | None]] = set()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on listeners are served in this loop."""
        self._loop = loop

    def tell(self, kind: str, document: dict[str, Any]) -> None:
        """Send an event to all listeners; without any, it is gone."""
        data = json.dumps(document, separators=(",", ":"))
        message = f"event: {kind}\ndata: {data}\n\n".encode()
        if self._loop:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._spread, message)

    def tell_report(self, report: StoredReport) -> None:
        """A report has arrived, or there is more to show of it."""
        document = {
            "id": report.id,
            "rxid": report.rxid,
            "format": report.format,
            "product": report.product,
            "version": report.version,
            "headline": report.headline or "",
            "symbols": report.symbols,
            "group": report.signature or report.headline or report.format,
        }
        self.tell("report", document)

    def close(self) -> None:
        """End all streams; to be called in the loop."""
        for queue in self._queues:
            queue.put_nowait(None)

    @property
    def is_full(self) -> bool:
        """Whether there are as many listeners as there may be."""
        return len(self._queues) >= MAX_LISTENERS

    async def listen(self) -> AsyncIterator[bytes]:
        """The bytes of one stream of events, until the listener leaves or the hub closes."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield START
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
                except TimeoutError:
                    message = BEAT
                if message is None:
                    return
                yield message
        finally:
            self._queues.discard(queue)

    def _spread(self, message: bytes) -> None:
        for queue in self._queues:
            if queue.qsize() < MAX_WAITING:
                queue.put_nowait(message)
            elif queue.qsize() == MAX_WAITING:
                queue.put_nowait(b"event: reload\ndata: {}\n\n")
