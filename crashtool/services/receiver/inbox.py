"""The inbox: received reports in SQLite and files, such that what was acknowledged is kept.

The order of work makes it survive a kill at any moment: files are written under `incoming/`, their
folder is renamed to `reports/`, all of it is synced, the rows are committed, and only then is the
client told. What a killed receiver left without a row is removed when the inbox is opened again.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self, cast

from crashtool.errors import InputUnusable, cannot_write
from crashtool.services.files.folder_lock import FolderLock
from crashtool.services.receiver.connections import Connections, GroupCommit, Shared
from crashtool.services.receiver.incoming_report import DraftFile, IncomingReport
from crashtool.services.receiver.listing import (
    InboxGroup,
    Query,
    ReportRow,
    count_reports,
    list_choices,
    list_groups,
    list_reports,
)
from crashtool.services.receiver.received_report import DumpPage, StoredReport
from crashtool.services.receiver.related import RelatedGroup, list_related
from crashtool.services.receiver.report_rows import NewReport, insert_files, read_report

DATABASE = "inbox.sqlite3"
PRODUCT_NAMES, VERSION_NAMES = ("prod", "product"), ("ver", "version")
LULL = 0.05  # seconds without a report
MAX_WORDS_LENGTH = 1 << 16  # characters of a report that a search looks through


class Inbox:
    """Reports in a folder. `open` it to receive; reading works at any time."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._connections = Connections(self.folder / DATABASE)
        self._commits = GroupCommit(self._commit)
        self._busy_at = -LULL
        self._folder_lock = FolderLock(self.folder / "lock")

    def open(self) -> Self:
        """Make the folder or take it over, and remove what a killed receiver left half done."""
        if self.folder.is_file():
            raise InputUnusable(f"{self.folder} is a file", hint="name a folder for the reports")
        try:
            for part in (self.folder, self.folder / "incoming", self.folder / "reports"):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder_lock.acquire()
        except OSError as error:
            raise cannot_write(f"reports to {self.folder}", error) from None
        try:
            self._connections.open()
            self._recover()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Let go of the folder."""
        self._connections.close()
        self._folder_lock.release()

    def start_draft(self) -> IncomingReport:
        """A place for a report that begins to arrive."""
        return IncomingReport(self.folder / "incoming" / str(uuid.uuid4()))

    def keep(
        self,
        draft: IncomingReport,
        *,
        format: str,  # noqa: A002 (Backtrace's word)
        universe: str = "",
        client: str = "",
        query: list[tuple[str, str]] | None = None,
        notes: tuple[str, ...] = (),
        name: str = "",
    ) -> StoredReport:
        """Make a draft a report, durably, before this returns.

        `name` is the client's own for its request. One with the same name and content was sent
        again, because its answer was lost: that is the report that is there.
        """
        submission = draft.digest(name) if name else None
        if submission and (earlier := self._select("WHERE submission = ?", (submission,))):
            return earlier[0]
        self._busy_at = time.monotonic()
        rxid = draft.folder.name
        folder = self.folder / "reports" / rxid
        draft.move(folder)
        attributes = [("query", _encode(name), _encode(value)) for name, value in query or []]
        attributes += [("form", name, value) for name, value in draft.fields]
        row = (
            rxid,
            time.time(),
            format,
            universe,
            client,
            json.dumps(notes),
            _pick(attributes, PRODUCT_NAMES),
            _pick(attributes, VERSION_NAMES),
            _search_words(rxid, format, attributes, draft.files),
            submission,
        )
        new = NewReport(row, attributes, draft.files)
        try:
            # after the renaming: one wait for the journal of the file system covers all of it
            for file in draft.files:
                file.sync()
            _sync_folder(folder)
            self._commits.do(new)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            earlier = self._select("WHERE submission = ?", (submission,))
            if isinstance(error, sqlite3.IntegrityError) and earlier:  # it came twice at a time
                return earlier[0]
            raise
        self._busy_at = time.monotonic()
        return new.stored(folder)

    @property
    def is_busy(self) -> bool:
        """Whether reports are coming in thick and fast, so that other work had better wait."""
        return time.monotonic() - self._busy_at < LULL

    def _commit(self, batch: list[Shared]) -> None:
        """Make reports durable whose files are so already: one wait for the disk for all of them.

        One that cannot be inserted does not keep the others out.
        """
        _sync_folder(self.folder / "reports")
        with self._connections.transaction() as database:
            for piece in batch:
                database.execute("SAVEPOINT report")
                try:
                    cast("NewReport", piece).insert(database)
                except sqlite3.Error as error:
                    piece.error = error
                    database.execute("ROLLBACK TO report")
                database.execute("RELEASE report")

    def keep_later(self, report: StoredReport, draft: IncomingReport) -> StoredReport:
        """Add a draft's files to a report that is there already, as later attachments."""
        target = self.folder / "reports" / report.rxid
        moved = [(f"{uuid.uuid4().hex}.bin", file) for file in draft.files]
        for stored, file in moved:
            file.sync()
            file.path.rename(target / stored)
        _sync_folder(target)
        with self._connections.transaction() as database:
            insert_files(database, report.id, moved, 1)
        draft.discard()
        return self.get(report.rxid)

    def describe(self, report: StoredReport, page: DumpPage) -> None:
        """Remember what was read from a report's minidump."""
        page = page.bounded()
        shown = [_storable(text) for text in page]
        words = f"{page.headline}\n{page.signature}\n{page.text}".casefold()[:MAX_WORDS_LENGTH]
        with self._connections.transaction(is_promised=False) as database:
            database.execute(
                "UPDATE reports SET headline = ?, page = ?, signature = ?, symbols = ?,"
                " article = ?, calls = ?, found = ? WHERE id = ?",
                (*shown, _storable(words), report.id),
            )

    def remember_fingerprint(self, report: StoredReport, fingerprint: str) -> bool:
        """Note what a report is grouped by; whether it is the first of its group."""
        with self._connections.transaction(is_promised=False) as database:
            database.execute(
                "UPDATE reports SET fingerprint = ? WHERE id = ?", (fingerprint, report.id)
            )
            earlier = database.execute(
                "SELECT 1 FROM reports WHERE fingerprint = ? AND id < ?", (fingerprint, report.id)
            ).fetchone()
            return earlier is None

    def reports(self, *, newest: int | None = None) -> list[StoredReport]:
        """All reports in the order of arrival, or only the `newest` so many."""
        limit = -1 if newest is None else newest
        return self._select("ORDER BY id DESC LIMIT ?", (limit,))[::-1]

    def count(self, query: Query | None = None) -> int:
        """How many reports there are, of a query or at all."""
        with self._connections.reading() as database:
            return count_reports(database, query or Query(uploads=True))

    def rows(self, query: Query) -> list[ReportRow]:
        """A query's reports for a list, the newest first."""
        with self._connections.reading() as database:
            return list_reports(database, query)

    def groups(self, query: Query) -> list[InboxGroup]:
        """A query's reports counted by group, the one with the newest report first."""
        with self._connections.reading() as database:
            return list_groups(database, query)

    def related(self, name: str) -> list[RelatedGroup]:
        """The groups that are like the one of this name, the most like first."""
        with self._connections.reading() as database:
            return list_related(database, name)

    def choices(self, product: str) -> tuple[list[str], list[str]]:
        """The products that there are reports of, and the versions of one of them, or of all."""
        with self._connections.reading() as database:
            return list_choices(database, product)

    def delete(self, rxids: Iterable[str]) -> int:
        """Delete reports with all that came with them, and the symbols of uploads; how many.

        The rows go first: folders without a row are removed when the inbox is opened again.
        """
        deleted = []
        with self._connections.transaction() as database:
            for rxid in rxids:
                gone = database.execute("DELETE FROM reports WHERE rxid = ?", (rxid,)).rowcount
                deleted += [rxid] * gone
        for rxid in deleted:
            for part in ("reports", "symbols"):
                shutil.rmtree(self.folder / part / rxid, ignore_errors=True)
        return len(deleted)

    def find(self, key: str) -> StoredReport | None:
        """The report with an rxid, or with an object id (its number in hexadecimal)."""
        reports = self._select("WHERE rxid = ?", (key.lower(),))
        if not reports and len(key) <= 15 and key.isalnum():  # noqa: PLR2004 (SQLite's 63 bits)
            with suppress(ValueError):
                reports = self._select("WHERE id = ?", (int(key, 16),))
        return reports[0] if reports else None

    def get(self, rxid: str) -> StoredReport:
        """The report with this rxid; InputUnusable when there is none."""
        report = self.find(rxid)
        if report is None:
            raise InputUnusable(f"{self.folder} holds no report {rxid}")
        return report

    def _select(self, clause: str, values: tuple[object, ...]) -> list[StoredReport]:
        with self._connections.reading() as database:
            rows = database.execute(f"SELECT * FROM reports {clause}", values).fetchall()  # noqa: S608 (our own clauses)
            reports = self.folder / "reports"
            return [read_report(database, row, reports / row["rxid"]) for row in rows]

    def _recover(self) -> None:
        for leftover in (self.folder / "incoming").iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
        with self._connections.reading() as database:
            folders = {
                (row["rxid"], row["stored"])
                for row in database.execute(
                    "SELECT rxid, stored FROM reports LEFT JOIN files ON report = reports.id"
                )
            }
        rxids = {rxid for rxid, _ in folders}
        for folder in (self.folder / "reports").iterdir():
            if folder.name not in rxids:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            for file in folder.iterdir():
                if (folder.name, file.name) not in folders:
                    file.unlink()


def _pick(attributes: list[tuple[str, bytes, bytes]], names: tuple[str, ...]) -> str:
    """The value of the first of some names that has one; the form's before the query's."""
    for source in ("form", "query"):
        values = {name: value for kind, name, value in attributes if kind == source}
        for name in names:
            if value := values.get(name.encode()):
                return _storable(value.decode("utf-8", "replace"))
    return ""


def _search_words(
    rxid: str, format_name: str, attributes: list[tuple[str, bytes, bytes]], files: list[DraftFile]
) -> str:
    """What a search finds a report by before its minidump has been read; no token."""
    texts = [rxid, format_name]
    for _, name, value in attributes:
        if name != b"token":
            texts += [_start(name), _start(value)]
    texts += [_start(file.filename) for file in files]
    return _storable("\n".join(texts).casefold()[:MAX_WORDS_LENGTH])


def _start(data: bytes) -> str:
    return data[:MAX_WORDS_LENGTH].decode("utf-8", "replace")


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there, and NTFS journals the rename
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
