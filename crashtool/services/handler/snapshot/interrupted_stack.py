"""The stack that a signal interrupted, where its handler runs on another one (sigaltstack).

The kernel leaves the interrupted registers on the handler's stack; the stack pointer among them
leads to the callers. They are known by the segment registers, which are the same in all programs.
Layouts: asm/sigcontext.h of Linux.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.formats.minidump.snapshot import MemorySnapshot
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import U32, U64, Record

_MAX_FRAMES = 16  # that are looked at in one stack


class _Tail64(Record):
    """struct sigcontext_64 from its stack pointer to its segments."""

    stack_pointer: U64
    instruction_pointer: U64
    flags: U64
    segments: U64


class _Middle32(Record):
    """struct sigcontext_32 from es to ss."""

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
    stack_pointer: U32
    ss: U32


class _Layout(NamedTuple):
    """How a context is found: `mark` are the bytes of its segments, `offset` from its begin."""

    record: type[_Tail64 | _Middle32]
    mark: bytes
    offset: int


_USER_CODE_32 = 0x23
_USER_DATA = 0x2B
_LAYOUTS = {
    8: _Layout(_Tail64, bytes.fromhex("3300 0000 0000 2b00"), _Tail64.SIZE - 8),  # cs gs fs ss
    4: _Layout(_Middle32, bytes.fromhex("2b000000 2b000000"), 0),  # es ds
}


def find_interrupted(stack: MemorySnapshot, width: int) -> Iterator[int]:
    """The stack pointers of what signals have interrupted, the last signal's first.

    `width`: bytes of a register, 8 or 4. Those on the same stack are among them.
    """
    layout = _LAYOUTS[width]
    last = len(stack.data) - layout.record.SIZE
    count = 0
    position = stack.data.find(layout.mark)
    while position >= 0 and count < _MAX_FRAMES:
        start = position - layout.offset
        if (stack.start + position) % width == 0 and 0 <= start <= last:
            context = layout.record.read(stack.data, start)
            if _is_of_user(context):
                count += 1
                yield context.stack_pointer
        position = stack.data.find(layout.mark, position + 1)


def _is_of_user(context: _Tail64 | _Middle32) -> bool:
    if isinstance(context, _Tail64):
        return True  # its mark has all segments
    return context.cs == _USER_CODE_32 and context.ss == _USER_DATA
