"""A caller's frame by registers that point to it: the frame pointer, and ARM's link register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.services.unwind.scan import find_nearer
from crashtool.services.unwind.unwind_context import StackFrame, UnwindContext

if TYPE_CHECKING:
    from crashtool.services.unwind.callee import Callee

MAX_PROLOGUE = 96  # bytes from a function's start within which it sets its frame pointer up
MAX_BODY = 1 << 14  # bytes of a function that are read to learn what became of a register
MAX_LINKS = 64  # of a chain through generated code


def step_by_own_frame_pointer(scene: UnwindContext, callee: Callee) -> StackFrame | None:
    """The caller, where the function's first instructions are seen to make the frame pointer its.

    Otherwise the register may still belong to a caller, and lead past that one.
    """
    start = callee.start
    if start is None or scene.machine.sets_frame_pointer is None:
        return None
    size = min(callee.instruction_address - start, MAX_PROLOGUE)
    code = scene.read_code(start, size) if size > 0 else None
    if not code or not scene.machine.sets_frame_pointer(code):
        return None
    return _follow(scene, callee)


def step_by_chain(scene: UnwindContext, callee: Callee) -> StackFrame | None:
    """The caller, if the frame pointer leads to a saved one and to a possible return address.

    Whose frame pointer it is is not known: what is likely to be a caller and lies nearer comes
    first, and `may_skip` tells of words that could be one.
    """
    if not scene.machine.has_chain:
        return None
    caller = _follow(scene, callee)
    if caller is None:
        return None
    end = caller.registers[scene.machine.stack_pointer] - scene.machine.width
    nearer = find_nearer(scene, callee, end)
    if nearer is None:
        return caller
    return nearer if nearer.registers else caller._replace(may_skip=True)


def step_by_starter(scene: UnwindContext, callee: Callee) -> StackFrame | None:
    """The outer one of the two functions of x86 Windows that start a thread, in one module."""
    if scene.platform != "windows" or not scene.machine.has_chain:
        return None
    caller = _follow(scene, callee)
    if caller is None or callee.loaded is None:
        return None
    outer = scene.find_loaded(caller.registers[scene.machine.instruction_pointer])
    return caller if outer is not None and outer.base == callee.loaded.base else None


def _follow(scene: UnwindContext, callee: Callee) -> StackFrame | None:
    machine, frame = scene.machine, callee.step
    pointer = scene.untag(frame.registers.get(machine.frame_pointer, 0))
    if pointer % machine.width or pointer < frame.registers.get(machine.stack_pointer, 1):
        return None
    saved = scene.read_pointer(pointer)
    address = scene.read_pointer(pointer + machine.width)
    if saved is None or address is None:
        return None
    saved = scene.untag(saved)
    if not scene.may_lead_to(address) and not _leads_back(scene, saved, address):
        return None
    if saved and not is_above(scene, saved, pointer) and not scene.is_trampoline(address):
        return None  # only a signal comes when the frame pointer is anything
    registers = {
        machine.instruction_pointer: scene.strip(address),
        machine.stack_pointer: pointer + 2 * machine.width,
        machine.frame_pointer: saved,
    }
    return StackFrame(registers, "frame_pointer")


def _leads_back(scene: UnwindContext, saved: int, address: int) -> bool:
    """Whether a chain through code in no module leads back to a module's, where no map tells.

    Generated code lies anywhere, and many dumps have no map of memory.
    """
    machine = scene.machine
    pointer = saved
    for _ in range(MAX_LINKS):
        if scene.is_executable(address) is not None or not scene.is_outside(address):
            return False
        outer = scene.read_pointer(pointer)
        back = scene.read_pointer(pointer + machine.width)
        if outer is None or back is None or pointer % machine.width:
            return False
        if scene.may_return_to(back):
            return True
        if not is_above(scene, outer, pointer):
            return False
        pointer, address = outer, back
    return False


def is_above(scene: UnwindContext, saved: int, pointer: int) -> bool:
    """Whether a saved frame pointer leads further up the same stack."""
    return saved > pointer and scene.read_pointer(saved) is not None


def step_by_link_register(scene: UnwindContext, callee: Callee) -> StackFrame | None:
    """The caller of a leaf, whose return address is still in the link register (ARM, ARM64)."""
    machine, frame = scene.machine, callee.step
    if not machine.link_register or not frame.is_exact:
        return None
    address = frame.registers.get(machine.link_register)
    if address is None or not scene.may_return_to(address) or _is_stale(scene, callee, address):
        return None
    kept = (machine.stack_pointer, machine.frame_pointer, *machine.callee_saved)
    registers = {name: frame.registers[name] for name in kept if name in frame.registers}
    registers[machine.instruction_pointer] = scene.strip(address)
    return StackFrame(registers, "frame_pointer")


def _is_stale(scene: UnwindContext, callee: Callee, link_register: int) -> bool:
    """Whether the link register is what a call left that the function itself has made.

    Then it leads back into that function, behind a call of another, or the function is seen to
    have saved it. Stubs of system calls and leaves save nothing, and keep what they were given.
    """
    saves = scene.machine.saves_link_register
    if saves is None:
        return False
    start = callee.start
    address = scene.strip(link_register)
    if start is None:
        size = callee.instruction_address - address
        code = scene.read_code(address, size) if 0 <= size <= MAX_BODY else None
        return code is not None and not scene.machine.leaves(code)
    code = scene.read_code(start, min(callee.instruction_address - start, MAX_BODY))
    if code and saves(code):
        return True
    back = scene.find_loaded(address)
    inside = back.tables.find_function(address - back.base) if back else None
    if back is None or inside is None or back.base + inside.start != start:
        return False
    call = scene.find_call(link_register)
    return call is None or call.target != start
