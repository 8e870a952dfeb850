"""Removing what belongs to no report of a database, while handlers may be writing there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from crashtool.errors import InputUnusable, reason_of
from crashtool.formats.crashpad.database import ATTACHMENTS, WINDOWS_REPORTS, read_lock
from crashtool.formats.crashpad.database_report import Database
from crashtool.formats.crashpad.handler_rules import CLEANED_AFTER
from crashtool.formats.crashpad.leftovers import SIDECAR, Leftover
from crashtool.services.database.windows_layout import WindowsLayout

# the way that a report goes, and back to pending when its upload is requested again
WAY = ("new", "pending", "completed", "pending")


def remove_leftovers(database: Database, leftovers: Sequence[Leftover]) -> list[Leftover]:
    """Delete leftovers; those that went. What has a report by now, or a handler's lock, stays.

    InputUnusable when one may not be deleted.
    """
    records = [leftover for leftover in leftovers if leftover.kind == "record"]
    try:
        removed = [
            leftover
            for leftover in leftovers
            if leftover.kind != "record" and _remove(database, leftover)
        ]
        if records:
            gone = WindowsLayout(database.path).forget([leftover.uuid for leftover in records])
            removed += [leftover for leftover in records if leftover.uuid in gone]
    except OSError as error:
        raise InputUnusable(
            f"cannot delete what is left over in {database.path}: {reason_of(error)}"
        ) from None
    return removed


def _remove(database: Database, leftover: Leftover) -> bool:
    with _locked(database, leftover) as is_ours:
        if not is_ours:
            return False
        if leftover.kind == "unfinished":
            leftover.path.unlink(missing_ok=True)
            leftover.path.with_name(leftover.path.stem + SIDECAR).unlink(missing_ok=True)
            shutil.rmtree(database.path / ATTACHMENTS / str(leftover.uuid), ignore_errors=True)
        elif _has_report(database, leftover.uuid):
            return False
        elif leftover.kind == "attachments":
            shutil.rmtree(leftover.path)
        else:
            leftover.path.unlink(missing_ok=True)
    return True


def _has_report(database: Database, uuid: UUID) -> bool:
    folders = (WINDOWS_REPORTS,) if database.kind == "windows" else WAY
    return any((database.path / folder / f"{uuid}.dmp").exists() for folder in folders)


@contextmanager
def _locked(database: Database, leftover: Leftover) -> Iterator[bool]:
    """Whether no handler has the report in its hands, nor gets it: by Crashpad's locks.

    A lock of three days is one that a killed handler left, as it is to Crashpad. Databases of macOS
    and Windows have no locks for what is not there.
    """
    if database.kind != "generic" or not leftover.path.parent.is_dir():
        yield True
        return
    parent = leftover.path.parent if leftover.kind != "attachments" else database.path / "pending"
    lock = parent / f"{leftover.uuid}.lock"
    try:
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if not _is_stale(lock):
            yield False
            return
    except FileNotFoundError:  # a database without that folder has no such report
        yield True
        return
    else:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (made exclusively)
            file.write(int(time.time()).to_bytes(8, "little"))
    try:
        yield True
    finally:
        lock.unlink(missing_ok=True)


def _is_stale(lock: Path) -> bool:
    with suppress(OSError):
        made = read_lock(lock) or lock.stat().st_mtime
        return time.time() - made >= CLEANED_AFTER
    return False
