"""What was or would be sent, and what came of it: as pages and as JSON documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crashtool.formats.multipart import FormFile
from crashtool.formats.redaction import redact_token
from crashtool.model.submission import Field, Receipt, Scrubbed
from crashtool.render.page import Cell, Page, Span
from crashtool.render.safe_text import safe

MAX_VALUE = 64
UNIQUE = {True: ", the first of its group", False: ", seen before", None: ""}
STYLES = {
    "accepted": "good",
    "checked": "good",
    "skipped": "dim",
    "failed": "bad",
    "not sent": "warn",
    "interrupted": "warn",
}


def render_receipts(receipts: Sequence[Receipt]) -> Page:
    """A table with a row for each input: what became of it, its crash id, path, size, tries."""
    page = Page()
    rows: list[tuple[Cell, ...]] = []
    for receipt in receipts:
        size = "" if receipt.size is None else f"{receipt.size:,} bytes"
        tries = f"{receipt.tries} tries" if receipt.tries > 1 else ""
        rows.append(
            (
                Span(receipt.status, STYLES.get(receipt.status, "")),
                receipt.rxid or "-",
                receipt.path,
                size,
                tries,
            )
        )
    page.table(rows, indent=0)
    for receipt in receipts:
        if receipt.fingerprint:
            page.line(f"{receipt.path}: fingerprint {receipt.fingerprint}{UNIQUE[receipt.unique]}")
    return page


def format_changes(changes: Sequence[Scrubbed]) -> str:
    """What scrubbing changed, in a sentence."""
    if not changes:
        return "nothing found to scrub"
    parts = []
    for kind, places, size, kept in changes:
        words = "word" if kept == 1 else "words"
        tail = f" ({kept} {words} kept: they may be addresses)" if kept else ""
        parts.append(f"{kind}: {places} of them, {size:,} bytes{tail}")
    return f"scrubbed {'; '.join(parts)}"


def render_request(path: str, request: Any, user_agent: str) -> Page:
    """The exact request for a dump: line, headers, each part. Tokens are masked."""
    page = Page().line(Span(path, "strong"))
    page.line(f"POST {redact_token(request.url)}")
    headers = [("User-Agent", user_agent), *request.headers.items(), _length_header(request)]
    page.table([(Span(name, "heading"), value) for name, value in headers])
    if request.fields.sent and len(request.files) + len(request.fields.sent) > 1:
        page.blank()
    if "multipart" in request.headers.get("Content-Type", ""):
        page.table([_field_row(field) for field in request.fields.sent])
    page.table([_file_row(file) for file in request.files])
    for field in request.fields.dropped:
        page.line(Span(f"  not sent as a field: {field.name} from {field.source}", "dim"))
    return page.blank()


def request_document(request: Any, user_agent: str) -> dict[str, Any]:
    """The exact request, whole but for what looks like a token of 64 hex digits."""
    name, value = _length_header(request)
    multipart = "multipart" in request.headers.get("Content-Type", "")
    fields = [_field_document(field) for field in request.fields.sent] if multipart else []
    return {
        "method": "POST",
        "url": redact_token(request.url),
        "headers": {"User-Agent": user_agent} | request.headers | {name: value},
        "parts": fields + [_file_document(file) for file in request.files],
        "dropped": [_field_document(field) for field in request.fields.dropped],
    }


def receipt_document(receipt: Receipt) -> dict[str, Any]:
    """A receipt; `error` is an object or null."""
    document = receipt._asdict()
    exit_status, code = document.pop("exit_status"), document.pop("code")
    message, hint = document.pop("error"), document.pop("hint")
    error = None
    if message:
        error = {"code": code, "message": message, "hint": hint, "exit_status": exit_status}
    scrubbed = (
        None
        if receipt.scrubbed is None
        else [replacement._asdict() for replacement in receipt.scrubbed]
    )
    own = {"warnings": list(receipt.warnings), "scrubbed": scrubbed, "error": error}
    return document | own


def _length_header(request: Any) -> tuple[str, str]:
    size = request.body_size
    return ("Transfer-Encoding", "chunked") if size is None else ("Content-Length", str(size))


def _field_row(field: Field) -> tuple[Cell, ...]:
    value = safe(redact_token(field.value), MAX_VALUE)
    return (Span(safe(field.name), "strong"), value, Span(field.source, "dim"))


def _file_row(file: FormFile) -> tuple[Cell, ...]:
    name = file.name.decode("utf-8", "backslashreplace")
    filename = file.filename.decode("utf-8", "backslashreplace")
    return (Span(safe(name), "strong"), f"file {filename}", Span(f"{file.size:,} bytes", "dim"))


def _field_document(field: Field) -> dict[str, Any]:
    return {"name": field.name, "value": redact_token(field.value), "source": field.source}


def _file_document(file: FormFile) -> dict[str, Any]:
    return {
        "name": file.name.decode("utf-8", "backslashreplace"),
        "filename": file.filename.decode("utf-8", "backslashreplace"),
        "size": file.size,
        "content_type": file.content_type,
    }
