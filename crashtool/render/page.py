"""A page: lines of text with styles, before it is decided where they go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from crashtool.render.layout import LEAST_WIDTH, Block, Line, Span, Spans, Table
from crashtool.render.safe_text import log_line, safe

__all__ = ["Cell", "Page", "Span"]

Cell = str | Span


class Page:
    """Builds lines; every text that enters is made safe, so that no caller can forget it."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    @property
    def lines(self) -> list[Spans]:
        """The lines as a pipe gets them."""
        return list(self._lay_out(None))

    def line(self, *cells: Cell, hang: int | None = None, whole: bool = False) -> Self:
        """One line of the cells, one after the other.

        On a narrow terminal it goes on below, set in by `hang`; a `whole` one, a command to be
        copied or code, is left to the terminal.
        """
        self._blocks.append(Line(tuple(_span(cell) for cell in cells), hang, whole))
        return self

    def blank(self) -> Self:
        """An empty line, but never two in a row nor one at the top."""
        last = self._blocks[-1] if self._blocks else None
        if last is not None and not (isinstance(last, Line) and not last.spans):
            self._blocks.append(Line(()))
        return self

    def heading(self, text: str, note: str = "") -> Self:
        """A heading after an empty line, with a dim note behind it."""
        cells = [Span(text, "heading")] + ([Span("  " + note, "dim")] if note else [])
        return self.blank().line(*cells)

    def field(self, label: str, *cells: Cell, width: int = 11, whole: bool = False) -> Self:
        """A label in a column of `width` characters and its value."""
        return self.line(Span(label.ljust(width), "heading"), *cells, hang=width, whole=whole)

    def table(
        self, rows: Iterable[Sequence[Cell]], *, indent: int = 2, right: str = "", hang: int = 1
    ) -> Self:
        """Rows in aligned columns; `right` holds an "r" at the place of each right-aligned one.

        On a narrow terminal the last cells of each row go below its column `hang`.
        """
        return self.add(new_table(rows, indent=indent, right=right, hang=hang))

    def add(self, table: Table) -> Self:
        """A table with more to it, made by `new_table`."""
        if table.rows:
            self._blocks.append(table)
        return self

    def extend(self, other: Page) -> Self:
        """All lines of another page."""
        self._blocks += other._blocks
        return self

    def walk_lines(self, width: int | None = None) -> Iterator[Spans]:
        """The lines as they may be written: none is a command to the CI system that keeps the log.

        A hostile name at the beginning of a line would be, so that line is one plain span. `width`
        is the terminal's, None without one.
        """
        for line in self._lay_out(width):
            whole = "".join(text for text, _ in line)
            harmless = log_line(whole)
            yield line if whole == harmless else [Span(harmless)]

    def text(self, width: int | None = None) -> str:
        """The plain text: no style, no trailing blanks, one line feed after each line."""
        lines = ("".join(text for text, _ in line) for line in self._lay_out(width))
        return "".join(log_line(line).rstrip() + "\n" for line in lines)

    def _lay_out(self, width: int | None) -> Iterator[Spans]:
        room = None if width is None else max(width, LEAST_WIDTH)
        for block in self._blocks:
            yield from block.lay_out(room)


def new_table(
    rows: Iterable[Sequence[Cell]],
    *,
    indent: int = 2,
    right: str = "",
    hang: int = 1,
    cut: int | None = None,
    least: int = 0,
    narrow: Table | None = None,
    below: Mapping[int, Sequence[Sequence[Cell]]] | None = None,
) -> Table:
    """A table of harmless text; lines `below` its rows are whole. See `Table`."""
    cells = tuple(tuple(_span(cell) for cell in row) for row in rows)
    lines = {
        number: tuple(Line(tuple(_span(cell) for cell in line), whole=True) for line in group)
        for number, group in (below or {}).items()
    }
    return Table(cells, indent, right, hang, cut, least, narrow, lines)


def _span(cell: Cell) -> Span:
    return Span(safe(cell)) if isinstance(cell, str) else Span(safe(cell.text), cell.style)
