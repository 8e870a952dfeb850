"""Debug files as a table, what is wrong with them, and what became of their upload."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from crashtool.errors import CrashtoolError
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_kinds import ELF, EXECUTABLE, FEATURES, LIBRARY, PACKAGE, ObjectFile
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
from crashtool.render.words import format_size

TITLES = {"elf": "ELF", "pe": "PE", "pdb": "PDB", "macho": "Mach-O", "sym": ".sym"}
BINARIES = (EXECUTABLE, LIBRARY)
SELF_EVIDENT = ("pdb", "sym")  # kinds that have one role
STATUS_STYLES = {FAILED: "bad", SKIPPED: "warn", PLANNED: "dim"}
GRADE_STYLES = {FULL: "good", NO_LINES: "warn", UNWIND_ONLY: "dim", UNREADABLE: "bad"}
MAX_NAMES = 5


def render_survey(survey: Survey, *, all_ignored: bool = False) -> Page:
    """One row for each module, defects grouped by rule with their fix, what was left out, and the
    verdicts of the release gate.
    """
    page = Page()
    collection, defects = survey.collection, survey.defects
    if collection.files:
        head = ("MODULE", "KIND", "ARCH", "DEBUG ID", "SIZE", "GRADE", "HAS", "FILES")
        rows: list[tuple[Cell, ...]] = [tuple(Span(text, "heading") for text in head)]
        warned = {defect.path for defect in defects}
        groups = group_parts(collection.files, survey.pairs)
        rows += [_group_row(parts, warned=warned) for parts in groups]
        page.table(rows, indent=0, right="    r")
    by_cause = attrgetter("rule", "fix")
    for (rule, _), group in groupby(sorted(defects, key=by_cause), by_cause):
        _add_defects(page, rule, list(group))
    for left_out in collection.refused:
        page.blank().line(Span("failed", "bad"), f"  {left_out.path}: {left_out.reason}")
        if left_out.hint:
            page.line(Span(f"        {left_out.hint}", "dim"))
    _add_ignored(page, collection.ignored, everything=all_ignored)
    if survey.gate:
        _add_gate(page, survey.gate)
    return page


class ModulePart(NamedTuple):
    """An object of a file, with what it is worth."""

    file: SymbolFile
    object_file: ObjectFile
    quality: Quality

    @property
    def identifier(self) -> str:
        """Its debug id, "" for none."""
        return self.object_file.debug_id.breakpad if self.object_file.debug_id else ""


def group_parts(files: Sequence[SymbolFile], pairs: Sequence[Pair]) -> list[list[ModulePart]]:
    """Objects of one build together, the program first: one group for each module.

    What has no identifier is alone, but for the packages that `pairs` give to their program.
    """
    groups: dict[object, list[ModulePart]] = {}
    programs = {pair.partner: pair.identifier for pair in pairs if pair.kind == PACKAGE}
    for file in files:
        for object_file, quality in zip(file.objects, file.qualities, strict=True):
            part = ModulePart(file, object_file, quality)
            key = programs.get(file.name, "") if object_file.role == PACKAGE else part.identifier
            own = key if key.strip("0") else (file.path, object_file)
            groups.setdefault(own, []).append(part)
    return [
        sorted(group, key=lambda part: part.object_file.role not in BINARIES)
        for group in groups.values()
    ]


def _add_gate(page: Page, gate: Sequence[GateRow]) -> None:
    """The verdict on each module; those that are good, or not required, only counted."""
    bad = [row for row in gate if not row.is_good]
    good = sum(row.status == "ok" for row in gate)
    excused = len(gate) - len(bad) - good
    page.blank().line(Span("release gate", "heading"))
    counts = [f"{good} of {good + len(bad)} modules can be symbolicated"]
    counts += [f"{excused} not required"] if excused else []
    page.line(f"  {', '.join(counts)}")
    page.table(
        [
            (
                Span(row.status.replace("_", " "), "bad"),
                Span(row.name, "strong"),
                row.architecture,
                row.identifier or Span("no identifier", "warn"),
                row.place,
            )
            for row in bad
        ]
    )
    for row in bad:
        if row.note:
            page.line(f"  {row.name}: {row.note}")
        if row.fix:
            page.line(Span(f"    fix: {row.fix}", "dim"))


def _group_row(parts: Sequence[ModulePart], *, warned: Container[str]) -> tuple[Cell, ...]:
    """A module: its program with what belongs to it, and what they are worth together."""
    first = parts[0]
    object_file, quality = first.object_file, join_qualities([part.quality for part in parts])
    nothing = (
        "none (no build id)" if object_file.kind == ELF and object_file.role != PACKAGE else "none"
    )
    has = {
        "functions": bool(quality.functions),
        "lines": quality.lines,
        "inlines": quality.inlines,
        "unwind": quality.unwind,
        "sources": quality.sources,
    }
    features = " ".join(name for name, there in has.items() if there)
    is_warned = any(part.file.path in warned for part in parts)
    return (
        Span(first.file.name, "warn" if is_warned else "strong"),
        " + ".join(dict.fromkeys(_format_kind(part.object_file) for part in parts)),
        object_file.architecture,
        first.identifier or Span(nothing, "warn"),
        format_size(sum(part.file.size for part in parts)),
        Span(quality.grade, GRADE_STYLES.get(quality.grade, "warn")),
        features or Span("nothing", "dim"),
        Span(_list_paths([part.file.path for part in parts]), "dim"),
    )


def _list_paths(paths: Sequence[str]) -> str:
    """The paths of a module's files; those beside the first by their names alone."""
    first = paths[0]
    folder = first[: len(first) - len(base_name(first))]
    others = [path.removeprefix(folder) if folder else path for path in dict.fromkeys(paths[1:])]
    return ", ".join([first, *(path for path in others if path != first)])


