"""A caller's frame by unwind rules: STACK CFI text, whatever table it was made from."""

from __future__ import annotations

from crashtool.formats.breakpad.cfi import (
    CFA,
    RETURN_ADDRESS,
    UnevaluableRule,
    evaluate,
    parse_rules,
)
from crashtool.services.unwind.unwind_context import LOWEST_CODE, StackFrame, UnwindContext


def step_by_cfi(scene: UnwindContext, frame: StackFrame, rules: str) -> StackFrame | None:
    """The caller; a Step that `is_last` when the rules say there is none; None if they fail."""
    machine = scene.machine
    table = parse_rules(rules, machine.name)
    if CFA not in table:
        return None
    if RETURN_ADDRESS not in table:  # undefined: the outermost frame
        return StackFrame({}, "none", is_last=True)
    registers, mask = frame.registers, machine.mask
    try:
        cfa = evaluate(table[CFA], registers, scene.read_pointer, mask)
        recovered = {name: registers[name] for name in machine.callee_saved if name in registers}
        recovered[machine.stack_pointer] = scene.untag(cfa)
        recovered[machine.instruction_pointer] = scene.strip(
            evaluate(table[RETURN_ADDRESS], registers, scene.read_pointer, mask, cfa)
        )
    except UnevaluableRule:
        return None
    if recovered[machine.instruction_pointer] < LOWEST_CODE:  # zeros at the base of the stack
        return None if is_by_chance(scene, frame, rules) else StackFrame({}, "none", is_last=True)
    for name, expression in table.items():
        if name in (CFA, RETURN_ADDRESS):
            continue
        try:
            recovered[name] = evaluate(expression, registers, scene.read_pointer, mask, cfa)
        except UnevaluableRule:
            recovered.pop(name, None)
    return StackFrame(recovered, "cfi")


def is_by_chance(scene: UnwindContext, frame: StackFrame, rules: str) -> bool:
    """Whether rules go by a frame pointer that the frame has by chance only: scans guess it."""
    words = rules.partition(RETURN_ADDRESS)[0].replace("$", "").split()
    return frame.trust == "scan" and scene.machine.frame_pointer in words


def is_stack_missing(scene: UnwindContext, frame: StackFrame, rules: str) -> bool:
    """Whether rules tell where the return address is, and the dump has no memory of that stack.

    A stack pointer that was lost leads to no memory at all, which is no stack.
    """
    table = parse_rules(rules, scene.machine.name)
    if CFA not in table or RETURN_ADDRESS not in table:
        return False
    try:
        cfa = evaluate(table[CFA], frame.registers, scene.read_pointer, scene.machine.mask)
    except UnevaluableRule:
        return False
    width = scene.machine.width
    top = scene.untag(cfa)
    if scene.is_executable(top - width) is not False:
        return False
    return all(scene.read_pointer(top - number * width) is None for number in (0, 1))
