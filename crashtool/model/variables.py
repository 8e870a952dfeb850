"""Arguments and variables of a frame: their names, types, and values as far as a dump has them.

A value that cannot be told says why, and is none: a wrong value is worse than no value.
"""

from __future__ import annotations

from typing import Literal

from crashtool.formats.named_tuple import NamedTuple

VariableKind = Literal["argument", "local", "static"]
# optimized_out: the debug information says that it is nowhere at this instruction; not_in_dump: it
# is known where it was, and the dump lacks that; unknown: all else, as registers that a walk lost
ValueState = Literal["value", "optimized_out", "not_in_dump", "unknown"]


class Value(NamedTuple):
    """A value of a type, in the spelling of the program's language.

    `text`: a number, a name of an enumeration, a quoted string, an address. `children`: members of
    a struct by `name`, elements of an array as `[0]`; each may be lost though the others are not.
    `left_out`: how many more children there are. `pointee`: what a pointer leads to, where the
    dump has it. `reason`: why there is no value, for each state but "value"; and with a value, what
    of it is missing.
    """

    type: str
    state: ValueState = "value"
    text: str = ""
    reason: str = ""
    children: tuple[Value, ...] = ()
    pointee: Value | None = None
    left_out: int = 0
    name: str = ""


class FrameVariable(NamedTuple):
    """A variable of a function, or of a call that was merged into one.

    Of one that was not read, as values were not wanted, only the type is known.
    """

    name: str
    kind: VariableKind
    value: Value
    is_read: bool = True