def join_qualities(qualities: Sequence[Quality]) -> Quality:
    """What several files of one module are worth together: each look-up goes to the best."""
    return Quality(
        functions=max(item.functions for item in qualities),
        lines=any(item.lines for item in qualities),
        inlines=any(item.inlines for item in qualities),
        unwind=any(item.unwind for item in qualities),
        sources=any(item.sources for item in qualities),
        problem="" if len(qualities) > 1 else qualities[0].problem,
    )


def _format_kind(object_file: ObjectFile) -> str:
    return TITLES[object_file.kind] + (
        "" if object_file.kind in SELF_EVIDENT else f" {object_file.role}"
    )


def _add_defects(page: Page, rule: str, defects: list[Defect]) -> None:
    severity = defects[0].severity
    page.blank().line(Span(severity, "bad" if severity == ERROR else "warn"), f"  {rule}")
    by_sentence: dict[str, list[str]] = {}
    for defect in defects:
        by_sentence.setdefault(defect.sentence, []).append(defect.path)
    for sentence, paths in by_sentence.items():
        more = f" and {len(paths) - MAX_NAMES} more" if len(paths) > MAX_NAMES else ""
        page.line(f"  {', '.join(paths[:MAX_NAMES])}{more}: {sentence}")
    page.line(Span(f"  fix: {defects[0].fix}", "dim"))


def _add_ignored(page: Page, ignored: Sequence[LeftOut], *, everything: bool) -> None:
    if not ignored:
        return
    counts: dict[str, int] = {}
    for left_out in ignored:
        counts[left_out.reason] = counts.get(left_out.reason, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} {reason}" for reason, count in ranked[:MAX_NAMES]]
    page.blank().line(Span(f"left out: {'; '.join(shown)}", "dim"))
    if everything:
        page.table([(Span(file.path, "dim"), Span(file.reason, "dim")) for file in ignored])


