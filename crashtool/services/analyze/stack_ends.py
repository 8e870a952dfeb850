"""The two ends of a walked stack: which frames are kept, and why there are no more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from crashtool.services.unwind.unwind_context import StackFrame, UnwindContext
from crashtool.services.unwind.walker import is_cut_off

FRAMES_OF_AN_END = 512  # that are kept of a stack that is deeper than twice that
# What Crashpad writes in place of memory that it could not read (minidump_memory_writer.cc).
FILLER, FILLER_WORDS = b"\xfe", 4


def keep_both_ends(steps: Iterable[StackFrame]) -> tuple[list[StackFrame], int]:
    """The first and the last frames of a walk, and how many between them are left out.

    Who began a recursion stands at its outer end.
    """
    source = iter(steps)
    first = list(islice(source, FRAMES_OF_AN_END))
    last: deque[StackFrame] = deque(maxlen=FRAMES_OF_AN_END)
    count = 0
    for step in source:
        last.append(step)
        count += 1
    return first + list(last), count - len(last)


def find_gap(scene: UnwindContext, steps: list[StackFrame]) -> str:
    """Why frames are missing behind the outermost; "" if it cannot be said."""
    outermost = steps[-1]
    pointer = outermost.registers.get(scene.machine.stack_pointer, 0)
    start = scene.read_bytes(pointer, scene.machine.width * FILLER_WORDS)
    if start is not None and not start.strip(FILLER):
        return "the handler could not read the stack here: the dump holds its filler, 0xfe bytes"
    has_stack = scene.read_pointer(pointer) is not None
    if len(steps) == 1 and not has_stack:
        return "the dump holds no memory at the stack pointer, so callers cannot be found"
    if outermost.is_exact and not has_stack:
        return (
            "the signal came on another stack, of which the dump holds no memory, so the callers "
            "of the interrupted function cannot be found"
        )
    if is_cut_off(scene, outermost):
        return "the dump holds no more of this stack, so further callers cannot be found"
    return ""
