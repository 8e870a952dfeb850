"""A file copied to a client's connection by a thread, which the event loop does not wait for.

Blocks that stay in the processor's cache go out faster than pages that the kernel passes on
(sendfile), by two to three times on loopback: there, who receives them reads cold memory.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from io import FileIO

BLOCK = 1 << 16
TURN = 0.5  # seconds of a thread that one client has before others that wait
PATIENCE = 0.05  # seconds for which a thread waits for a client
SILENCE = 60.0  # seconds in which a client takes nothing, and is given up


class FileStream:
    """Sends `size` bytes of a file over a socket that does not block; both stay the caller's."""

    def __init__(self, wire: socket.socket, file: FileIO, size: int) -> None:
        self._wire = wire
        self._file = file
        self._left = size
        self._block = memoryview(b"")
        self._is_stopped = False

    async def send_all(self, threads: Executor, is_closing: Callable[[], bool]) -> bool:
        """Send all of it by `threads`; False when the client went away or takes nothing more, or
        the file is shorter. No thread is at it any more when this ends, cancelled or not.
        """
        loop = asyncio.get_running_loop()
        with suppress(OSError, TimeoutError):
            while self._left and not is_closing():
                await self._wait_for_room()
                turn = loop.run_in_executor(threads, self._send_turn)
                try:
                    await asyncio.shield(turn)
                except asyncio.CancelledError:
                    self._is_stopped = True
                    await asyncio.wait([turn])
                    raise
        return not self._left

    async def _wait_for_room(self) -> None:
        """Until the connection takes more. TimeoutError when it does not."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._wire, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), SILENCE)
        finally:
            loop.remove_writer(self._wire)

    def _send_turn(self) -> None:
        """Send as long as the client takes it, in a thread. OSError when it went away."""
        buffer = bytearray(BLOCK)
        with selectors.DefaultSelector() as selector:
            selector.register(self._wire, selectors.EVENT_WRITE)
            end = time.monotonic() + TURN
            while self._left and time.monotonic() < end and not self._is_stopped:
                if not self._block:
                    self._block = self._read(buffer)
                try:
                    sent = self._wire.send(self._block)
                except BlockingIOError:
                    if not selector.select(PATIENCE):
                        break
                    continue
                self._block = self._block[sent:]
                self._left -= sent
        self._block = memoryview(bytes(self._block))  # the buffer is the next turn's no more

    def _read(self, buffer: bytearray) -> memoryview:
        size = self._file.readinto(memoryview(buffer)[: self._left])
        if not size:
            raise OSError("the file has become shorter")
        return memoryview(buffer)[:size]
