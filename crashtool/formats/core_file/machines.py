"""What core files of each architecture are made of, and a thread's registers in their notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crashtool.formats.core_file import structs
from crashtool.formats.core_file.notes import CORE, LINUX, pack_note
from crashtool.formats.minidump.context import (
    Arm64Context,
    Arm64OldContext,
    X86Context,
    X8664Context,
)
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf_structs import (
    ElfSegment32,
    ElfSegment64,
    Header32,
    Header64,
)
from crashtool.formats.record import Record
from crashtool.formats.user_registers import UserRegsArm64, UserRegsStruct, UserRegsStruct32

# Kinds of notes (elf.h)
FPREGSET, PRXFPREG, X86_XSTATE, ARM_TLS = 2, 0x46E62B7F, 0x202, 0x401
XSTATE_ENABLED_OFFSET = 464  # in FXSAVE's bytes for software: which features the area has
X87_AND_SSE = 3
NO_SYSTEM_CALL = -1
# Parts that a context has (CONTEXT_… in winnt.h, MD_CONTEXT_… in minidump_format.h)
X86_EXTENDED, X86_64_FLOATING_POINT, ARM64_FLOATING_POINT = 0x20, 8, 4


class CoreMachine(NamedTuple):
    """The structs of one architecture. `number` is e_machine, `width` a pointer's in bytes.

    `contexts` are the layouts that a minidump has its registers in, the longest first. Of one of
    them and the thread pointer, `registers` makes what NT_PRSTATUS has; `floating_point` makes
    notes, none of a context without; `others` makes the notes that are left, of the thread pointer.
    """

    number: int
    width: int
    header: type[Header32 | Header64]
    segment: type[ElfSegment32 | ElfSegment64]
    contexts: tuple[type[Record], ...]
    registers: Callable[[Any, int], bytes]
    floating_point: Callable[[Any], bytes]
    others: Callable[[int], bytes]
    status: type[structs.PrStatus]
    process: type[structs.PrPsInfo]
    signal: type[structs.SigInfo]
    pair: type[structs.KeyValue]
    debug: type[structs.Debug]
    link_map: type[structs.LoadedObject]
    file_count: type[structs.FileCount]
    file_row: type[structs.FileRow]


def _registers_x86_64(record: X8664Context, thread_pointer: int) -> bytes:
    values = _shared(UserRegsStruct, record)
    none = NO_SYSTEM_CALL & (1 << 64) - 1
    return UserRegsStruct(**values, orig_rax=none, fs_base=thread_pointer).pack()


def _floating_point_x86_64(record: X8664Context) -> bytes:
    if not record.flags & X86_64_FLOATING_POINT:
        return b""
    return pack_note(CORE, FPREGSET, record.float_save) + _pack_xstate(record.float_save)


def _registers_x86(record: X86Context, _: int) -> bytes:
    values = _shared(UserRegsStruct32, record)
    return UserRegsStruct32(**values, orig_eax=NO_SYSTEM_CALL & (1 << 32) - 1).pack()


def _floating_point_x86(record: X86Context) -> bytes:
    if not record.flags & X86_EXTENDED:
        return b""
    area = record.extended_registers
    return pack_note(LINUX, PRXFPREG, area) + _pack_xstate(area)


def _registers_arm64(record: Arm64Context | Arm64OldContext, _: int) -> bytes:
    return UserRegsArm64(registers=record.registers, pstate=record.cpsr).pack()


def _floating_point_arm64(record: Arm64Context | Arm64OldContext) -> bytes:
    if not record.flags & ARM64_FLOATING_POINT:
        return b""
    state = structs.FpsimdState(
        registers=record.vector_registers, fpsr=record.fpsr, fpcr=record.fpcr
    )
    return pack_note(CORE, FPREGSET, state.pack())


def _others_arm64(thread_pointer: int) -> bytes:
    if not thread_pointer:
        return _others_intel(0)
    return pack_note(LINUX, ARM_TLS, thread_pointer.to_bytes(8, "little"))


def _others_intel(_: int) -> bytes:
    """A note that says nothing: lldb knows Linux by the owner of a note alone."""
    return pack_note(LINUX, 0, b"")


def _shared(table: type[Record], record: Record) -> dict[str, int]:
    return {name: getattr(record, name) for name in table.FIELDS if hasattr(record, name)}


def _pack_xstate(floating_point: bytes) -> bytes:
    """NT_X86_XSTATE: FXSAVE, which of it holds, and an empty rest."""
    area = bytearray(floating_point)
    mark = X87_AND_SSE.to_bytes(8, "little")
    area[XSTATE_ENABLED_OFFSET : XSTATE_ENABLED_OFFSET + 8] = mark
    return pack_note(LINUX, X86_XSTATE, bytes(area) + mark + bytes(56))


_WIDE = (
    structs.PrStatus,
    structs.PrPsInfo,
    structs.SigInfo,
    structs.KeyValue,
    structs.Debug,
    structs.LoadedObject,
    structs.FileCount,
    structs.FileRow,
)
X86_64 = CoreMachine(
    62,
    8,
    Header64,
    ElfSegment64,
    (X8664Context,),
    _registers_x86_64,
    _floating_point_x86_64,
    _others_intel,
    *_WIDE,
)
ARM64 = CoreMachine(
    183,
    8,
    Header64,
    ElfSegment64,
    (Arm64Context, Arm64OldContext),
    _registers_arm64,
    _floating_point_arm64,
    _others_arm64,
    *_WIDE,
)
X86 = CoreMachine(
    3,
    4,
    Header32,
    ElfSegment32,
    (X86Context,),
    _registers_x86,
    _floating_point_x86,
    _others_intel,
    *map(structs.narrow, _WIDE),  # type: ignore[arg-type]
)
MACHINES = {"x86_64": X86_64, "x86": X86, "arm64": ARM64}
