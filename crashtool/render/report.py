"""A crash report for people: one screen that says what happened, then the details asked for."""

from __future__ import annotations

from collections.abc import Sequence

from crashtool.formats.foreign_paths import base_name
from crashtool.formats.minidump.reasons.reason import hex_address
from crashtool.model.crash import Annotation, Crash, CrashReport, SecretCount, Thread
from crashtool.model.module import Module
from crashtool.render.crash_words import (
    crash_frame,
    format_bad_pointer,
    format_pointer_state,
    format_signature,
    format_where,
)
from crashtool.render.detail import (
    add_handles,
    add_memory,
    add_modules,
    add_registers,
    add_streams,
    add_threads,
)
from crashtool.render.names import shorten
from crashtool.render.page import Cell, Page, Span
from crashtool.render.safe_text import safe
from crashtool.render.stack import add_frames, add_legend
from crashtool.render.symbols import add_symbols
from crashtool.render.variables import VALUES_SHOWN, shows_values
from crashtool.render.words import (
    format_assertion,
    format_error_code,
    format_kind,
    format_process,
    format_size,
    format_system,
    format_time,
    walk_start,
)

MAX_VALUE = 64
MAX_START = 200  # characters of a command line
MAX_SIGNATURE = 160
MAX_ACCESS = 400  # characters of what an instruction did by a variable
MAX_POINTER = 80
MAX_ANNOTATIONS = 24
MAX_PROBLEMS = 8


def render_report(
    report: CrashReport,
    *,
    threads: bool = False,
    registers: bool = False,
    modules: bool = False,
    streams: bool = False,
    brief: bool = False,
    verbose: bool = False,
) -> Page:
    """One report as a page; with `brief` in one line.

    Handles, memory and secrets are shown when the report holds them. `verbose` leaves nothing out.
    """
    page = Page()
    if brief:
        return page.line(brief_line(report), whole=True)
    _add_headline(page, report)
    _add_crash(page, report)
    _add_identity(page, report, verbose=verbose)
    _add_annotations(page, report, verbose=verbose)
    add_symbols(page, report, all_threads=threads, verbose=verbose)
    _add_crashed_stack(page, report, verbose=verbose, all_threads=threads)
    if registers:
        add_registers(page, report)
    if threads:
        add_threads(page, report, verbose=verbose)
        if report.crashed_thread is None:
            add_legend(page, report.threads)
    _add_module_summary(page, report)
    if modules:
        add_modules(page, report)
    if report.handles is not None:
        add_handles(page, report.handles)
    add_memory(page, report)
    if streams:
        add_streams(page, report)
    if report.secrets is not None:
        _add_secrets(page, report.secrets)
        if shows_values(report):
            page.line(Span(f"  {VALUES_SHOWN}", "dim"))
    _add_problems(page, report, verbose=verbose)
    return page


def brief_line(report: CrashReport) -> str:
    """`crash.dmp: SIGSEGV / SEGV_MAPERR at 0x0 in game!draw, draw.c:7, game 1.4.2; draw [memory]`.

    After the semicolon stands the signature.
    """
    architecture = _architecture(report)
    parts = [format_crash(report.crash, architecture)]
    if where := format_where(report):
        parts.append(f"in {where}")
    if report.crash and report.crash.bad_pointer:
        pointer = format_pointer_state(report.crash.bad_pointer)
        parts.append(f"({shorten(pointer, MAX_POINTER)})")
    process = " ".join(part for part in (report.process.name, report.process.version) if part)
    line = f"{safe(report.path)}: {safe(' '.join(parts))}" + (
        f", {safe(process)}" if process else ""
    )
    if signature := format_signature(report):
        line += f"; {safe(shorten(signature, MAX_SIGNATURE))}"
    return line + (" (damaged dump)" if report.is_damaged else "")


def format_crash(crash: Crash | None, architecture: str) -> str:
    """`SIGSEGV / SEGV_MAPERR at 0x45`."""
    if crash is None:
        return "no exception"
    reason = crash.reason
    if reason.address_kind != "memory":
        return reason.name
    return f"{reason.name} at {hex_address(reason.address, architecture)}"


def _add_headline(page: Page, report: CrashReport) -> None:
    facts = [format_kind(report), format_size(report.size)]
    if report.written:
        facts.append(format_time(report.written))
    page.line(Span(report.path or "minidump", "strong"), "  " + ", ".join(facts)).blank()


def _add_crash(page: Page, report: CrashReport) -> None:
    crash, thread = report.crash, report.crashed_thread
    if crash is None:
        page.field("CRASH", Span("none: the dump has no exception", "warn"))
    else:
        page.field("CRASH", Span(crash.reason.name, "bad" if crash.reason.is_crash else "good"))
        page.field("", crash.reason.sentence)
        if crash.bad_pointer:
            words = safe(format_bad_pointer(crash.bad_pointer), MAX_ACCESS)
            page.field("VARIABLE", Span(words, "strong"))
        if crash.instruction:
            page.field("CODE", crash.instruction)
        for sentence in crash.hints:
            page.field("", Span(sentence, "warn"))
        if crash.assertion:
            page.field("", format_assertion(crash.assertion))
    where = [part for part in (format_where(report), _thread_words(thread, crash)) if part]
    if where:
        page.field("WHERE", "   ".join(where))
    if signature := format_signature(report):
        page.field("SIGNATURE", shorten(signature, MAX_SIGNATURE))
    if crash and thread and thread.last_error:
        page.field("LAST ERROR", format_error_code(thread.last_error) or "")
    for message in report.messages:
        page.field("MESSAGE", safe(message.strip(), 400))


