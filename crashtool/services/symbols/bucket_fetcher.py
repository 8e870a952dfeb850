"""Files of symbol servers that are object stores, by way of fsspec, within a time that has an end.

The libraries for such stores have a time-out of silence at best: a store that says a byte now and
then would hold a call for ever. So a thread of its own speaks to the store, a piece of the file at
a time, and is left behind when it takes longer than a server over HTTP may.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import IO, Any, TypeAlias

from crashtool.errors import MissingExtra, NetworkFailure, TimedOut
from crashtool.services.symbols.fetching import open_in_bucket
from crashtool.services.transport.connection import SLOWEST
from crashtool.services.transport.http import DEFAULT_TIMEOUT

FIRST_PIECE, MAX_PIECE = 1 << 18, 1 << 24  # bytes; each is as large as what has come before
OK, FORBIDDEN, NOT_FOUND = 200, 403, 404

Outcome: TypeAlias = "tuple[Any, BaseException | None]"


class BucketFetcher:
    """Gets files from object stores; credentials are found as fsspec's library for them does.

    `timeout` is in seconds: of each file's first piece, and of all of it if less than 4 KiB a
    second come on the average.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = DEFAULT_TIMEOUT if timeout is None else timeout
        self._thread: _Thread | None = None

    def fetch(self, url: str, target: IO[bytes], limit: int) -> int:
        """Write the file to `target`; 200, 404 or 403. NetworkFailure when it goes wrong, TimedOut
        when it takes too long.
        """
        scheme = url.partition("://")[0]
        if self._thread is None:
            self._thread = _Thread()
        download = _Download(self._thread, self._timeout)
        try:
            return download.run(url, target, limit)
        except FileNotFoundError:
            return NOT_FOUND
        except PermissionError:
            return FORBIDDEN
        except ImportError as error:
            what = f"symbols from {scheme}" + ("" if error.name == "fsspec" else f" ({error})")
            raise MissingExtra(what, "s3") from None
        except NetworkFailure as error:
            if isinstance(error, TimedOut):
                self._thread = None
            raise
        except Exception as error:  # noqa: BLE001 (each store has errors of its own)
            raise NetworkFailure(f"{scheme} store: {error}") from None


class _Download:
    """One file on its way; the store is spoken to by the thread, `target` written by the caller."""

    def __init__(self, thread: "_Thread", timeout: float) -> None:
        self._thread = thread
        self._timeout = timeout
        self._spent = 0.0
        self._done = 0

    def run(self, url: str, target: IO[bytes], limit: int) -> int:
        scheme = url.partition("://")[0]
        file = self._call(scheme, lambda: open_in_bucket(url))
        try:
            while block := self._read(scheme, file):
                self._done += len(block)
                if self._done > limit:
                    raise NetworkFailure(f"{scheme} store: more than {limit:,} bytes")
                target.write(block)
        finally:
            self._thread.post(file.close)
        return OK

    def _read(self, scheme: str, file: IO[bytes]) -> bytes:
        size = min(max(FIRST_PIECE, self._done), MAX_PIECE)
        block: bytes = self._call(scheme, lambda: file.read(size))
        return block

    def _call(self, scheme: str, work: Callable[[], Any]) -> Any:
        """What the thread makes of the work. TimedOut when the file has used up its time."""
        began = monotonic()
        left = self._timeout + self._done / SLOWEST - self._spent
        try:
            value, error = self._thread.post(work).get(timeout=max(0.0, left))
        except Empty:
            raise TimedOut(
                f"{scheme} store: after {self._timeout:g} s less than 4 KiB a second had come",
                hint="--timeout waits longer",
            ) from None
        self._spent += monotonic() - began
        if error is not None:
            raise error
        return value


class _Thread:
    """Does one piece of work after the other; it keeps nobody from ending.

    One for all files: fsspec keeps its connections for each thread.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[Outcome]]] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def post(self, work: Callable[[], Any]) -> "SimpleQueue[Outcome]":
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
