"""From a walked stack to the frame that an access, or a call into nothing, was made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.services.analyze.bad_pointer.crashing_access import CrashScene, find_bad_pointer
from crashtool.services.analyze.hints import is_stack_overflow
from crashtool.services.analyze.variables.frame_views import is_bare_call, make_views
from crashtool.services.analyze.variables.frames import KnownMemory, WalkedStack

if TYPE_CHECKING:
    from crashtool.formats.minidump.memory import Memory
    from crashtool.model.crash import BadPointer, Crash, Registers
    from crashtool.services.unwind.unwind_context import Loaded

INNERMOST = 3  # frames that are looked at: that of the crash, the one that called, and its base


def find_in_stack(
    crash: Crash,
    registers: Registers,
    stack: WalkedStack,
    memory: Memory,
    find_loaded: Callable[[int], Loaded | None],
) -> BadPointer | None:
    """The variable that led to a crash. MissingLibrary without the extra `disassembly`."""
    if any(map(is_stack_overflow, crash.hints)) or not stack.frames:
        return None
    steps, frames = stack.steps[:INNERMOST], stack.frames[:INNERMOST]
    read_memory = KnownMemory(memory, find_loaded).read
    views = make_views(steps, frames, stack.machine, read_memory, stack.vectors)
    is_call = is_bare_call(steps, frames, stack.machine)
    number = 1 if is_call else 0
    frame, view = frames[number], views[number]
    loaded = find_loaded(frame.instruction)
    if loaded is None or not frame.function or not view.is_proven:
        return None
    scene = CrashScene(crash.reason, registers, stack.machine, frame, view, loaded)
    return find_bad_pointer(scene, is_call=is_call)
