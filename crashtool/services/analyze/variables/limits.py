"""How much of a value is read: it is to be looked at, and a dump may be hostile."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple


class Limits(NamedTuple):
    """`depth`: types inside one another; `pointers`: that are followed, one after the other;
    `length`: elements of an array; `text`: letters of a string; `values`: of one variable in all.

    `is_plain`: numbers and members alone, no strings, containers, names or what pointers lead to.
    """

    depth: int = 5
    pointers: int = 2
    length: int = 16
    text: int = 200
    values: int = 300
    is_plain: bool = False


SHOWN = Limits()
MAX_VALUES = 1 << 16  # of all variables of a stack
MAX_STEPS = 1 << 17  # from node to node in them


class ValueBudget:
    """How many values may still be read of one stack."""

    def __init__(self, left: int = MAX_VALUES) -> None:
        self.left = left
        self.steps = MAX_STEPS
