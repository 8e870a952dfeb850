"""What a Crashpad database still has to send, held while it is sent and marked afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.errors import CheckFailed, CrashtoolError, InputUnusable, reason_of
from crashtool.formats.attributes import Attachment
from crashtool.services.files.dump_files import find_dumps
from crashtool.services.files.path_patterns import expand_path
from crashtool.services.files.unwrap_dumps import ByteStream, DumpFile, UnusableInput
from crashtool.services.sending.outgoing import Note, Outgoing

if TYPE_CHECKING:
    from crashtool.formats.crashpad.database_report import Database, DatabaseReport
    from crashtool.services.files.scratch import Scratch

LAYOUTS = (("settings.dat", "pending"), ("settings.dat", "completed"), ("metadata", "reports"))


def find_reports(
    inputs: Sequence[str],
    spool: Scratch,
    stdin: ByteStream | None,
    *,
    without_consent: bool,
    note: Note,
) -> Iterator[Outgoing | UnusableInput]:
    """The minidumps that inputs stand for; of a database those that were never uploaded.

    Without the user's consent, which settings.dat holds, only reports are taken whose upload was
    asked for; unless `without_consent` says otherwise.
    """
    for is_a_database, group in groupby(_expand(inputs), is_database):
        if not is_a_database:
            for item in find_dumps(list(group), spool, stdin):
                yield Outgoing(item) if isinstance(item, DumpFile) else item
            continue
        for text in group:
            yield from walk_unsent(text, without_consent=without_consent, note=note)


def _expand(inputs: Sequence[str]) -> Iterator[str]:
    """The inputs, with a pattern that matches databases replaced by them: their rules are kept."""
    for text in inputs:
        paths = expand_path(text)
        yield from paths if any(map(is_database, paths)) else [text]


def is_database(text: str) -> bool:
    """Whether a folder is one that a handler keeps its reports in."""
    root = Path(text)
    return any((root / file).is_file() and (root / folder).is_dir() for file, folder in LAYOUTS)


def walk_unsent(
    text: str, *, without_consent: bool, note: Note
) -> Iterator[Outgoing | UnusableInput]:
    """What a database never uploaded, and what keeps some of it from being sent now."""
    from crashtool.formats.shell_words import quote_word
    from crashtool.services.database.locate_database import open_patiently  # not for a file alone

    try:
        database = open_patiently(text)
    except CrashtoolError as error:
        yield UnusableInput(text, error)
        return
    unsent = [report for report in database.reports if not report.uploaded]
    consent = without_consent or bool(database.settings and database.settings.uploads_enabled)
    allowed = [report for report in unsent if consent or report.upload_explicitly_requested]
    if not unsent:
        note(f"{text}: nothing is left to send; uploaded before: {len(database.reports)}")
    for report in allowed:
        yield _make_item(database, report)
    if kept_back := len(unsent) - len(allowed):
        yield UnusableInput(
            text,
            CheckFailed(
                f"{text}: {kept_back} of {len(unsent)} reports are kept back, for {_why(database)}",
                hint=f"--without-consent sends them all the same; or: crashtool database settings "
                f"{quote_word(text)} --uploads enabled",
            ),
        )


def _why(database: Database) -> str:
    """Why reports that nobody asked to send are not."""
    if database.settings:
        return "uploads are disabled in it: the user has not agreed"
    told = (problem for problem in database.problems if "settings.dat" in problem)
    lost = next(told, "it has no settings")
    return f"whether the user has agreed is not known: {lost}"


def _make_item(database: Database, report: DatabaseReport) -> Outgoing | UnusableInput:
    path = str(report.path)
    if report.unread or report.locked or report.state in ("new", "uploading"):
        return UnusableInput(
            path,
            InputUnusable(
                f"{path} is left alone: {report.reason}",
                hint="name the file itself to send it all the same",
            ),
            passing=not report.unread,
        )
    size = report.total_size - sum(file.size for file in report.attachments)
    attachments = tuple(Attachment(file.name, str(file.path)) for file in report.attachments)
    return Outgoing(
        DumpFile(path, report.path, size, attachments=attachments),
        UploadReport(database, report),
        (size, report.state, report.upload_explicitly_requested),
    )


class UploadReport:
    """The claim on a report of a database, by its lock or its place (Crashpad's UploadReport)."""

    def __init__(self, database: Database, report: DatabaseReport) -> None:
        self.database = database
        self.report = report

    @contextmanager
    def hold(self, note: Note) -> Iterator[bool]:
        """Keep handlers from the report for as long as the context lasts.

        Whether it still waits there. InputUnusable when a handler has it. A database that cannot
        be written is read as it is.
        """
        from crashtool.services.database.changing import get_report_for_uploading

        with ExitStack() as stack:
            try:
                waits = stack.enter_context(get_report_for_uploading(self.database, self.report))
            except OSError as error:
                waits = self.report.path.is_file()
                if waits:
                    reason = f"{self.database.path} cannot be written ({reason_of(error)})"
                    note(f"{reason}: nothing is marked")
            yield waits

    def mark(self, rxid: str | None, note: Note) -> None:
        """Record, within `hold`, that the server accepted the report."""
        from crashtool.services.database.changing import record_upload_complete

        try:
            record_upload_complete(self.database, self.report, rxid or "")
        except (CrashtoolError, OSError, ValueError) as error:
            reason = reason_of(error)
            note(f"{self.report.path} is not marked as sent: {reason}; the journal remembers it")
