"""Dumps of processes that run: of each one that is left when time is up, of one that is named."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable

from crashtool.errors import InputUnusable, UsageError, reason_of
from crashtool.formats.signal_structs import SignalInfo
from crashtool.model.run import ProcessCrash
from crashtool.services.handler.following.child_crash import NO_WRITER, describe_fatal
from crashtool.services.handler.following.process_tree import ProcessTree
from crashtool.services.handler.process.freeze import Freezer
from crashtool.services.handler.process.launch import explain_refusal, explain_tracer
from crashtool.services.handler.process.ptrace import seize
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import (
    find_parentage,
    find_process,
    has_ended,
    list_images,
    read_command_line,
    read_name,
)
from crashtool.services.handler.process.thread_context import read_stopped_thread
from crashtool.services.handler.snapshot.own_writer import OwnWriter, Written
from crashtool.services.handler.stderr.last_lines import LastLines

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

NO_SIGNAL = -1  # Signals::kSimulatedSigno of Crashpad: asked for, nothing has crashed
MAX_HANGS = 100  # a program that has started thousands must not fill the disk, nor the log
TOO_MANY_HANGS = f"{MAX_HANGS} reports of processes that still run are enough"
KEY = "hang"  # the annotation that marks these reports


def dump_hanging(
    tree: ProcessTree,
    own: OwnWriter | None,
    seconds: float,
    last_lines: LastLines | None,
    ended: Callable[[int, int], None],
) -> list[ProcessCrash]:
    """A report of every process that is followed, each as it stands; they go on afterwards.

    After MAX_HANGS they are only counted.

    `ended` is told of those that end meanwhile, and of threads, with their wait status.
    """
    words = f"still running after {seconds:g} s"
    written: list[ProcessCrash] = []
    for pid in tuple(tree.processes):
        freezer = Freezer(pid, pid)
        is_held = freezer.hold()
        for tid, status in freezer.gone:
            ended(tid, status)
        if not is_held:
            continue
        try:
            passed = time.monotonic() - tree.began
            writer = own if len(written) < MAX_HANGS else None
            hang = _dump(pid, freezer, writer, words, passed, last_lines)
            written.append(hang._replace(problem=TOO_MANY_HANGS) if own and not writer else hang)
        except OSError:  # killed from outside
            continue
        finally:
            freezer.go_on()
    return written


def dump_process(
    pid: int, own: OwnWriter, *, kills: bool, last_lines: LastLines | None = None
) -> ProcessCrash:
    """A report of a live process, which lives on untraced, unless it is killed afterwards.

    InputUnusable when there is no such process, UsageError when it may not be traced.
    """
    if pid == os.getpid():
        raise UsageError("--pid names crashtool itself")
    if find_process(pid) != pid:
        raise InputUnusable(f"there is no process {pid}")
    freezer = Freezer(pid, pid)
    _attach(pid)
    if not freezer.hold():
        raise InputUnusable(f"process {pid} has just ended")
    try:
        return _dump(pid, freezer, own, "running, dumped by its process id", 0.0, last_lines)
    except OSError as error:
        raise InputUnusable(f"process {pid} cannot be read: {reason_of(error)}") from None
    finally:
        freezer.let_go()
        if kills:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _attach(pid: int) -> None:
    """Trace every thread of a process, those too that it makes meanwhile."""
    traced: set[int] = set()
    while fresh := set(map(int, _list_threads(pid))) - traced:
        for tid in fresh:
            try:
                seize(tid, dies_with_us=False)
            except OSError as error:
                _check_permission(pid, tid, error)
        traced |= fresh


def _list_threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 (as in target)
    except OSError:
        return []


def _check_permission(pid: int, tid: int, error: OSError) -> None:
    """UsageError where the process itself may not be traced; a new thread is traced already."""
    if tid != pid or error.errno not in (errno.EPERM, errno.EACCES):
        return
    if has_ended(pid):
        raise InputUnusable(f"process {pid} has ended; its parent has not asked how")
    reason = explain_tracer(pid) or explain_refusal(error)
    raise UsageError(
        f"process {pid} cannot be traced: {reason}",
        hint="it must be yours (else: sudo); where Yama forbids it, sudo sysctl "
        "kernel.yama.ptrace_scope=0; in a container, --cap-add=SYS_PTRACE",
    )


def _dump(
    pid: int,
    freezer: Freezer,
    own: OwnWriter | None,
    words: str,
    seconds: float,
    last_lines: LastLines | None,
) -> ProcessCrash:
    first = pid if pid in freezer.threads else freezer.threads[0]
    thread = read_stopped_thread(first, SignalInfo(number=NO_SIGNAL))
    parentage = find_parentage(pid)
    parent = parentage[1] if parentage else 0
    written = Written(NO_WRITER)
    lines = last_lines.take(pid) if last_lines else ()
    if own is not None:
        from crashtool.services.handler.snapshot.own_report import (
            write_report,  # no cost without a hang
        )

        marked = own._replace(annotations=(*own.annotations, (KEY, words)))
        attached = last_lines.attach(marked) if last_lines else marked
        written = write_report(attached, pid, thread, freezer.threads)
    return ProcessCrash(
        process_id=pid,
        parent_id=parent,
        name=read_name(pid),
        command_line=read_command_line(pid),
        seconds=seconds,
        fatal=describe_fatal(pid, thread),
        parent_name=read_name(parent),
        problem=written.problem,
        images=list_images(first),
        notes=written.notes,
        database=written.database,
        uuid=written.uuid,
        last_lines=lines,
    )
