"""The stack that a signal interrupted, where its handler runs on another one (sigaltstack).

The kernel leaves the interrupted registers on the handler's stack; the stack pointer among them
leads to the callers. They are known by the segment registers, which are the same in all programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crashtool.formats.minidump.snapshot import MemorySnapshot
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.signal_structs import Context32, Context64

_MAX_FRAMES = 16  # that are looked at in one stack
_USER_CODE_32 = 0x23
_USER_DATA = 0x2B


class _Mark(NamedTuple):
    """How a context is found: `content` are the bytes of its segments from the field `first` on.

    `stack_pointer` is the field to read, `segments` are the fields that must have these values,
    where the mark has not all of them.
    """

    context: type[Context64 | Context32]
    first: str
    content: bytes
    stack_pointer: str
    segments: Mapping[str, int]


_MARKS = {
    8: _Mark(Context64, "cs", bytes.fromhex("3300 0000 0000 2b00"), "rsp", {}),  # cs gs fs ss
    4: _Mark(
        Context32,
        "es",
        bytes.fromhex("2b000000 2b000000"),  # es ds
        "user_esp",
        {"cs": _USER_CODE_32, "ss": _USER_DATA},
    ),
}


def find_interrupted(stack: MemorySnapshot, width: int) -> Iterator[int]:
    """The stack pointers of what signals have interrupted, the last signal's first.

    `width`: bytes of a register, 8 or 4. Those on the same stack are among them.
    """
    mark = _MARKS[width]
    first = mark.context.offset_of(mark.first)
    stack_pointer = mark.context.offset_of(mark.stack_pointer) - first
    segments = [
        (mark.context.offset_of(field) - first, value) for field, value in mark.segments.items()
    ]
    count = 0
    position = stack.data.find(mark.content)
    while position >= 0 and count < _MAX_FRAMES:
        if (stack.start + position) % width == 0 and all(
            _read(stack, position + offset, width) == value for offset, value in segments
        ):
            interrupted = _read(stack, position + stack_pointer, width)
            if interrupted is not None:
                count += 1
                yield interrupted
        position = stack.data.find(mark.content, position + 1)


def _read(stack: MemorySnapshot, offset: int, width: int) -> int | None:
    if not 0 <= offset <= len(stack.data) - width:
        return None
    return int.from_bytes(stack.data[offset : offset + width], "little")
