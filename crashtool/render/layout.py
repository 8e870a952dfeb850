"""Blocks of a page, and how they are laid out: as wide as they are, or to fit a terminal.

A pipe gets each line whole. On a terminal a line is broken between words, its continuation set in;
a table that does not fit is laid out in its narrower form, or the last cells of each row go on a
line of their own below it, so that the columns before them stay straight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from crashtool.formats.named_tuple import NamedTuple
from crashtool.render.names import shorten

GAP = "  "
ARROW = "→"
LEAST_WIDTH = 40  # below it everything would be in pieces: laid out as for this
_WORD = (
    r" +|--[\w-]+ [^\s-]\S*|\S+"  # an option and its value are not parted; compiled where needed
)


class Span(NamedTuple):
    """Text in one style: "" or one of "heading", "good", "warn", "bad", "dim", "strong"."""

    text: str
    style: str = ""


Spans = list[Span]


class Line(NamedTuple):
    """Text in a line. `hang` is how far its continuations are set in, None: by its beginning.

    A line that is `whole` is never broken, for it is copied, or code.
    """

    spans: tuple[Span, ...]
    hang: int | None = None
    whole: bool = False

    def lay_out(self, width: int | None) -> Iterator[Spans]:
        """The lines that fit `width` columns."""
        if self.whole or width is None or width_of(self.spans) <= width:
            yield list(self.spans)
        else:
            yield from _wrap(self.spans, width, self.hang)


class Table(NamedTuple):
    """Rows in aligned columns, set in by `indent`; `right` has an "r" for a right-aligned column.

    For what does not fit: the column `cut` holds names that may be shortened to `least` columns or
    more; `narrow` is another form of the table; and when that fails, cells go below the column
    `hang`. `below`: lines that follow a row and belong to no column.
    """

    rows: tuple[tuple[Span, ...], ...]
    indent: int = 2
    right: str = ""
    hang: int = 1
    cut: int | None = None
    least: int = 0
    narrow: Table | None = None
    below: Mapping[int, tuple[Line, ...]] = {}

    def lay_out(self, width: int | None) -> Iterator[Spans]:
        """The lines that fit `width` columns, as far as their words do."""
        widths = self._widths()
        if width is None or self._total(widths) <= width:
            yield from self._align(self.rows, widths, width)
            return
        room = 0 if self.cut is None else width - self._total(widths) + widths[self.cut]
        if self.cut is not None and room >= self.least:
            spans = [_shorten(row, self.cut, room) for row in self.rows]
            widths[self.cut] = room
            yield from self._align(spans, widths, width)
        elif self.narrow is not None:
            yield from self.narrow.lay_out(width)
        else:
            yield from self._fold(widths, width)

    def _widths(self) -> list[int]:
        columns = max(map(len, self.rows), default=0)
        return [
            max((width_of(spans[i : i + 1]) for spans in self.rows), default=0)
            for i in range(columns)
        ]

    def _total(self, widths: Sequence[int]) -> int:
        return self.indent + sum(widths) + len(GAP) * max(len(widths) - 1, 0)

    def _align(
        self, rows: Sequence[Sequence[Span]], widths: Sequence[int], width: int | None
    ) -> Iterator[Spans]:
        for number, spans in enumerate(rows):
            yield self._align_row(spans, widths)
            for line in self.below.get(number, ()):
                yield from line.lay_out(width)

    def _align_row(self, spans: Sequence[Span], widths: Sequence[int]) -> Spans:
        line = [Span(" " * self.indent)]
        for index, (text, style) in enumerate(spans):
            gap = " " * (widths[index] - width_of(spans[index : index + 1]))
            last = index == len(spans) - 1
            if self.right[index : index + 1] == "r":
                line += [Span(gap), Span(text, style)]
            else:
                line += [Span(text, style)] + ([] if last else [Span(gap)])
            if not last:
                line.append(Span(GAP))
        return line

    def _fold(self, widths: Sequence[int], width: int) -> Iterator[Spans]:
        """As many columns as fit, the other cells of a row below them."""
        kept = len(widths)
        while kept and self._total(widths[:kept]) > width:
            kept -= 1
        hang = self._total(widths[: self.hang]) + len(GAP) if kept >= self.hang else self.indent + 2
        for number, row in enumerate(self.rows):
            if kept >= self.hang:
                yield self._align_row(row[:kept], widths)
                rest, start = row[kept:], hang
            else:
                rest, start = row, self.indent
            for spans in _pack([cell for cell in rest if cell.text.strip()], width - start):
                yield from _wrap([Span(" " * start), *spans], width, hang)
                start = hang
            for line in self.below.get(number, ()):
                yield from line.lay_out(width)


Block = Line | Table


def width_of(spans: Sequence[Span]) -> int:
    """How many columns of a terminal a text takes: those of East Asia take two each."""
    text = "".join(span.text for span in spans)
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # seldom needed

    return sum(2 if east_asian_width(sign) in "WF" else not combining(sign) for sign in text)


def _shorten(spans: tuple[Span, ...], column: int, room: int) -> tuple[Span, ...]:
    text, style = spans[column]
    return (*spans[:column], Span(shorten(text, room), style), *spans[column + 1 :])


def _pack(cells: Sequence[Span], room: int) -> Iterator[Spans]:
    """As many cells in a line as fit; one that is too wide has a line of its own."""
    line: Spans = []
    for cell in cells:
        longer = [*line, Span(GAP), cell] if line else [cell]
        if line and width_of(longer) > room:
            yield line
            longer = [cell]
        line = longer
    if line:
        yield line


def _wrap(spans: Sequence[Span], width: int, hang: int | None) -> Iterator[Spans]:
    """The text in lines of at most `width` columns, but where one word is longer."""
    words = list(_walk_words(spans))
    indent = width_of(words[0]) if words and not words[0][0].text.strip() else 0
    if hang is None:
        first = "".join(span.text for span in words[1 if indent else 0])
        hang = indent + 2 if not indent or first == ARROW else indent
    hang = min(hang, width // 2)
    line: Spans = []
    taken, blanks = 0, True
    for word in words:
        size = width_of(word)
        is_blank = not word[0].text.strip()
        if not is_blank and taken + size > width and not blanks:
            while line and not line[-1].text.strip():
                line.pop()
            yield line
            line, taken, blanks = [Span(" " * hang)], hang, True
        if is_blank and blanks and line:
            continue
        line += word
        taken += size
        blanks = blanks and is_blank
    yield line


def _walk_words(spans: Sequence[Span]) -> Iterator[Spans]:
    """Blanks and words in turn; a word may have several styles."""
    word: Spans = []
    for text, style in spans:
        for piece in re.findall(_WORD, text):
            if word and (piece.isspace() or word[0].text.isspace()):
                yield word
                word = []
            word.append(Span(piece, style))
    if word:
        yield word
