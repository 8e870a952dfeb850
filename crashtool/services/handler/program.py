"""Run an unmodified program; when it crashes, have a real crashpad_handler dump it.

The runner traces the program and sees each signal before it is delivered. At one that will kill,
it lays out what a Crashpad client would have left in the program's memory, lets go of the stopped
program, has the handler look at it, and then lets it die as it would have.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from crashtool.model.run import RunResult
from crashtool.services.handler.forward import FORWARDED, Forwarder
from crashtool.services.handler.handover import Handover
from crashtool.services.handler.launch import Launched, check_tracing_is_possible, launch
from crashtool.services.handler.own_writer import OwnWriter
from crashtool.services.handler.program_file import cannot_execute, find_program
from crashtool.services.handler.ptrace import (
    EVENT_EXEC,
    EVENT_STOP,
    WAIT_ALL,
    detach,
    get_siginfo,
    listen,
    resume,
)
from crashtool.services.handler.signal_frame_writer import SignalInfo
from crashtool.services.handler.socket_client import SocketClient
from crashtool.services.handler.supported import NEEDS_LINUX, check_platform
from crashtool.services.handler.target import find_process, is_killed_by
from crashtool.services.handler.thread_context import read_stopped_thread
from crashtool.services.handler.trace_request import TraceRequest

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
HANDLER_SECONDS = 90.0  # a handler gives an upload 60 s
_STOPPING = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT))


def run_program(
    program: Sequence[str],
    handler: Sequence[str] = (),
    *,
    own: OwnWriter | None = None,
    mode: str = "trace",
    streams: Sequence[int] = (),
    handler_seconds: float = HANDLER_SECONDS,
) -> RunResult:
    """Run `program` (name and arguments) to its end under the command line `handler`.

    Without a handler `own` writes the minidump, as it does where no handler can attach.

    The calling process must have no threads and no other children. `mode`: "trace" starts the
    handler at the crash; "socket" starts it first, as StartHandler does, and asks it over its
    socket. `streams`, if given, become the program's stdin, stdout and stderr.
    """
    check_platform()
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
        )
        return Runner(path, launched, client, own, handler_seconds).run()
    finally:
        while signal.sigtimedwait(signals, 0):  # what was meant for the program ends with it
            pass
        signal.signal(signal.SIGCHLD, child_action)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class Runner:
    """The loop around one traced program."""

    def __init__(
        self,
        path: str,
        launched: Launched,
        client: SocketClient | None,
        own: OwnWriter | None,
        handler_seconds: float,
    ) -> None:
        self.path = path
        self.pid = launched.pid
        self.handler_seconds = handler_seconds
        self._launched = launched
        self._client = client
        self._own = own
        self._trace = TraceRequest(launched) if launched.helper_pid else None
        self._forwarder = Forwarder(launched.pid)
        self._crash: Handover | None = None
        self._executed = False
        # Ctrl-\ reaches the runner as well as the program, often only after the crash it caused.
        self._spared: frozenset[int] = frozenset()
        self._ended: dict[int, int] = {}  # children that are gone, and their wait status

    def run(self) -> RunResult:
        """Go through the program's life."""
        while self.pid not in self._ended:
            tid, status = os.waitpid(-1, WAIT_ALL | os.WNOHANG)
            if not tid:
                self._sleep()
            elif os.WIFSTOPPED(status):
                with contextlib.suppress(ProcessLookupError):  # killed from outside meanwhile
                    self._stopped(tid, os.WSTOPSIG(status), status >> 16)
            else:
                self._ended[tid] = status
        return self._finish()

    def _sleep(self) -> None:
        """Until a child reports or a signal has to be passed on."""
        signals = FORWARDED | {signal.SIGCHLD}
        pause = self._forwarder.pause
        info = signal.sigwaitinfo(signals) if pause is None else signal.sigtimedwait(signals, pause)
        if info is not None and info.si_signo != signal.SIGCHLD:
            self._forwarder.runner_got(info.si_signo, info.si_pid, info.si_code)
        self._forwarder.pass_on()

    def _stopped(self, tid: int, number: int, event: int) -> None:
        if event == EVENT_EXEC:
            self._executed = True
            resume(tid)
        elif find_process(tid) not in (self.pid, None):
            detach(tid)  # a process cloned with an odd exit signal looks like a new thread
        elif event == EVENT_STOP and number in STOPS:
            listen(tid)
        elif event:
            resume(tid)
        else:
            self._signalled(tid, number)

    def _signalled(self, tid: int, number: int) -> None:
        siginfo = SignalInfo.read(get_siginfo(tid))
        self._forwarder.program_got(number, siginfo.sender)
        if self._executed and number in FATAL and is_killed_by(self.pid, tid, number):
            handover = Handover(self.pid, read_stopped_thread(tid, siginfo), self._own)
            self._spared = frozenset((number,))
            if handover.dump(self._trace, self._client, self._patience()):
                self._crash = handover
            if handover.ended is not None:
                self._ended[self.pid] = handover.ended
        else:
            resume(tid, number)

    def _patience(self) -> "StopWatch":
        return StopWatch(self.handler_seconds, _STOPPING - self._spared)

    def _finish(self) -> RunResult:
        """Collect the helper and the handler, which end now that the program has."""
        os.close(self._launched.order)
        failure = os.read(self._launched.failure, 32)
        handlers = [self._launched.helper_pid] if self._trace else []
        if self._client is not None:
            self._client.close()
            handlers.append(self._client.pid)
        patience = self._patience()
        for pid in handlers:
            self._await_end(pid, patience)
        for descriptor in (self._launched.log, self._launched.failure):
            os.close(descriptor)
        log = self._trace.log if self._trace else ""
        log += self._client.take_log() if self._client else ""
        if failure:
            raise cannot_execute(self.path, -int(failure))
        status = os.waitstatus_to_exitcode(self._ended[self.pid])
        if self._crash is None:
            return RunResult(status, self.pid, handler_log=log)
        used = self._client.pid if self._crash.mode == "socket" and self._client else None
        if self._crash.mode == "trace":
            used = self._launched.helper_pid
        handler_status = self._ended.get(used) if used else None
        return RunResult(
            status=status,
            process_id=self.pid,
            fatal=self._crash.fatal,
            problem=self._crash.problem,
            mode=self._crash.mode,
            handler_status=None
            if handler_status is None
            else os.waitstatus_to_exitcode(handler_status),
            handler_log=log,
            dump_seconds=self._crash.seconds,
            images=self._crash.images,
            notes=self._crash.notes,
            database=self._crash.database,
            own_reason=self._crash.own_reason,
        )

    def _await_end(self, pid: int, patience: "StopWatch") -> None:
        while pid not in self._ended:
            try:
                tid, status = os.waitpid(pid, WAIT_ALL | os.WNOHANG)
            except ChildProcessError:  # the program itself has waited for it
                return
            if tid:
                self._ended[tid] = status
            elif patience():
                os.kill(pid, signal.SIGKILL)
            else:
                signal.sigtimedwait({signal.SIGCHLD}, 0.01)


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
