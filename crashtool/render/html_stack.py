"""A thread's stack as a list of the web page."""

from collections.abc import Iterator

from crashtool.model.crash import Frame, Thread
from crashtool.render.html_parts import code, harmless
from crashtool.render.stack import format_trust, walk_parts
from crashtool.render.words import format_location, format_offset, format_source_location


def render_stack(thread: Thread, architecture: str) -> str:
    """The frames, innermost first, recursion folded; what was guessed is dim and says so."""
    note = f'<p class="dim">{harmless(thread.note)}</p>' if thread.note else ""
    if not thread.frames:
        return note or '<p class="dim">No frames.</p>'
    return f'<ol class="stack">{"".join(_walk_items(thread, architecture))}</ol>{note}'


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
            f'<li class="merged{guessed}"><span class="no"></span>'
            f"<span>{_function(inline.function)}{place}</span>"
            f'<span class="found">inlined</span>{source}</li>'
        )
        source = ""
    offset = format_offset(frame)
    named = frame.function and offset
    name = frame.function if named else offset or format_location(frame, architecture)
    found = f"found by {format_trust(frame)}"
    if guessed:
        found = f"~ {found}, a guess"
    yield (
        f'<li class="frame{guessed}"><span class="no">{number}</span>'
        f"<span>{_function(name or '')}{_place(frame.file, frame.line)}</span>"
        f'<span class="found">{harmless(offset) + "<br>" if named else ""}{harmless(found)}</span>'
        f"{source}</li>"
    )


def _function(name: str) -> str:
    return f'<span class="fn">{code(name)}</span>'


def _place(file: str | None, line: int | None) -> str:
    """`renderer.cpp:214`, the whole path to be seen by pointing at it."""
    words = format_source_location(file, line)
    return (
        f' <span class="place mono" title="{harmless(file or "")}">{harmless(words)}</span>'
        if words
        else ""
    )


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
