"""The outcome of `smoke` as a page and as JSON."""

from __future__ import annotations

from typing import Any

from crashtool.model.smoke import SmokeResult
from crashtool.render.page import Page, Span

_LOG_LINES = 8


def render_smoke(result: SmokeResult) -> Page:
    """One line per check; the hints of those that failed; the verdict."""
    page = Page()
    width = max((len(check.name) for check in result.checks), default=0)
    for check in result.checks:
        verdict = Span("PASS", "good") if check.passed else Span("FAIL", "bad")
        detail = Span(check.detail, "" if not check.passed else "dim")
        page.line(verdict, "  ", check.name.ljust(width), "  ", detail, hang=6)
        if check.hint and not check.passed:
            page.line(" " * 6, Span(check.hint, "strong"))
    if result.log and not result.passed:
        page.heading("The handler said")
        for line in result.log[-_LOG_LINES:]:
            page.line("  ", line)
    failed = sum(not check.passed for check in result.checks)
    page.blank()
    seconds = f" in {result.seconds:.2f} s"
    if failed:
        return page.line(
            Span(f"FAIL: {failed} of {len(result.checks)} checks failed", "bad"), seconds
        )
    return page.line(
        Span(f"PASS: {len(result.checks)} of {len(result.checks)} checks", "good"), seconds
    )


def smoke_document(result: SmokeResult) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "passed": result.passed,
        "handler": result.handler,
        "target": result.target,
        "minidump": result.minidump,
        "reply": result.reply,
        "seconds": round(result.seconds, 3),
        "checks": [check._asdict() for check in result.checks],
        "handler_log": list(result.log),
    }
