"""Changes to a database of Windows: one metadata file, with a record for each minidump."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile
from crashtool.formats.crashpad.database import MAX_METADATA, WINDOWS_METADATA, WINDOWS_REPORTS
from crashtool.formats.crashpad.database_report import DatabaseReport
from crashtool.formats.crashpad.metadata import (
    WindowsReport,
    pack_windows_metadata,
    read_windows_metadata,
)
from crashtool.formats.crashpad.windows_records import WindowsRecords
from crashtool.services.database.database_layout import Update, remove_belongings
from crashtool.services.files.file_lock import locked_file


class WindowsLayout:
    """As crash_report_database_win.cc does it: each change under the lock of the whole file.

    The file is written in place, for a handler waits with it open for the lock.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / WINDOWS_METADATA
        self._places: dict[bytes, int] = {}

    @contextmanager
    def hold(self, report: DatabaseReport) -> Iterator[None]:
        """Keep handlers from a report: one that waits counts as completed meanwhile.

        Crashpad's own state for that, uploading, is never left again if whoever set it is killed;
        a completed report that was not sent is found by the next send-dump. So is one that cannot
        be put back.
        """
        waits = self._retire(report)
        try:
            yield
        finally:
            if waits:
                with suppress(CrashtoolError, OSError):
                    self._put_back(report)

    def _retire(self, report: DatabaseReport) -> bool:
        """Whether the report was waiting; nobody's any more if so."""
        with self._records() as records:
            record = records.find(report.uuid)
            if record is None:
                return False  # a handler has deleted it meanwhile
            _refuse_uploading(record)
            if record.state == "pending":
                records.change(record._replace(state="completed"))
            return record.state == "pending"

    def _put_back(self, report: DatabaseReport) -> None:
        with self._records() as records:
            record = records.find(report.uuid)
            if record is not None and record.state == "completed" and not record.metadata.uploaded:
                records.change(record._replace(state="pending"))

    def still_waits(self, report: DatabaseReport) -> bool:
        """Whether the minidump and its record are there, and the record knows of no upload."""
        with self._records() as records:
            record = records.find(report.uuid)
        return record is not None and not record.metadata.uploaded and report.path.is_file()

    def change(self, report: DatabaseReport, state: str, update: Update) -> Path:
        """Change a report's record; its minidump stays where it is."""
        with self._records() as records:
            record = records.find(report.uuid)
            if record is None:
                raise InputUnusable(f"{report.uuid} has no record in {WINDOWS_METADATA} any more")
            records.change(record._replace(state=state, metadata=update(record.metadata)))
        return report.path

    def remove(self, reports: Sequence[DatabaseReport]) -> None:
        """Delete the records first, in one go, for that takes the whole file to be written anew.

        A minidump without a record is deleted by a handler, in time.
        """
        leaving = {report.uuid for report in reports}
        self._drop(lambda record: record.uuid in leaving)
        for report in reports:
            report.path.unlink(missing_ok=True)
            remove_belongings(self._root, report)

    def forget(self, uuids: Sequence[UUID]) -> set[UUID]:
        """Delete the records of minidumps that are not there, and in no handler's hands; whose."""
        wanted = set(uuids)
        folder = self._root / WINDOWS_REPORTS

        def is_gone(report: WindowsReport) -> bool:
            return (
                report.uuid in wanted
                and report.state != "uploading"
                and not (folder / report.name).exists()
            )

        return self._drop(is_gone)

    def _drop(self, leaves: Callable[[WindowsReport], bool]) -> set[UUID]:
        """Write the file anew without some records; whose they were."""
        with self._locked() as file:
            data = file.read(MAX_METADATA + 1)
            records = _read_all(self._path, data)
            leaving = [report for report in records if leaves(report)]
            for record in leaving:
                _refuse_uploading(record)
            if leaving:
                staying = [report for report in records if not leaves(report)]
                file.seek(0)
                file.write(pack_windows_metadata(staying))
                file.truncate()
                _flush(file)
        return {report.uuid for report in leaving}

    @contextmanager
    def _records(self) -> Iterator[WindowsRecords]:
        """The records, each to be changed where it is; written when the context ends."""
        with self._locked() as file:
            try:
                records = WindowsRecords(file, self._places)
                yield records
            except MalformedFile as error:
                raise _damaged(self._path, error) from None
            if records.changed:
                _flush(file)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        if self._path.is_symlink():
            raise InputUnusable(f"{self._path} is a link, which Crashpad never makes: not changed")
        with self._path.open("r+b") as file, locked_file(file, self._path):
            yield file


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _refuse_uploading(report: WindowsReport) -> None:
    if report.state == "uploading":
        raise InputUnusable(f"{report.uuid} is being uploaded by a handler")


def _damaged(path: Path, error: MalformedFile) -> InputUnusable:
    return InputUnusable(f"{path} is damaged, so not changed: {error}")


def _read_all(path: Path, data: bytes) -> list[WindowsReport]:
    try:
        records = read_windows_metadata(data)
    except MalformedFile as error:
        raise _damaged(path, error) from None
    if len(data) > MAX_METADATA or any("\\" in report.name for report in records):
        raise InputUnusable(f"{path} is not as Crashpad writes it, so not changed")
    return records
