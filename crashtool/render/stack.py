"""Stacks as aligned lines: merged calls, source places, how each frame was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import Frame, Thread
from crashtool.render.folding import find_repeats
from crashtool.render.names import shorten
from crashtool.render.page import Cell, Page, Span, new_table
from crashtool.render.variables import list_variables
from crashtool.render.words import format_location, format_offset, format_source_location

if TYPE_CHECKING:
    from crashtool.render.layout import Table

MAX_NAME_LENGTH = 80
MAX_FRAMES = 64  # on one screen; the frames a thread started with are among them
FIRST_FRAMES = 6  # of a thread
CUT = "more frames"
LEAST_NAME, NARROW_NAME = 40, 16  # columns that a name keeps beside module and offset, or without
NAME = 2  # the place of that column
TRUSTS = {
    "context": ("*", "registers"),
    "cfi": ("=", "unwind information"),
    "cfi_scan": ("+", "unwind information after scanning"),
    "frame_pointer": ("-", "frame pointer"),
    "scan": ("~", "stack scanning"),
    "prewalked": ("#", "the dump"),
}
"""How a frame was found: as a sign, and what the legend says of it."""
MAY_SKIP, INLINED, OTHER = "?", "i", "!"
SKIPS = "a guess that may skip callers"


class _StackRow(NamedTuple):
    """A line of a stack's table, and lines that follow it and belong to no column."""

    cells: tuple[Span, ...]
    below: tuple[tuple[Cell, ...], ...] = ()


def add_frames(page: Page, thread: Thread, architecture: str, *, verbose: bool = False) -> None:
    """A stack, innermost frame first; a sign before each frame says how it was found.

    What repeats itself is folded, and what would not fit on a screen left out, unless `verbose`. On
    a narrow terminal names are shortened, and where the source is known the module is left out.
    """
    if rows := list(_walk_rows(thread, architecture, verbose=verbose)):
        page.add(_stack_table(rows, cut=not verbose))
    if thread.note:
        page.line("  ", Span(thread.note, "warn"))


def _stack_table(rows: Sequence[_StackRow], *, cut: bool) -> Table:
    """All columns; in the narrow form the module and offset only where the source is not known."""
    below = {number: row.below for number, row in enumerate(rows) if row.below}
    wide = [row.cells for row in rows]
    narrow = [(*cells[:3], cells[3] if cells[3].text else cells[4]) for cells in wide]
    small = _table(narrow, below, NARROW_NAME, None, cut=cut)
    return _table(wide, below, LEAST_NAME, small, cut=cut)


def add_legend(page: Page, threads: Iterable[Thread]) -> None:
    """What the signs before the frames of these threads mean."""
    said = list_signs(frame for thread in threads for frame in thread.frames)
    if said:
        words = (Span(f"{sign} {meaning}", "dim") for sign, meaning in said.items())
        page.table([(Span("found by", "dim"), *words)])


def list_signs(frames: Iterable[Frame]) -> dict[str, str]:
    """The signs of some frames, in the order of trust, and what each means."""
    used: dict[str, str] = {}
    has_inlines = False
    for frame in frames:
        sign = sign_of_trust(frame)
        used.setdefault(sign, SKIPS if sign == MAY_SKIP else format_trust(frame))
        has_inlines = has_inlines or bool(frame.inlines)
    order = [*(sign for sign, _ in TRUSTS.values()), MAY_SKIP, OTHER]
    signs = {sign: used[sign] for sign in sorted(used, key=order.index)}
    return signs | ({INLINED: "inlined"} if has_inlines else {})


def _table(
    spans: Sequence[tuple[Span, ...]],
    below: Mapping[int, Sequence[Sequence[Cell]]],
    least: int,
    narrow: Table | None,
    *,
    cut: bool,
) -> Table:
    """The rows without the columns that nothing fills; names may be cut."""
    used = [index for index in range(len(spans[0])) if any(row[index].text for row in spans)]
    return new_table(
        [[row[index] for index in used] for row in spans],
        indent=1,
        right="".join("r" if index == 1 else "-" for index in used),
        hang=used.index(NAME),
        cut=used.index(NAME) if cut else None,
        least=least,
        narrow=narrow,
        below=below,
    )


