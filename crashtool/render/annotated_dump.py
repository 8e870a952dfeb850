"""What became of a minidump that annotations were written into, as a page and as JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any

from crashtool.formats.attribute_rules import AttributeFinding
from crashtool.model.annotated_dump import ADDED, MADE, REPLACED, UNCHANGED, AnnotatedDump
from crashtool.render.page import Page

STATES = (ADDED, REPLACED, UNCHANGED)


def annotated_page(result: AnnotatedDump) -> Page:
    """One line a dump, and one for each value that another took the place of."""
    counts = Counter(annotation.state for annotation in result.written)
    parts = [f"{counts[state]} {state}" for state in STATES if counts[state]]
    if kept := len(result.annotations) - len(result.written):
        parts.append(f"{kept} kept")
    made = ", in a CrashpadInfo stream made for them" if result.stream == MADE else ""
    page = Page().line(
        f"{result.target}: annotations: {', '.join(parts)}{made}; {result.longer:,} bytes longer"
    )
    for written in result.written:
        if written.old is not None:
            page.line(f"  {written.key}: {written.value} (was: {written.old})")
    return page


def annotated_document(
    result: AnnotatedDump, findings: tuple[AttributeFinding, ...]
) -> dict[str, Any]:
    """The JSON document of annotate --into."""
    return {
        "input": result.source,
        "output": result.target,
        "stream": result.stream,
        "written": [annotation._asdict() for annotation in result.written],
        "annotations": dict(result.annotations),
        "size": result.size,
        "bytes_longer": result.longer,
        "handler_refuses_because": result.refusal,
        "valid": True,
        "findings": [finding._asdict() for finding in findings],
    }
