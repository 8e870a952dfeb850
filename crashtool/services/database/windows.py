"""Changes to a database of Windows: one metadata file, with a record for each minidump."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile
from crashtool.formats.crashpad.database import (
    MAX_METADATA,
    WINDOWS_METADATA,
    DatabaseReport,
)
from crashtool.formats.crashpad.metadata import (
    WindowsReport,
    pack_windows_metadata,
    read_windows_metadata,
)
from crashtool.services.database.file_lock import locked_file
from crashtool.services.database.layout import Update, remove_attachments


class WindowsLayout:
    """As crash_report_database_win.cc does it: each change under the lock of the whole file.

    The file is written in place, for a handler waits with it open for the lock.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

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
            row = _find(records, report)
            if row is None:
                return False  # a handler has deleted it meanwhile
            if row.state == "uploading":
                raise InputUnusable(f"{report.uuid} is being uploaded by a handler")
            if row.state == "pending":
                records[records.index(row)] = row._replace(state="completed")
            return row.state == "pending"

    def _put_back(self, report: DatabaseReport) -> None:
        with self._records() as records:
            row = _find(records, report)
            if row is not None and row.state == "completed" and not row.metadata.uploaded:
                records[records.index(row)] = row._replace(state="pending")

    def still_waits(self, report: DatabaseReport) -> bool:
        """Whether the minidump and its record are there, and the record knows of no upload."""
        with self._records() as records:
            row = _find(records, report)
        return row is not None and not row.metadata.uploaded and report.path.is_file()

    def change(self, report: DatabaseReport, state: str, update: Update) -> Path:
        """Change a report's record; its minidump stays where it is."""
        with self._records() as records:
            row = _find(records, report)
            if row is None:
                raise InputUnusable(f"{report.uuid} has no record in {WINDOWS_METADATA} any more")
            changed = row._replace(state=state, metadata=update(row.metadata))
            records[records.index(row)] = changed
        return report.path

    def remove(self, report: DatabaseReport) -> None:
        """Delete the record first: a minidump without one is deleted by a handler, in time."""
        with self._records() as records:
            records[:] = [row for row in records if row.uuid != report.uuid]
        report.path.unlink(missing_ok=True)
        remove_attachments(self._root, report)

    @contextmanager
    def _records(self) -> Iterator[list[WindowsReport]]:
        """The records, to change in place; what became of them is written when the context ends."""
        path = self._root / WINDOWS_METADATA
        if path.is_symlink():
            raise InputUnusable(f"{path} is a link, which Crashpad never makes: not changed")
        with path.open("r+b") as file, locked_file(file, path):
            data = file.read(MAX_METADATA + 1)
            records = self._read(path, data)
            yield records
            packed = pack_windows_metadata(records)
            if packed != data:
                file.seek(0)
                file.write(packed)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())

    def _read(self, path: Path, data: bytes) -> list[WindowsReport]:
        try:
            records = read_windows_metadata(data)
        except MalformedFile as error:
            raise InputUnusable(f"{path} is damaged, so not changed: {error}") from None
        if len(data) > MAX_METADATA or any("\\" in row.name for row in records):
            raise InputUnusable(f"{path} is not as Crashpad writes it, so not changed")
        return records


def _find(records: list[WindowsReport], report: DatabaseReport) -> WindowsReport | None:
    return next((row for row in records if row.uuid == report.uuid), None)
