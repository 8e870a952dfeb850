"""A stream type, with what it is called and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar

from crashtool.formats.minidump.dump_source import DumpSource, Location

Value = TypeVar("Value")
Result = TypeVar("Result")


class StreamKind(int, Generic[Value]):
    """The number of a stream type; its `name`; its `reader`, None for streams only listed.

    A reader gives the stream's value, notes tolerated damage in the source and raises
    MalformedFile when there is nothing to give.
    """

    name: str
    reader: Callable[[DumpSource, Location], Value] | None

    def __new__(
        cls,
        number: int,
        name: str,
        reader: Callable[[DumpSource, Location], Value] | None = None,
    ) -> Self:
        """A kind, which compares as its number."""
        kind = super().__new__(cls, number)
        kind.name = name
        kind.reader = reader
        return kind


class StreamFinder(Protocol):
    """What finds a stream's value by its kind; None when it is absent or unreadable."""

    def __call__(self, kind: StreamKind[Result], /) -> Result | None: ...  # noqa: D102
