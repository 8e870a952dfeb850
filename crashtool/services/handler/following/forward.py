"""Pass on to the program the signals that were meant for it but sent to its runner."""

from __future__ import annotations

import os
import sys
import time

from crashtool.services.handler.process.fatal_signals import FORWARDED
from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_FROM_KERNEL = 0x80  # SI_KERNEL: typed at the terminal, whose whole foreground group gets it
_GRACE = 0.05  # seconds in which a signal to the whole group also reaches the program


class Forwarder:
    """Signals that reached the runner, held back until it is clear that the program lacks them.

    A terminal and `kill -TERM -GROUP` reach both processes; sent on as well, one Ctrl-C would be
    two, which many programs take for "at once".
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._held: list[tuple[int, int, float]] = []
        self._delivered: dict[tuple[int, int], float] = {}

    def program_got(self, number: int, sender: int) -> None:
        """Note a signal that is about to be delivered to the program."""
        if number in FORWARDED:
            self._delivered[number, sender] = time.monotonic()

    def runner_got(self, number: int, sender: int, code: int) -> None:
        """Take a signal that was sent to the runner."""
        if code != _FROM_KERNEL and sender != self._pid:
            self._held.append((number, sender, time.monotonic()))

    @property
    def pause(self) -> float | None:
        """Seconds until `pass_on` has to be called again; None when nothing is held back."""
        return _GRACE if self._held else None

    def pass_on(self) -> None:
        """Send the program what is due and did not reach it by itself."""
        now = time.monotonic()
        due = [one for one in self._held if now - one[2] >= _GRACE]
        self._held = [one for one in self._held if now - one[2] < _GRACE]
        for number, sender, since in due:
            if self._delivered.get((number, sender), 0.0) < since - _GRACE:
                os.kill(self._pid, number)