def _thread_words(thread: Thread | None, crash: Crash | None) -> str:
    if thread is not None:
        return f"thread {thread.id}" + (f' "{thread.name}"' if thread.name else "")
    return f"thread {crash.thread_id} (not in the dump)" if crash else ""


def _add_identity(page: Page, report: CrashReport, *, verbose: bool) -> None:
    page.field("PROCESS", format_process(report.process))
    for label, text in walk_start(report.process, 0 if verbose else MAX_START):
        page.field(label.upper(), text)
    if report.system:
        page.field("SYSTEM", format_system(report.system))
    if report.crashpad:
        page.field("REPORT ID", str(report.crashpad.report_id))
        page.field("CLIENT ID", str(report.crashpad.client_id))
    if report.origin:
        page.field("TAKEN", safe(report.origin, 400))
    for comment in report.comments:
        page.field("COMMENT", safe(comment.strip(), 400))


def _add_annotations(page: Page, report: CrashReport, *, verbose: bool) -> None:
    if not report.annotations:
        return
    page.heading(f"ANNOTATIONS ({len(report.annotations)})")
    shown = report.annotations if verbose else report.annotations[:MAX_ANNOTATIONS]
    limit = 0 if verbose else MAX_VALUE
    page.table([_annotation_row(item, limit) for item in shown])
    if hidden := len(report.annotations) - len(shown):
        page.line(Span(f"  and {hidden} more (--verbose shows all)", "dim"))


def _annotation_row(item: Annotation, limit: int) -> tuple[Cell, ...]:
    value = (
        safe(item.value, limit) if item.type == 1 else f"{item.size} bytes of type {item.type:#x}"
    )
    source = item.kind if item.module is None else f"{item.kind} in {item.module}"
    notes = []
    if not item.wins:
        notes.append("not uploaded: another value wins" if item.type == 1 else "not uploaded")
    if item.at_limit:
        notes.append(f"perhaps cut off at {item.size} bytes")
    return (
        Span(safe(item.name or "(text)", 48), "strong"),
        value,
        Span(source, "dim"),
        Span("; ".join(notes), "warn"),
    )


def _add_crashed_stack(
    page: Page, report: CrashReport, *, verbose: bool, all_threads: bool
) -> None:
    """The stack, and the legend of its signs, which is that of the other threads, too."""
    thread = report.crashed_thread
    if thread is None:
        return
    page.heading(
        f"STACK of {_thread_words(thread, None)}", "crashed" if report.crash else "asked for"
    )
    add_frames(page, thread, _architecture(report), verbose=verbose)
    add_legend(page, report.threads if all_threads else [thread])


def _add_module_summary(page: Page, report: CrashReport) -> None:
    modules = report.modules
    identified = sum(module.debug_id is not None for module in modules)
    summary = f"{len(modules)} loaded, {identified} with a debug id"
    if report.unloaded_modules:
        summary += f", {len(report.unloaded_modules)} unloaded"
    page.heading("MODULES", summary)
    frame = crash_frame(report)
    if frame and frame.module:
        module = frame.module
        ids = _format_ids(module)
        page.table(
            [
                (
                    Span(module.name, "strong"),
                    module.version or "",
                    base_name(module.debug_file or ""),
                    ids,
                )
            ]
        )


def _format_ids(module: Module) -> str:
    if module.debug_id:
        return module.debug_id.breakpad
    if module.code_id:
        return f"no debug id; code id {module.code_id}"
    return "no identifier: symbols cannot match"


def _add_secrets(page: Page, secrets: Sequence[SecretCount]) -> None:
    """How much in the dump looks secret; what it is stays in the dump."""
    total = sum(item.total for item in secrets)
    if not total:
        page.heading("SECRETS", "none found; that does not prove that there are none")
        return
    page.heading(f"SECRETS ({total})", "they look like it, and go wherever the dump goes")
    page.table([(str(item.total), Span(item.kind, "warn")) for item in secrets], right="r")


def _add_problems(page: Page, report: CrashReport, *, verbose: bool) -> None:
    if not report.problems:
        page.heading("PROBLEMS", "none")
        return
    page.heading(f"PROBLEMS ({len(report.problems)})")
    shown = report.problems if verbose else report.problems[:MAX_PROBLEMS]
    for problem in shown:
        place = "" if problem.offset is None else f" at offset {problem.offset:#x}"
        page.line("  ", Span(problem.sentence + place, "warn" if problem.loses_data else ""))
    if hidden := len(report.problems) - len(shown):
        page.line(Span(f"  and {hidden} more (--verbose shows all)", "dim"))


def _architecture(report: CrashReport) -> str:
    return report.system.architecture if report.system else "unknown"
