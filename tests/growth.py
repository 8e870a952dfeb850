"""How work grows with its input, told without a clock: by counting what the interpreter does."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def count_steps(function: Callable[[], object]) -> int:
    """How many lines and calls a call takes, in this thread, of Python's own code.

    Not its instructions: CPython 3.12 does not report those of every frame.
    """
    steps = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        steps += event in ("call", "line")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return steps


def grows_linearly(work: Callable[[int], Callable[[], object]], few: int = 20) -> bool:
    """Whether four times the items take at most five times the steps.

    `work` makes what is measured, of so many items; it runs once before, for what comes only once.
    What each item does to all would take sixteen times as many.
    """
    work(1)()
    small, large = (count_steps(work(count)) for count in (few, 4 * few))
    return large <= 5 * small
