"""How fast reports may go out, so that a server with a limit is not run over."""

from __future__ import annotations

import re
import threading

from crashtool.errors import UsageError
from crashtool.services.transport.retry import Clock
from crashtool.services.workers.stop_flag import StopFlag

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
RATE = re.compile(r"([0-9]{1,6})(?:/([smh]))?")


class Pace:
    """Spaces starts evenly: `count` of them in `seconds`, by whichever threads. No bursts."""

    def __init__(self, count: int, seconds: float, clock: Clock | None = None) -> None:
        self.interval = seconds / count
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._next = self._clock.now()

    def wait(self, stopped: StopFlag) -> bool:
        """Whether the next one may start, once it is its turn: not when `stopped` is set before."""
        with self._lock:
            now = self._clock.now()
            start = max(now, self._next)
            self._next = start + self.interval
        return not stopped.wait(start - now)


def parse_rate(text: str, clock: Clock | None = None) -> Pace:
    """`10/m` → ten a minute; also /s and /h, a bare number is a second's. UsageError for others."""
    match = RATE.fullmatch(text.strip())
    if not match or not int(match[1]):
        raise UsageError(f"'{text}' is not a rate", hint="reports in a time: 5/s, 10/m or 100/h")
    return Pace(int(match[1]), SECONDS[match[2] or "s"], clock)
