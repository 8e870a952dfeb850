"""Registers of a thread as Linux gives them to debuggers, and in core files (sys/user.h)."""

from __future__ import annotations

from typing import Annotated

from crashtool.formats.record import U32, U64, Record

Bytes264 = Annotated[bytes, "264s"]


class UserRegsStruct(Record):
    """struct user_regs_struct (x86-64), 216 bytes."""

    r15: U64
    r14: U64
    r13: U64
    r12: U64
    rbp: U64
    rbx: U64
    r11: U64
    r10: U64
    r9: U64
    r8: U64
    rax: U64
    rcx: U64
    rdx: U64
    rsi: U64
    rdi: U64
    orig_rax: U64
    rip: U64
    cs: U64
    eflags: U64
    rsp: U64
    ss: U64
    fs_base: U64
    gs_base: U64
    ds: U64
    es: U64
    fs: U64
    gs: U64


class UserRegsStruct32(Record):
    """struct user_regs_struct32, 68 bytes: what a 64-bit kernel gives for a 32-bit thread."""

    ebx: U32
    ecx: U32
    edx: U32
    esi: U32
    edi: U32
    ebp: U32
    eax: U32
    ds: U32
    es: U32
    fs: U32
    gs: U32
    orig_eax: U32
    eip: U32
    cs: U32
    eflags: U32
    esp: U32
    ss: U32


class UserRegsArm64(Record):
    """struct user_pt_regs (ARM64), 272 bytes: `registers` are x0 to x30, sp and pc."""

    registers: Bytes264
    pstate: U64
