"""Start a program traced, with a helper beside it that can become its crash handler."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

from crashtool.errors import InputUnusable, UsageError, reason_of
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.handler.process.fatal_signals import FORWARDED
from crashtool.services.handler.process.program_file import cannot_execute
from crashtool.services.handler.process.ptrace import (
    adopt_orphans,
    allow_tracing,
    fork_unseen,
    seize,
)
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import is_pending, read_file, read_name
from crashtool.services.workers.child_environment import child_environment

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

ChildAction = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

_GO = b"g"
_YAMA = "/proc/sys/kernel/yama/ptrace_scope"
_ADMIN_ONLY = 2
_CAP_SYS_PTRACE = 1 << 19  # linux/capability.h
_EXIT_NO_EXEC = 127
NO_HELPER = 0


class Launched(NamedTuple):
    """A traced program and the runner's ends of its pipes.

    `helper_pid` is NO_HELPER where nothing has to be asked. `order`: an address written here makes
    the helper the handler of that crash; closing it ends the helper. `log`: what the handler says;
    its end is the handler's end. `failure`: an errno in digits, negative, when the program could
    not be executed. `untraced`: why it runs without being traced, if it does.
    """

    pid: int
    helper_pid: int
    order: int
    log: int
    failure: int
    untraced: str = ""


class _Pipes(NamedTuple):
    order_read: int
    order_write: int
    log_read: int
    log_write: int
    report_read: int
    report_write: int
    go_read: int
    go_write: int


def check_tracing_is_possible() -> None:
    """Refuse at once, with the reason, where Yama lets only the administrator trace."""
    try:
        with open(_YAMA, encoding="ascii") as file:  # noqa: PTH123 (kept off pathlib for the start)
            scope = int(file.read())
        with open("/proc/self/status", encoding="utf-8") as file:  # noqa: PTH123
            line = next(line for line in file if line.startswith("CapEff:"))
    except (OSError, ValueError, StopIteration):
        return
    refuse_scope(scope, int(line.split()[1], 16))


def refuse_scope(scope: int, capabilities: int) -> None:
    """UsageError when a ptrace_scope and effective capabilities forbid what the handler does."""
    if scope < _ADMIN_ONLY or (scope == _ADMIN_ONLY and capabilities & _CAP_SYS_PTRACE):
        return
    raise UsageError(
        f"this system forbids tracing: {_YAMA} is {scope}",
        hint="crashpad_handler cannot read any program here; set it to 1 or 0 (sysctl "
        "kernel.yama.ptrace_scope=1), or use a machine where it is",
    )


def launch(
    program: Sequence[str],
    handler: Sequence[str],
    *,
    mask: set[int | signal.Signals],
    child_action: ChildAction = signal.SIG_DFL,
    descriptors: Sequence[int] = (),
    streams: Sequence[int] = (),
    children: bool = False,
    insists: bool = True,
) -> Launched:
    """Start `program` (a path and its arguments after its name) under trace.

    `handler` is the command line that the helper completes with the address of the crash; without
    one there is no helper. `mask`:
    the signals to block in the program; `child_action`: what SIGCHLD does there. `descriptors` are
    inherited by the program under their numbers; `streams`, if given, become its stdin, stdout and
    stderr. `children`: what it starts is traced, too. `insists`: where
    tracing is not permitted, nothing is run; else the program runs all the same.
    """
    opened: list[int] = []
    try:
        for _ in range(4):
            opened += os.pipe()
        pid = os.fork()
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        raise _no_process(error.errno or errno.EAGAIN) from None
    pipes = _Pipes(*opened)
    if pid == 0:  # pragma: no cover (the child ends in exec, where no coverage is saved)
        signal.signal(signal.SIGCHLD, child_action)
        _become_program(program, handler, pipes, mask, descriptors, streams)
    for descriptor in (pipes.order_read, pipes.log_write, pipes.report_write, pipes.go_read):
        os.close(descriptor)
    helper_pid = int(os.read(pipes.report_read, 32) or -errno.ECHILD)
    untraced = ""
    try:
        if helper_pid < 0:
            raise _no_process(-helper_pid)
        untraced = _seize(pid, children=children, insists=insists)
    except (OSError, InputUnusable) as error:
        for descriptor in (pipes.order_write, pipes.log_read, pipes.report_read, pipes.go_write):
            os.close(descriptor)
        os.waitpid(pid, 0)
        raise (_untraceable(error) if isinstance(error, OSError) else error) from None
    adopt_orphans()
    with contextlib.suppress(OSError):  # killed already
        _pass_on_early(pid)
    os.write(pipes.go_write, _GO)
    os.close(pipes.go_write)
    return Launched(pid, helper_pid, pipes.order_write, pipes.log_read, pipes.report_read, untraced)


def execute_instead(
    program: Sequence[str], path: str, streams: Sequence[int] = ()
) -> NoReturn:  # pragma: no cover (this process becomes the program)
    """Become the program, where there can be no process beside it. CrashtoolError if it cannot."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
    try:
        os.execve(path, list(program), child_environment())  # noqa: S606 (no shell between)
    except OSError as error:
        raise cannot_execute(path, error.errno or errno.EINVAL) from None


