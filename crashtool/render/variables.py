"""Variables of a frame as text: a value on one line, as much of it as is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from crashtool.render.layout import Span

if TYPE_CHECKING:
    from crashtool.model.crash import CrashReport
    from crashtool.model.variables import FrameVariable, Value, ValueState

VALUES_SHOWN = "values of variables are shown with the stack: --no-values leaves them out"
STATES: dict[ValueState, str] = {
    "value": "",
    "optimized_out": "optimized out",
    "not_in_dump": "not in the dump",
    "unknown": "unknown",
}
MAX_VALUE = 160  # characters of one variable's value
MAX_VERBOSE = 2000
MAX_TYPE = 60
MAX_NAME = 120
MAX_SHOWN = 24  # variables of one function
INDENT = "       "
# What the standard libraries' templates are given when nobody says otherwise.
OWN_ARGUMENTS = (
    ", std::char_traits<",
    ", std::allocator<",
    ", std::default_delete<",
    ", std::less<",
    ", std::hash<",
    ", std::equal_to<",
)
DEEPEST = 4
MAX_PARTS = 12  # of a struct or an array
REST = "…"


def format_value(value: Value, limit: int = MAX_VALUE) -> str:
    """A value on one line, cut to `limit` characters: `{x = 4, y = <optimized out>}`."""
    text = "".join(_take(_walk(value, DEEPEST), limit + 1))
    return text if len(text) <= limit else text[: limit - 1] + REST


def _take(pieces: Iterator[str], limit: int) -> Iterator[str]:
    for piece in pieces:
        yield piece
        limit -= len(piece)
        if limit <= 0:
            return


def shows_values(report: CrashReport) -> bool:
    """Whether a report's frames have variables with values, which may be private."""
    return any(
        variable.is_read
        for thread in report.threads
        for frame in thread.frames
        for scope in (*(call.variables for call in frame.inlines), frame.variables)
        for variable in scope
    )


def format_loss(value: Value) -> str:
    """Why there is no value: `<not in the dump: memory at 0x5000>`."""
    words = STATES[value.state]
    return f"<{words}: {value.reason}>" if value.reason else f"<{words}>"


def _walk(value: Value, depth: int) -> Iterator[str]:
    if value.state != "value":
        yield format_loss(value) if depth == DEEPEST else f"<{STATES[value.state]}>"
        return
    pointee = value.pointee
    is_followed = pointee is not None and pointee.state == "value"
    if is_followed and value.type.endswith("&"):  # a reference is what it refers to
        yield from _walk(cast("Value", pointee), depth)
        return
    if value.text:
        yield value.text
    if value.children or value.left_out:
        yield " {" if value.text else "{"
        yield from _walk_parts(value, depth)
        yield "}"
    elif not value.text and not is_followed:
        yield "{}"
    if is_followed:
        yield " -> " if value.text else "-> "
        yield from _walk(cast("Value", pointee), depth - 1)


def _walk_parts(value: Value, depth: int) -> Iterator[str]:
    if not depth:
        yield REST
        return
    for number, part in enumerate(value.children[:MAX_PARTS]):
        yield ", " if number else ""
        if part.name and not part.name.startswith("["):
            yield f"{part.name} = "
        yield from _walk(part, depth - 1)
    if value.left_out or len(value.children) > MAX_PARTS:
        yield f", {REST}" if value.children else REST


def list_variables(
    variables: Sequence[FrameVariable], *, verbose: bool
) -> tuple[tuple[Span, ...], ...]:
    """The lines of a function's variables: names, values, types, then what compilers have removed.

    Of very many the first are shown, unless `verbose`.
    """
    if not variables:
        return ()
    shown = [
        variable
        for variable in variables
        if variable.value.state != "optimized_out" or not variable.is_read
    ]
    most = len(shown) if verbose else MAX_SHOWN
    spans = [_list_one(variable, verbose=verbose) for variable in shown[:most]]
    if len(shown) > most:
        words = f"{REST} {len(shown) - most} more variables (--verbose shows all)"
        spans.append((Span(INDENT), Span(words, "dim")))
    if removed := [_cut(variable.name) for variable in variables if variable not in shown]:
        names = shorten_list(removed, len(removed) if verbose else MAX_SHOWN)
        spans.append((Span(INDENT), Span(f"optimized out: {names}", "dim")))
    return tuple(spans)


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + REST


def _list_one(variable: FrameVariable, *, verbose: bool) -> tuple[Span, ...]:
    name, kind = Span(_cut(variable.name), "strong"), format_type(variable.value.type)
    if not verbose:
        kind = kind if len(kind) <= MAX_TYPE else kind[: MAX_TYPE - 1] + REST
    note = Span(f"  {kind}" + (", static" if variable.kind == "static" else ""), "dim")
    if not variable.is_read:
        return Span(INDENT), name, note
    if variable.value.state != "value":
        return Span(INDENT), name, Span(f" = {format_loss(variable.value)}", "dim"), note
    limit = MAX_VERBOSE if verbose else MAX_VALUE
    return Span(INDENT), name, Span(f" = {format_value(variable.value, limit)}"), note


def shorten_list(names: Sequence[str], most: int) -> str:
    """Names with commas, and how many are left out."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def format_type(name: str) -> str:
    """A type as people write it: without inline namespaces and the library's own arguments."""
    for namespace in ("std::__cxx11::", "std::__1::", "std::__ndk1::"):
        name = name.replace(namespace, "std::")
    if "<" not in name:
        return name
    for words in OWN_ARGUMENTS:
        name = _remove_argument(name, words)
    name = name.replace(" >", ">")
    return name.replace("std::basic_string<char>", "std::string").replace(
        "std::basic_string_view<char>", "std::string_view"
    )


def _remove_argument(name: str, words: str) -> str:
    """A name without the arguments of templates that begin so."""
    start = name.find(words)
    while start >= 0:
        end, depth = start + len(words), 1
        while end < len(name) and depth:
            depth += (name[end] == "<") - (name[end] == ">")
            end += 1
        name = name[:start] + name[end:]
        start = name.find(words)
    return name
