"""Reports as rows of the inbox's tables: read, and inserted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crashtool.services.receiver.connections import Shared
from crashtool.services.receiver.incoming_report import DraftFile
from crashtool.services.receiver.received_report import StoredFile, StoredReport


def read_report(database: sqlite3.Connection, row: sqlite3.Row, folder: Path) -> StoredReport:
    """A report by its row in the table; `folder` has its files."""
    attributes = database.execute(
        "SELECT source, name, value FROM attributes WHERE report = ? ORDER BY rowid",
        (row["id"],),
    ).fetchall()
    files = database.execute("SELECT * FROM files WHERE report = ? ORDER BY id", (row["id"],))
    return StoredReport(
        id=row["id"],
        rxid=row["rxid"],
        received=row["received"],
        format=row["format"],
        universe=row["universe"],
        client=row["client"],
        notes=tuple(json.loads(row["notes"])),
        headline=row["headline"],
        page=row["page"],
        signature=row["signature"],
        symbols=row["symbols"],
        article=row["article"],
        calls=row["calls"],
        query=_texts(attributes, "query"),
        fields=_texts(attributes, "form"),
        files=tuple(_stored_file(file, folder) for file in files),
    )


def _stored_file(row: sqlite3.Row, folder: Path) -> StoredFile:
    return StoredFile(
        id=row["id"],
        name=_decode(row["name"]),
        filename=_decode(row["filename"]),
        content_type=row["content_type"],
        size=row["size"],
        path=folder / row["stored"],
        later=bool(row["later"]),
    )


class NewReport(Shared):
    """A report that is to be inserted."""

    def __init__(
        self,
        row: tuple[Any, ...],
        attributes: list[tuple[str, bytes, bytes]],
        files: list[DraftFile],
    ) -> None:
        super().__init__()
        self._row = row
        self._attributes = attributes
        self._files = files
        self._number = 0
        self._first_file = 0

    def stored(self, folder: Path) -> StoredReport:
        """The report as it is in the tables now, where its files are in a folder."""
        rxid, received, form, universe, client, notes, *_ = self._row
        return StoredReport(
            id=self._number,
            rxid=rxid,
            received=received,
            format=form,
            universe=universe,
            client=client,
            notes=tuple(json.loads(notes)),
            headline=None,
            page=None,
            query=_texts(self._attributes, "query"),
            fields=_texts(self._attributes, "form"),
            files=tuple(
                StoredFile(
                    self._first_file + number,
                    _decode(file.name),
                    _decode(file.filename),
                    file.content_type,
                    file.size,
                    folder / file.path.name,
                    later=False,
                )
                for number, file in enumerate(self._files)
            ),
        )

    def insert(self, database: sqlite3.Connection) -> None:
        """Put it into the tables."""
        number = database.execute(
            "INSERT INTO reports (rxid, received, format, universe, client, notes,"
            " product, version, words, submission) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._row,
        ).lastrowid
        database.executemany(
            "INSERT INTO attributes VALUES (?, ?, ?, ?)",
            [(number, *attribute) for attribute in self._attributes],
        )
        insert_files(database, number, [(file.path.name, file) for file in self._files], 0)
        self._number = number or 0
        last = database.execute("SELECT max(id) FROM files").fetchone()[0]
        self._first_file = (last or 0) - len(self._files) + 1


def insert_files(
    database: sqlite3.Connection, report: int | None, files: list[tuple[str, DraftFile]], later: int
) -> None:
    """Put files of a report into their table: each with its name in the report's folder."""
    database.executemany(
        "INSERT INTO files (report, stored, name, filename, content_type, size, later)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (report, stored, file.name, file.filename, file.content_type, file.size, later)
            for stored, file in files
        ],
    )


def _texts(attributes: Iterable[tuple[str, bytes, bytes]], kind: str) -> dict[str, str]:
    return {_decode(name): _decode(value) for source, name, value in attributes if source == kind}


def _decode(data: bytes) -> str:
    return bytes(data).decode("utf-8", "surrogateescape")