def _pass_on_early(pid: int) -> None:
    """Send a process that blocks them, and is about to execute the program, what it did not get.

    What is typed at the terminal before there is such a process reaches the runner alone.
    """
    while info := signal.sigtimedwait(FORWARDED, 0):
        if not is_pending(pid, info.si_signo):
            os.kill(pid, info.si_signo)


def _seize(pid: int, *, children: bool, insists: bool) -> str:
    """Trace the program; why that is not permitted, or "". OSError if it `insists`."""
    try:
        if _is_deadly():
            raise PermissionError(errno.EPERM, "a filter of system calls kills who traces")
        seize(pid, children=children)
    except OSError as error:
        if insists:
            raise
        return explain_tracer(pid) or f"tracing is not permitted ({explain_refusal(error)})"
    return ""


def explain_refusal(error: OSError) -> str:
    """What the system says of a trace that it does not permit, without which call it was."""
    return (error.strerror or "").rpartition(": ")[2] or reason_of(error)


def _is_deadly() -> bool:
    """Whether a seccomp filter of this process kills it when it traces: a fork tries."""
    with contextlib.suppress(OSError):
        if b"\nSeccomp:\t2" not in read_file("/proc/self/status"):
            return False
        if (pid := os.fork()) == 0:  # pragma: no cover (the child ends in _exit)
            with contextlib.suppress(OSError):
                seize(os.getpid())  # which never works
            os._exit(0)
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    return False


def explain_tracer(pid: int) -> str:
    """Who traces a process already, in words; "" when nobody does."""
    with contextlib.suppress(OSError, StopIteration):
        rows = read_file(f"/proc/{pid}/status").splitlines()
        tracer = int(next(line for line in rows if line.startswith(b"TracerPid:"))[10:])
        if tracer:
            return f"{read_name(tracer) or 'another program'} (process {tracer}) traces it already"
    return ""


def _no_process(number: int) -> InputUnusable:
    return InputUnusable(
        f"cannot start a process: {os.strerror(number)}",
        hint="is there a limit on processes, memory or open files? (ulimit -u, -v, -n)",
    )


def _untraceable(error: OSError) -> UsageError:
    return UsageError(
        f"this system does not permit tracing a program: {reason_of(error)}",
        hint="in a container: --cap-add=SYS_PTRACE or --security-opt seccomp=unconfined; "
        "not under another debugger, strace or an emulator",
    )


def _become_program(
    program: Sequence[str],
    handler: Sequence[str],
    pipes: _Pipes,
    mask: set[int | signal.Signals],
    descriptors: Sequence[int],
    streams: Sequence[int],
) -> NoReturn:  # pragma: no cover (see launch)
    """In the child: leave the helper behind, wait to be traced, execute."""
    try:
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these; exec keeps that
            signal.signal(number, signal.SIG_DFL)
        if callable(signal.getsignal(signal.SIGINT)):  # one that waits must not end in Python
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        # Before the trace: a clone with an odd exit signal would be traced, and stop, too.
        helper_pid = NO_HELPER
        if handler and (helper_pid := fork_unseen()) == 0:
            _become_handler(handler, pipes)
        allow_tracing()
        os.close(pipes.order_write)
        os.close(pipes.go_write)
        os.write(pipes.report_write, b"%d" % helper_pid)
        for standard, stream in enumerate(streams):
            os.dup2(stream, standard)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        if os.read(pipes.go_read, 1):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.execve(  # noqa: S606 (no shell between)
                program[0], list(program[1:]), child_environment()
            )
    except OSError as error:
        os.write(pipes.report_write, b"-%d" % (error.errno or errno.EINVAL))
    finally:
        os._exit(_EXIT_NO_EXEC)


def _become_handler(handler: Sequence[str], pipes: _Pipes) -> NoReturn:  # pragma: no cover
    """In the helper: hold nothing of the program's, wait for a crash, execute the handler."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number, stream in enumerate((null, pipes.log_write, pipes.log_write)):
            os.dup2(stream, number)
        for descriptor in (
            pipes.order_write,
            pipes.log_read,
            pipes.report_read,
            pipes.go_write,
            pipes.report_write,
            pipes.go_read,
        ):
            os.close(descriptor)
        if address := os.read(pipes.order_read, 32):
            # Typed at the terminal before this had a session of its own: not meant for the handler.
            while pending := signal.sigpending():
                signal.sigtimedwait(pending, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            option = f"--trace-parent-with-exception={address.decode()}"
            os.execve(  # noqa: S606 (no shell between)
                handler[0], [*handler, option], child_environment()
            )
    except OSError as error:
        os.write(2, f"cannot execute {handler[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(_EXIT_NO_EXEC)
