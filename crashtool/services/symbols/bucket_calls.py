"""Calls of object stores that have an end, whatever the store does.

The libraries for such stores have a time-out of silence at best: a store that says a byte now and
then would hold a call for ever. So a thread of its own speaks to the store, and is left behind when
a file takes longer than a server over HTTP may.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import IO, Any, TypeAlias

from crashtool.errors import NetworkFailure, TimedOut
from crashtool.services.transport.connection import SLOWEST
from crashtool.services.transport.http import DEFAULT_TIMEOUT

FIRST_PIECE, MAX_PIECE = 1 << 18, 1 << 24  # bytes; each is as large as what has come before

Outcome: TypeAlias = "tuple[Any, BaseException | None]"


class BucketExchange:
    """One file on its way from or to a store.

    `passed` is the number of its bytes that have come, or were given to be sent. `timeout` is in
    seconds: of all calls together, beside a second for each 4 KiB that has passed.
    """

    def __init__(self, thread: BucketThread, scheme: str, timeout: float | None) -> None:
        self._thread = thread
        self._scheme = scheme
        self._timeout = DEFAULT_TIMEOUT if timeout is None else timeout
        self._spent = 0.0
        self.passed = 0

    def call(self, work: Callable[[], Any]) -> Any:
        """What the thread makes of the work. TimedOut when the file has used up its time."""
        began = monotonic()
        left = self._timeout + self.passed / SLOWEST - self._spent
        try:
            value, error = self._thread.post(work).get(timeout=max(0.0, left))
        except Empty:
            raise TimedOut(
                f"{self._scheme} store: after {self._timeout:g} s less than 4 KiB a second had "
                "gone through",
                hint="--timeout waits longer",
            ) from None
        self._spent += monotonic() - began
        if error is not None:
            raise error
        return value

    def walk_pieces(
        self, open_file: Callable[[], IO[bytes]], limit: float = inf
    ) -> Iterator[bytes]:
        """A file's bytes as they come. NetworkFailure beyond `limit` bytes, TimedOut, and what the
        library raises.
        """
        file = self.call(open_file)
        try:
            while piece := self.call(partial(file.read, self._piece_size())):
                self.passed += len(piece)
                if self.passed > limit:
                    raise NetworkFailure(f"{self._scheme} store: more than {limit:,} bytes")
                yield piece
        finally:
            self._thread.post(file.close)

    def _piece_size(self) -> int:
        return min(max(FIRST_PIECE, self.passed), MAX_PIECE)


class BucketThread:
    """Does one piece of work after the other; it keeps nobody from ending.

    One for all files: fsspec keeps its connections for each thread.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[Outcome]]] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def post(self, work: Callable[[], Any]) -> SimpleQueue[Outcome]:
        """Have work done; its value, or its error, will be in the queue."""
        outcome: SimpleQueue[Outcome] = SimpleQueue()
        self._work.put((work, outcome))
        return outcome

    def _run(self) -> None:
        while True:
            work, outcome = self._work.get()
            try:
                outcome.put((work(), None))
            except BaseException as error:  # noqa: BLE001 (it is raised where it is waited for)
                outcome.put((None, error))
