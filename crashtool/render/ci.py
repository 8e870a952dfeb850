"""A crash in a CI system's own words: annotations in the log, Markdown for the job's summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashtool.model.crash import CrashReport, Frame, InlineFrame, Thread
from crashtool.model.signature import sign
from crashtool.model.symbol_lookup import ModuleStatus
from crashtool.render.crash_words import crash_frame
from crashtool.render.names import shorten
from crashtool.render.report import brief_line, format_crash
from crashtool.render.safe_text import safe
from crashtool.render.stack import walk_parts
from crashtool.render.symbols import format_status, format_statuses, name_files
from crashtool.render.words import format_location, format_offset, format_source_location

LINES_OF_STACK = 8  # in an annotation
MAX_CELL = 200
MAX_TITLE = 120
PLAIN = frozenset(" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,/=-+()")


def render_github(report: CrashReport, workspace: str = "") -> Iterator[str]:
    """Workflow commands for GitHub Actions, one line each.

    The annotation stands on the innermost source line inside `workspace`, the folder of the
    checkout, or on any innermost line when it is "".
    """
    properties: dict[str, str] = {}
    if place := _find_place(report, workspace):
        properties |= {"file": place[0], "line": str(place[1])}
    properties["title"] = safe(format_crash(report.crash, _architecture(report)), MAX_TITLE)
    kind = "error" if report.crash and report.crash.reason.is_crash else "notice"
    told = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    message = "%0A".join(map(escape_message, _walk_message(report)))
    yield f"::{kind} {told}::{message}"


def _walk_message(report: CrashReport) -> Iterator[str]:
    """The crash in a line, then the top of its stack."""
    yield brief_line(report)
    thread = report.crashed_thread
    for number, frame in enumerate(thread.frames[:LINES_OF_STACK] if thread else ()):
        for call in frame.inlines:
            yield f"    {_call(call)} (inlined)"
        yield f"{number:>3} {_call(_own_call(frame)) or _place(frame, report)}"


def _call(call: InlineFrame) -> str:
    source = format_source_location(call.file, call.line)
    name = shorten(call.function, MAX_TITLE)
    return f"{name}  {source}" if source and name else name


def _own_call(frame: Frame) -> InlineFrame:
    return InlineFrame(frame.function or "", frame.file, frame.line)


def _place(frame: Frame, report: CrashReport) -> str:
    return format_offset(frame) or format_location(frame, _architecture(report))


def _architecture(report: CrashReport) -> str:
    return report.system.architecture if report.system else "unknown"


def _find_place(report: CrashReport, workspace: str) -> tuple[str, int] | None:
    """The innermost file and line inside the workspace, the file relative to it."""
    thread = report.crashed_thread
    frames: Sequence[Frame] = thread.frames if thread else ()
    if not frames and (frame := crash_frame(report)):
        frames = (frame,)
    for frame in frames:
        for call in (*frame.inlines, _own_call(frame)):
            if call.file and call.line and (file := _relative(call.file, workspace)):
                return file, call.line
    return None


def _relative(file: str, workspace: str) -> str:
    """`src/a.cpp` of a file in the workspace or of a relative one; "" for one outside."""
    if not workspace:
        return file
    path, root = _slashes(file), _slashes(workspace).rstrip("/") + "/"
    if path[1:2] == ":" or root[1:2] == ":":  # Windows, where case does not count
        inside = path.lower().startswith(root.lower())
    else:
        inside = path.startswith(root)
    if inside:
        path = path[len(root) :]
    elif path.startswith("/") or path[1:2] == ":":
        return ""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def escape_message(text: str) -> str:
    """One line of a workflow command's message."""
    return safe(text).replace("%", "%25")


def escape_property(text: str) -> str:
    """The value of a workflow command's property."""
    return escape_message(text).replace(":", "%3A").replace(",", "%2C")


def render_summary(report: CrashReport) -> str:
    """The report as Markdown: what happened, the stack and the verdicts on symbols as tables."""
    return "\n".join(_walk_summary(report)) + "\n\n"


def _walk_summary(report: CrashReport) -> Iterator[str]:
    crash, thread = report.crash, report.crashed_thread
    yield f"### {text_cell(format_crash(crash, _architecture(report)))}"
    yield ""
    rows = [("Minidump", report.path or "minidump")]
    if crash:
        rows.append(("Reason", crash.reason.sentence))
        rows += [("Hint", hint) for hint in crash.hints]
    if signature := sign(report).text:
        rows.append(("Signature", signature))
    if thread:
        rows.append(("Thread", f"{thread.id} {thread.name or ''}".strip()))
    rows.append(("Process", " ".join(filter(None, (report.process.name, report.process.version)))))
    if report.crashpad:
        rows.append(("Report id", str(report.crashpad.report_id)))
    yield from markdown_table(
        ("", ""), ((text_cell(name), code_cell(value)) for name, value in rows if value)
    )
    if thread and thread.frames:
        yield from _stack(report, thread)
    if report.symbols:
        yield from _verdicts(report.symbols)


def _stack(report: CrashReport, thread: Thread) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for start, stop, words in walk_parts(thread, verbose=False):
        for number in range(start, stop):
            frame = thread.frames[number]
            for call in frame.inlines:
                source = format_source_location(call.file, call.line)
                rows.append(("", code_cell(call.function), code_cell(source), "inlined"))
            named = frame.function if frame.module else None
            source = format_source_location(frame.file, frame.line)
            where = format_offset(frame) if named else ""
            guess = " (a guess)" if frame.is_guess else ""
            name = code_cell(named or _place(frame, report))
            shown = str(thread.number_of(number))
            rows.append((shown, name, code_cell(source), code_cell(where) + guess))
        if words:
            rows.append(("", text_cell(f"… {words}"), "", ""))
    yield ""
    yield from markdown_table(("#", "function", "source", "module"), rows)


def _verdicts(verdicts: Sequence[ModuleStatus]) -> Iterator[str]:
    yield ""
    yield f"Symbols: {format_statuses(verdicts)}."
    yield ""
    yield from markdown_table(
        ("symbols", "module", "files", "what is wrong", "what to do"),
        (
            (
                format_status(verdict),
                code_cell(verdict.module.name),
                code_cell(name_files(verdict)),
                text_cell(verdict.note),
                text_cell(verdict.upload_fix),
            )
            for verdict in verdicts
        ),
    )


def markdown_table(
    head: Sequence[str], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]
) -> Iterator[str]:
    """The lines of a table of cells that are Markdown already."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def code_cell(text: str) -> str:
    """Text in the fixed-width font; "" for nothing."""
    return f"<code>{text_cell(text)}</code>" if text else ""


def text_cell(text: str) -> str:
    """Text that no Markdown or HTML is made of: all punctuation is written as entities."""
    shown = safe(text, MAX_CELL)
    return "".join(letter if letter in PLAIN else f"&#{ord(letter)};" for letter in shown)
