"""A thread's stack as a list of the web page."""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.formats.source_path import find_source_url, parse_source_path
from crashtool.model.crash import Frame, Thread
from crashtool.render.html_parts import code, harmless
from crashtool.render.html_variables import render_variables
from crashtool.render.stack import INLINED, format_trust, list_signs, sign_of_trust, walk_parts
from crashtool.render.words import format_location, format_offset, format_source_location


def render_stack(thread: Thread, architecture: str) -> str:
    """The frames, innermost first, recursion folded; what was guessed is dim and says so."""
    note = f'<p class="dim">{harmless(thread.note)}</p>' if thread.note else ""
    if not thread.frames:
        return note or '<p class="dim">No frames.</p>'
    items = "".join(_walk_items(thread, architecture))
    return f'<ol class="stack">{items}</ol>{_legend(thread)}{note}'


def _legend(thread: Thread) -> str:
    """What the signs of a stack mean."""
    signs = "".join(
        f'<span class="sign">{harmless(sign)}</span> {harmless(words)} '
        for sign, words in list_signs(thread.frames).items()
    )
    return f'<p class="dim legend">Found by {signs}</p>'


def _walk_items(thread: Thread, architecture: str) -> Iterator[str]:
    for start, stop, words in walk_parts(thread, verbose=False):
        for number in range(start, stop):
            yield from _frame(thread.number_of(number), thread.frames[number], architecture)
        if words:
            yield f'<li class="folded"><span></span><span>… {harmless(words)}</span></li>'


def _frame(number: int, frame: Frame, architecture: str) -> Iterator[str]:
    """The calls merged into a frame, then the frame; source below the innermost."""
    guessed = " guessed" if frame.is_guess else ""
    source = _source(frame)
    for inline in frame.inlines:
        place = _place(inline.file, inline.line)
        yield (
            f'<li class="merged{guessed}">{_sign(INLINED, "inlined")}'
            f"<span>{_function(inline.function)}{place}</span>"
            f"{source}{render_variables(inline.variables)}</li>"
        )
        source = ""
    offset = format_offset(frame)
    named = frame.function and offset
    name = frame.function if named else offset or format_location(frame, architecture)
    trust = f"found by {format_trust(frame)}" + (", a guess" if guessed else "")
    yield (
        f'<li class="frame{guessed}">{_sign(sign_of_trust(frame), trust, str(number))}'
        f"<span>{_function(name or '')}{_place(frame.file, frame.line)}</span>"
        f'<span class="found">{harmless(offset) if named else ""}</span>{source}'
        f"{render_variables(frame.variables)}</li>"
    )


def _sign(sign: str, words: str, number: str = "") -> str:
    """How a frame was found, in words to whoever points at it or has it read, and its number."""
    return (
        f'<span class="no"><span class="sign" title="{harmless(words)}" '
        f'aria-label="{harmless(words)}">{harmless(sign)}</span> {number}</span>'
    )


def _function(name: str) -> str:
    return f'<span class="fn">{code(name)}</span>'


def _place(file: str | None, line: int | None) -> str:
    """`renderer.cpp:214`, the whole path to be seen by pointing at it; a link if it has a page."""
    words = format_source_location(file, line)
    if not words:
        return ""
    shown = f'class="place mono" title="{harmless(file or "")}"'
    url = find_source_url(parse_source_path(file or ""), line)
    if url.startswith("https://"):
        return f' <a {shown} href="{harmless(url)}" rel="noreferrer">{harmless(words)}</a>'
    return f" <span {shown}>{harmless(words)}</span>"


def _source(frame: Frame) -> str:
    """The lines around the innermost place, that place marked."""
    if not frame.source:
        return ""
    at = frame.inlines[0].line if frame.inlines else frame.line
    width = max(len(str(item.number)) for item in frame.source)
    lines = []
    for item in frame.source:
        text = harmless(f"{item.number:>{width}}  {item.text.expandtabs(4)}")
        lines.append(f"<mark>{text}</mark>" if item.number == at else text)
    return f'<pre class="source">{chr(10).join(lines)}</pre>'
