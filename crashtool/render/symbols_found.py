"""Where the symbols of modules were looked for, and what came of it: as a page and a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crashtool.errors import CrashtoolError
from crashtool.render.page import Cell, Page, Span
from crashtool.render.symbol_table import delivery_document, error_document

STYLES = {"found": "good", "mismatch": "bad", "not_found": "dim"}


def render_found(rows: Sequence[Any], *, everything: bool = False) -> Page:
    """A paragraph for each module: its identifier, then each place; those without it on request,
    or when there is no other.
    """
    page = Page()
    for search in rows:
        module = search.module
        identifier = module.debug_id.breakpad if module.debug_id else module.code_id or ""
        page.line(Span(module.name, "strong"), f"  {identifier}")
        shown = [item for item in search.candidates if everything or item.status != "not_found"]
        shown = shown or list(search.candidates)
        cells: list[tuple[Cell, ...]] = [
            (
                Span(item.status.replace("_", " "), STYLES.get(item.status, "warn")),
                item.kind,
                item.place,
                Span(item.note, "dim"),
            )
            for item in shown
        ]
        page.table(cells)
        if not search.candidates:
            page.line(
                Span("  nothing to search: no identifier, or no source has such files", "warn")
            )
    return page


def found_document(
    rows: Sequence[Any], deliveries: Sequence[Any], error: CrashtoolError | None
) -> dict[str, Any]:
    """The same as a document."""
    document: dict[str, Any] = {
        "modules": [
            {
                "name": search.module.name,
                "debug_file": search.module.debug_file,
                "debug_id": search.module.debug_id.breakpad if search.module.debug_id else None,
                "code_id": search.module.code_id,
                "asked_for_by": search.asked,
                "found": bool(search.found),
                "candidates": [
                    {
                        "status": item.status,
                        "kind": item.kind or None,
                        "place": item.place,
                        "note": item.note or None,
                    }
                    for item in search.candidates
                ],
            }
            for search in rows
        ],
        "files": [delivery_document(search) for search in deliveries],
    }
    return document | error_document(error)
