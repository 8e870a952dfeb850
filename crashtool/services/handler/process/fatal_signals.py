"""Which signals are crashes, which make a process stand still, which a runner passes on."""

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
# Faults that happen again when the thread goes on where it was.
RECURRING = frozenset((signal.SIGILL, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV))
STOPS = frozenset((signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))
# What is meant for the program, be it sent to its runner.
FORWARDED = frozenset(
    (
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
    )
)
