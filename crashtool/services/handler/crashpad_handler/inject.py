"""Make a stopped program do one system call: send a message on a socket it inherited."""

from __future__ import annotations

import os
import signal
import sys

from crashtool.formats.user_registers import UserRegsStruct, UserRegsStruct32
from crashtool.services.handler.process.ptrace import WAIT_ALL, resume, set_registers
from crashtool.services.handler.process.ptrace import get_registers as get_raw_registers
from crashtool.services.handler.process.signal_frame_writer import StoppedThread, read_registers
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import entry_point, read_memory, write_memory

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_CALL_64 = b"\x0f\x05\xcc"  # syscall; int3
_CALL_32 = b"\xcd\x80\xcc"  # int 0x80; int3
_SENDTO_64 = 44
_SENDTO_32 = 369
_MSG_NOSIGNAL = 0x4000
_MSG_DONTWAIT = 0x40
_NO_RESTART_64 = 2**64 - 1
_NO_RESTART_32 = 2**32 - 1


class ProgramEnded(Exception):
    """The program was killed while it was being worked on; `status` is its wait status."""

    def __init__(self, status: int) -> None:
        super().__init__("the program was killed from outside before the handler saw it")
        self.status = status


def send_from(thread: StoppedThread, descriptor: int, scratch: int, message: bytes) -> int:
    """What sendto() gave in the program: bytes sent, or minus an errno.

    The thread, stopped at the delivery of a signal, is stopped again afterwards with the same
    registers, and the signal is gone. `scratch` is writable memory for the message.
    """
    entry = entry_point(thread.thread_id, thread.width)
    code = _CALL_64 if thread.width == 8 else _CALL_32  # noqa: PLR2004
    saved_code = read_memory(thread.thread_id, entry, len(code))
    saved_message = read_memory(thread.thread_id, scratch, len(message))
    write_memory(thread.thread_id, scratch, message)
    write_memory(thread.thread_id, entry, code)
    set_registers(thread.thread_id, _at_call(thread, entry, descriptor, scratch, len(message)))
    resume(thread.thread_id)
    _, status = os.waitpid(thread.thread_id, WAIT_ALL)
    if not os.WIFSTOPPED(status):
        raise ProgramEnded(status)
    result = -1
    if os.WSTOPSIG(status) == signal.SIGTRAP:  # a sandbox may answer the call with SIGSYS
        result = _result(read_registers(get_raw_registers(thread.thread_id)))
    write_memory(thread.thread_id, entry, saved_code)
    write_memory(thread.thread_id, scratch, saved_message)
    set_registers(thread.thread_id, thread.registers.pack())
    return result


def _at_call(thread: StoppedThread, entry: int, descriptor: int, scratch: int, size: int) -> bytes:
    flags = _MSG_NOSIGNAL | _MSG_DONTWAIT
    if isinstance(thread.registers, UserRegsStruct):
        return thread.registers.replace(
            rax=_SENDTO_64,
            rdi=descriptor,
            rsi=scratch,
            rdx=size,
            r10=flags,
            r8=0,
            r9=0,
            rip=entry,
            orig_rax=_NO_RESTART_64,
        ).pack()
    return thread.registers.replace(
        eax=_SENDTO_32,
        ebx=descriptor,
        ecx=scratch,
        edx=size,
        esi=flags,
        edi=0,
        ebp=0,
        eip=entry,
        orig_eax=_NO_RESTART_32,
    ).pack()


def _result(registers: UserRegsStruct | UserRegsStruct32) -> int:
    if isinstance(registers, UserRegsStruct):
        return _signed(registers.rax, 64)
    return _signed(registers.eax, 32)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
