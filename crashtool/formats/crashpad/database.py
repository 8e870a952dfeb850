"""A Crashpad database as it lies on disk: all three layouts, read without ever writing.

A report is written to `new`, waits in `pending`, and ends in `completed`, sent or not. Going
through a handler or through Crashpad's own API would delete what they cannot read; this leaves
every byte as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from uuid import UUID

from crashtool.errors import (
    CrashtoolError,
    InputUnusable,
    InUse,
    MalformedFile,
    may_be_in_use,
    reason_of,
)
from crashtool.formats.crashpad.database_report import Database, DatabaseReport, ReportAttachment
from crashtool.formats.crashpad.explain import explain
from crashtool.formats.crashpad.extended_attributes import read_attributes
from crashtool.formats.crashpad.handler_rules import UploadAttempts, predict_pruning
from crashtool.formats.crashpad.metadata import (
    XATTR_PREFIXES,
    Metadata,
    WindowsReport,
    read_mac_metadata,
    read_meta,
    read_upload_start,
    read_windows_metadata,
)
from crashtool.formats.crashpad.settings import DatabaseSettings, read_settings
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.regular_file import open_regular

SETTINGS = "settings.dat"
FOLDERS = ("new", "pending", "completed")
WINDOWS_METADATA = "metadata"
WINDOWS_REPORTS = "reports"
ATTACHMENTS = "attachments"
MAX_METADATA = 64 << 20  # of bytes; a handler keeps a year of reports at most
READINGS = 5  # while a handler moves reports about
UUID_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class _Found(NamedTuple):
    uuid: UUID
    state: str
    path: Path
    metadata: Metadata | None
    locked: bool = False
    locked_since: int | None = None
    unread: str = ""


def open_database(path: str | Path, *, now: float | None = None) -> Database:
    """Read a database of any platform, also a copy of one. InputUnusable when it is none.

    At `now`, a Unix time, it is also told what a handler is about to delete.
    """
    root = Path(path)
    kind = _find_kind(root)
    if kind is None:
        raise InputUnusable(
            f"{root} is not a Crashpad database",
            hint="a database has settings.dat and the folders new, pending and completed (Windows: "
            "metadata and reports)",
        )
    for _ in range(READINGS):
        problems: list[str] = []
        settings = _read_settings_file(root, problems)
        if kind == "windows":
            entries = list(_walk_windows(root, problems))
        else:
            entries = list(_walk_folders(root, kind, problems))
        attempts = _list_attempts(entries, settings)
        attached = _list_attachment_folders(root)
        completed = [_complete(entry, attached, settings, attempts, problems) for entry in entries]
        if None not in completed:
            break
    reports = tuple(report for report in completed if report)
    if now is not None:
        prunings = predict_pruning(reports, now)
        reports = tuple(
            report._replace(pruning=prunings.get(report.uuid, "")) for report in reports
        )
    return Database(root, kind, settings, reports, tuple(problems))


def _find_kind(root: Path) -> str | None:
    """PermissionError for a folder that may not be read or searched."""
    if not root.is_dir():
        return None
    with os.scandir(root):
        os.stat(os.path.join(root, "."))  # noqa: PTH116, PTH118 (a Path has no dot at its end)
    if (root / WINDOWS_METADATA).exists() or (root / WINDOWS_REPORTS).is_dir():
        return "windows"
    folders = [root / name for name in FOLDERS if (root / name).is_dir()]
    if not folders:
        return "generic" if (root / SETTINGS).is_file() else None
    if _is_marked(root):
        return "macos"
    waiting = [entry for name in ("pending", "completed") for entry in _walk_minidumps(root / name)]
    if any(_is_marked(dump) for dump in waiting):
        return "macos"
    # without a single .meta these are a macOS database whose attributes were lost on the way
    has_meta = any(_list_metadata(folder) for folder in folders)
    return "macos" if waiting and not has_meta else "generic"


def _list_metadata(folder: Path) -> list[Path]:
    """The .meta files of a folder; unlike a pattern's search, this fails where listing does."""
    return sorted(path for path in folder.iterdir() if path.suffix == ".meta")


def _is_marked(path: Path) -> bool:
    try:
        return any(name.startswith(XATTR_PREFIXES) for name in read_attributes(path))
    except (MalformedFile, OSError):
        return False


