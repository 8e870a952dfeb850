"""The crash of a process that the program has started: held, dumped by crashtool, let die."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from crashtool.errors import reason_of
from crashtool.formats.signal_structs import SignalInfo
from crashtool.model.run import FatalSignal, ProcessCrash
from crashtool.services.handler.following.process_tree import ProcessTree, TracedProcess
from crashtool.services.handler.process.fatal_signals import RECURRING
from crashtool.services.handler.process.freeze import Freezer
from crashtool.services.handler.process.signal_frame_writer import StoppedThread
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import (
    is_first_of_namespace,
    list_images,
    read_command_line,
    read_name,
)
from crashtool.services.handler.process.thread_context import read_stopped_thread
from crashtool.services.handler.snapshot.own_writer import OwnWriter, Written
from crashtool.services.handler.stderr.last_lines import LastLines

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

NO_WRITER = "a crashpad_handler dumps only the program itself; crashtool would with --writer auto"
MAX_REPORTS = 1000  # a server that restarts a worker for ever must not fill the disk
TOO_MANY = f"{MAX_REPORTS} reports of this run are enough"

# Why the crash of a process, by its name and command line, needs no report; "" if it does.
Ignore = Callable[[str, tuple[str, ...]], str]


class ChildCrashes:
    """Takes down what happens to the descendants of a program."""

    def __init__(
        self,
        tree: ProcessTree,
        own: OwnWriter | None,
        ignore: Ignore,
        last_lines: LastLines | None = None,
    ) -> None:
        self._tree = tree
        self._own = own
        self._ignore = ignore
        self._last_lines = last_lines
        self._written = 0

    def take(self, process: TracedProcess, tid: int, siginfo: SignalInfo) -> list[tuple[int, int]]:
        """A thread is about to get its fatal signal: have it dumped, and let it have the signal.

        The threads that ended before they were held, with their wait status; if the process did,
        there is no crash. Its parent notices nothing but its death: it is never detached, so that
        it is in no group stop.
        """
        seconds = time.monotonic() - self._tree.began
        crashed = read_stopped_thread(tid, siginfo)
        freezer = Freezer(process.pid, tid)
        if not freezer.freeze():
            return freezer.gone
        try:
            crash = self._describe(process, crashed, seconds)
            self._tree.crashes.append(self._write(crash, crashed, freezer))
        finally:
            self._let_die(process, freezer, siginfo)
        return freezer.gone

    def _let_die(self, process: TracedProcess, freezer: Freezer, siginfo: SignalInfo) -> None:
        """Have the signal delivered. Process 1 of a namespace survives any, unless untraced."""
        if not is_first_of_namespace(process.pid):
            freezer.go_on(siginfo.number)
            return
        if siginfo.number not in RECURRING:  # while it stands: let go, it would run past its trap
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            return
        threads = freezer.threads
        freezer.let_go()  # a fault simply happens once more
        for tid in threads:
            self._tree.detached(tid)

    def _describe(
        self, process: TracedProcess, crashed: StoppedThread, seconds: float
    ) -> ProcessCrash:
        name = Path(process.name).name
        words = read_command_line(process.pid)
        try:
            images = list_images(crashed.thread_id)
        except OSError:
            images = ()
        return ProcessCrash(
            process_id=process.pid,
            parent_id=process.parent,
            name=name,
            command_line=words,
            seconds=seconds,
            fatal=describe_fatal(process.pid, crashed),
            parent_name=read_name(process.parent) or process.parent_name,
            images=images,
            ignored_for=self._ignore(name, words),
            last_lines=self._last_lines.take(process.pid) if self._last_lines else (),
        )

    def _write(self, crash: ProcessCrash, crashed: StoppedThread, freezer: Freezer) -> ProcessCrash:
        if crash.ignored_for:
            return crash
        if self._own is None:
            return crash._replace(problem=NO_WRITER)
        if self._written == MAX_REPORTS:
            return crash._replace(problem=TOO_MANY)
        self._written += 1
        from crashtool.services.handler.snapshot.own_report import (
            write_report,  # no cost without a crash
        )

        own = self._last_lines.attach(self._own) if self._last_lines else self._own
        try:
            written = write_report(own, crash.process_id, crashed, freezer.threads)
        except OSError as error:
            written = Written(reason_of(error))
        return crash._replace(
            problem=written.problem,
            database=written.database,
            notes=written.notes,
            uuid=written.uuid,
        )


def describe_fatal(pid: int, thread: StoppedThread) -> FatalSignal:
    """A crash as the kernel told it."""
    return FatalSignal(
        process_id=pid,
        thread_id=thread.thread_id,
        number=thread.siginfo.number,
        code=thread.siginfo.code,
        address=thread.siginfo.address,
        instruction_pointer=thread.instruction_pointer,
        stack_pointer=thread.stack_pointer,
        architecture="x86_64" if thread.width == 8 else "x86",  # noqa: PLR2004
    )
