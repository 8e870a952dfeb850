"""The CONTEXT of a stopped thread, from the register sets that ptrace gives."""

from __future__ import annotations

import struct

from crashtool.formats.minidump.context import X86Context, X8664Context
from crashtool.formats.minidump.x87 import Fxsave, fsave_of
from crashtool.formats.record import Record
from crashtool.formats.signal_structs import SignalInfo
from crashtool.formats.user_registers import UserRegsStruct, UserRegsStruct32
from crashtool.services.handler.process.ptrace import (
    NT_386_TLS,
    NT_PRFPREG,
    NT_PRXFPREG,
    get_registers,
)
from crashtool.services.handler.process.signal_frame_writer import StoppedThread, read_registers

# winnt.h: CONTEXT_… with all that is here; the debug registers, which nobody set, are zero
_FLAGS_X86_64 = 0x10001F
_FLAGS_X86 = 0x1003F
_FLAGS_NO_FLOATING_POINT = ~0x28  # CONTEXT_FLOATING_POINT (0x8) and _EXTENDED_REGISTERS (0x20)
_LOW = 0xFFFF
_USER_DESC = struct.Struct("<4I")  # asm/ldt.h: entry_number, base_addr, limit, flags


def read_stopped_thread(tid: int, siginfo: SignalInfo | None = None) -> StoppedThread:
    """The registers of a stopped thread; `siginfo` where it stands before a signal.

    OSError when it is gone.
    """
    registers = read_registers(get_registers(tid))
    thread = StoppedThread(tid, siginfo or SignalInfo(), registers, None)
    note = NT_PRFPREG if thread.width == 8 else NT_PRXFPREG  # noqa: PLR2004 (bytes of a register)
    try:
        return thread._replace(floating_point=get_registers(tid, note))
    except OSError:  # a kernel without FXSAVE for 32-bit threads
        return thread


def find_thread_pointer(thread: StoppedThread) -> int:
    """Where a stopped thread has its control block; 0 where the kernel does not tell.

    A 64-bit thread has it in fs, a 32-bit one in the segment that gs selects.
    """
    registers = thread.registers
    if isinstance(registers, UserRegsStruct):
        return int(registers.fs_base)
    try:
        areas = get_registers(thread.thread_id, NT_386_TLS)
    except OSError:  # none was ever set
        return 0
    whole = areas[: len(areas) // _USER_DESC.size * _USER_DESC.size]
    bases: dict[int, int] = {entry: base for entry, base, _, _ in _USER_DESC.iter_unpack(whole)}
    return bases.get((registers.gs & _LOW) >> 3, 0)  # less the selector's table and privilege


def build_context(thread: StoppedThread) -> Record:
    """An X8664Context or X86Context, as wide as the thread's registers."""
    registers = thread.registers
    if isinstance(registers, UserRegsStruct):
        return _build_x86_64(registers, thread.floating_point)
    return _build_x86(registers, thread.floating_point)


def _build_x86_64(registers: UserRegsStruct, state: bytes | None) -> X8664Context:
    shared = [name for name in X8664Context.FIELDS if name in UserRegsStruct.FIELDS]
    values = {name: getattr(registers, name) for name in shared}
    for segment in ("cs", "ds", "es", "fs", "gs", "ss"):
        values[segment] &= _LOW
    values["eflags"] &= 0xFFFFFFFF
    if state is None:
        return X8664Context(flags=_FLAGS_X86_64 & _FLAGS_NO_FLOATING_POINT, **values)
    mxcsr = Fxsave.read(state).mxcsr
    return X8664Context(flags=_FLAGS_X86_64, mxcsr=mxcsr, float_save=state[:512], **values)


def _build_x86(registers: UserRegsStruct32, state: bytes | None) -> X86Context:
    shared = [name for name in X86Context.FIELDS if name in UserRegsStruct32.FIELDS]
    values = {name: getattr(registers, name) for name in shared}
    if state is None:
        return X86Context(flags=_FLAGS_X86 & _FLAGS_NO_FLOATING_POINT, **values)
    return X86Context(
        flags=_FLAGS_X86, float_save=fsave_of(state), extended_registers=state[:512], **values
    )
