"""The verdicts on a report's symbols: what each module of the stacks lacks, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashtool.formats.foreign_paths import base_name
from crashtool.model.crash import CrashReport
from crashtool.render.page import Page, Span

if TYPE_CHECKING:
    from crashtool.model.symbol_lookup import Candidate, ModuleStatus

STYLES = {"ok": "good", "missing": "bad", "mismatch": "bad", "malformed": "bad", "failed": "bad"}
WORDS = {"no_lines": "no lines", "no_unwind": "no unwind", "no_id": "no id"}
CANDIDATE_WORDS = {"not_found": "not found"}
CANDIDATE_STYLES = {"found": "good", "not_found": "dim"}
MAX_VERDICTS = 12
MAX_FIXES = 6


def add_symbols(page: Page, report: CrashReport, *, all_threads: bool, verbose: bool) -> None:
    """A row per module of the stacks that are shown; `verbose` lists every place looked at."""
    verdicts = report.symbols if all_threads else find_crashed_statuses(report)
    if not verdicts:
        if not report.symbols and report.modules and report.crashed_thread:
            page.heading("SYMBOLS", "none given: --symbols names a build folder or symbol store")
        return
    page.heading("SYMBOLS", format_statuses(verdicts))
    shown = verdicts if verbose else _most_telling(verdicts)
    page.table([_row(verdict) for verdict in shown])
    if hidden := len(verdicts) - len(shown):
        page.line(Span(f"  and {hidden} more (--verbose shows all)", "dim"))
    for ground, names in list_grounds(verdicts).items():
        page.line(Span(f"  found {ground}: {', '.join(names)}", "dim"))
    fixes = list(dict.fromkeys(verdict.fix for verdict in shown if verdict.fix))
    for fix in fixes if verbose else fixes[:MAX_FIXES]:
        page.line("  \u2192 ", Span(fix, "warn"))
    if verbose:
        for verdict in verdicts:
            _add_candidates(page, verdict)


def format_statuses(verdicts: Sequence[ModuleStatus]) -> str:
    """`2 of 3 modules on the stack can be read in full`."""
    good = sum(verdict.status == "ok" for verdict in verdicts)
    return f"{good} of {len(verdicts)} modules on the stack can be read in full"


def format_status(verdict: ModuleStatus) -> str:
    """`ok`, `no lines`, `mismatch`."""
    return WORDS.get(verdict.status, verdict.status)


def format_candidate(candidate: Candidate) -> str:
    """`found`, `not found`, `mismatch`."""
    return CANDIDATE_WORDS.get(candidate.status, candidate.status)


def name_files(verdict: ModuleStatus) -> str:
    """The files that were used, without their folders: `game.pdb, game.exe`."""
    return ", ".join(dict.fromkeys(base_name(item.place) for item in verdict.files))


def list_grounds(verdicts: Sequence[ModuleStatus]) -> dict[str, list[str]]:
    """Modules by where their files were found, of those that nobody named."""
    grounds: dict[str, list[str]] = {}
    for verdict in verdicts:
        for item in verdict.files:
            if item.note and verdict.module.name not in grounds.setdefault(item.note, []):
                grounds[item.note].append(verdict.module.name)
    return grounds


def find_crashed_statuses(report: CrashReport) -> tuple[ModuleStatus, ...]:
    """The verdicts on the modules that the crashed thread's stack leads through."""
    thread = report.crashed_thread
    bases = {frame.module.base for frame in thread.frames if frame.module} if thread else set()
    return tuple(verdict for verdict in report.symbols if verdict.module.base in bases)


def _most_telling(verdicts: Sequence[ModuleStatus]) -> Sequence[ModuleStatus]:
    """As many as one screen has room for, in order; those without fault go first."""
    if len(verdicts) <= MAX_VERDICTS:
        return verdicts
    faulty = [verdict for verdict in verdicts if verdict.status != "ok"][:MAX_VERDICTS]
    room = MAX_VERDICTS - len(faulty)
    good = [verdict for verdict in verdicts if verdict.status == "ok"][:room]
    kept = {verdict.module.base for verdict in (*faulty, *good)}
    return [verdict for verdict in verdicts if verdict.module.base in kept]


def _row(verdict: ModuleStatus) -> tuple[str | Span, ...]:
    return (
        Span(format_status(verdict), STYLES.get(verdict.status, "warn")),
        Span(verdict.module.name, "strong"),
        name_files(verdict),
        ", ".join(verdict.uses),
        Span(verdict.note, "warn"),
    )


def _add_candidates(page: Page, verdict: ModuleStatus) -> None:
    """Every place where a module's files were looked for, and what came of it."""
    if not verdict.candidates:
        return
    page.heading(f"LOOKED FOR {verdict.module.name}")
    page.table(
        [
            (
                Span(format_candidate(item), CANDIDATE_STYLES.get(item.status, "warn")),
                item.kind,
                item.place,
                item.note,
            )
            for item in verdict.candidates
        ]
    )
