"""The few Linux system calls Python has no name for: ptrace, prctl, clone, tgkill (x86-64)."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from typing import Any

from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

# linux/ptrace.h
_CONT = 7
_DETACH = 17
_GETEVENTMSG = 0x4201
_GETSIGINFO = 0x4202
_GETREGSET = 0x4204
_SETREGSET = 0x4205
_SETOPTIONS = 0x4200
_SEIZE = 0x4206
_INTERRUPT = 0x4207
_LISTEN = 0x4208
_ALONE = 0x8 | 0x10  # TRACECLONE, TRACEEXEC: a process's own threads, and what it becomes
_CHILDREN = 0x2 | 0x4  # TRACEFORK, TRACEVFORK
_EXITKILL = 0x100000

EVENT_FORK = 1
EVENT_VFORK = 2
EVENT_EXEC = 4
EVENT_STOP = 128
WAIT_ALL = 0x40000000  # __WALL: threads and children of any exit signal

NT_PRSTATUS = 1
NT_PRFPREG = 2
NT_PRXFPREG = 0x46E62B7F
NT_386_TLS = 0x200

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PTRACER = 0x59616D61
_PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)

_SYS_CLONE = 56
_SYS_TGKILL = 234

SIGINFO_SIZE = 128
_MAX_REGSET = 4096


class _Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@cache
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.syscall.restype = ctypes.c_long
    return libc


def _ptrace(request: int, tid: int, address: int = 0, data: int = 0) -> None:
    if _libc().ptrace(request, tid, address, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request:#x} of {tid}: {os.strerror(number)}")


def seize(pid: int, *, children: bool = False, dies_with_us: bool = True) -> None:
    """Trace a process without stopping it; OSError if forbidden.

    `children`: what it forks is traced, too, with the same options. `dies_with_us`: it is killed
    when its tracer ends.
    """
    _ptrace(_SEIZE, pid, 0, _options(children=children, dies_with_us=dies_with_us))


def get_event_message(tid: int) -> int:
    """What a thread stopped at an event has to tell: at a fork, the id of the new process."""
    message = ctypes.c_ulong()
    _ptrace(_GETEVENTMSG, tid, 0, ctypes.addressof(message))
    return message.value


def set_options(tid: int, *, children: bool, dies_with_us: bool) -> None:
    """What else is traced of a stopped thread's process, as for `seize`."""
    _ptrace(_SETOPTIONS, tid, 0, _options(children=children, dies_with_us=dies_with_us))


def _options(*, children: bool, dies_with_us: bool) -> int:
    return _ALONE | (_CHILDREN if children else 0) | (_EXITKILL if dies_with_us else 0)


def resume(tid: int, number: int = 0) -> None:
    """Let a stopped thread go on, delivering signal `number` if it is not 0."""
    _ptrace(_CONT, tid, 0, number)


def listen(tid: int) -> None:
    """Leave a thread in its group stop, but hear of what happens to it."""
    _ptrace(_LISTEN, tid)


def interrupt(tid: int) -> None:
    """Make a running thread stop."""
    _ptrace(_INTERRUPT, tid)


def detach(tid: int, number: int = 0) -> None:
    """Stop tracing a stopped thread, delivering signal `number` if it is not 0."""
    _ptrace(_DETACH, tid, 0, number)


def get_registers(tid: int, note: int = NT_PRSTATUS) -> bytes:
    """A register set of a stopped thread, as the kernel lays it out for the thread's width."""
    buffer = ctypes.create_string_buffer(_MAX_REGSET)
    vector = _Vector(ctypes.addressof(buffer), _MAX_REGSET)
    _ptrace(_GETREGSET, tid, note, ctypes.addressof(vector))
    return buffer.raw[: vector.length]


def set_registers(tid: int, registers: bytes) -> None:
    """Set the general registers of a stopped thread."""
    buffer = ctypes.create_string_buffer(registers, len(registers))
    vector = _Vector(ctypes.addressof(buffer), len(registers))
    _ptrace(_SETREGSET, tid, NT_PRSTATUS, ctypes.addressof(vector))


def get_siginfo(tid: int) -> bytes:
    """The 128 bytes of siginfo_t of the signal about to be delivered, 64-bit layout."""
    buffer = ctypes.create_string_buffer(SIGINFO_SIZE)
    _ptrace(_GETSIGINFO, tid, 0, ctypes.addressof(buffer))
    return buffer.raw


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, whose exit status is then to be had here."""
    _libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def allow_tracing() -> None:
    """Let any process of this user trace this one, where Yama restricts it to descendants."""
    _libc().prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY, 0, 0, 0)


def fork_unseen() -> int:
    """Fork a child whose end signals nobody: the parent's wait() never sees it. 0 in the child."""
    pid: int = _libc().syscall(_SYS_CLONE, 0, 0, 0, 0, 0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone: " + os.strerror(ctypes.get_errno()))
    return pid


def send_to_thread(pid: int, tid: int, number: int) -> None:
    """Queue a signal for one thread; nothing if it is gone."""
    if _libc().syscall(_SYS_TGKILL, pid, tid, number) < 0:
        failure = ctypes.get_errno()
        if failure != errno.ESRCH:
            raise OSError(failure, "tgkill: " + os.strerror(failure))
