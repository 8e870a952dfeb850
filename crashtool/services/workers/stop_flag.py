"""A flag that a signal handler may set while its own thread waits for it."""

from __future__ import annotations

from queue import Empty, SimpleQueue


class StopFlag:
    """As threading.Event, whose `set` waits for ever where a signal came in the middle of `wait`:
    both take one lock. A SimpleQueue can be put to at any instruction (docs of `queue`).
    """

    def __init__(self) -> None:
        self._is_set = False
        self._queue: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Set it for good."""
        self._is_set = True
        self._queue.put(None)

    def is_set(self) -> bool:
        """Whether it has been set."""
        return self._is_set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set, or for so long; whether it is set."""
        if not self._is_set:
            try:
                self._queue.get(timeout=None if seconds is None else max(seconds, 0.0))
            except Empty:
                return self._is_set
            self._queue.put(None)  # for who else waits
        return True