def _walk_rows(thread: Thread, architecture: str, *, verbose: bool) -> Iterator[_StackRow]:
    for start, stop, words in walk_parts(thread, verbose=verbose):
        for number in range(start, stop):
            shown = thread.number_of(number)
            yield from _frame_rows(shown, thread.frames[number], architecture, verbose=verbose)
        if words:
            remedy = " (--verbose shows all)" if words.endswith(CUT) else ""
            note = Span(f"… {words}{remedy}", "dim")
            yield _StackRow((Span(""), Span(""), note, Span(""), Span("")))


def walk_parts(thread: Thread, *, verbose: bool) -> Iterator[tuple[int, int, str]]:
    """(start, stop, words): frames to show, and what is said of those left out behind them."""
    frames = thread.frames
    middle = len(frames) // 2 if thread.left_out else 0
    if verbose:
        if middle:
            yield 0, middle, f"{thread.left_out} frames are left out here"
        yield middle, len(frames), ""
        return
    parts: list[tuple[int, int, str]] = []
    place = 0
    for repeat in find_repeats(frames):
        missing = thread.left_out if repeat.start <= middle < repeat.stop else 0
        parts.append((place, repeat.start, repeat.words(missing)))
        place = repeat.stop
    parts.append((place, len(frames), ""))
    yield from _cut(parts, len(frames), thread.left_out)


def _cut(
    parts: list[tuple[int, int, str]], total: int, left_out: int
) -> Iterator[tuple[int, int, str]]:
    """The parts, without their middle when they hold more than fits."""
    if sum(stop - start for start, stop, _ in parts) <= MAX_FRAMES:
        yield from parts
        return
    room = MAX_FRAMES - FIRST_FRAMES
    last = total - FIRST_FRAMES
    for start, stop, words in parts:
        if stop - start >= room:
            hidden = last - start - room + left_out
            yield start, start + room, f"{hidden} {CUT}"
            break
        yield start, stop, words
        room -= stop - start
    yield last, total, ""


def _frame_rows(
    number: int, frame: Frame, architecture: str, *, verbose: bool
) -> Iterator[_StackRow]:
    """The calls merged into a frame, innermost first, then the frame; source below the first."""
    style = "dim" if frame.is_guess else ""
    limit = 0 if verbose else MAX_NAME_LENGTH
    below = _source_lines(frame)
    for inline in frame.inlines:
        below += list_variables(inline.variables, verbose=verbose)
        name = Span(_name(inline.function, limit), style)
        source = Span(format_source_location(inline.file, inline.line), style)
        yield _StackRow((Span(INLINED, "dim"), Span(""), name, source, Span("")), below)
        below = ()
    named = frame.function and frame.module
    name = Span(_name(frame.function or "", limit) if named else _place(frame, architecture), style)
    source = Span(format_source_location(frame.file, frame.line), style)
    offset = Span(format_offset(frame) if named else "", "dim")
    sign = Span(sign_of_trust(frame), "warn" if frame.is_guess else "dim")
    below += list_variables(frame.variables, verbose=verbose)
    yield _StackRow((sign, Span(str(number)), name, source, offset), below)


def sign_of_trust(frame: Frame) -> str:
    """How a frame was found, as one sign."""
    return MAY_SKIP if frame.may_skip else TRUSTS.get(frame.trust, (OTHER, ""))[0]


def format_trust(frame: Frame) -> str:
    """How a frame was found: `unwind information`, `frame pointer, may skip callers`."""
    words = TRUSTS.get(frame.trust, ("", frame.trust))[1]
    return f"{words}, may skip callers" if frame.may_skip else words


def _name(function: str, limit: int) -> str:
    return shorten(function, limit) if limit else function


def _place(frame: Frame, architecture: str) -> str:
    """Where a frame without a function of its own is."""
    return format_offset(frame) or format_location(frame, architecture)


def _source_lines(frame: Frame) -> tuple[tuple[Cell, ...], ...]:
    """The lines around the innermost place of a frame, that place marked."""
    line = frame.inlines[0].line if frame.inlines else frame.line
    width = max((len(str(item.number)) for item in frame.source), default=0)
    return tuple(
        (
            Span(f"       {'>' if item.number == line else ' '} {item.number:>{width}}  ", "dim"),
            Span(item.text.expandtabs(4), "strong" if item.number == line else "dim"),
        )
        for item in frame.source
    )