def _read_settings_file(root: Path, problems: list[str]) -> DatabaseSettings | None:
    path = root / SETTINGS
    try:
        return read_settings(read_bounded(path))
    except FileNotFoundError:
        problems.append(f"{SETTINGS} is missing: uploads count as disabled")
    except (InUse, PermissionError):  # to call it damaged would be a guess
        raise
    except OSError as error:
        problems.append(f"{SETTINGS}: {reason_of(error)}")
    except CrashtoolError as error:
        problems.append(f"{error}" if SETTINGS in str(error) else f"{SETTINGS}: {error}")
    return None


def read_bounded(path: Path) -> bytes:
    """A file of Crashpad's, which are small. InputUnusable for what none of its can be; OSError."""
    if path.is_symlink():
        raise InputUnusable(f"{path.name} is a link, which Crashpad never makes")
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            data = stream.read(min(size, MAX_METADATA) + 1)  # room for so many is made at once
    except PermissionError as error:  # a handler locks the whole file for each operation
        if may_be_in_use(error):
            raise InUse(path, error) from None
        raise
    if len(data) > MAX_METADATA:
        raise InputUnusable(f"{path.name} is larger than any that Crashpad writes")
    return data


def _walk_minidumps(folder: Path) -> Iterator[Path]:
    """The minidumps in a folder, by name; neither links nor what macOS puts beside copies."""
    if not folder.is_dir() or folder.is_symlink():
        return
    for path in sorted(folder.iterdir(), key=attrgetter("name")):  # to compare paths is slow
        if path.suffix == ".dmp" and not path.name.startswith("._"):
            yield path


def _walk_folders(root: Path, kind: str, problems: list[str]) -> Iterator[_Found]:
    for state in FOLDERS:
        for path in _walk_minidumps(root / state):
            label = f"{state}/{path.name}"
            if path.is_symlink() or not path.is_file():
                problems.append(f"{label} is not a file; it is left out")
            elif not UUID_NAME.fullmatch(path.stem):
                problems.append(f"{label} is not named by a UUID: a handler deletes it")
            else:
                if path.stem != path.stem.lower():
                    problems.append(f"{label} has an upper-case name: a handler never uploads it")
                yield _find_report(path, state, kind, problems)
        if kind == "generic":
            _report_strays(root, state, problems)


def _find_report(path: Path, state: str, kind: str, problems: list[str]) -> _Found:
    uuid = UUID(path.stem)
    lock = path.with_suffix(".lock")
    metadata, unread = None, ""
    locked = kind == "generic" and lock.exists()
    since = read_lock(lock) if locked else None
    label = f"{state}/{path.stem}"
    try:
        if state == "new":  # nothing is known of it yet
            pass
        elif kind == "macos":
            attributes = _read_mac_report(path, uuid)
            metadata = read_mac_metadata(attributes)
            since = read_upload_start(attributes)
            locked = since is not None
        else:
            metadata = read_meta(read_bounded(path.with_suffix(".meta")))
    except FileNotFoundError:
        problems.append(f"{label}.meta is missing: a handler deletes the minidump")
    except (InUse, PermissionError):
        raise
    except CrashtoolError as error:
        problems.append(f"{label}.meta: {error}: a handler deletes the report")
    except OSError as error:  # a failing disk: a handler may well know what it says
        unread = reason_of(error)
        problems.append(f"{label}: its metadata cannot be read: {unread}")
    except ValueError as error:
        problems.append(f"{label}: {error}; file name and time are used instead")
    return _Found(uuid, state, path, metadata, locked, since, unread)


def read_lock(path: Path) -> int | None:
    """When a lock was made: a time_t of 8 bytes, or of 4 on 32-bit systems."""
    try:
        if path.is_symlink():
            return None
        with open_regular(path) as stream:
            made = int.from_bytes(stream.read(8), "little", signed=True)
    except (OSError, InputUnusable):
        return None  # let go meanwhile, or no lock of Crashpad's
    return made if made > 0 else None


def _read_mac_report(path: Path, uuid: UUID) -> dict[str, bytes]:
    """Crashpad's attributes of a minidump. ValueError for what makes Crashpad pass it over."""
    attributes = {}
    try:
        for name, value in read_attributes(path).items():
            for prefix in XATTR_PREFIXES:
                if name.startswith(prefix):
                    attributes[name.removeprefix(prefix)] = value
    except MalformedFile as error:
        raise ValueError(f"its AppleDouble file is damaged ({error})") from None
    if not attributes:
        raise ValueError("its extended attributes were lost, as some copies lose them")
    if attributes.get("uuid", b"").decode("latin-1").lower() != str(uuid):
        raise ValueError("its uuid attribute is not its name, so that Crashpad does not find it")
    return attributes


