"""Which signals are crashes, and which make a process stand still."""

from __future__ import annotations

import signal
import sys

from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

# util/posix/signals.cc: those whose default action is a core dump.
FATAL = frozenset(
    (
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGQUIT,
        signal.SIGSEGV,
        signal.SIGSYS,
        signal.SIGTRAP,
        signal.SIGXCPU,
        signal.SIGXFSZ,
    )
)
STOPS = frozenset((signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))
