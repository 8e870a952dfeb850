"""STACK WIN programs: how 32-bit Windows code gets back to its caller, as assignments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from crashtool.formats.breakpad.cfi import MAX_TOKENS, ReadPointer, UnevaluableRule, evaluate

MASK = 0xFFFFFFFF


@lru_cache(maxsize=1024)
def parse_program(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """`$T0 $ebp = $eip $T0 4 + ^ =` as assignments, in order: the name, then its expression.

    UnevaluableRule for anything else. Some linkers leave out the blank behind a `=`.
    """
    assignments: list[tuple[str, tuple[str, ...]]] = []
    pending: list[str] = []
    for word in text.replace("=", " = ").split()[:MAX_TOKENS]:
        if word != "=":
            pending.append(word)
            continue
        if len(pending) < 2 or pending[0][:1] not in "$.":  # noqa: PLR2004 (a name and a value)
            raise UnevaluableRule(f"an assignment to {' '.join(pending[:1]) or 'nothing'}")
        assignments.append((pending[0], tuple(pending[1:])))
        pending = []
    if pending or not assignments:
        raise UnevaluableRule("an assignment without its `=`")
    return tuple(assignments)


def run_program(
    text: str, variables: Mapping[str, int], read_pointer: ReadPointer
) -> dict[str, int]:
    """What the variables are after the program; `.undef` forgets one.

    Variables keep the `$` or `.` that programs write before them. UnevaluableRule when it cannot
    be run to its end.
    """
    values = dict(variables)
    for name, expression in parse_program(text):
        if expression == (".undef",):
            values.pop(name, None)
        else:
            values[name] = evaluate(expression, values, read_pointer, MASK)
    return values
