"""A caller's frame where nothing but the return address was pushed: bad calls, and leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.services.unwind.frame_pointer import step_by_link_register
from crashtool.services.unwind.intel import AMD64_WINDOWS
from crashtool.services.unwind.unwind_context import Loaded, StackFrame, UnwindContext

if TYPE_CHECKING:
    from crashtool.services.unwind.callee import Callee


def step_by_bare_call(scene: UnwindContext, callee: Callee) -> StackFrame | None:
    """The caller of a place where no code is: its return address was the last thing pushed."""
    if callee.step.is_exact and _is_no_code(callee.loaded, callee.instruction_address):
        return _return_at_once(scene, callee)
    return None


def step_by_leaf(scene: UnwindContext, callee: Callee) -> StackFrame | None:
    """The caller of code that cannot have a frame: so is code without rules on 64-bit Windows."""
    loaded = callee.loaded
    if not callee.step.is_exact or loaded is None or scene.machine is not AMD64_WINDOWS:
        return None
    frame = _return_at_once(scene, callee) if loaded.tables.knows_unwind else None
    return frame and frame._replace(trust="cfi")  # no guess: that there are no rules is the rule


def _is_no_code(loaded: Loaded | None, location: int) -> bool:
    """Whether a thread cannot have been meant to be there: a call through a bad pointer."""
    if loaded is None:
        return True
    tables, address = loaded.tables, location - loaded.base
    if tables.read_code(address, 1) == b"":
        return True
    return tables.knows_functions and tables.find_function(address) is None


def _return_at_once(scene: UnwindContext, callee: Callee) -> StackFrame | None:
    machine, frame = scene.machine, callee.step
    if machine.link_register:
        return step_by_link_register(scene, callee)
    stack = frame.registers.get(machine.stack_pointer)
    address = None if stack is None else scene.read_pointer(stack)
    if stack is None or address is None or not scene.may_return_to(address):
        return None
    kept = {name: frame.registers[name] for name in machine.callee_saved if name in frame.registers}
    kept[machine.instruction_pointer] = address
    kept[machine.stack_pointer] = stack + machine.width
    return StackFrame(kept, "scan")
