"""A caller's frame by looking through the stack for what must be a return address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.unwind.unwind_context import StackFrame, UnwindContext

if TYPE_CHECKING:
    from crashtool.services.unwind.callee import Callee
    from crashtool.services.unwind.machine import CallSite

FIRST_WORDS = 160  # of the innermost frame, which may be deep in a function with a large frame
WORDS = 40
SURE_WORDS = 1024  # as far as code is at hand that shows a call before the return address
SYSTEM_CALLS = ("ntdll.dll", "win32u.dll")  # where Windows' threads wait, in stubs without a frame


class StackSlot(NamedTuple):
    """A possible return address: `value` at `address` on the stack.

    `may_skip`: nearer lie others, in code that is not at hand.
    """

    address: int
    value: int
    may_skip: bool = False


def step_by_call_of_function(
    scene: UnwindContext, callee: Callee, *, beyond_frame: bool = False
) -> StackFrame | None:
    """The caller, where a return address stands behind a call of the callee's own function.

    Only as far as the frame pointer leads, unless `beyond_frame`: from there on it is the chain's
    to say.
    """
    stack = callee.step.registers.get(scene.machine.stack_pointer)
    if stack is None or callee.start is None:
        return None
    pointer = callee.step.registers.get(scene.machine.frame_pointer, 0)
    words = SURE_WORDS
    if (
        not beyond_frame
        and scene.machine.has_chain
        and stack <= pointer < stack + words * scene.machine.width
    ):
        words = (pointer - stack) // scene.machine.width + 2
    for number, value in scene.walk_code_values(stack, words):
        if not scene.may_return_to(value):
            continue
        call = scene.find_call(value)
        if call is not None and scene.calls(call, callee.start):
            return leave(scene, callee.step, StackSlot(stack + number * scene.machine.width, value))
    return None


def find_nearer(scene: UnwindContext, callee: Callee, end: int) -> StackFrame | None:
    """A likely caller on the stack before the address `end`.

    Without registers if words there could be return addresses, with no call seen before them; None
    if nothing can be one. A direct call that leads elsewhere was an earlier one.
    """
    machine = scene.machine
    stack = callee.step.registers.get(machine.stack_pointer)
    if stack is None:
        return None
    frame: StackFrame | None = None
    for number, value in scene.walk_code_values(stack, max(end - stack, 0) // machine.width):
        if not scene.may_return_to(value) or scene.is_function_start(value):
            continue
        call = scene.find_call(value)
        if call is None:
            frame = StackFrame({}, "none")
        elif _can_lead_to(scene, call, callee):
            return leave(scene, callee.step, StackSlot(stack + number * machine.width, value))
    return frame


def walk_scan(scene: UnwindContext, callee: Callee) -> Iterator[StackFrame]:
    """Possible callers, the best first."""
    start = callee.step.registers.get(scene.machine.stack_pointer)
    if start is None:
        return
    at_top = callee.is_first and callee.module_name in SYSTEM_CALLS
    words = FIRST_WORDS if callee.is_first else WORDS
    for address in walk_return_addresses(scene, callee, start, words, at_top=at_top):
        yield leave(scene, callee.step, address)


def walk_return_addresses(
    scene: UnwindContext, callee: Callee, start: int, words: int, *, at_top: bool = False
) -> Iterator[StackSlot]:
    """The places from `start` on that can hold the current frame's return address, best first.

    Best are the nearest behind a call of the current function, or behind an indirect call, which
    may have been it; then, within `words`, those behind a call that leads elsewhere: by a jump from
    there, if it is no leftover; then values in code that is not at hand. What lies farther than
    `words` comes last, and only where a call is seen: that the code of some modules is at hand must
    not make a frame in another one invisible. `at_top`: what was pushed last must be it.
    """
    width = scene.machine.width
    elsewhere: list[StackSlot] = []
    unknown: list[StackSlot] = []
    is_near = True
    for number, value in scene.walk_code_values(start, SURE_WORDS if scene.knows_code else words):
        if is_near and number >= words:
            yield from elsewhere
            yield from unknown
            is_near = False
        if not scene.may_return_to(value):
            continue
        slot = StackSlot(start + number * width, value, bool(unknown))
        call = scene.find_call(value)
        if call is None:
            if scene.is_trampoline(value) or (at_top and number == 0):
                yield slot
            elif is_near and not scene.is_function_start(value):
                unknown.append(slot._replace(may_skip=False))
        elif _can_lead_to(scene, call, callee) or (
            call.target is not None and callee.start is None
        ):
            yield slot
        elif is_near:
            elsewhere.append(slot)
    if is_near:
        yield from elsewhere
        yield from unknown


def _can_lead_to(scene: UnwindContext, call: CallSite, callee: Callee) -> bool:
    """Whether a call may have been that of the callee: of its function, or through a pointer.

    What a linker made a stub for is another module's, and not generated code in none.
    """
    if call.target is not None:
        return scene.calls(call, callee.start)
    return not call.is_import or callee.loaded is not None


def leave(scene: UnwindContext, frame: StackFrame, slot: StackSlot) -> StackFrame:
    """The caller whose return address is in a slot."""
    machine = scene.machine
    registers = {
        machine.instruction_pointer: scene.strip(slot.value),
        machine.stack_pointer: slot.address + machine.width,
    }
    pointer = frame.registers.get(machine.frame_pointer)
    if pointer is not None and pointer >= slot.address + machine.width:
        registers[machine.frame_pointer] = pointer
    elif (saved := _find_saved_pointer(scene, slot.address)) is not None:
        registers[machine.frame_pointer] = saved
    return StackFrame(registers, "scan", may_skip=slot.may_skip)


def _find_saved_pointer(scene: UnwindContext, address: int) -> int | None:
    """The caller's frame pointer, as a function saves it just below its return address."""
    width = scene.machine.width
    saved = scene.read_pointer(address - width)
    if saved is None or saved <= address or scene.read_pointer(saved) is None:
        return None
    return saved
