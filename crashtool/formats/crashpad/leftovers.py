"""What lies in a database and belongs to no report: left by handlers that were killed, or by hands.

Which of it goes, and when, follows Crashpad's own clean-up (crash_report_database_generic.cc,
CleanDatabase; crash_report_database.cc, CleanOrphanedAttachments).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from crashtool.errors import CrashtoolError
from crashtool.formats.crashpad.database import (
    ATTACHMENTS,
    FOLDERS,
    UUID_NAME,
    WINDOWS_METADATA,
    WINDOWS_REPORTS,
    read_bounded,
)
from crashtool.formats.crashpad.database_report import Database
from crashtool.formats.crashpad.handler_rules import CLEANED_AFTER
from crashtool.formats.crashpad.metadata import read_windows_metadata
from crashtool.formats.named_tuple import NamedTuple

SIDECAR = "_sidecar.json"  # what some clients put beside a minidump
COPIED = "._"  # AppleDouble files: a copied minidump's attributes


class Leftover(NamedTuple):
    """A file, a folder or a record of no report. `size` in bytes; `what` says what it is.

    `kind` is attachments, metadata, sidecar, attributes, lock, record or unfinished.
    """

    kind: str
    uuid: UUID
    path: Path
    size: int
    what: str


WHAT = {
    "attachments": "attachments of no report",
    "metadata": "metadata without a minidump",
    "sidecar": "beside a minidump that is gone",
    "attributes": "attributes without a minidump",
    "lock": "a lock on nothing, older than three days",
    "record": "a record whose minidump is gone",
    "unfinished": "left unfinished more than three days ago",
}
SUFFIXES = ((".meta", "metadata"), (SIDECAR, "sidecar"), (".lock", "lock"))


def find_leftovers(database: Database, now: float) -> tuple[Leftover, ...]:
    """What belongs to no report of a database, at a Unix time; in the order of paths."""
    leftovers = [*_walk_files(database, now), *_walk_attachments(database)]
    leftovers += _walk_unfinished(database, now)
    if database.kind == "windows":
        leftovers += _walk_records(database)
    return tuple(sorted(leftovers, key=lambda leftover: (str(leftover.path), leftover.uuid)))


def _make(kind: str, uuid: UUID, path: Path, size: int) -> Leftover:
    return Leftover(kind, uuid, path, size, WHAT[kind])


def _walk_files(database: Database, now: float) -> Iterator[Leftover]:
    """What stands beside a minidump, and stands alone."""
    for name in (WINDOWS_REPORTS,) if database.kind == "windows" else FOLDERS:
        folder = database.path / name
        entries = {entry.name: entry for entry in _scan(folder)}
        for file, entry in entries.items():
            kind, stem = _assess_name(file)
            if kind is None or f"{stem}.dmp" in entries:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # it has gone since
            alone = kind != "lock" or f"{stem}.meta" not in entries
            if alone and (kind != "lock" or now - status.st_mtime >= CLEANED_AFTER):
                yield _make(kind, UUID(stem), folder / file, status.st_size)


def _assess_name(file: str) -> tuple[str | None, str]:
    if file.startswith(COPIED) and file.endswith(".dmp"):
        stem = file.removeprefix(COPIED).removesuffix(".dmp")
        return ("attributes" if UUID_NAME.fullmatch(stem) else None), stem
    for suffix, kind in SUFFIXES:
        stem = file.removesuffix(suffix)
        if stem != file and UUID_NAME.fullmatch(stem):
            return kind, stem
    return None, ""


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    if not folder.is_dir() or folder.is_symlink():
        return []
    with os.scandir(folder) as entries:
        return list(entries)


def _walk_attachments(database: Database) -> Iterator[Leftover]:
    report_ids = {report.uuid for report in database.reports}
    for entry in _scan(database.path / ATTACHMENTS):
        if not UUID_NAME.fullmatch(entry.name) or UUID(entry.name) in report_ids:
            continue
        if entry.is_dir(follow_symlinks=False):
            size = sum(file.stat(follow_symlinks=False).st_size for file in _scan(Path(entry)))
            yield _make("attachments", UUID(entry.name), Path(entry), size)


def _walk_unfinished(database: Database, now: float) -> Iterator[Leftover]:
    for report in database.reports:
        if report.state == "new" and report.created and now - report.created >= CLEANED_AFTER:
            yield _make("unfinished", report.uuid, report.path, report.total_size)


def _walk_records(database: Database) -> Iterator[Leftover]:
    path = database.path / WINDOWS_METADATA
    try:
        reports = read_windows_metadata(read_bounded(path))
    except (OSError, CrashtoolError):
        return  # told among the problems
    present = {entry.name.lower() for entry in _scan(database.path / WINDOWS_REPORTS)}
    for report in reports:
        if report.name.lower() not in present and report.state != "uploading":
            yield _make("record", report.uuid, path, 0)
