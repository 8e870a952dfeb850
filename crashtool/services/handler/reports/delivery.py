"""Find what a handler made of a crash, in the database it wrote to."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

from crashtool.errors import InputUnusable, MachineFault, reason_of
from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.database_report import DatabaseReport
from crashtool.formats.minidump.file import Minidump
from crashtool.model.run import DeliveredReport
from crashtool.services.handler.reports.report_database import list_minidumps


def find_delivery(
    path: Path, earlier: AbstractSet[Path], process_id: int
) -> DeliveredReport | None:
    """The report of a process among those that were not `earlier` before it crashed.

    Other runs may use the same database at the same time: the process id in the minidump tells.
    """
    dumps = list_minidumps(path)
    if dumps is not None and not dumps - earlier:
        return None
    for report in open_database(path).reports:
        if report.path not in earlier and _is_of(report.path, process_id):
            return _delivery(report)
    return None


def list_reports(path: Path) -> dict[str, DeliveredReport]:
    """All reports of a database by their ids."""
    return {str(report.uuid): _delivery(report) for report in open_database(path).reports}


def find_report(path: Path, uuid: str) -> DeliveredReport | None:
    """What a database says now of a report."""
    reports = open_database(path).reports
    return next((_delivery(report) for report in reports if str(report.uuid) == uuid), None)


def open_written(path: Path) -> Minidump:
    """A minidump that a handler has just written here.

    MachineFault when it cannot be opened; InputUnusable when it is no minidump.
    """
    try:
        return Minidump.open(path)
    except InputUnusable:  # what keeps a file from being mapped need not keep it from being read
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MachineFault(f"cannot read {path}: {reason_of(error)}") from None
        return Minidump(data, str(path))


def _is_of(path: Path, process_id: int) -> bool:
    try:
        with open_written(path) as dump:
            return dump.misc is not None and dump.misc.process_id == process_id
    except (InputUnusable, MachineFault):  # another's, in a database that several use
        return False


def _delivery(report: DatabaseReport) -> DeliveredReport:
    return DeliveredReport(
        uuid=str(report.uuid),
        path=str(report.path),
        state=report.state,
        uploaded=report.uploaded,
        reply=report.id,
        reason=report.reason,
        attachments=tuple((item.name, str(item.path)) for item in report.attachments),
        unread=report.unread,
    )
