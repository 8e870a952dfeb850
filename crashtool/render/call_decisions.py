"""Which calls of a crash count for its group, and why not, as a page and as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crashtool.model.own_calls import Decision
from crashtool.render.page import Cell, Page, Span


def render_decisions(path: str, signature: str, decisions: Sequence[Decision]) -> Page:
    """For each call of a crash whether it counts, and why not."""
    page = Page()
    page.line(Span(path, "strong"), f"  {signature or 'no stack'}").blank()
    rows: list[tuple[Cell, ...]] = []
    for decision in decisions:
        reason = decision.reason
        if decision.rule:
            rule = decision.rule
            words = f"{rule.text}, line {rule.line}"
            reason = f"{reason}: {words}" if reason else words
        style = "good" if decision.own else "dim"
        rows.append(
            (
                str(decision.frame),
                Span("counts" if decision.own else "-", style),
                decision.name,
                Span(reason, "dim"),
            )
        )
    page.table(rows, right="r")
    return page


def decisions_document(path: str, signature: str, decisions: Sequence[Decision]) -> dict[str, Any]:
    """The same as a document."""
    return {
        "path": path,
        "signature": signature or None,
        "calls": [
            {
                "frame": item.frame,
                "name": item.name,
                "counts": bool(item.own),
                "reason": item.reason or None,
                "rule": item.rule._asdict() if item.rule else None,
            }
            for item in decisions
        ],
    }
