"""Hold all threads of a crashing program, and hand them over stopped to the handler.

Two processes cannot trace one thread. The runner lets go of each while a group stop is in effect,
so that none runs a single instruction between the crash and the handler's look at it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from crashtool.services.handler.process.ptrace import (
    EVENT_EXEC,
    WAIT_ALL,
    detach,
    interrupt,
    resume,
    seize,
    send_to_thread,
)
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import GONE, list_threads, thread_state

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_PATIENCE = 2.0  # seconds for a thread to leave the kernel (vfork, a dead network file system)
_MAX_PATIENCE = 30.0  # for one that is ready to run, on a machine that has no time for it
_IN_KERNEL = "D"
_STEP = 0.0005


class Freezer:
    """All threads of the process `pid`, one of which, `crashed`, has met its fatal signal.

    `gone`: the threads that ended meanwhile, the first one last, and their wait status, which
    nobody else hears of.
    """

    def __init__(self, pid: int, crashed: int) -> None:
        self.pid = pid
        self.crashed = crashed
        self.ended: int | None = None
        self.gone: list[tuple[int, int]] = []
        self._held = {crashed: 0}  # thread -> the signal whose delivery it was stopped at

    @property
    def threads(self) -> tuple[int, ...]:
        """Those that are held."""
        return tuple(self._held)

    def regain(self) -> bool:
        """Hold a process again that was let go and stands still; False when it is gone."""
        self._held.clear()
        for tid in list_threads(self.pid):
            _ignoring_absence(seize, tid)
        return self.freeze() and self.crashed in self._held

    def let_go_again(self) -> None:
        """Leave a process as `regain` found it: standing still."""
        for tid in self._held:
            _ignoring_absence(detach, tid)
        self._held.clear()

    def freeze(self) -> bool:
        """Stop every other thread. False when the program ended or became another meanwhile.

        `ended` is then its wait status, if it did. A thread that does not come out of the kernel
        in time is left out.
        """
        asked: set[int] = set()
        began = time.monotonic()
        while True:
            waiting = asked - set(self._held)
            if asked and self._is_vain(waiting, time.monotonic() - began):
                return True
            if all(thread_state(self.pid, tid) in GONE for tid in waiting):
                if not (fresh := set(list_threads(self.pid)) - asked - set(self._held)):
                    return True
                asked |= fresh
                for tid in fresh:
                    _ignoring_absence(interrupt, tid)
            reports = _take_reports(asked | set(self._held))
            if not reports:
                time.sleep(_STEP)
            answers = [self._take(tid, status) for tid, status in reports]  # each is taken
            if not all(answers):
                return False

    def _is_vain(self, waiting: AbstractSet[int], seconds: float) -> bool:
        """Whether to wait no more: for threads that stay in the kernel, or that are ever new."""
        if seconds < _PATIENCE:
            return False
        states = (thread_state(self.pid, tid) for tid in waiting)
        return seconds > _MAX_PATIENCE or all(state in GONE + _IN_KERNEL for state in states)

    def _take(self, tid: int, status: int) -> bool:
        if not os.WIFSTOPPED(status):
            self._held.pop(tid, None)
            self.gone.append((tid, status))
            if tid == self.pid:
                self.ended = status
            return tid not in (self.pid, self.crashed)
        event = status >> 16
        if event == EVENT_EXEC:
            for held in (tid, *self._held):
                _ignoring_absence(resume, held)
            return False
        self._held[tid] = 0 if event else os.WSTOPSIG(status)
        return True

    def hold(self) -> bool:
        """Hold a traced process that runs, all its threads; False when it is gone."""
        self._held.clear()
        return self.freeze() and bool(self._held)

    def let_go(self) -> None:
        """Stop tracing what is held; each thread gets the signal that it was about to get."""
        for tid, held_back in self._held.items():
            _ignoring_absence(detach, tid, held_back)
        self._held.clear()

    def go_on(self, number: int | None = None) -> None:
        """Let all threads go on, still traced, with the signals that they were about to get.

        `number` is the crashed one's.
        """
        for tid, held_back in self._held.items():
            _ignoring_absence(
                resume, tid, held_back if tid != self.crashed or number is None else number
            )
        self._held.clear()

    def release(self) -> bool:
        """Let go of all threads; the process is in a group stop until it gets SIGCONT.

        False when that was done before.
        """
        if not self._held:
            return False
        _ignoring_absence(detach, self.crashed, signal.SIGSTOP)
        began = time.monotonic()
        while thread_state(self.pid, self.crashed) not in "T" + GONE:
            if self._is_vain({self.crashed}, time.monotonic() - began):
                break
            time.sleep(_STEP)
        for tid, number in self._held.items():
            if tid != self.crashed:
                _ignoring_absence(detach, tid)
                if number:  # held back at its delivery; a fault simply happens once more
                    send_to_thread(self.pid, tid, number)
        self._held.clear()
        return True


def _take_reports(threads: AbstractSet[int]) -> list[tuple[int, int]]:
    """What these threads have to report; other processes' reports stay for the runner."""
    reports = []
    for tid in threads:
        try:
            report = os.waitpid(tid, WAIT_ALL | os.WNOHANG)
        except ChildProcessError:
            continue
        if report[0]:
            reports.append(report)
    return reports


def _ignoring_absence(request: Callable[..., None], tid: int, *more: int) -> None:
    try:
        request(tid, *more)
    except ProcessLookupError:  # killed from outside
        return
