"""What Linux lays out on the stack for a signal handler: siginfo_t and ucontext_t.

Layouts: asm/siginfo.h, asm/sigcontext.h and asm/ucontext.h of Linux.
"""

from __future__ import annotations

from typing import Annotated

from crashtool.formats.record import I32, U16, U32, U64, Bytes512, Record

Bytes64 = Annotated[bytes, "64s"]
Bytes104 = Annotated[bytes, "104s"]
Bytes108 = Annotated[bytes, "108s"]
Bytes112 = Annotated[bytes, "112s"]
Bytes128 = Annotated[bytes, "128s"]


class SignalInfo(Record):
    """siginfo_t, 64-bit: the common head and the fault address (or sender's pid and uid)."""

    number: I32
    error: I32
    code: I32
    padding: I32
    address: U64
    rest: Bytes104

    @property
    def is_sent(self) -> bool:
        """Whether a process sent it; else it is a fault, or the kernel's."""
        return int(self.code) <= 0

    @property
    def sender(self) -> int:
        """The process that sent the signal; meaningful only where the kernel did not."""
        return int(self.address & 0xFFFFFFFF)


class SystemCall(Record):
    """What siginfo_t says of a forbidden system call behind its address."""

    number: I32
    architecture: U32


class SignalInfo32(Record):
    """siginfo_t, 32-bit."""

    number: I32
    error: I32
    code: I32
    address: U32
    rest: Bytes112


class Context64(Record):
    """ucontext_t (x86-64), up to the signal mask: 936 bytes."""

    flags: U64
    link: U64
    stack_pointer: U64
    stack_flags: U32
    stack_padding: U32
    stack_size: U64
    r8: U64
    r9: U64
    r10: U64
    r11: U64
    r12: U64
    r13: U64
    r14: U64
    r15: U64
    rdi: U64
    rsi: U64
    rbp: U64
    rbx: U64
    rdx: U64
    rax: U64
    rcx: U64
    rsp: U64
    rip: U64
    eflags: U64
    cs: U16
    gs: U16
    fs: U16
    ss: U16
    error: U64
    trap: U64
    old_mask: U64
    cr2: U64
    floating_point: U64
    reserved: Bytes64
    mask: Bytes128


class Context32(Record):
    """ucontext_t (i386)."""

    flags: U32
    link: U32
    stack_pointer: U32
    stack_flags: U32
    stack_size: U32
    gs: U32
    fs: U32
    es: U32
    ds: U32
    edi: U32
    esi: U32
    ebp: U32
    esp: U32
    ebx: U32
    edx: U32
    ecx: U32
    eax: U32
    trap: U32
    error: U32
    eip: U32
    cs: U32
    eflags: U32
    user_esp: U32
    ss: U32
    floating_point: U32
    old_mask: U32
    cr2: U32
    mask: U64


class FloatingPoint32(Record):
    """struct _fpstate (i386): the old FSAVE area, then FXSAVE when `magic` is 0."""

    fsave: Bytes108
    status: U16
    magic: U16
    fxsave: Bytes512
