"""A caller's frame by STACK WIN records: 32-bit Windows code, with or without a frame pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.breakpad.cfi import UnevaluableRule
from crashtool.formats.breakpad.frame_program import parse_program, run_program
from crashtool.services.unwind.unwind_context import LOWEST_CODE, StackFrame, UnwindContext

if TYPE_CHECKING:
    from crashtool.formats.unwind_rules import FrameData

WORD = 4
# The return address may lie up to three words higher where the compiler has aligned the stack.
ALIGNMENT_WORDS = 4
ALIGNS = "@"  # the operator of a frame program that rounds an address down
RECOVERED = ("eip", "esp", "ebp", "ebx", "esi", "edi")
# MSVC's programs call the registers that they restore by their CodeView numbers (cvinfo.h).
NUMBERED = {"$20": "$ebx", "$22": "$ebp", "$23": "$esi", "$24": "$edi"}
PRESERVED = ("$ebx", "$esi", "$edi")
# A frame pointer that is where the frame begins: it does not count as a saved register.
BY_FRAME_POINTER = (("$T0", "^"), ("$T0",))
COOKIE = WORD  # what functions with exception handlers push besides, counted as saved
# FPO_DATA (winnt.h): the return address is above locals, saved registers and outgoing parameters.
FPO = "$eip .raSearch ^ = $esp .raSearch 4 + ="
FPO_WITH_SAVED_POINTER = "$ebp $esp .cbCalleeParams + .cbSavedRegs + 8 - ^ = " + FPO


def step_by_frame_data(
    scene: UnwindContext, frame: StackFrame, record: FrameData, callee_parameters: int
) -> StackFrame | None:
    """The caller; None when the record does not lead to a possible one.

    `callee_parameters`: the bytes of parameters that the frame has on the stack for the function
    that it called.
    """
    registers = frame.registers
    if "esp" not in registers:
        return None
    start = search_start(scene, frame, record, callee_parameters)
    variables = {"$" + name: registers[name] for name in RECOVERED if name in registers} | {
        ".cbCalleeParams": callee_parameters,
        ".cbSavedRegs": record.saved_register_size,
        ".cbLocals": record.local_size,
        ".cbParams": record.parameter_size,
        ".raSearch": start,
        ".raSearchStart": start,
    }
    program = record.program or (FPO_WITH_SAVED_POINTER if record.allocates_base_pointer else FPO)
    try:
        values = run_program(program, variables, scene.read_pointer)
        values |= {name: values[key] for key, name in NUMBERED.items() if key in values}
        for name in find_lost(record):
            values.pop(name, None)
    except UnevaluableRule:
        return None
    recovered = {name: values["$" + name] for name in RECOVERED if "$" + name in values}
    if "eip" in recovered and recovered["eip"] < LOWEST_CODE:  # zeros at the base of the stack
        return StackFrame({}, "none", is_last=True)
    if "eip" not in recovered or not scene.may_return_to(recovered["eip"]):
        return None
    return StackFrame(recovered, "cfi")


def find_lost(record: FrameData) -> tuple[str, ...]:
    """Which registers of the caller's are not known: the function has saved some, and the record
    does not say where.

    UnevaluableRule for a program that cannot be read.
    """
    if not record.program:
        named = WORD if record.allocates_base_pointer else 0
        return PRESERVED if record.saved_register_size > named else ()
    restored = {
        NUMBERED.get(name, name)
        for name, expression in parse_program(record.program)
        if name != "$ebp" or expression not in BY_FRAME_POINTER
    }
    count = len(restored.intersection(NUMBERED.values()))
    if record.saved_register_size <= count * WORD + COOKIE:
        return ()
    return tuple(name for name in PRESERVED if name not in restored)


def search_start(
    scene: UnwindContext, frame: StackFrame, record: FrameData, callee_parameters: int
) -> int:
    """Where the return address should be (`.raSearch`): above all that the function has pushed.

    What the record names is a place, give or take what aligned the stack: the nearest plausible
    value wins, however good another one looks farther away. A program that aligns (`@`) does so
    by the frame pointer, above which the return address then lies.
    """
    if ALIGNS in record.program and "ebp" in frame.registers:
        start = frame.registers["ebp"] + WORD
    else:
        stack = frame.registers["esp"]
        start = stack + callee_parameters + record.local_size + record.saved_register_size
    for number in range(ALIGNMENT_WORDS):
        value = scene.read_pointer(start + number * WORD)
        if value is not None and scene.may_return_to(value) and not scene.is_function_start(value):
            return start + number * WORD
    return start
