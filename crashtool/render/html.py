"""A crash report as a web page that needs nothing else: no script, no image, no other file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256

from crashtool.model.crash import Crash, CrashReport, Thread
from crashtool.render.crash_words import format_bad_pointer, format_signature, format_where
from crashtool.render.html_parts import card, code, details, facts, harmless
from crashtool.render.html_sections import (
    render_annotations,
    render_modules,
    render_problems,
    render_registers,
    render_secrets,
    render_streams,
    render_symbols,
)
from crashtool.render.html_stack import render_stack
from crashtool.render.html_style import STYLE
from crashtool.render.words import (
    format_assertion,
    format_error_code,
    format_kind,
    format_location,
    format_process,
    format_size,
    format_system,
    format_time,
    walk_start,
)

MAX_THREADS = 512


def render_html(reports: Sequence[CrashReport]) -> str:
    """One page with everything in it; several reports one below the other, with a list of links.

    The policy in its head lets the browser load and run nothing, whatever a dump's texts hold.
    """
    title = reports[0].path if len(reports) == 1 else f"{len(reports)} minidumps"
    articles = "\n".join(_article(number, report) for number, report in enumerate(reports))
    return render_document(title or "minidump", f"{_contents(reports)}{articles}")


def render_document(title: str, body: str) -> str:
    """A whole page around the markup `body`, with the style sheet and the policy."""
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{harmless(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def render_article(report: CrashReport) -> str:
    """The part of the page that is one report, for a page that has the style sheet."""
    return _article(0, report)


def _contents(reports: Sequence[CrashReport]) -> str:
    if len(reports) < 2:  # noqa: PLR2004 (one needs no list)
        return ""
    rows = "".join(
        f'<li><a href="#report-{number}">{harmless(report.path)}</a> '
        f"{harmless(_title(report))}</li>"
        for number, report in enumerate(reports)
    )
    return f'<nav aria-label="Minidumps"><ol>{rows}</ol></nav>\n'


def _title(report: CrashReport) -> str:
    return report.crash.reason.name if report.crash else "no exception"


def _article(number: int, report: CrashReport) -> str:
    parts = (
        _head(report),
        _crashed_stack(report),
        card("What happened", facts(_walk_facts(report))),
        render_symbols(report),
        _threads(report),
        render_registers(report),
        render_annotations(report),
        render_secrets(report),
        render_problems(report),
        render_modules(report),
        render_streams(report),
    )
    return f'<article id="report-{number}">\n' + "\n".join(filter(None, parts)) + "\n</article>"


def _head(report: CrashReport) -> str:
    crash = report.crash
    kind = [report.path or "minidump", format_kind(report), format_size(report.size)]
    if report.written:
        kind.append(format_time(report.written))
    rows = [
        f'<p class="dim">{harmless(", ".join(kind))}</p>',
        f"<h1>{harmless(_title(report))}</h1>",
    ]
    if crash:
        rows.append(f"<p>{harmless(crash.reason.sentence)}</p>")
    if where := format_where(report):
        rows.append(f'<p class="where">{code(where)}</p>')
    if crash:
        if crash.bad_pointer:
            rows.append(f'<p class="where">{code(format_bad_pointer(crash.bad_pointer))}</p>')
        rows += [f'<p class="hint">{harmless(hint)}</p>' for hint in crash.hints]
    style = ' class="crash"' if crash and crash.reason.is_crash else ""
    return f"<header{style}>{''.join(rows)}</header>"


def _walk_facts(report: CrashReport) -> Iterator[tuple[str, str, bool]]:
    """(label, text, whether it is code)."""
    crash, thread = report.crash, report.crashed_thread
    yield "Signature", format_signature(report), True
    if thread:
        yield "Thread", f"{thread.id} {thread.name or ''}".strip(), False
    elif crash:
        yield "Thread", f"{crash.thread_id} (not in the dump)", False
    if crash:
        yield from _walk_crash(crash)
    if crash and thread and thread.last_error:
        yield "Last error", format_error_code(thread.last_error) or "", False
    for message in report.messages:
        yield "Message", message.strip(), False
    yield "Process", format_process(report.process), False
    for label, text in walk_start(report.process, 0):
        yield label, text, label != "Env"
    if report.system:
        yield "System", format_system(report.system), False
    if report.crashpad:
        yield "Report id", str(report.crashpad.report_id), True
        yield "Client id", str(report.crashpad.client_id), True
    for comment in report.comments:
        yield "Comment", comment.strip(), False


def _walk_crash(crash: Crash) -> Iterator[tuple[str, str, bool]]:
    yield "Instruction", crash.instruction, True
    if crash.assertion:
        yield "Assertion", format_assertion(crash.assertion), True


def _crashed_stack(report: CrashReport) -> str:
    thread = report.crashed_thread
    if thread is None:
        return ""
    return card(
        f"Stack of thread {_name(thread)}",
        render_stack(thread, _architecture(report)),
        "crashed" if report.crash else "asked for",
    )


def _threads(report: CrashReport) -> str:
    """The other threads, each folded."""
    others = [
        thread for index, thread in enumerate(report.threads) if index != report.crashing_thread
    ]
    if not others:
        return ""
    rows = [
        details(
            f"Thread {_name(thread)}",
            render_stack(thread, _architecture(report)),
            _top(thread, report),
            style="sub",
        )
        for thread in others[:MAX_THREADS]
    ]
    if hidden := len(others) - len(rows):
        rows.append(f'<p class="dim">and {hidden} more</p>')
    return card("Other threads", "".join(rows), str(len(others)))


def _name(thread: Thread) -> str:
    return f'{thread.id} "{thread.name}"' if thread.name else str(thread.id)


def _top(thread: Thread, report: CrashReport) -> str:
    """Where a thread was, so that its stack need not be opened to see it."""
    return format_location(thread.frames[0], _architecture(report)) if thread.frames else ""


def _architecture(report: CrashReport) -> str:
    return report.system.architecture if report.system else "unknown"
