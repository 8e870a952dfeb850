"""End a program that stands still, untraced, for a handler, when its runner is killed meanwhile.

While it is traced the kernel sees to that. A request to the kernel that outlasts the trace
(PR_SET_PDEATHSIG) would not do: a thread that executes a file loses it, as does whoever changes
user. So it is a process of its own, which lives as long as the dump takes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import read_start

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_DONE = b"d"


@contextmanager
def guarding(pid: int, handler_pid: int = 0) -> Iterator[None]:
    """Have process `pid` killed if this one does not come to the block's end.

    A handler that is held meanwhile goes on then, to its end. Where there can be no further
    process, nobody sees to it.
    """
    began = read_start(pid)
    watched, held = os.pipe()
    try:
        guard = os.fork()
    except OSError:
        guard = -1
    if guard == 0:  # pragma: no cover (the child ends in _exit, where no coverage is saved)
        _guard(pid, began, watched, handler_pid)
    os.close(watched)
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            os.write(held, _DONE)
        os.close(held)
        if guard > 0:
            with suppress(ChildProcessError):
                os.waitpid(guard, 0)


def _guard(
    pid: int, began: str, watched: int, handler_pid: int
) -> NoReturn:  # pragma: no cover (see guarding)
    """Hold nothing but the pipe, whose end without a word is the runner's."""
    try:
        os.setsid()  # what is sent to the runner's group is not for it
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        os.closerange(0, watched)
        os.closerange(watched + 1, os.sysconf("SC_OPEN_MAX"))
        if os.read(watched, 1) != _DONE:
            if read_start(pid) == began:
                os.kill(pid, signal.SIGKILL)
            if handler_pid:
                os.kill(handler_pid, signal.SIGCONT)
    finally:
        os._exit(0)
