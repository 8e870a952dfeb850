"""From a fatal signal to a dump: what lies between the stopped program and the handler."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from pathlib import Path

from crashtool.errors import CrashtoolError
from crashtool.model.run import FatalSignal
from crashtool.services.handler.crashpad_handler.inject import ProgramEnded
from crashtool.services.handler.crashpad_handler.socket_client import REQUEST_SIZE, SocketClient
from crashtool.services.handler.crashpad_handler.trace_request import TraceRequest
from crashtool.services.handler.following.child_crash import describe_fatal
from crashtool.services.handler.process.dump_guard import guarding
from crashtool.services.handler.process.fatal_signals import RECURRING
from crashtool.services.handler.process.freeze import Freezer
from crashtool.services.handler.process.ptrace import send_to_thread
from crashtool.services.handler.process.signal_frame_writer import (
    FRAME_SIZE,
    StoppedThread,
    build_frame,
)
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import (
    GONE,
    explain_unreachable,
    find_scratch,
    list_images,
    read_memory,
    thread_state,
    write_memory,
)
from crashtool.services.handler.reports.delivery import find_delivery
from crashtool.services.handler.reports.report_database import list_minidumps
from crashtool.services.handler.snapshot.own_writer import MODE, OwnWriter

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_KERNEL = 0x80  # SI_KERNEL

GiveUp = Callable[[], str | None]


class Handover:
    """One crash of process `pid`: `thread` is about to get its fatal signal.

    After `dump`: `problem` says why there is perhaps no dump, `ended` is the wait status if the
    program ended meanwhile, `mode` how the handler was asked, `seconds` how long it took,
    `images` the files whose code was mapped, `notes` what to warn of, `database` where `own` has
    put the report and `own_reason` why it had to. `gone`: threads that ended meanwhile, and their
    wait status.
    """

    def __init__(self, pid: int, thread: StoppedThread, own: OwnWriter | None = None) -> None:
        self.pid = pid
        self.thread = thread
        self.own = own
        self.problem: str | None = None
        self.ended: int | None = None
        self.gone: list[tuple[int, int]] = []
        self.mode = ""
        self.seconds = 0.0
        self.images: tuple[str, ...] = ()
        self.database = ""
        self.own_reason = ""
        self.notes: tuple[str, ...] = ()

    def dump(
        self, trace: TraceRequest | None, client: SocketClient | None, give_up: GiveUp
    ) -> bool:
        """Have the program dumped, then let it go on to its end, which is not awaited.

        Without a `trace` there is no handler: `own` writes the dump. It does so, too, where no
        handler can attach. False when the program ended or became another one meanwhile: there is
        no crash then.
        """
        began = time.monotonic()
        freezer = Freezer(self.pid, self.thread.thread_id)
        self.gone = freezer.gone  # of its threads, as it goes on
        if not freezer.freeze():
            self.ended = freezer.ended
            return False
        with guarding(self.pid, client.pid if client else 0) if trace else nullcontext():
            self._dump_stopped(freezer, trace, client, give_up)
        self.seconds = time.monotonic() - began
        return True

    def _dump_stopped(
        self,
        freezer: Freezer,
        trace: TraceRequest | None,
        client: SocketClient | None,
        give_up: GiveUp,
    ) -> None:
        try:
            self.images = list_images(self.thread.thread_id)
            if self.own and (trace is None or self._is_headless()):
                reason = "its first thread had ended, so no handler could attach" if trace else ""
                self._write_own(freezer, self.own, reason)
            elif trace is not None:
                listed = list_minidumps(Path(self.own.database)) if self.own else None
                paths = listed or frozenset()
                self._dump_frozen(freezer, trace, client, give_up)
                if self.own and not self._has_report(self.own, paths):
                    self._write_instead(freezer, self.own)
        except OSError as error:
            self.problem = explain_unreachable(error)
        except ProgramEnded as end:
            self.problem = str(end)
            self.ended = end.status
        if self.ended is None:  # not reaped yet, so it is still this process
            self._let_go(freezer)
            os.kill(self.pid, signal.SIGCONT)

    def _is_headless(self) -> bool:
        """Whether the first thread has ended; then no handler can attach to the process."""
        return thread_state(self.pid, self.pid) in GONE

    def _has_report(self, own: OwnWriter, earlier: AbstractSet[Path]) -> bool:
        """Whether the handler has written one, or the program is gone and none can be written."""
        if self.ended is not None:
            return True
        try:
            return find_delivery(Path(own.database), earlier, self.pid) is not None
        except CrashtoolError:  # the handler works on it
            return True

    def _write_instead(self, freezer: Freezer, own: OwnWriter) -> None:
        """Write the dump of a program that a handler has looked at in vain, and left stopped."""
        why = self.problem or "the handler left no report"
        if freezer.threads:  # none could be asked
            self._write_own(freezer, own, why)
        elif freezer.regain():
            self._write_own(freezer, own, why)
            freezer.let_go_again()
        elif freezer.ended is not None:
            self.ended = freezer.ended

    def _write_own(self, freezer: Freezer, own: OwnWriter, reason: str) -> None:
        from crashtool.services.handler.snapshot.own_report import (
            write_report,  # no cost without a crash
        )

        self.mode = MODE
        self.own_reason = reason
        written = write_report(own, self.pid, self.thread, freezer.threads)
        self.problem, self.database, self.notes, _ = written

    def _dump_frozen(
        self, freezer: Freezer, trace: TraceRequest, client: SocketClient | None, give_up: GiveUp
    ) -> None:
        tid = self.thread.thread_id  # memory by the thread: the first thread may have ended
        address = find_scratch(tid, self.thread.stack_pointer, FRAME_SIZE + REQUEST_SIZE)
        if address is None:
            self.problem = "the program has no writable memory left"
            return
        saved = read_memory(tid, address, FRAME_SIZE)
        frame = build_frame(self.thread, address)
        write_memory(tid, address, frame.data)
        asked = client is not None and client.send(
            self.thread, address + FRAME_SIZE, frame.exception_information
        )
        headless = self._is_headless()
        self._let_go(freezer)
        if client is not None and asked:
            self.mode = "socket"
            self.problem = client.wait_for_dump(self.pid, give_up)
            self.ended = client.ended
        if client is None or not asked or client.is_lost:
            # A handler killed as it was asked leaves the program stopped, as a trace finds it.
            self.mode = "trace"
            self.problem = trace.request(frame.exception_information, give_up)
            write_memory(tid, address, saved)
        if headless and self.problem is None:
            self.problem = "the program's first thread had ended; no handler can attach to that"

    def _let_go(self, freezer: Freezer) -> None:
        """Leave the program stopped and untraced, its fatal signal before it; the first time."""
        if not freezer.release():
            return
        siginfo = self.thread.siginfo
        recurs = siginfo.number in RECURRING and 0 < siginfo.code != _KERNEL
        if not recurs:  # a trap, or a signal that was sent
            send_to_thread(self.pid, self.thread.thread_id, siginfo.number)

    @property
    def fatal(self) -> FatalSignal:
        """The crash as the kernel told it."""
        return describe_fatal(self.pid, self.thread)
