"""How long to wait: for a handler, and what ends that sooner; for a program, and what ends it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Set as AbstractSet

from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

KILL_SECONDS = 5.0  # from SIGTERM to SIGKILL


class StopWatch:
    """Asked for a reason to stop waiting for the handler: time is up, or a signal says stop."""

    def __init__(self, seconds: float, stopping: AbstractSet[int]) -> None:
        self._seconds = seconds
        self._stopping = stopping
        self._deadline = time.monotonic() + seconds

    def __call__(self) -> str | None:
        """The reason, or None to wait on."""
        if time.monotonic() > self._deadline:
            return f"the handler did not end within {self._seconds:g} s"
        if info := signal.sigtimedwait(self._stopping, 0):
            name = signal.Signals(info.si_signo).name
            return f"{name} came while the handler was working; it was stopped"
        return None


class Timer:
    """When a program that still runs is to be ended: first asked to, then made to."""

    def __init__(self, seconds: float | None) -> None:
        self._due = None if seconds is None else time.monotonic() + seconds
        self._numbers = [signal.SIGTERM, signal.SIGKILL]
        self.is_killing = False  # what is started now must not go on

    @property
    def is_due(self) -> bool:
        """Whether the next signal is to be sent."""
        return self._due is not None and time.monotonic() >= self._due

    @property
    def is_ending(self) -> bool:
        """Whether one was sent."""
        return self._numbers[0] != signal.SIGTERM

    def advance(self) -> signal.Signals:
        """The signal to send now; the last one again and again."""
        self._due = time.monotonic() + KILL_SECONDS
        self.is_killing = self.is_ending
        return self._numbers.pop(0) if len(self._numbers) > 1 else self._numbers[0]

    def shorten(self, pause: float | None) -> float | None:
        """A pause that does not go on when the next signal is due; None is for ever."""
        if self._due is None:
            return pause
        left = max(self._due - time.monotonic(), 0.0)
        return left if pause is None else min(pause, left)
