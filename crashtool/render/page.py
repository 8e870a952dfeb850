"""A page: lines of text with styles, before it is decided where they go."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from crashtool.formats.named_tuple import NamedTuple
from crashtool.render.safe_text import log_line, safe


class Span(NamedTuple):
    """Text in one style: "" or one of "heading", "good", "warn", "bad", "dim", "strong"."""

    text: str
    style: str = ""


Cell = str | Span


class Page:
    """Builds lines; every text that enters is made safe, so that no caller can forget it."""

    def __init__(self) -> None:
        self.lines: list[list[Span]] = []

    def line(self, *cells: Cell) -> Self:
        """One line of the cells, one after the other."""
        self.lines.append([_span(cell) for cell in cells])
        return self

    def blank(self) -> Self:
        """An empty line, but never two in a row nor one at the top."""
        if self.lines and self.lines[-1]:
            self.lines.append([])
        return self

    def heading(self, text: str, note: str = "") -> Self:
        """A heading after an empty line, with a dim note behind it."""
        cells = [Span(text, "heading")] + ([Span("  " + note, "dim")] if note else [])
        return self.blank().line(*cells)

    def field(self, label: str, *cells: Cell, width: int = 11) -> Self:
        """A label in a column of `width` characters and its value."""
        return self.line(Span(label.ljust(width), "heading"), *cells)

    def table(self, rows: Iterable[Sequence[Cell]], *, indent: int = 2, right: str = "") -> Self:
        """Rows in aligned columns; `right` holds an "r" at the place of each right-aligned one."""
        cells = [[_span(cell) for cell in row] for row in rows]
        columns = max(map(len, cells), default=0)
        widths = [max((len(row[i].text) for row in cells if i < len(row)), default=0)
                  for i in range(columns)]  # fmt: skip
        for row in cells:
            line = [Span(" " * indent)]
            for index, (text, style) in enumerate(row):
                gap = " " * (widths[index] - len(text))
                last = index == len(row) - 1
                if right[index : index + 1] == "r":
                    line += [Span(gap), Span(text, style)]
                else:
                    line += [Span(text, style)] + ([] if last else [Span(gap)])
                if not last:
                    line.append(Span("  "))
            self.lines.append(line)
        return self

    def extend(self, other: "Page") -> Self:
        """All lines of another page."""
        self.lines += other.lines
        return self

    def walk_lines(self) -> Iterator[list[Span]]:
        """The lines as they may be written: none is a command to the CI system that keeps the log.

        A hostile name at the beginning of a line would be, so that line is one plain span.
        """
        for line in self.lines:
            whole = "".join(text for text, _ in line)
            harmless = log_line(whole)
            yield line if whole == harmless else [Span(harmless)]

    def text(self) -> str:
        """The plain text: no style, no trailing blanks, one line feed after each line."""
        lines = ("".join(text for text, _ in line) for line in self.lines)
        return "".join(log_line(line).rstrip() + "\n" for line in lines)


def _span(cell: Cell) -> Span:
    return Span(safe(cell)) if isinstance(cell, str) else Span(safe(cell.text), cell.style)
