"""End this process the way another one ended."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)


def exit_like(status: int) -> NoReturn:
    """Exit with `status`, or die of signal -`status`, so that a parent sees what it would have.

    No core file is left by the second death: the program has left its own.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if status >= 0:
        sys.exit(status)
    import resource  # POSIX only

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -status not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-status, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (-status,))
    os.kill(os.getpid(), -status)
    os._exit(128 - status)  # where nothing dies of it: process 1 of a container
