"""The loop around a traced program and the processes that it starts, to the program's end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import Any

from crashtool.formats.signal_structs import SignalInfo
from crashtool.model.run import ProcessCrash, RunResult
from crashtool.services.handler.crashpad_handler.socket_client import SocketClient
from crashtool.services.handler.crashpad_handler.trace_request import TraceRequest
from crashtool.services.handler.following.child_crash import ChildCrashes
from crashtool.services.handler.following.expected import explain_silence
from crashtool.services.handler.following.follow_options import Following
from crashtool.services.handler.following.forward import Forwarder
from crashtool.services.handler.following.handover import Handover
from crashtool.services.handler.following.passed_on import passes_on_end
from crashtool.services.handler.following.process_tree import ProcessTree, TracedProcess
from crashtool.services.handler.following.stop_watch import StopWatch, Timer
from crashtool.services.handler.process.fatal_signals import FATAL, FORWARDED, STOPS
from crashtool.services.handler.process.launch import Launched
from crashtool.services.handler.process.program_file import cannot_execute
from crashtool.services.handler.process.ptrace import (
    EVENT_EXEC,
    EVENT_FORK,
    EVENT_STOP,
    EVENT_VFORK,
    WAIT_ALL,
    detach,
    get_event_message,
    get_siginfo,
    listen,
    resume,
)
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import (
    has_ended,
    is_killed_by,
    read_command_line,
    read_name,
)
from crashtool.services.handler.process.thread_context import read_stopped_thread
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.handler.stderr.last_lines import LastLines

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_PARTING = 2.0  # seconds for a process to leave the kernel (vfork), so that it can be let go
_STOPPING = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT))


class Runner:
    """The loop around one traced program."""

    def __init__(
        self,
        path: str,
        launched: Launched,
        client: SocketClient | None,
        own: OwnWriter | None,
        handler_seconds: float,
        following: Following | None = None,
        last_lines: LastLines | None = None,
    ) -> None:
        self.path = path
        self.pid = launched.pid
        self.handler_seconds = handler_seconds
        self._launched = launched
        self._client = client
        self._own = own
        self._last_lines = last_lines
        self._trace = TraceRequest(launched) if launched.helper_pid else None
        self._forwarder = Forwarder(launched.pid)
        self._crash: Handover | None = None
        self._executed = False
        self._has_order = True
        self._following = following or Following(alone=True)
        self._tree = ProcessTree(launched.pid, alone=self._following.alone)
        self._children = ChildCrashes(self._tree, own, self._explain_silence, last_lines)
        # Ctrl-\ reaches the runner as well as the program, often only after the crash it caused.
        self._spared: frozenset[int] = frozenset()
        self._ended: dict[int, int] = {}  # children that are gone, and their wait status
        self._hangs: list[ProcessCrash] = []
        self._timer = Timer(self._following.timeout)
        self._is_forced = False
        self._is_called_off = False  # by a signal, when only others than the program still ran

    def run(self) -> RunResult:
        """Go through the program's life."""
        while not self._is_over():
            if self._timer.is_due:
                self._end_by_force()
            if not self._take_report():
                self._sleep()
        self._leave()
        return self._finish()

    def _is_over(self) -> bool:
        if self.pid not in self._ended:
            return False
        waits = self._following.to_the_end or self._timer.is_ending
        return self._is_called_off or not (waits and self._tree.processes)

    def _take_report(self) -> bool:
        """What a child or a traced thread has to say, if any has."""
        try:
            tid, status = os.waitpid(-1, WAIT_ALL | os.WNOHANG)
        except ChildProcessError:
            return False
        if not tid:
            return False
        if not os.WIFSTOPPED(status):
            self._take_end(tid, status)
        else:
            with contextlib.suppress(ProcessLookupError):  # killed from outside meanwhile
                self._stopped(tid, os.WSTOPSIG(status), status >> 16)
        return True

    def _take_end(self, tid: int, status: int) -> None:
        if tid in self._own_children:
            self._ended[tid] = status
        self._tree.ended(tid, status)

    @property
    def _own_children(self) -> tuple[int, ...]:
        client = self._client.pid if self._client else self.pid
        return (self.pid, self._launched.helper_pid, client)

    def _sleep(self) -> None:
        """Until a child reports or a signal has to be passed on."""
        signals = FORWARDED | {signal.SIGCHLD}
        has_program = self.pid not in self._ended
        pause = self._timer.shorten(self._forwarder.pause if has_program else None)
        info = signal.sigwaitinfo(signals) if pause is None else signal.sigtimedwait(signals, pause)
        is_meant = info is not None and info.si_signo != signal.SIGCHLD
        if not has_program:  # its number may be another's by now
            self._is_called_off = self._is_called_off or is_meant
            return
        if info is not None and is_meant:
            self._forwarder.runner_got(info.si_signo, info.si_pid, info.si_code)
        self._forwarder.pass_on()

    def _end_by_force(self) -> None:
        """Time is up: dump all that still runs, and ask it to end; the second time, end it."""
        number = self._timer.advance()
        if number == signal.SIGTERM:
            from crashtool.services.handler.following.hang import (
                dump_hanging,  # no cost without a hang
            )

            self._hangs = dump_hanging(
                self._tree,
                self._own,
                self._following.timeout or 0.0,
                self._last_lines,
                self._take_end,
            )
        for pid in (self.pid, *self._tree.processes):
            if pid not in self._ended and not has_ended(pid):
                self._is_forced = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                    os.kill(pid, signal.SIGCONT)  # for one that stands still

    def _stopped(self, tid: int, number: int, event: int) -> None:
        process = self._tree.find(tid)
        if process is None:
            resume(tid)  # which tells, too, that it is gone
        elif self._timer.is_killing:  # a program may start others faster than they are found
            os.kill(process.pid, signal.SIGKILL)
        elif self._tree.alone and process.pid != self.pid:
            detach(tid)  # a process cloned with an odd exit signal looks like a new thread
        elif event == EVENT_EXEC:
            self._executed = self._executed or process.pid == self.pid
            if self._tree.executed(process):
                if process.traces and process.pid == self.pid:
                    self._withdraw_helper()
                self._go_on(process, tid)
        elif event == EVENT_STOP and number in STOPS and not process.is_leaving:
            listen(tid)
        elif event:
            if event in (EVENT_FORK, EVENT_VFORK):
                self._tree.forked(process, get_event_message(tid))
            self._go_on(process, tid)
        else:
            self._signalled(process, tid, number)

    def _withdraw_helper(self) -> None:
        """End the helper of a program that traces: it waits for children of any kind (__WALL)."""
        if self._trace and self._own:
            self._trace = None
            os.close(self._launched.order)
            self._has_order = False

    def _go_on(self, process: TracedProcess, tid: int, number: int = 0) -> None:
        if process.is_leaving:
            detach(tid, number)
            self._tree.detached(tid)
        else:
            resume(tid, number)

    def _signalled(self, process: TracedProcess, tid: int, number: int) -> None:
        is_program = process.pid == self.pid
        if number not in FATAL and not (is_program and number in FORWARDED):
            self._go_on(process, tid, number)
            return
        siginfo = SignalInfo.read(get_siginfo(tid))
        if is_program:
            self._forwarder.program_got(number, siginfo.sender)
        may_crash = number in FATAL and (self._executed or not is_program)
        if not may_crash or not self._is_crash(process, tid, siginfo):
            self._go_on(process, tid, number)
        elif is_program:
            self._program_crashes(tid, siginfo)
        else:
            for gone, status in self._children.take(process, tid, siginfo):
                self._take_end(gone, status)

    def _is_crash(self, process: TracedProcess, tid: int, siginfo: SignalInfo) -> bool:
        pid = process.pid
        if not is_killed_by(pid, tid, siginfo.number, is_sent=siginfo.is_sent):
            return False
        return not passes_on_end(pid, siginfo, self._tree.crashes, self._tree.processes)

    def _program_crashes(self, tid: int, siginfo: SignalInfo) -> None:
        seconds = time.monotonic() - self._tree.began
        words = read_command_line(self.pid)
        name = read_name(self.pid)
        lines = self._last_lines.take(self.pid) if self._last_lines else ()
        own = self._last_lines.attach(self._own) if self._last_lines and self._own else self._own
        handover = Handover(self.pid, read_stopped_thread(tid, siginfo), own)
        self._spared = frozenset((siginfo.number,))
        if handover.dump(self._trace, self._client, self._patience()):
            self._crash = handover
            self._tree.crashes.append(
                ProcessCrash(
                    process_id=self.pid,
                    parent_id=os.getpid(),
                    name=name,
                    command_line=words,
                    seconds=seconds,
                    fatal=handover.fatal,
                    problem=handover.problem,
                    images=handover.images,
                    notes=handover.notes,
                    database=handover.database,
                    is_program=True,
                    last_lines=lines,
                )
            )
        for gone, status in handover.gone:
            self._take_end(gone, status)
        if handover.ended is not None:
            self._take_end(self.pid, handover.ended)

    def _explain_silence(self, name: str, words: tuple[str, ...]) -> str:
        return explain_silence(self._following.ignore, name, words)

    def _leave(self) -> None:
        """Let go of what outlives the program, after what has happened to it until now."""
        if self._tree.alone or self._launched.untraced:
            return
        deadline = time.monotonic() + _PARTING
        while self._take_report() and time.monotonic() < deadline:
            pass
        self._tree.begin_leaving()
        deadline = time.monotonic() + _PARTING
        while self._tree.processes and time.monotonic() < deadline:
            if not self._take_report():
                signal.sigtimedwait({signal.SIGCHLD}, 0.01)

    def _patience(self) -> StopWatch:
        return StopWatch(self.handler_seconds, _STOPPING - self._spared)

    def _finish(self) -> RunResult:
        """Collect the helper and the handler, which end now that the program has."""
        if self._has_order:
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
            return RunResult(status, self.pid, handler_log=log, **self._account())
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
            **self._account(),
        )

    def _account(self) -> dict[str, Any]:
        tree = self._tree
        return {
            "untraced": self._launched.untraced,
            "processes": tree.count,
            "crashes": tuple(sorted(tree.crashes, key=lambda crash: crash.seconds)),
            "unfollowed": tuple(tree.unfollowed),
            "hangs": tuple(self._hangs),
            "timed_out": (self._following.timeout or 0.0) if self._is_forced else 0.0,
        }

    def _await_end(self, pid: int, patience: StopWatch) -> None:
        while pid not in self._ended:
            try:
                tid, status = os.waitpid(pid, WAIT_ALL | os.WNOHANG)
            except ChildProcessError:  # the program itself has waited for it
                return
            if tid:
                self._take_end(tid, status)
            elif patience():
                os.kill(pid, signal.SIGKILL)
            else:
                signal.sigtimedwait({signal.SIGCHLD}, 0.01)
