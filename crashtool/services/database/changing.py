"""Changes to a Crashpad database in place, with Crashpad's own locks, so that handlers may run."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from crashtool.errors import InputUnusable, UsageError
from crashtool.formats.crashpad.database import SETTINGS, Database, DatabaseReport
from crashtool.formats.crashpad.metadata import Metadata, pack_meta, read_meta
from crashtool.formats.crashpad.settings import (
    UPLOADS_ENABLED,
    Settings,
    new_settings,
    read_settings,
)
from crashtool.services.whole_file import open_whole

PATIENCE = 10.0  # seconds; a handler holds the lock for one read and one write
PAUSE = 0.02  # seconds between two tries


def change_settings(
    root: Path, *, uploads_enabled: bool | None = None, last_upload_attempt: int | None = None
) -> Settings:
    """Set the consent, the time of the last attempt (Unix time, 0 for never), or both.

    The file is locked and written in place, as Crashpad does (client/settings.cc): the client id
    and options that are not known stay. A missing file is made, with a new client id. InputUnusable
    for one that is damaged, or locked for too long.
    """
    path = root / SETTINGS
    if path.is_symlink():
        raise InputUnusable(f"{path} is a link, which Crashpad never makes: not changed")
    try:
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as made:  # noqa: PTH123 (made exclusively)
                made.write(new_settings(uuid4(), uploads_enabled=False).pack())
        with path.open("r+b") as file, _locked(file, path):
            settings = read_settings(file.read(1 << 16))
            options = settings.options
            if uploads_enabled is not None:
                options = options & ~UPLOADS_ENABLED | (UPLOADS_ENABLED * uploads_enabled)
            attempt = settings.last_upload_attempt_time
            attempt = attempt if last_upload_attempt is None else last_upload_attempt
            changed = settings.replace(options=options, last_upload_attempt_time=attempt)
            file.seek(0)
            file.write(changed.pack())
            file.truncate(Settings.SIZE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputUnusable(f"cannot change {path}: {error.strerror or error}") from None
    return changed


@contextmanager
def _locked(file: BinaryIO, path: Path) -> Iterator[None]:
    """Hold the lock that Crashpad holds while it changes the file: flock, LockFileEx on Windows."""
    deadline = time.monotonic() + PATIENCE
    while not _try_lock(file):
        if time.monotonic() > deadline:
            raise InputUnusable(f"{path} is locked by another process", hint="end it, or try later")
        time.sleep(PAUSE)
    try:
        yield
    finally:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, Settings.SIZE)


def _try_lock(file: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, Settings.SIZE)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # closing the file lets it go
    except OSError:
        return False
    return True


def request_upload(database: Database, report: DatabaseReport) -> Path:
    """Put a report back among those that wait, with its upload requested; its new path.

    A handler then sends it whatever the consent and the rate limit say
    (CrashReportDatabase::RequestUpload). UsageError for what was uploaded, is still being written,
    or lies in a database of macOS or Windows; InputUnusable for a report that a handler holds.
    """
    if database.kind != "generic":
        raise UsageError(
            f"reports of a {database.kind} database are not put back from here",
            hint=f"send it: crashtool send-dump {report.path}",
        )
    if report.uploaded:
        raise UsageError(f"{report.uuid} was uploaded: Crashpad sends nothing twice")
    if report.state == "new":
        raise UsageError(f"{report.uuid} is still being written, or was never finished")
    pending = database.path / "pending"
    target = pending / report.path.name
    try:
        pending.mkdir(mode=0o700, exist_ok=True)
        with lock_report(report, [pending, report.path.parent]):
            old = report.path.with_suffix(".meta")
            metadata = read_meta(old.read_bytes())._replace(upload_explicitly_requested=True)
            _move(report.path, target, metadata)
    except OSError as error:
        raise InputUnusable(f"cannot put {report.uuid} back: {error.strerror or error}") from None
    return target


def mark_uploaded(database: Database, report: DatabaseReport, id_: str) -> None:
    """Retire a report as uploaded, as Crashpad does; the caller holds its lock.

    The time of the last attempt in settings.dat stays: a report that was sent from here shall not
    hold back the next crash. UsageError for a database of macOS or Windows; OSError.
    """
    if database.kind != "generic":
        raise UsageError(f"reports of a {database.kind} database are not changed from here")
    completed = database.path / "completed"
    completed.mkdir(mode=0o700, exist_ok=True)
    old = read_meta(report.path.with_suffix(".meta").read_bytes())
    metadata = old._replace(
        uploaded=True, upload_explicitly_requested=False, id=id_.encode(),
        upload_attempts=old.upload_attempts + 1, last_upload_attempt=int(time.time()),
    )  # fmt: skip
    target = completed / report.path.name
    others = [completed] if target != report.path else []
    with lock_report(report, others):
        _move(report.path, target, metadata)


def _move(path: Path, target: Path, metadata: Metadata) -> None:
    """Bring a minidump into another folder, or leave it in its own, with changed metadata.

    The metadata comes first, for a handler deletes a minidump that has none.
    """
    new = target.with_suffix(".meta")
    with open_whole(new) as file:
        file.write(pack_meta(metadata))
    new.chmod(0o600)
    if target != path:
        path.rename(target)
        path.with_suffix(".meta").unlink()


def choose_stale(
    database: Database, *, age: float | None, max_size: int | None, unsent: bool, now: float
) -> list[DatabaseReport]:
    """The reports that are older than `age` seconds, and the oldest beyond `max_size` bytes in all.

    As Crashpad's own conditions (prune_crash_reports.cc), with minidumps and attachments counted;
    but what was never uploaded stays, unless `unsent`. What is locked or unfinished always stays.
    """
    stale = []
    size = 0
    for report in sorted(database.reports, key=lambda row: row.created or 0, reverse=True):
        size += report.total_size
        is_old = age is not None and report.created is not None and now - report.created > age
        is_beyond = max_size is not None and size > max_size
        is_free = not report.locked and report.state in ("pending", "completed")
        if (is_old or is_beyond) and is_free and (report.uploaded or unsent):
            stale.append(report)
    return stale


def delete_report(database: Database, report: DatabaseReport) -> None:
    """Delete a report with its attachments. UsageError and InputUnusable as in request_upload."""
    if database.kind != "generic":
        raise UsageError(f"reports of a {database.kind} database are not deleted from here")
    try:
        with lock_report(report, [report.path.parent]):
            report.path.unlink(
                missing_ok=True
            )  # first: metadata alone is legal, the reverse is not
            report.path.with_suffix(".meta").unlink(missing_ok=True)
            for file in report.attachments:
                file.path.unlink(missing_ok=True)
            with suppress(OSError):  # not there, or not empty
                (database.path / "attachments" / str(report.uuid)).rmdir()
    except OSError as error:
        raise InputUnusable(f"cannot delete {report.uuid}: {error.strerror or error}") from None


@contextmanager
def lock_report(report: DatabaseReport, folders: Iterable[Path]) -> Iterator[None]:
    """Hold Crashpad's lock on a report in folders: a file that exists, with the time it was made.

    InputUnusable when a handler holds one of them; OSError where none can be made.
    """
    held: list[Path] = []
    try:
        for folder in sorted(set(folders)):
            lock = folder / f"{report.uuid}.lock"
            try:
                descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                raise InputUnusable(
                    f"{report.uuid} is locked by a handler: {lock}",
                    hint="try again; one that stays is from a handler that was killed",
                ) from None
            held.append(lock)
            with open(descriptor, "wb") as file:  # noqa: PTH123 (made exclusively)
                file.write(int(time.time()).to_bytes(8, "little"))
        yield
    finally:
        for lock in held:
            lock.unlink(missing_ok=True)