def _report_strays(root: Path, state: str, problems: list[str]) -> None:
    folder = root / state
    if not folder.is_dir():
        return
    problems.extend(
        f"{state}/{path.name} has no minidump"
        for path in _list_metadata(folder)
        if not path.name.startswith("._") and not path.with_suffix(".dmp").exists()
    )


def _walk_windows(root: Path, problems: list[str]) -> Iterator[_Found]:
    folder = root / WINDOWS_REPORTS
    seen = set()
    for entry in _read_windows_file(root, problems):
        path = _find_windows_minidump(folder, entry, problems)
        if path is not None:
            seen.add(path.name.lower())
            yield _Found(entry.uuid, entry.state, path, entry.metadata)
    for path in _walk_minidumps(folder):
        if path.name.lower() in seen or path.is_symlink() or not UUID_NAME.fullmatch(path.stem):
            continue
        problems.append(f"{WINDOWS_REPORTS}/{path.name} has no record: it is not complete, or lost")
        yield _Found(UUID(path.stem), "new", path, None)


def _read_windows_file(root: Path, problems: list[str]) -> list[WindowsReport]:
    try:
        return read_windows_metadata(read_bounded(root / WINDOWS_METADATA))
    except FileNotFoundError:
        problems.append(f"{WINDOWS_METADATA} is missing")
    except InUse:
        raise
    except CrashtoolError as error:
        problems.append(f"{WINDOWS_METADATA}: {error}: a handler overwrites it, losing all reports")
    return []


def _find_windows_minidump(folder: Path, entry: WindowsReport, problems: list[str]) -> Path | None:
    if not re.fullmatch(r"[^\\/:\x00-\x1f]+", entry.name) or entry.name.strip(". ") == "":
        problems.append(f"the record of {entry.uuid} names a file outside the database; refused")
        return None
    path = folder / entry.name
    if path.is_symlink() or not path.is_file():
        problems.append(f"{WINDOWS_REPORTS}/{entry.name} is missing, though it has a record")
        return None
    return path


def _list_attempts(entries: list[_Found], settings: DatabaseSettings | None) -> UploadAttempts:
    times = [entry.metadata.last_upload_attempt for entry in entries if entry.metadata]
    return UploadAttempts([*times, settings.last_upload_attempt_time if settings else 0])


def _list_attachment_folders(root: Path) -> dict[str, Path]:
    """The folders of attachments by the name of their report; one listing serves all reports."""
    folder = root / ATTACHMENTS
    if not folder.is_dir() or folder.is_symlink():
        return {}
    with os.scandir(folder) as entries:
        return {
            entry.name: folder / entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False)
        }


def _complete(
    entry: _Found,
    attached: dict[str, Path],
    settings: DatabaseSettings | None,
    attempts: UploadAttempts,
    problems: list[str],
) -> DatabaseReport | None:
    """None for a report that a handler has moved or deleted since it was found."""
    folder = attached.get(str(entry.uuid))
    try:
        status = entry.path.stat()
        attachments = tuple(_walk_attachments(folder, problems)) if folder else ()
    except FileNotFoundError:
        return None
    metadata = entry.metadata or Metadata(created=int(status.st_mtime))
    return DatabaseReport(
        uuid=entry.uuid,
        state=entry.state,
        path=entry.path,
        id=metadata.id.decode("utf-8", "backslashreplace"),
        created=metadata.created or None,
        uploaded=metadata.uploaded,
        upload_attempts=metadata.upload_attempts,
        last_upload_attempt=metadata.last_upload_attempt or None,
        upload_explicitly_requested=metadata.upload_explicitly_requested,
        locked=entry.locked,
        locked_since=entry.locked_since,
        attachments=attachments,
        total_size=status.st_size + sum(file.size for file in attachments),
        reason=explain(
            entry.state,
            entry.metadata,
            settings,
            locked=entry.locked,
            locked_since=entry.locked_since,
            attempts=attempts,
            unread=entry.unread,
        ),
        unread=entry.unread,
    )


def _walk_attachments(folder: Path, problems: list[str]) -> Iterator[ReportAttachment]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("._"):
            continue
        if path.is_symlink() or not path.is_file():
            problems.append(
                f"{ATTACHMENTS}/{folder.name}/{path.name} is not a file; it is left out"
            )
        else:
            yield ReportAttachment(path.name, path.stat().st_size, path)
