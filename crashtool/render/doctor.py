"""What `doctor` found as a page, as JSON, and in GitHub's own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crashtool.model.doctor import FAILURE, NOTE, PASS, SKIP, WARNING, CheckResult, Diagnosis
from crashtool.render.ci import (
    code_cell,
    escape_message,
    escape_property,
    markdown_table,
    text_cell,
)
from crashtool.render.page import Page, Span
from crashtool.render.safe_text import safe

WORDS = {
    FAILURE: Span("FAIL", "bad"),
    WARNING: Span("WARN", "warn"),
    NOTE: Span("NOTE", "dim"),
    SKIP: Span("SKIP", "dim"),
    PASS: Span("PASS", "good"),
}
GITHUB = {FAILURE: "error", WARNING: "warning", NOTE: "notice"}
ORDER = (FAILURE, WARNING, NOTE, SKIP, PASS)
TITLE = "crashtool doctor"
MAX_NAMES = 3  # of checks in a row
MAX_ROWS = 200  # GitHub cuts a summary at 1 MiB
INDENT = " " * 6


def render_diagnosis(diagnosis: Diagnosis, *, verbose: bool = False) -> Page:
    """What is wrong first; what passed, and what had nothing to look at, only when `verbose`."""
    page = Page()
    for verdict in ORDER:
        shown = [
            finding
            for finding in diagnosis.findings
            if finding.verdict == verdict and (verbose or _is_shown(finding))
        ]
        for finding in shown if verbose or verdict != SKIP else _join_skips(shown):
            _add_finding(page, finding)
    page.blank()
    if not verbose:
        _add_looked_at(page, diagnosis)
    return page.line(_sum_up(diagnosis, verbose=verbose))


def _is_shown(finding: CheckResult) -> bool:
    return finding.verdict != PASS and not (finding.verdict == SKIP and not finding.file)


def _join_skips(skips: list[CheckResult]) -> Iterator[CheckResult]:
    """One row for all checks that could not run for one reason, which is one thing to mend."""
    checks: dict[CheckResult, list[str]] = {}
    for result in skips:
        checks.setdefault(result._replace(check=""), []).append(result.check)
    for result, names in checks.items():
        distinct = list(dict.fromkeys(names))
        several = f"{', '.join(distinct[:MAX_NAMES])} and {len(distinct) - MAX_NAMES} more"
        listed = several if len(distinct) > MAX_NAMES + 1 else ", ".join(distinct)
        yield result._replace(check=listed)


def _add_finding(page: Page, finding: CheckResult) -> None:
    where = f"{finding.file}:{finding.line}" if finding.line else finding.file
    said = ": ".join(filter(None, (where, finding.cause)))
    page.line(WORDS[finding.verdict], "  ", Span(finding.check, "dim"), "  ", said, hang=6)
    if finding.consequence:
        page.line(INDENT, finding.consequence)
    if finding.fix:
        page.line(INDENT, Span("fix: ", "strong"), finding.fix)


def _add_looked_at(page: Page, diagnosis: Diagnosis) -> None:
    paths = [subject for subject in diagnosis.subjects if subject.path]
    if paths:
        page.line(Span("looked at: ", "dim"), Span(_list_subjects(diagnosis), "dim"))


def _list_subjects(diagnosis: Diagnosis) -> str:
    counted: dict[str, list[str]] = {}
    for subject in diagnosis.subjects:
        if subject.path:
            counted.setdefault(subject.kind, []).append(subject.path)
    return ", ".join(
        f"{kind} {paths[0]}" if len(paths) == 1 else f"{kind} ({len(paths)})"
        for kind, paths in counted.items()
    )


def _sum_up(diagnosis: Diagnosis, *, verbose: bool = False) -> Span:
    """The counts; checks that had nothing to look at count as skipped only when they are shown."""
    skipped = sum(
        result.verdict == SKIP and (verbose or _is_shown(result)) for result in diagnosis.findings
    )
    counts = (
        _count(diagnosis.count(FAILURE), "failure"),
        _count(diagnosis.count(WARNING), "warning"),
        _count(diagnosis.count(NOTE), "note"),
        f"{diagnosis.count(PASS)} passed",
        f"{skipped} skipped",
    )
    word, style = ("FAIL", "bad") if diagnosis.has_failed else ("PASS", "good")
    return Span(f"{word}: {', '.join(counts)}", style)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def diagnosis_document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same as JSON; `null` for what does not apply."""
    return {
        "passed": not diagnosis.has_failed,
        "counts": {verdict: diagnosis.count(verdict) for verdict in ORDER},
        "subjects": [
            {"kind": subject.kind, "path": subject.path or None} for subject in diagnosis.subjects
        ],
        "findings": [_finding_document(finding) for finding in diagnosis.findings],
    }


def _finding_document(finding: CheckResult) -> dict[str, Any]:
    return {
        "check": finding.check,
        "verdict": finding.verdict,
        "file": finding.file or None,
        "line": finding.line,
        "cause": finding.cause or None,
        "consequence": finding.consequence or None,
        "fix": finding.fix or None,
    }


def render_github(diagnosis: Diagnosis) -> Iterator[str]:
    """Workflow commands, one line each: failures, warnings and notes, on their file and line."""
    for verdict, kind in GITHUB.items():
        for finding in diagnosis.findings:
            if finding.verdict == verdict:
                yield f"::{kind} {_properties(finding)}::{_message(finding)}"


def _properties(finding: CheckResult) -> str:
    properties = {"file": finding.file} if finding.file else {}
    if finding.line:
        properties["line"] = str(finding.line)
    properties["title"] = safe(finding.check, 120)
    return ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())


def _message(finding: CheckResult) -> str:
    fix = f"fix: {finding.fix}" if finding.fix else ""
    lines = filter(None, (f"{finding.file}: {finding.cause}", finding.consequence, fix))
    return "%0A".join(map(escape_message, lines))


def render_summary(diagnosis: Diagnosis) -> str:
    """Markdown for the job's summary: the counts, then a table of what is not well."""
    bad = [
        finding
        for verdict in GITHUB
        for finding in diagnosis.findings
        if finding.verdict == verdict
    ]
    lines = [f"### {TITLE}", "", text_cell(_sum_up(diagnosis).text), ""]
    if bad:
        rows: list[tuple[str, ...]] = [
            (
                result.verdict,
                code_cell(result.check),
                code_cell(result.file),
                text_cell(f"{result.cause}. {result.consequence}"),
                text_cell(result.fix),
            )
            for result in bad[:MAX_ROWS]
        ]
        lines += markdown_table(("", "check", "file", "what", "what to do"), rows)
    if len(bad) > MAX_ROWS:
        lines += ["", f"and {len(bad) - MAX_ROWS} more"]
    return "\n".join(lines) + "\n\n"
