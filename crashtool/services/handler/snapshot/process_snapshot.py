"""A stopped process as it stands: what the minidump that crashtool itself writes tells of it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Sequence

import crashtool
from crashtool.errors import MalformedFile
from crashtool.formats.minidump.crashpad_info import CrashpadInfo
from crashtool.formats.minidump.snapshot import (
    ExceptionSnapshot,
    MemorySnapshot,
    ModuleSnapshot,
    ProcessSnapshot,
    ThreadSnapshot,
)
from crashtool.formats.minidump.structs import ExceptionParameter
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.signal_structs import SignalInfo, SystemCall
from crashtool.services.handler.process.signal_frame_writer import FAULTS, StoppedThread
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import (
    ProcessMemory,
    entry_point,
    read_file,
    read_mappings,
)
from crashtool.services.handler.process.thread_context import (
    build_context,
    find_thread_pointer,
    read_stopped_thread,
)
from crashtool.services.handler.snapshot.captured_memory import (
    CRASHED_STACK,
    OTHER_STACKS,
    MemoryMap,
    capture_interrupted,
    capture_referenced,
    capture_stack,
    list_words,
    share_of_a_stack,
)
from crashtool.services.handler.snapshot.loaded_images import list_modules
from crashtool.services.handler.snapshot.system_snapshot import (
    describe_machine,
    describe_zone,
    read_texts,
    read_times,
)

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

WRITER = "crashtool"
COMMENT = "Written by crashtool {version} itself, by ptrace, not by a crashpad_handler."
_CPUS = {"x86_64": "amd64", "x86": "i386"}
_NO_POINTERS = frozenset(("cs", "ds", "es", "fs", "gs", "ss", "eflags", "orig_rax", "orig_eax"))
_SENT = frozenset((signal.SIGABRT, signal.SIGQUIT, signal.SIGXCPU, signal.SIGXFSZ))


def take_snapshot(
    pid: int, crashed: StoppedThread, threads: Iterable[int], crashpad: CrashpadInfo
) -> ProcessSnapshot:
    """Everything about a process whose `threads` are stopped by ptrace, `crashed` among them.

    Threads that end meanwhile are left out. OSError when the process itself is gone.
    """
    with ProcessMemory(crashed.thread_id) as memory:
        return _Taker(pid, crashed, memory).take(threads, crashpad)


class _Taken(NamedTuple):
    """A thread that is taken down.

    `elsewhere`: its stack's far end when that is too long, and stacks that signals interrupted.
    """

    stopped: StoppedThread
    thread: ThreadSnapshot
    elsewhere: tuple[MemorySnapshot, ...]

    @property
    def size(self) -> int:
        """Bytes of all its stacks."""
        parts = (self.thread.stack, *self.elsewhere)
        return sum(len(part.data) for part in parts if part)


class _Taker:
    """The parts in the order in which they are needed."""

    def __init__(self, pid: int, crashed: StoppedThread, memory: ProcessMemory) -> None:
        self.pid = pid
        self.crashed = crashed
        self.read = memory.read
        self.mappings = read_mappings(crashed.thread_id)  # the first thread may have ended
        self.memory = MemoryMap(self.mappings, memory.read)

    def take(self, threads: Iterable[int], crashpad: CrashpadInfo) -> ProcessSnapshot:
        architecture = "x86_64" if self.crashed.width == 8 else "x86"  # noqa: PLR2004 (bytes)
        others = [tid for tid in sorted(threads) if tid != self.crashed.thread_id]
        rows = self._take_threads(others)
        created, user_time, system_time = self._read_times()
        elsewhere = [part for taken in rows for part in taken.elsewhere]
        return ProcessSnapshot(
            process_id=self.pid,
            taken=int(time.time()),
            created=created,
            user_time=user_time,
            system_time=system_time,
            machine=describe_machine(architecture),
            zone=describe_zone(),
            threads=[taken.thread for taken in rows],
            exception=_describe_exception(self.crashed),
            modules=self._list_modules(),
            memory=[*elsewhere, *self._take_referenced(rows, elsewhere)],
            crashpad=crashpad,
            texts=read_texts(self.pid, self.crashed.thread_id),
            writer=f"{WRITER}.{_CPUS[architecture]},{crashtool.__version__},linux",
            comment=COMMENT.format(version=crashtool.__version__),
        )

    def _take_threads(self, others: Sequence[int]) -> list[_Taken]:
        """All threads, the process's first one before the others."""
        rows = [self._take_thread(self.crashed, CRASHED_STACK)]
        limit = share_of_a_stack(len(others))
        left = OTHER_STACKS
        for tid in others:
            try:
                taken = self._take_thread(read_stopped_thread(tid), min(limit, left))
            except OSError:  # killed from outside
                continue
            left -= taken.size
            rows.append(taken)
        return sorted(rows, key=lambda taken: (taken.thread.id != self.pid, taken.thread.id))

    def _take_thread(self, stopped: StoppedThread, limit: int) -> _Taken:
        width = stopped.width
        stack, far_end = capture_stack(self.memory, stopped.stack_pointer, width, limit)
        spare = limit - (len(stack.data) if stack and stopped is not self.crashed else 0)
        interrupted = capture_interrupted(self.memory, stack, width, spare)
        tid = stopped.thread_id
        thread = ThreadSnapshot(
            id=tid,
            name=self._name_thread(tid),
            context=build_context(stopped),
            stack=stack,
            thread_pointer=find_thread_pointer(stopped),
        )
        return _Taken(stopped, thread, (*filter(None, (far_end,)), *interrupted))

    def _name_thread(self, tid: int) -> str:
        try:
            raw = read_file(f"/proc/{self.pid}/task/{tid}/comm")
        except OSError:
            return ""
        return raw.removesuffix(b"\n").decode("utf-8", "replace")

    def _take_referenced(
        self, rows: Sequence[_Taken], elsewhere: Sequence[MemorySnapshot]
    ) -> list[MemorySnapshot]:
        """What registers and the crashed stack point at, and the code where each thread is."""
        registers = self.crashed.registers
        pointers = [
            getattr(registers, name) for name in registers.FIELDS if name not in _NO_POINTERS
        ]
        own = next(taken.thread.stack for taken in rows if taken.stopped is self.crashed)
        pointers += list_words(own, self.crashed.width)
        instructions = [taken.stopped.instruction_pointer for taken in rows]
        stacks = [taken.thread.stack for taken in rows if taken.thread.stack]
        return capture_referenced(self.memory, pointers, instructions, [*stacks, *elsewhere])

    def _list_modules(self) -> list[ModuleSnapshot]:
        try:
            entry = entry_point(self.crashed.thread_id, self.crashed.width)
        except (OSError, MalformedFile):
            entry = None
        return list_modules(self.crashed.thread_id, self.mappings, self.read, entry)

    def _read_times(self) -> tuple[int, int, int]:
        try:
            return read_times(self.pid)
        except (OSError, ValueError, IndexError):
            return 0, 0, 0


def _describe_exception(crashed: StoppedThread) -> ExceptionSnapshot:
    address, parameters = _describe_signal(crashed.siginfo)
    return ExceptionSnapshot(
        thread_id=crashed.thread_id,
        code=crashed.siginfo.number & 0xFFFFFFFF,  # -1 where nothing has crashed
        flags=crashed.siginfo.code,
        address=address,
        parameters=parameters,
        context=build_context(crashed),
    )


def _describe_signal(siginfo: SignalInfo) -> tuple[int, tuple[int, ...]]:
    """The address and the parameters that Crashpad gives a signal (exception_snapshot_linux.cc).

    Of a fault that was sent, the address is the sender's pid and uid, as in Crashpad's dumps.
    """
    sender = (siginfo.sender, siginfo.address >> 32)
    if siginfo.number in FAULTS:
        return siginfo.address, ()
    if siginfo.number == signal.SIGSYS:  # the call's address, its number, the architecture
        call = SystemCall.read(siginfo.rest)
        return siginfo.address, (call.number & 0xFFFFFFFF, call.architecture)
    if siginfo.number in _SENT:
        return 0, (*sender, ExceptionParameter.read(siginfo.rest).value)
    return 0, ()