def render_deliveries(deliveries: Sequence[Delivery], said: Sequence[str] = ()) -> Page:
    """What became of each archive or file, and why; but for the reasons that are `said` already."""
    page = Page().blank()
    rows: list[tuple[Cell, ...]] = []
    for delivery in deliveries:
        count = f"{len(delivery.paths)} file{'' if len(delivery.paths) == 1 else 's'}"
        sent = f"{format_size(delivery.sent)} sent" if delivery.sent else ""
        seconds = f"{delivery.seconds:.1f} s" if delivery.seconds else ""
        rxid = f"rxid {delivery.rxid}" if delivery.rxid else ""
        status = Span(delivery.status, STATUS_STYLES.get(delivery.status, "good"))
        rows.append((status, delivery.name, count, format_size(delivery.size), sent, seconds, rxid))
    page.table(rows, indent=0, right="   rrr")
    for delivery in deliveries:
        if delivery.reason and delivery.reason not in said:
            page.line(f"{delivery.name}: {delivery.reason}")
            if delivery.hint:
                page.line(Span(f"  {delivery.hint}", "dim"))
    return page


def render_dumped(rows: Sequence[DumpedModule]) -> Page:
    """The .sym files that were written, and why others were not."""
    page = Page()
    page.table(
        [
            (
                Span("written", "good") if dumped.target else Span("failed", "bad"),
                dumped.target or dumped.path,
                format_size(dumped.size) if dumped.target else dumped.reason,
            )
            for dumped in rows
        ],
        indent=0,
    )
    return page


def dumped_document(rows: Sequence[DumpedModule], error: CrashtoolError | None) -> dict[str, Any]:
    """The same as a document."""
    document: dict[str, Any] = {"modules": [dumped._asdict() for dumped in rows]}
    return document | error_document(error)


def outcome_document(
    survey: Survey, deliveries: Iterable[Delivery], error: CrashtoolError | None
) -> dict[str, Any]:
    """Everything as one JSON document: files with their objects, warnings, requests, the error."""
    return survey_document(survey, error) | {
        "requests": [delivery_document(delivery) for delivery in deliveries]
    }


def survey_document(survey: Survey, error: CrashtoolError | None) -> dict[str, Any]:
    """What was found and what is wrong with it, and the error that the exit status stands for."""
    document: dict[str, Any] = {
        "files": [_file_document(file) for file in survey.collection.files],
        "pairs": [pair._asdict() for pair in survey.pairs],
        "warnings": [defect._asdict() for defect in survey.defects],
        "failed": [left_out._asdict() for left_out in survey.collection.refused],
        "ignored": [left_out._asdict() for left_out in survey.collection.ignored],
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
            _object_document(file, object_file) | _quality_document(quality)
            for object_file, quality in zip(file.objects, file.qualities, strict=True)
        ],
    }


def _object_document(file: SymbolFile, object_file: ObjectFile) -> dict[str, Any]:
    return {
        "kind": object_file.kind,
        "role": object_file.role,
        "architecture": object_file.architecture,
        "debug_file": object_file.debug_file or file.name,
        "debug_id": object_file.debug_id.breakpad if object_file.debug_id else None,
        "code_id": object_file.code_id.value if object_file.code_id else None,
        "build_id": object_file.build_id.hex if object_file.build_id else None,
        "hashed_id": object_file.hashed_id.breakpad if object_file.hashed_id else None,
        "features": [name for name in FEATURES if name in object_file.features],
        "traits": sorted(object_file.traits),
    }


def _quality_document(quality: Quality) -> dict[str, Any]:
    fault = quality.fault.what if quality.fault else ""
    return {"grade": quality.grade, "quality": quality._asdict() | {"fault": fault}}


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """One request's outcome; absent values are null."""
    return {
        "name": delivery.name,
        "status": delivery.status.replace(" ", "_"),
        "files": list(delivery.paths),
        "sha256": dict(zip(delivery.paths, delivery.digests, strict=False)),
        "size": delivery.size,
        "sent": delivery.sent,
        "seconds": round(delivery.seconds, 3),
        "rxid": delivery.rxid or None,
        "reason": delivery.reason or None,
        "error": delivery.error or None,
        "forgiven": delivery.forgiven,
    }
