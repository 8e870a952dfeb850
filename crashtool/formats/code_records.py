"""Functions of a program with lines and merged calls, where debug information is read whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeAlias

from crashtool.formats.named_tuple import NamedTuple

LineRow: TypeAlias = tuple[int, int, int, int]  # address, size in bytes, line, number of the file


class MergedCall(NamedTuple):
    """A call that was merged into its caller: `depth` others are around it.

    `line` and `file`, a number, are where it stands in the caller; `origin` is the number of what
    is called. `pieces`: first address and size of each piece of its code.
    """

    depth: int
    line: int
    file: int
    origin: int
    pieces: list[tuple[int, int]]


class CodeRecords(Protocol):
    """What takes functions, in whatever order; addresses are from the module's base."""

    def number_file(self, path: str) -> int:
        """The number that stands for a source file in rows and calls."""
        ...

    def number_origin(self, name: str) -> int:
        """The number that stands for a merged function, by its name as in the debug information."""
        ...

    def add(
        self, start: int, size: int, name: str, calls: list[MergedCall], rows: Iterable[LineRow]
    ) -> None:
        """Take `size` bytes of a function's code; `name` is "" where only its lines are known."""
        ...
