"""Run an unmodified program; when it crashes, have a real crashpad_handler dump it.

The runner traces the program and sees each signal before it is delivered. At one that will kill,
it lays out what a Crashpad client would have left in the program's memory, lets go of the stopped
program, has the handler look at it, and then lets it die as it would have.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from crashtool.model.run import RunResult
from crashtool.services.handler.crashpad_handler.socket_client import SocketClient
from crashtool.services.handler.following.follow_options import Following
from crashtool.services.handler.following.runner import Runner
from crashtool.services.handler.process.fatal_signals import FORWARDED
from crashtool.services.handler.process.launch import check_tracing_is_possible, launch
from crashtool.services.handler.process.program_file import find_program
from crashtool.services.handler.process.supported import NEEDS_LINUX, check_platform
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.handler.stderr.last_lines import LastLines

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

HANDLER_SECONDS = 90.0  # a handler gives an upload 60 s


def run_program(
    program: Sequence[str],
    handler: Sequence[str] = (),
    *,
    own: OwnWriter | None = None,
    mode: str = "trace",
    streams: Sequence[int] = (),
    handler_seconds: float = HANDLER_SECONDS,
    following: Following | None = None,
    insists: bool = True,
    last_lines: LastLines | None = None,
) -> RunResult:
    """Run `program` (name and arguments) to its end under the command line `handler`.

    Without a handler `own` writes the minidump, as it does where no handler can attach, and for
    each process that the program starts, if `following` says to follow them.

    The calling process must have no threads and no other children. `mode`: "trace" starts the
    handler at the crash; "socket" starts it first, as StartHandler does, and asks it over its
    socket. `streams`, if given, become the program's stdin, stdout and stderr, `last_lines` takes
    down what went to the last of them before a crash. Where
    the system forbids tracing, UsageError, if the caller `insists`; else the program runs untraced.
    """
    check_platform()
    if insists:
        check_tracing_is_possible()
    path = find_program(program[0])
    signals = FORWARDED | {signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child_action = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, children end unseen
    try:
        client = SocketClient.start(handler) if handler and mode == "socket" else None
        descriptors = (client.descriptor,) if client else ()
        launched = launch(
            (path, *program),
            handler,
            mask=mask,
            child_action=child_action,
            descriptors=descriptors,
            streams=streams,
            children=following is not None and not following.alone,
            insists=insists,
        )
        return Runner(path, launched, client, own, handler_seconds, following, last_lines).run()
    finally:
        while signal.sigtimedwait(signals, 0):  # what was meant for the program ends with it
            pass
        signal.signal(signal.SIGCHLD, child_action)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
