"""Ask a handler over its socket which size its messages have: what its build can talk with.

A handler hangs up on a message of any other size, and a client built otherwise then waits 5 s at
the crash for nothing (exception_handler_server.cc, "incorrect payload size").
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from crashtool.services.handler.crashpad_handler.socket_client import SIZES, ask
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.workers.child_environment import child_environment

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)


def find_message_size(handler: Sequence[str], seconds: float) -> int | None:
    """The size that a handler answers to, in bytes; None when it answers to none.

    `handler` is its command line, without a URL. Each size is tried on a handler of its own, which
    is gone when this returns. OSError when it does not start.
    """
    return next((size for size in SIZES if _answers(handler, size, seconds)), None)


def _answers(handler: Sequence[str], size: int, seconds: float) -> bool:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        number = theirs.fileno()
        process = subprocess.Popen(
            [*handler, f"--initial-client-fd={number}", "--shared-client-connection"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(number,),
            start_new_session=True,
            env=child_environment(),
        )
        try:
            theirs.close()
            return ask(ours, size, seconds)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a handler, and what it may have started in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
