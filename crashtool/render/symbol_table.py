"""Debug files as a table, what is wrong with them, and what became of their upload."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from crashtool.errors import CrashtoolError
from crashtool.formats.object_file.kinds import ELF, FEATURES, PACKAGE, ObjectFile
from crashtool.model.symbol_upload import (
    FAILED,
    PLANNED,
    SKIPPED,
    Collection,
    Defect,
    Delivery,
    LeftOut,
    SymbolFile,
)
from crashtool.render.page import Cell, Page, Span

TITLES = {"elf": "ELF", "pe": "PE", "pdb": "PDB", "macho": "Mach-O", "sym": ".sym"}
SELF_EVIDENT = ("pdb", "sym")  # kinds that have one role
STATUS_STYLES = {FAILED: "bad", SKIPPED: "warn", PLANNED: "dim"}
MOST_NAMES = 5
THOUSAND = 1000


def render_collection(
    collection: Collection, defects: Sequence[Defect], *, all_ignored: bool = False
) -> Page:
    """One row for each object, warnings grouped by rule with their fix, and what was left out."""
    page = Page()
    if collection.files:
        head = ("FILE", "KIND", "ARCH", "DEBUG ID", "SIZE", "HAS")
        rows: list[tuple[Cell, ...]] = [tuple(Span(text, "heading") for text in head)]
        warned = {defect.path for defect in defects}
        rows += [
            _object_row(file, row, warned=file.path in warned)
            for file in collection.files
            for row in file.objects
        ]
        page.table(rows, indent=0, right="    r")
    for rule, found in groupby(sorted(defects, key=attrgetter("rule")), attrgetter("rule")):
        _add_defects(page, rule, list(found))
    for row in collection.refused:
        page.blank().line(Span("failed", "bad"), f"  {row.path}: {row.reason}")
        if row.hint:
            page.line(Span(f"        {row.hint}", "dim"))
    _add_ignored(page, collection.ignored, everything=all_ignored)
    return page


def _object_row(file: SymbolFile, row: ObjectFile, *, warned: bool) -> tuple[Cell, ...]:
    identifier = row.debug_id.breakpad if row.debug_id else ""
    nothing = "none (no build id)" if row.kind == ELF and row.role != PACKAGE else "none"
    features = " ".join(name for name in FEATURES if name in row.features)
    return (
        Span(file.name, "warn" if warned else "strong"),
        TITLES[row.kind] + ("" if row.kind in SELF_EVIDENT else f" {row.role}"),
        row.architecture,
        identifier or Span(nothing, "warn"),
        format_size(file.size),
        features or Span("nothing", "warn"),
    )


def _add_defects(page: Page, rule: str, defects: list[Defect]) -> None:
    page.blank().line(Span("warning", "warn"), f"  {rule}")
    by_sentence: dict[str, list[str]] = {}
    for defect in defects:
        by_sentence.setdefault(defect.sentence, []).append(defect.path)
    for sentence, paths in by_sentence.items():
        more = f" and {len(paths) - MOST_NAMES} more" if len(paths) > MOST_NAMES else ""
        page.line(f"  {', '.join(paths[:MOST_NAMES])}{more}: {sentence}")
    page.line(Span(f"  fix: {defects[0].fix}", "dim"))


def _add_ignored(page: Page, ignored: Sequence[LeftOut], *, everything: bool) -> None:
    if not ignored:
        return
    counts: dict[str, int] = {}
    for row in ignored:
        counts[row.reason] = counts.get(row.reason, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} {reason}" for reason, count in ranked[:MOST_NAMES]]
    page.blank().line(Span(f"left out: {'; '.join(shown)}", "dim"))
    if everything:
        page.table([(Span(row.path, "dim"), Span(row.reason, "dim")) for row in ignored])


def render_deliveries(deliveries: Sequence[Delivery]) -> Page:
    """What became of each archive or file, and the totals."""
    page = Page().blank()
    rows: list[tuple[Cell, ...]] = []
    for row in deliveries:
        count = f"{len(row.paths)} file{'' if len(row.paths) == 1 else 's'}"
        sent = f"{format_size(row.sent)} sent" if row.sent else ""
        seconds = f"{row.seconds:.1f} s" if row.seconds else ""
        rxid = f"rxid {row.rxid}" if row.rxid else ""
        status = Span(row.status, STATUS_STYLES.get(row.status, "good"))
        rows.append((status, row.name, count, format_size(row.size), sent, seconds, rxid))
    page.table(rows, indent=0, right="   rrr")
    for row in deliveries:
        if row.reason:
            page.line(f"{row.name}: {row.reason}")
        if row.hint:
            page.line(Span(f"  {row.hint}", "dim"))
    return page


def format_size(size: int) -> str:
    """Bytes in a unit that leaves at most four digits: 512 B, 1.2 kB, 35 MB."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < THOUSAND:
            break
        value, unit = value / THOUSAND, larger
    digits = 1 if unit != "B" and value < 10 else 0  # noqa: PLR2004 (one digit before the point)
    return f"{value:.{digits}f} {unit}"


def outcome_document(
    collection: Collection,
    defects: Iterable[Defect],
    deliveries: Iterable[Delivery],
    error: CrashtoolError | None,
) -> dict[str, Any]:
    """Everything as one JSON document: files with their objects, warnings, requests, the error."""
    document: dict[str, Any] = {
        "files": [_file_document(file) for file in collection.files],
        "warnings": [defect._asdict() for defect in defects],
        "failed": [row._asdict() for row in collection.refused],
        "ignored": [row._asdict() for row in collection.ignored],
        "requests": [_delivery_document(row) for row in deliveries],
    }
    if error:
        document["error"] = {
            "code": error.code, "message": error.what, "exit_status": error.exit_status
        } | ({"hint": error.hint} if error.hint else {})  # fmt: skip
    return document


def _file_document(file: SymbolFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "name": file.name,
        "size": file.size,
        "objects": [_object_document(file, row) for row in file.objects],
    }


def _object_document(file: SymbolFile, row: ObjectFile) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "role": row.role,
        "architecture": row.architecture,
        "debug_file": row.debug_file or file.name,
        "debug_id": row.debug_id.breakpad if row.debug_id else None,
        "code_id": row.code_id.value if row.code_id else None,
        "build_id": row.build_id.hex if row.build_id else None,
        "hashed_id": row.hashed_id.breakpad if row.hashed_id else None,
        "features": [name for name in FEATURES if name in row.features],
        "traits": sorted(row.traits),
    }


def _delivery_document(row: Delivery) -> dict[str, Any]:
    """One request's outcome; absent values are null."""
    return {
        "name": row.name,
        "status": row.status.replace(" ", "_"),
        "files": list(row.paths),
        "sha256": dict(zip(row.paths, row.digests, strict=False)),
        "size": row.size,
        "sent": row.sent,
        "seconds": round(row.seconds, 3),
        "rxid": row.rxid or None,
        "reason": row.reason or None,
        "error": row.error or None,
        "forgiven": row.forgiven,
    }
