"""The inbox's tables, and how those of earlier versions become them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from crashtool.errors import InputUnusable

VERSION = 4
TABLES = """
CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rxid TEXT NOT NULL UNIQUE,
    received REAL NOT NULL,
    format TEXT NOT NULL,
    universe TEXT NOT NULL,
    client TEXT NOT NULL,
    notes TEXT NOT NULL,
    fingerprint TEXT,
    headline TEXT,
    page TEXT,
    product TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    signature TEXT NOT NULL DEFAULT '',
    symbols TEXT NOT NULL DEFAULT '',
    article TEXT,
    words TEXT NOT NULL DEFAULT '',
    found TEXT NOT NULL DEFAULT '',
    submission TEXT,
    calls TEXT NOT NULL DEFAULT ''
);
CREATE TABLE attributes (
    report INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    name BLOB NOT NULL,
    value BLOB NOT NULL
);
CREATE INDEX attributes_of_report ON attributes (report);
CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    report INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    stored TEXT NOT NULL,
    name BLOB NOT NULL,
    filename BLOB NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    later INTEGER NOT NULL
);
CREATE INDEX files_of_report ON files (report);
CREATE INDEX fingerprints ON reports (fingerprint);
CREATE INDEX signatures ON reports (signature);
CREATE UNIQUE INDEX submissions ON reports (submission);
"""
MIGRATIONS = {
    # what was read from minidumps is read again: there is more to show of it now
    1: """
ALTER TABLE reports ADD COLUMN product TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN signature TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN symbols TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN article TEXT;
ALTER TABLE reports ADD COLUMN words TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN found TEXT NOT NULL DEFAULT '';
CREATE INDEX fingerprints ON reports (fingerprint);
CREATE INDEX signatures ON reports (signature);
UPDATE reports SET headline = NULL, page = NULL;
UPDATE reports SET
    product = coalesce((SELECT CAST(value AS TEXT) FROM attributes WHERE report = reports.id
                        AND name IN (CAST('prod' AS BLOB), CAST('product' AS BLOB))
                        ORDER BY length(name), source LIMIT 1), ''),
    version = coalesce((SELECT CAST(value AS TEXT) FROM attributes WHERE report = reports.id
                        AND name IN (CAST('ver' AS BLOB), CAST('version' AS BLOB))
                        ORDER BY length(name), source LIMIT 1), '');
""",
    2: """
ALTER TABLE reports ADD COLUMN submission TEXT;
CREATE UNIQUE INDEX submissions ON reports (submission);
""",
    # read again, too: what makes groups alike was not kept
    3: """
ALTER TABLE reports ADD COLUMN calls TEXT NOT NULL DEFAULT '';
UPDATE reports SET headline = NULL, page = NULL WHERE format = 'minidump';
""",
}


def prepare_tables(database: sqlite3.Connection, folder: Path) -> None:
    """Make the tables, or bring them up to date. InputUnusable for those of a later version."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version == 0:
        database.execute("PRAGMA journal_mode = WAL")
        _run(database, TABLES, VERSION)
    elif version in MIGRATIONS:
        for step in range(version, VERSION):
            _run(database, MIGRATIONS[step], step + 1)
    elif version != VERSION:
        raise InputUnusable(
            f"{folder} was written by another version of crashtool (schema {version})",
            hint="choose another folder with --folder",
        )


def _run(database: sqlite3.Connection, script: str, version: int) -> None:
    """A script, and the version's number, whole or not at all."""
    database.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {version}; COMMIT;")
