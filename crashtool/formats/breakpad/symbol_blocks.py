"""Functions as blocks of a .sym file's text, put down in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from crashtool.formats.code_records import LineRow, MergedCall
from crashtool.formats.named_tuple import NamedTuple

FORMAT_PIECE = "%x %x".__mod__
FORMAT_ROW = "%x %x %d %d\n".__mod__


class Spool(Protocol):
    """Where text waits; what was written at once is read at once."""

    def write(self, content: bytes, /) -> object: ...  # noqa: D102
    def seek(self, place: int, /) -> object: ...  # noqa: D102
    def read(self, size: int, /) -> bytes: ...  # noqa: D102


class SymbolBlock(NamedTuple):
    """A piece of a function's code, and where its text is: bytes from `offset` on in the spool.

    The text begins with the function's name, a line of its own, empty where it is not known.
    """

    start: int
    size: int
    is_named: bool
    offset: int
    length: int

    @property
    def end(self) -> int:
        """Behind its last byte of code."""
        return self.start + self.size


class SymbolBlocks:
    """Takes functions as text into a spool; see `CodeRecords`.

    Only where blocks are is kept in memory, and names that are numbered. Of several such, each
    counts in its own numbers: from `first` on in steps of `step`.
    """

    def __init__(
        self,
        spool: Spool,
        spell: Callable[[str], str] = str,
        *,
        inlines: bool = True,
        first: int = 0,
        step: int = 1,
    ) -> None:
        """`spell` makes a name readable. Without `inlines` lines are the outermost calls'."""
        self._spool = spool
        self._spell = spell
        self._inlines = inlines
        self._first = first
        self._step = step
        self._origins: dict[str, int] = {}
        self._place = 0
        self.files: dict[str, int] = {}
        self.origins: dict[str, int] = {}  # by readable name
        self.blocks: list[SymbolBlock] = []

    def number_file(self, path: str) -> int:
        """The number of a FILE record."""
        return self.files.setdefault(path, self._first + self._step * len(self.files))

    def number_origin(self, name: str) -> int:
        """The number of an INLINE_ORIGIN record; none is made where calls are left out."""
        if not self._inlines:
            return 0
        origin = self._origins.get(name)
        if origin is None:
            spelled = name_line(self._spell(name))
            number = self._first + self._step * len(self.origins)
            origin = self._origins[name] = self.origins.setdefault(spelled, number)
        return origin

    def add(
        self, start: int, size: int, name: str, calls: list[MergedCall], rows: Iterable[LineRow]
    ) -> None:
        """Write a block."""
        records = [name_line(self._spell(name)) if name else ""]
        if self._inlines:
            for depth, line, file, origin, pieces in calls:
                if len(pieces) == 1:
                    ((low, length),) = pieces
                    records.append(f"INLINE {depth} {line} {file} {origin} {low:x} {length:x}")
                else:
                    places = " ".join(map(FORMAT_PIECE, pieces))
                    records.append(f"INLINE {depth} {line} {file} {origin} {places}")
        elif calls:
            rows = _move_out(rows, calls)
        records.append("".join(map(FORMAT_ROW, rows)))
        content = "\n".join(records).encode("utf-8", "replace")
        self._spool.write(content)
        self.blocks.append(SymbolBlock(start, size, bool(name), self._place, len(content)))
        self._place += len(content)


def one_line(text: str) -> str:
    """The text without what would end a record."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def name_line(name: str) -> str:
    """A function's name as a record has it."""
    return one_line(name).strip() or "<name omitted>"


def _move_out(rows: Iterable[LineRow], calls: list[MergedCall]) -> list[LineRow]:
    """Rows where those in merged calls say where the outermost of these calls stands."""
    spans = sorted(
        (low, low + size, call.line, call.file)
        for call in calls
        if not call.depth
        for low, size in call.pieces
    )
    moved: list[LineRow] = []
    for start, size, line, file in rows:
        address, end = start, start + size
        for low, high, call_line, call_file in spans:
            if high <= address or low >= end:
                continue
            if address < low:
                moved.append((address, low - address, line, file))
                address = low
            stop = min(high, end)
            if call_line:
                moved.append((address, stop - address, call_line, call_file))
            address = stop
        if address < end:
            moved.append((address, end - address, line, file))
    return _join(moved)


def _join(rows: list[LineRow]) -> list[LineRow]:
    """Rows of which none says what the one before says."""
    joined: list[LineRow] = []
    for start, size, line, file in rows:
        if joined:
            before, before_size, *line_and_file = joined[-1]
            if before + before_size == start and line_and_file == [line, file]:
                joined[-1] = before, before_size + size, line, file
                continue
        joined.append((start, size, line, file))
    return joined
