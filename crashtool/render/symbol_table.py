"""Debug files as a table, what is wrong with them, and what became of their upload."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from crashtool.errors import CrashtoolError
from crashtool.formats.object_file.kinds import ELF, FEATURES, PACKAGE, ObjectFile, base_name
from crashtool.model.symbol_upload import (
    ERROR,
    FAILED,
    FULL,
    NO_LINES,
    PLANNED,
    SKIPPED,
    UNREADABLE,
    UNWIND_ONLY,
    Defect,
    Delivery,
    DumpedModule,
    GateRow,
    LeftOut,
    Pair,
    Quality,
    Survey,
    SymbolFile,
)
from crashtool.render.page import Cell, Page, Span

TITLES = {"elf": "ELF", "pe": "PE", "pdb": "PDB", "macho": "Mach-O", "sym": ".sym"}
SELF_EVIDENT = ("pdb", "sym")  # kinds that have one role
STATUS_STYLES = {FAILED: "bad", SKIPPED: "warn", PLANNED: "dim"}
GRADE_STYLES = {FULL: "good", NO_LINES: "warn", UNWIND_ONLY: "dim", UNREADABLE: "bad"}
MOST_NAMES = 5
MOST_PAIRS = 20
THOUSAND = 1000


def render_survey(survey: Survey, *, all_ignored: bool = False) -> Page:
    """One row for each object, defects grouped by rule with their fix, what was left out, and the
    verdicts of the release gate.
    """
    page = Page()
    collection, defects = survey.collection, survey.defects
    if collection.files:
        head = ("FILE", "KIND", "ARCH", "DEBUG ID", "SIZE", "GRADE", "HAS")
        rows: list[tuple[Cell, ...]] = [tuple(Span(text, "heading") for text in head)]
        warned = {defect.path for defect in defects}
        rows += [
            _object_row(file, row, quality, warned=file.path in warned)
            for file in collection.files
            for row, quality in zip(file.objects, file.qualities, strict=True)
        ]
        page.table(rows, indent=0, right="    r")
    _add_pairs(page, survey.pairs)
    for rule, found in groupby(sorted(defects, key=attrgetter("rule")), attrgetter("rule")):
        _add_defects(page, rule, list(found))
    for row in collection.refused:
        page.blank().line(Span("failed", "bad"), f"  {row.path}: {row.reason}")
        if row.hint:
            page.line(Span(f"        {row.hint}", "dim"))
    _add_ignored(page, collection.ignored, everything=all_ignored)
    if survey.gate:
        _add_gate(page, survey.gate)
    return page


def _add_pairs(page: Page, pairs: Sequence[Pair]) -> None:
    """What belongs together: a program and its partners, on one line each."""
    partners: dict[str, list[str]] = {}
    for pair in pairs:
        partners.setdefault(pair.program, []).append(_base(pair.partner))
    if not partners:
        return
    page.blank().line(Span("belong together", "heading"))
    shown = list(partners.items())[:MOST_PAIRS]
    page.table([(Span(_base(name), "strong"), ", ".join(found)) for name, found in shown])
    if more := len(partners) - len(shown):
        page.line(Span(f"  and {more} more", "dim"))


def _base(path: str) -> str:
    return base_name(path.rpartition(":")[2] if ":" in path[2:] else path)


def _add_gate(page: Page, gate: Sequence[GateRow]) -> None:
    """The verdict on each module; those that are good, or not required, only counted."""
    bad = [row for row in gate if not row.is_good]
    good = sum(row.status == "ok" for row in gate)
    excused = len(gate) - len(bad) - good
    page.blank().line(Span("release gate", "heading"))
    counts = [f"{good} of {good + len(bad)} modules can be symbolicated"]
    counts += [f"{excused} not required"] if excused else []
    page.line(f"  {', '.join(counts)}")
    page.table([
        (Span(row.status.replace("_", " "), "bad"), Span(row.name, "strong"), row.architecture,
         row.identifier or Span("no identifier", "warn"), row.place)
        for row in bad
    ])  # fmt: skip
    for row in bad:
        if row.note:
            page.line(f"  {row.name}: {row.note}")
        if row.fix:
            page.line(Span(f"    fix: {row.fix}", "dim"))


def _object_row(
    file: SymbolFile, row: ObjectFile, quality: Quality, *, warned: bool
) -> tuple[Cell, ...]:
    identifier = row.debug_id.breakpad if row.debug_id else ""
    nothing = "none (no build id)" if row.kind == ELF and row.role != PACKAGE else "none"
    has = {
        "functions": bool(quality.functions), "lines": quality.lines, "inlines": quality.inlines,
        "unwind": quality.unwind, "sources": quality.sources,
    }  # fmt: skip
    features = " ".join(name for name, there in has.items() if there)
    return (
        Span(file.name, "warn" if warned else "strong"),
        TITLES[row.kind] + ("" if row.kind in SELF_EVIDENT else f" {row.role}"),
        row.architecture,
        identifier or Span(nothing, "warn"),
        format_size(file.size),
        Span(quality.grade, GRADE_STYLES.get(quality.grade, "warn")),
        features or Span("nothing", "dim"),
    )


def _add_defects(page: Page, rule: str, defects: list[Defect]) -> None:
    severity = defects[0].severity
    page.blank().line(Span(severity, "bad" if severity == ERROR else "warn"), f"  {rule}")
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


def render_deliveries(deliveries: Sequence[Delivery], said: Sequence[str] = ()) -> Page:
    """What became of each archive or file, and why; but for the reasons that are `said` already."""
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
        if row.reason and row.reason not in said:
            page.line(f"{row.name}: {row.reason}")
            if row.hint:
                page.line(Span(f"  {row.hint}", "dim"))
    return page


def render_dumped(rows: Sequence[DumpedModule]) -> Page:
    """The .sym files that were written, and why others were not."""
    page = Page()
    page.table([
        (Span("written", "good") if row.target else Span("failed", "bad"), row.target or row.path,
         format_size(row.size) if row.target else row.reason)
        for row in rows
    ], indent=0)  # fmt: skip
    return page


def dumped_document(rows: Sequence[DumpedModule], error: CrashtoolError | None) -> dict[str, Any]:
    """The same as a document."""
    document: dict[str, Any] = {"modules": [row._asdict() for row in rows]}
    return document | error_document(error)


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
    survey: Survey, deliveries: Iterable[Delivery], error: CrashtoolError | None
) -> dict[str, Any]:
    """Everything as one JSON document: files with their objects, warnings, requests, the error."""
    return survey_document(survey, error) | {
        "requests": [delivery_document(row) for row in deliveries]
    }


def survey_document(survey: Survey, error: CrashtoolError | None) -> dict[str, Any]:
    """What was found and what is wrong with it, and the error that the exit status stands for."""
    document: dict[str, Any] = {
        "files": [_file_document(file) for file in survey.collection.files],
        "pairs": [row._asdict() for row in survey.pairs],
        "warnings": [defect._asdict() for defect in survey.defects],
        "failed": [row._asdict() for row in survey.collection.refused],
        "ignored": [row._asdict() for row in survey.collection.ignored],
        "gate": [row._asdict() for row in survey.gate],
    }
    return document | error_document(error)


def error_document(error: CrashtoolError | None) -> dict[str, Any]:
    """The error that an exit status stands for, as a part of a document; {} for none."""
    if error is None:
        return {}
    body = {"code": error.code, "message": error.what, "exit_status": error.exit_status}
    return {"error": body | ({"hint": error.hint} if error.hint else {})}


def _file_document(file: SymbolFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "name": file.name,
        "size": file.size,
        "objects": [
            _object_document(file, row) | _quality_document(quality)
            for row, quality in zip(file.objects, file.qualities, strict=True)
        ],
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


def _quality_document(quality: Quality) -> dict[str, Any]:
    fault = quality.fault.what if quality.fault else ""
    return {"grade": quality.grade, "quality": quality._asdict() | {"fault": fault}}


def delivery_document(row: Delivery) -> dict[str, Any]:
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
