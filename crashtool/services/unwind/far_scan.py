"""A caller far out on the stack: where frames between are in code of which nothing is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.services.unwind.scan import SURE_WORDS, StackSlot, leave
from crashtool.services.unwind.trial import leads_on
from crashtool.services.unwind.unwind_context import NO_TABLES, StackFrame, UnwindContext

if TYPE_CHECKING:
    from crashtool.services.unwind.callee import Callee


def walk_far(scene: UnwindContext, callee: Callee) -> Iterator[StackFrame]:
    """Places from which rules lead to a caller, and from there to another, the nearest first.

    Neither has a call that is seen before it: those are the scan's. Frames between are lost, which
    `may_skip` tells.
    """
    start = callee.step.registers.get(scene.machine.stack_pointer)
    if start is None:
        return
    width = scene.machine.width
    for number, value in scene.walk_code_values(start, SURE_WORDS):
        if not _may_have_rules(scene, value):  # most of all words, where nothing is known
            continue
        if not scene.may_return_to(value) or scene.is_function_start(value):
            continue
        if scene.find_call(value) is None:
            step = leave(
                scene, callee.step, StackSlot(start + number * width, value, may_skip=True)
            )
            if leads_on(scene, step):
                yield step


def _may_have_rules(scene: UnwindContext, value: int) -> bool:
    """Whether anything at all was found for the module that a word points into."""
    loaded = scene.find_loaded(scene.strip(value) - scene.machine.call_size)
    return loaded is not None and loaded.tables is not NO_TABLES
