"""Guesses are tried one step further: one whose own rules lead nowhere is not believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from crashtool.formats.breakpad.cfi import RETURN_ADDRESS, parse_rules
from crashtool.services.unwind.callee import Callee
from crashtool.services.unwind.cfi_frame import is_by_chance, step_by_cfi
from crashtool.services.unwind.ends import LINUX
from crashtool.services.unwind.scan import step_by_call_of_function, walk_scan

if TYPE_CHECKING:
    from crashtool.services.unwind.unwind_context import StackFrame, UnwindContext

MAX_TRIALS = 16  # of one frame


def believe(scene: UnwindContext, guesses: Iterable[StackFrame]) -> StackFrame | None:
    """The first guess whose caller can be one, too; else the first that is not refuted.

    A guess without rules of its own cannot be tried, and counts as good.
    """
    doubtful: StackFrame | None = None
    for guess in islice(guesses, MAX_TRIALS):
        outcome = _try(scene, guess)
        if outcome is True:
            return guess
        if outcome is None and doubtful is None:
            doubtful = guess
    return doubtful


def is_refuted(scene: UnwindContext, caller: StackFrame) -> bool:
    """Whether what rules lead to can be no caller: its code is at hand, and no call stands there.

    Assembly that pushes without telling makes rules point beside the return address. Windows'
    kernel enters code that has called nothing, so nothing is refuted there.
    """
    pointer = caller.registers[scene.machine.instruction_pointer]
    if scene.platform not in LINUX or caller.is_exact or scene.find_loaded(pointer) is None:
        return False
    return scene.is_code_known(pointer) and not scene.may_return_to(pointer)


def walk_instead(scene: UnwindContext, callee: Callee) -> Iterator[StackFrame]:
    """Callers near by whose own rules lead to another: more than those that were refuted can show.

    A coroutine's first function returns to a place behind no call as well, but nothing lies there.
    """
    for guess in islice(walk_scan(scene, callee), MAX_TRIALS):
        pointer = guess.registers[scene.machine.instruction_pointer]
        address = pointer - scene.machine.call_size
        loaded = scene.find_loaded(address)
        rules = loaded.tables.find_cfi(address - loaded.base) if loaded else None
        if rules is None or guess.may_skip or scene.find_call(pointer) is None:
            continue
        caller = step_by_cfi(scene, guess, rules.rules)
        if caller is not None and not caller.is_last and _can_follow(scene, guess, caller):
            yield guess


def _try(scene: UnwindContext, guess: StackFrame) -> bool | None:
    """Whether a guess's rules lead to a caller; None: to a place of which nothing is known."""
    machine = scene.machine
    address = guess.registers[machine.instruction_pointer] - machine.call_size
    loaded = scene.find_loaded(address)
    rules = loaded.tables.find_cfi(address - loaded.base) if loaded else None
    if rules is None:
        return True
    caller = step_by_cfi(scene, guess, rules.rules)
    if caller is not None and _is_own_start(scene, address, caller):
        return False
    if caller is not None and not caller.is_last and _can_follow(scene, guess, caller):
        return True
    if is_by_chance(scene, guess, rules.rules):
        return _has_caller(scene, guess, address) or None
    if caller is None:  # they ask for what is not known
        return True
    return _assess(scene, caller, rules.rules)


def leads_on(scene: UnwindContext, guess: StackFrame) -> bool:
    """Whether rules lead from a guess to a caller, and from there on: two proofs, no leftover."""
    for _ in range(2):
        address = guess.registers[scene.machine.instruction_pointer] - scene.machine.call_size
        loaded = scene.find_loaded(address)
        rules = loaded.tables.find_cfi(address - loaded.base) if loaded else None
        if rules is None or is_by_chance(scene, guess, rules.rules):
            return False
        caller = step_by_cfi(scene, guess, rules.rules)
        if caller is None or caller.is_last or not _can_follow(scene, guess, caller):
            return False
        guess = caller
    return True


def _assess(scene: UnwindContext, caller: StackFrame, rules: str) -> bool | None:
    """Whether a caller that can be none still leaves the guess possible."""
    if caller.is_last:  # an end is where the rules say so, not where the stack happens to hold 0
        return RETURN_ADDRESS not in parse_rules(rules, scene.machine.name) or None
    pointer = caller.registers[scene.machine.instruction_pointer]
    return None if scene.may_be_code(pointer) and scene.find_loaded(pointer) is None else False


def _is_own_start(scene: UnwindContext, address: int, caller: StackFrame) -> bool:
    """Whether a guess leads to the start of its own function.

    An unwinder keeps both beside each other. The start can look like a return address: that of a
    call, at the end of the function before, that never returns.
    """
    pointer = caller.registers.get(scene.machine.instruction_pointer)
    loaded = scene.find_loaded(address)
    function = loaded.tables.find_function(address - loaded.base) if loaded else None
    return bool(loaded and function and pointer == loaded.base + function.start)


def _can_follow(scene: UnwindContext, guess: StackFrame, caller: StackFrame) -> bool:
    machine = scene.machine
    pointer = caller.registers[machine.instruction_pointer]
    stack = machine.stack_pointer
    is_outward = caller.registers[stack] > guess.registers[stack]
    return is_outward and scene.may_return_to(pointer)


def _has_caller(scene: UnwindContext, guess: StackFrame, address: int) -> bool:
    """Whether a call of the guess's function is seen further out.

    A scan knows the frame pointer by chance only, and rules that ask for it prove nothing.
    """
    loaded = scene.find_loaded(address)
    function = loaded.tables.find_function(address - loaded.base) if loaded else None
    callee = Callee(guess, address, loaded, function)
    return step_by_call_of_function(scene, callee, beyond_frame=True) is not None
