"""The processes that a program starts, and those start: which are traced, which have crashed."""

from __future__ import annotations

import contextlib
import os
import sys
import time

from crashtool.model.run import ProcessCrash, Unfollowed
from crashtool.services.handler.process.execute_again import can_keep_rights, prepare_execution
from crashtool.services.handler.process.freeze import Freezer
from crashtool.services.handler.process.program_image import ImageReader
from crashtool.services.handler.process.ptrace import detach, interrupt, set_options
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import (
    GONE,
    find_parentage,
    list_threads,
    read_command_line,
    read_name,
    thread_state,
)

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

TRACES = "it traces its own children, which were not followed"
CHECKS_LEAKS = "LeakSanitizer traces it at its end; ASAN_OPTIONS=detect_leaks=0 turns that off"
HAS_RIGHTS = "it has rights that no traced process is given"
LOST_RIGHTS = "traced, it ran without the rights that its file gives (see --no-children)"
IS_SERVED = "Wine's server traces it, and its debugger reports its crash"
IS_TRACED = "another program of this run traces it"
OUTLIVES = "it outlives the program"


class TracedProcess:
    """One process under trace. `parent` is the process that made it, by its id."""

    def __init__(self, pid: int, parent: int) -> None:
        self.pid = pid
        self.parent = parent
        self.parent_name = ""
        self.traces = False
        self.is_leaving = False
        self.has_stopped = False  # only then its options can be set
        self.began = time.monotonic()

    @property
    def name(self) -> str:
        """What the kernel calls it now."""
        return read_name(self.pid)


class ProcessTree:
    """Every process that descends from the program `root` and is traced by this one.

    `alone`: nothing but the program is followed. `count`: all processes that were followed.
    """

    def __init__(self, root: int, *, alone: bool = False) -> None:
        self.root = root
        self.alone = alone
        self.count = 1
        self.crashes: list[ProcessCrash] = []
        self.unfollowed: list[Unfollowed] = []
        self.began = time.monotonic()
        self.processes = {root: TracedProcess(root, os.getpid())}
        self.processes[root].has_stopped = True
        self._threads = {root: root}
        self._unannounced: set[int] = set()  # processes that stopped before their parents told
        self._is_leaving = False
        self._images = ImageReader()
        self._keeps_rights = can_keep_rights()

    def find(self, tid: int) -> TracedProcess | None:
        """The process of a stopped thread, noted if it is new; None when it is gone."""
        if tid not in self._threads:
            parentage = find_parentage(tid)
            if parentage is None:
                return None
            pid, parent = parentage
            self._threads[tid] = pid
            process = self.processes.get(pid)
            if process is None:
                process = self._add(pid, parent)
                self._unannounced.add(pid)
            if not process.has_stopped and not self.alone:
                process.has_stopped = True
                set_options(tid, children=True, dies_with_us=False)
        return self.processes.get(self._threads[tid])

    def forked(self, parent: TracedProcess, pid: int) -> None:
        """Note a new process before its parent goes on, which could end first."""
        child = self.processes.get(pid)
        was_seen = pid in self._unannounced
        self._unannounced.discard(pid)
        if child is None and was_seen:  # it came and ended while its parent had no core
            return
        if child is None:
            child = self._add(pid, parent.pid)
            if thread_state(pid, pid) in GONE:  # killed at once, and its end was told before
                del self.processes[pid]
        child.parent, child.parent_name = parent.pid, parent.name

    def _add(self, pid: int, parent: int) -> TracedProcess:
        process = TracedProcess(pid, parent)
        process.is_leaving = self._is_leaving
        self.processes[pid] = process
        self.count += not self.alone
        return process

    def executed(self, process: TracedProcess) -> bool:
        """Take in that a process has become another program; False when it was let go for that."""
        pid = process.pid
        self._threads = {tid: owner for tid, owner in self._threads.items() if owner != pid}
        self._threads[pid] = pid
        if self.alone:
            return True
        traits = self._images.read(pid)
        if traits.is_privileged and not self._keeps_rights:
            if prepare_execution(pid):
                self._let_go_at_stop(process, HAS_RIGHTS)
                return False
            self._note(process, LOST_RIGHTS)
        if traits.checks_leaks:
            self._let_go_at_stop(process, CHECKS_LEAKS)
            return False
        if traits.is_served:
            self._let_go_at_stop(process, IS_SERVED)
            return False
        if traits.traces:
            self._make_room(process)
        if traits.traces != process.traces:
            process.traces = traits.traces
            set_options(pid, children=not traits.traces, dies_with_us=pid == self.root)
        return True

    def _make_room(self, tracer: TracedProcess) -> None:
        """Let a debugger have its children, and those of ours that it was told to attach to."""
        self._note(tracer, TRACES)
        words = read_command_line(tracer.pid)[1:]
        named = {
            int(word.rpartition("=")[2].removeprefix("-p"))
            for word in words
            if word.rpartition("=")[2].removeprefix("-p").isdecimal()
        }
        for pid in named & set(self.processes) - {tracer.pid, self.root}:
            freezer = Freezer(pid, pid)
            freezer.hold()
            self._note(self.processes[pid], IS_TRACED)
            freezer.let_go()
            self._forget(pid)

    def _let_go_at_stop(self, process: TracedProcess, reason: str) -> None:
        """Let go of a process whose only thread stands still."""
        self._note(process, reason)
        detach(process.pid)
        self._forget(process.pid)

    def _note(self, process: TracedProcess, reason: str) -> None:
        self.unfollowed.append(Unfollowed(process.pid, process.name, reason))

    def _forget(self, pid: int) -> None:
        self.processes.pop(pid, None)
        self._threads = {tid: owner for tid, owner in self._threads.items() if owner != pid}

    def ended(self, tid: int, status: int) -> None:
        """Take in that a thread or a whole process is gone."""
        self._threads.pop(tid, None)
        if self.processes.pop(tid, None) is None:
            return
        code = os.waitstatus_to_exitcode(status)
        for place, crash in enumerate(self.crashes):
            if crash.parent_id == tid and crash.parent_status is None:
                self.crashes[place] = crash._replace(parent_status=code)

    def detached(self, tid: int) -> None:
        """Take in that a thread is no longer traced."""
        pid = self._threads.pop(tid, None)
        if pid is not None and pid not in self._threads.values():
            self.processes.pop(pid, None)

    def begin_leaving(self) -> None:
        """Stop all that still runs, to be let go of at the stop."""
        self._is_leaving = True
        for process in self.processes.values():
            self._note(process, OUTLIVES)
            process.is_leaving = True
            for tid in list_threads(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    interrupt(tid)
