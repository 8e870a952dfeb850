"""A place in the code of a program, as debug information tells it."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple


class CodeLocation(NamedTuple):
    """A function at an address, by its name as in the file; line 0 is none.

    `start` is the function's address, None for a call that was merged into its caller. `size`: the
    bytes from there on that are known to be its own; 0 where that is not told.
    """

    function: str
    start: int | None
    file: str
    line: int
    size: int = 0
