"""The verdicts on a report's symbols: what each module of the stacks lacks, and what to do."""

from crashtool.model.crash import CrashReport
from crashtool.model.lookup import SymbolVerdict
from crashtool.render.page import Page, Span
from crashtool.render.words import base_name

STYLES = {"ok": "good", "missing": "bad", "mismatch": "bad", "malformed": "bad", "failed": "bad"}
WORDS = {"no_lines": "no lines", "no_unwind": "no unwind", "no_id": "no id"}
CANDIDATE_WORDS = {"not_found": "not found"}


def add_symbols(page: Page, report: CrashReport, *, all_threads: bool, verbose: bool) -> None:
    """A row per module of the stacks that are shown; `verbose` lists every place looked at."""
    verdicts = report.symbols if all_threads else _of_crashed_thread(report)
    if not verdicts:
        if not report.symbols and report.modules and report.crashed_thread:
            page.heading("SYMBOLS", "none given: --symbols names a build folder or symbol store")
        return
    good = sum(verdict.status == "ok" for verdict in verdicts)
    page.heading("SYMBOLS", f"{good} of {len(verdicts)} modules on the stack can be read in full")
    page.table([_row(verdict) for verdict in verdicts])
    for verdict in verdicts:
        if verdict.fix:
            page.line("  \u2192 ", Span(verdict.fix, "warn"))
    if verbose:
        for verdict in verdicts:
            _add_candidates(page, verdict)


def _of_crashed_thread(report: CrashReport) -> tuple[SymbolVerdict, ...]:
    thread = report.crashed_thread
    bases = {frame.module.base for frame in thread.frames if frame.module} if thread else set()
    return tuple(verdict for verdict in report.symbols if verdict.module.base in bases)


def _row(verdict: SymbolVerdict) -> tuple[str | Span, ...]:
    files = ", ".join(dict.fromkeys(base_name(item.place) for item in verdict.files))
    return (
        Span(WORDS.get(verdict.status, verdict.status), STYLES.get(verdict.status, "warn")),
        Span(verdict.module.name, "strong"),
        files,
        ", ".join(verdict.uses),
        Span(verdict.note, "warn"),
    )


def _add_candidates(page: Page, verdict: SymbolVerdict) -> None:
    """Every place where a module's files were looked for, and what came of it."""
    if not verdict.candidates:
        return
    page.heading(f"LOOKED FOR {verdict.module.name}")
    page.table(
        [
            (CANDIDATE_WORDS.get(item.status, item.status), item.kind, item.place, item.note)
            for item in verdict.candidates
        ]
    )
