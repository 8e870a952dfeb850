"""Stacks as aligned lines: merged calls, source places, how each frame was found."""

from collections.abc import Iterator

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import Frame, Thread
from crashtool.render.folding import find_repeats
from crashtool.render.names import shorten
from crashtool.render.page import Cell, Page, Span
from crashtool.render.words import words_of_offset, words_of_place, words_of_source

LONGEST_NAME = 80
MOST_FRAMES = 64  # on one screen; the frames a thread started with are among them
FIRST_FRAMES = 6  # of a thread
CUT = "more frames"
COLUMNS = 6
TRUSTS = {
    "context": "registers",
    "cfi": "unwind information",
    "cfi_scan": "unwind information after scanning",
    "frame_pointer": "frame pointer",
    "scan": "stack scanning",
    "prewalked": "the dump",
}


class _StackRow(NamedTuple):
    """A line of a stack's table, and lines that follow it and belong to no column."""

    cells: tuple[Span, ...]
    below: tuple[tuple[Cell, ...], ...] = ()


def add_frames(page: Page, thread: Thread, architecture: str, *, verbose: bool = False) -> None:
    """A stack, innermost frame first; frames that were guessed are marked with `~`.

    What repeats itself is folded, and what would not fit on a screen left out, unless `verbose`.
    """
    rows = list(_walk_rows(thread, architecture, verbose=verbose))
    used = [any(row.cells[i].text for row in rows) for i in range(COLUMNS)]
    cells = [[cell for cell, use in zip(row.cells, used, strict=True) if use] for row in rows]
    right = "".join("r" if i == 1 else "-" for i in range(COLUMNS) if used[i])
    table = Page().table(cells, indent=1, right=right)
    for line, row in zip(table.lines, rows, strict=True):
        page.lines.append(line)
        for below in row.below:
            page.line(*below)
    if thread.note:
        page.line("  ", Span(thread.note, "warn"))


def _walk_rows(thread: Thread, architecture: str, *, verbose: bool) -> Iterator[_StackRow]:
    for start, stop, words in walk_parts(thread, verbose=verbose):
        for number in range(start, stop):
            shown = thread.number_of(number)
            yield from _frame_rows(shown, thread.frames[number], architecture, verbose=verbose)
        if words:
            remedy = " (--verbose shows all)" if words.endswith(CUT) else ""
            note = Span(f"… {words}{remedy}", "dim")
            yield _StackRow((Span(""), Span(""), note, Span(""), Span(""), Span("")))


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
    if sum(stop - start for start, stop, _ in parts) <= MOST_FRAMES:
        yield from parts
        return
    room = MOST_FRAMES - FIRST_FRAMES
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
    limit = 0 if verbose else LONGEST_NAME
    below = _source_lines(frame)
    for inline in frame.inlines:
        yield _StackRow(
            (
                Span(""),
                Span(""),
                Span(_name(inline.function, limit), style),
                Span(words_of_source(inline.file, inline.line), style),
                Span(""),
                Span("inlined", "dim"),
            ),
            below,
        )
        below = ()
    named = frame.function and frame.module
    yield _StackRow(
        (
            Span("~" if frame.is_guess else ""),
            Span(str(number)),
            Span(
                _name(frame.function or "", limit) if named else _place(frame, architecture), style
            ),
            Span(words_of_source(frame.file, frame.line), style),
            Span(words_of_offset(frame) if named else "", "dim"),
            Span(f"found by {words_of_trust(frame)}", "dim"),
        ),
        below,
    )


def words_of_trust(frame: Frame) -> str:
    """How a frame was found: `unwind information`, `frame pointer, may skip callers`."""
    words = TRUSTS.get(frame.trust, frame.trust)
    return f"{words}, may skip callers" if frame.may_skip else words


def _name(function: str, limit: int) -> str:
    return shorten(function, limit) if limit else function


def _place(frame: Frame, architecture: str) -> str:
    """Where a frame without a function of its own is."""
    return words_of_offset(frame) or words_of_place(frame, architecture)


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
