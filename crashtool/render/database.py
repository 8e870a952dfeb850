"""A Crashpad database as pages and documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crashtool.formats.crashpad.database_report import Database, DatabaseReport
from crashtool.formats.crashpad.leftovers import Leftover
from crashtool.formats.crashpad.settings import DatabaseSettings
from crashtool.formats.shell_words import quote_word
from crashtool.render.page import Page, Span
from crashtool.render.words import format_size, format_time

MAX_LEFTOVERS = 20  # that a page names; JSON names all


def render_list(
    database: Database,
    reports: Sequence[DatabaseReport],
    more: int,
    leftovers: Sequence[Leftover],
    *,
    in_place: bool,
) -> Page:
    """The database, the reports shown of it, how many older ones are not, and what is left over.

    Only of a database `in_place` are there commands to go on with: out of an archive it is gone.
    """
    page = render_reports(database, reports, problems=False)
    if more:
        page.blank().line(f"{more:,} older ones are not listed")
    newest = next(
        (report for report in reports if report.state != "new" and report.total_size), None
    )
    if newest and in_place:
        page.blank().field("next", f"crashtool inspect {quote_word(str(newest.path))}", whole=True)
    if leftovers:
        size = format_size(sum(leftover.size for leftover in leftovers))
        page.heading("Left over", f"{len(leftovers):,}, {size}")
        _leftovers(page, database, leftovers)
        if in_place:
            command = f"crashtool database prune {quote_word(str(database.path))} --leftovers"
            page.line(f"  to delete them: {command}", whole=True)
    return _problems(page, database)


def render_pruned(
    database: Database, reports: Sequence[DatabaseReport], leftovers: Sequence[Leftover]
) -> Page:
    """What was deleted, or would be."""
    page = render_reports(database, reports, problems=False)
    if leftovers:
        page.heading("Left over")
        _leftovers(page, database, leftovers)
    return page


def _leftovers(page: Page, database: Database, leftovers: Sequence[Leftover]) -> None:
    for leftover in leftovers[:MAX_LEFTOVERS]:
        place = leftover.path.relative_to(database.path).as_posix()
        name = f"{place} ({leftover.uuid})" if leftover.kind == "record" else place
        page.line(f"  {name}  {format_size(leftover.size)}  ", Span(leftover.what, "warn"))
    if len(leftovers) > MAX_LEFTOVERS:
        page.line(f"  and {len(leftovers) - MAX_LEFTOVERS:,} more")


def render_reports(
    database: Database, reports: Sequence[DatabaseReport], *, problems: bool = True
) -> Page:
    """The database, its reports with the reason for the state of each, and what is wrong."""
    page = Page()
    page.field("database", f"{database.path} ({database.kind})")
    _settings_fields(page, database.settings)
    page.field("reports", _summary(database.reports))
    for report in reports:
        page.blank()
        created = format_time(report.created) if report.created else "at an unknown time"
        attached = f", {len(report.attachments)} attached" if report.attachments else ""
        page.line(
            Span(report.state.ljust(10), "good" if report.uploaded else "warn"),
            f" {report.uuid}  {created}  {format_size(report.total_size)}{attached}",
            hang=11,
        )
        page.line(f"           {report.reason}")
        if report.pruning and not report.uploaded:
            page.line("           ", Span(report.pruning, "bad"))
    return _problems(page, database) if problems else page


def _summary(reports: Sequence[DatabaseReport]) -> str:
    unsent = sum(not report.uploaded for report in reports)
    text = f"{len(reports):,}, {unsent:,} of them not uploaded"
    return (
        f"{text}; {format_size(sum(report.total_size for report in reports))}" if reports else text
    )


def render_report(database: Database, report: DatabaseReport, *, in_place: bool) -> Page:
    """All that is known of one report; with commands to go on with, if it is `in_place`."""
    page = Page()
    page.field("report", str(report.uuid))
    page.field("state", Span(report.state, "good" if report.uploaded else "warn"))
    page.field("reason", report.reason)
    if report.pruning:
        page.field("soon", Span(report.pruning, "good" if report.uploaded else "bad"))
    page.field("created", format_time(report.created) if report.created else "unknown")
    page.field("attempts", str(report.upload_attempts))
    if report.last_upload_attempt:
        page.field("last", format_time(report.last_upload_attempt))
    if report.upload_explicitly_requested:
        page.field("requested", "its upload was asked for: consent and rate limit do not hold it")
    if report.id:
        page.field("server id", report.id)
    page.field("minidump", str(report.path))
    for item in report.attachments:
        page.field("attached", f"{item.name}, {format_size(item.size)}")
    if in_place:
        page.field("next", f"crashtool inspect {quote_word(str(report.path))}", whole=True)
    if in_place and not report.uploaded and report.state != "new":
        page.field("", f"crashtool send-dump {quote_word(str(report.path))}", whole=True)
    return _problems(page, database)


def render_settings(database: Database) -> Page:
    """Consent, client id and last attempt."""
    page = Page()
    page.field("database", f"{database.path} ({database.kind})")
    _settings_fields(page, database.settings)
    return _problems(page, database)


def _settings_fields(page: Page, settings: DatabaseSettings | None) -> None:
    if settings is None:
        page.field(
            "uploads", Span("unknown: settings.dat is missing, damaged or unreadable", "bad")
        )
        return
    paused = ", paused" if settings.uploads_paused else ""
    enabled = settings.uploads_enabled
    state = Span(f"{'enabled' if enabled else 'disabled'}{paused}", "good" if enabled else "warn")
    page.field("uploads", state)
    last = settings.last_upload_attempt
    page.field("last try", format_time(last) if last else "never")
    page.field("client id", str(settings.client_id))


def _problems(page: Page, database: Database) -> Page:
    if database.problems:
        page.heading("Problems")
        for problem in database.problems:
            page.line("  ", Span(problem, "warn"))
    return page


def database_document(
    database: Database, reports: Sequence[DatabaseReport], leftovers: Sequence[Leftover] = ()
) -> dict[str, Any]:
    """The same as a JSON document; times are Unix times, sizes in bytes."""
    settings = database.settings
    return {
        "path": str(database.path),
        "kind": database.kind,
        "settings": settings
        and {
            "uploads_enabled": settings.uploads_enabled,
            "uploads_paused": settings.uploads_paused,
            "last_upload_attempt": settings.last_upload_attempt,
            "client_id": str(settings.client_id),
        },
        "reports": [_report_document(report) for report in reports],
        "leftovers": [
            leftover._asdict() | {"uuid": str(leftover.uuid), "path": str(leftover.path)}
            for leftover in leftovers
        ],
        "problems": list(database.problems),
    }


def _report_document(report: DatabaseReport) -> dict[str, Any]:
    document = report._asdict() | {"uuid": str(report.uuid), "path": str(report.path)}
    document["attachments"] = [
        {"name": item.name, "size": item.size, "path": str(item.path)}
        for item in report.attachments
    ]
    return document
