"""Changes to a Crashpad database in place, with Crashpad's own locks, so that handlers may run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from crashtool.errors import InputUnusable, MachineFault, UsageError, reason_of
from crashtool.formats.crashpad.database_report import Database, DatabaseReport
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.services.database.database_layout import DatabaseLayout
from crashtool.services.database.generic_layout import GenericLayout
from crashtool.services.database.macos_layout import MacLayout
from crashtool.services.database.windows_layout import WindowsLayout

LAYOUTS: dict[str, Callable[[Path], DatabaseLayout]] = {
    "generic": GenericLayout,
    "macos": MacLayout,
    "windows": WindowsLayout,
}


def request_upload(database: Database, report: DatabaseReport) -> Path:
    """Put a report back among those that wait, with its upload requested; its new path.

    A handler then sends it whatever the consent and the rate limit say
    (CrashReportDatabase::RequestUpload). UsageError for what was uploaded, or is still being
    written; InputUnusable for a report that a handler holds, and for what is damaged.
    """
    if report.uploaded:
        raise UsageError(f"{report.uuid} was uploaded: Crashpad sends nothing twice")
    if report.state == "new":
        raise UsageError(f"{report.uuid} is still being written, or was never finished")

    def update(metadata: Metadata) -> Metadata:
        return metadata._replace(upload_explicitly_requested=True)

    layout = _open_layout(database.kind, database.path)
    with _explained(f"put {report.uuid} back"), layout.hold(report):
        return layout.change(report, "pending", update)


@contextmanager
def get_report_for_uploading(database: Database, report: DatabaseReport) -> Iterator[bool]:
    """Keep handlers from a report for as long as the context lasts; whether it still waits.

    InputUnusable when one has it; OSError where the database cannot be written.
    """
    layout = _open_layout(database.kind, database.path)
    with layout.hold(report):
        yield layout.still_waits(report)


def record_upload_complete(database: Database, report: DatabaseReport, id_: str) -> None:
    """Retire a report as uploaded, as Crashpad does, within `get_report_for_uploading`.

    The time of the last attempt in settings.dat stays: a report that was sent from here shall not
    hold back the next crash. InputUnusable for what is damaged; OSError.
    """

    def update(metadata: Metadata) -> Metadata:
        return metadata._replace(
            uploaded=True,
            upload_explicitly_requested=False,
            id=id_.encode(),
            upload_attempts=metadata.upload_attempts + 1,
            last_upload_attempt=int(time.time()),
        )

    _open_layout(database.kind, database.path).change(report, "completed", update)


def choose_stale(
    database: Database, *, age: float | None, max_size: int | None, unsent: bool, now: float
) -> list[DatabaseReport]:
    """The reports that are older than `age` seconds, and the oldest beyond `max_size` bytes in all.

    As Crashpad's own conditions (prune_crash_reports.cc), with minidumps and attachments counted;
    but what was never uploaded stays, unless `unsent`. What is locked or unfinished always stays.
    """
    stale = []
    size = 0
    for report in sorted(database.reports, key=lambda report: report.created or 0, reverse=True):
        size += report.total_size
        is_old = age is not None and report.created is not None and now - report.created > age
        is_beyond = max_size is not None and size > max_size
        is_free = not report.locked and report.state in ("pending", "completed")
        if (is_old or is_beyond) and is_free and (report.uploaded or unsent):
            stale.append(report)
    return stale


def delete_reports(database: Database, reports: Sequence[DatabaseReport]) -> None:
    """Delete reports with their attachments. InputUnusable when a handler holds one of them."""
    if reports:
        with _explained(f"delete reports of {database.path}"):
            _open_layout(database.kind, database.path).remove(reports)


@lru_cache(maxsize=4)
def _open_layout(kind: str, root: Path) -> DatabaseLayout:
    """One for all reports of a database: Windows' remembers where their records are."""
    return LAYOUTS[kind](root)


@contextmanager
def _explained(action: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineFault(f"cannot {action}: {reason_of(error)}") from None
    except ValueError as error:  # attributes or metadata that Crashpad would refuse, too
        raise InputUnusable(f"cannot {action}: {error}") from None
