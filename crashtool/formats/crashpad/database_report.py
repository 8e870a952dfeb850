"""What a Crashpad database holds, in whichever of its layouts: reports and their attachments."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from crashtool.formats.crashpad.settings import DatabaseSettings
from crashtool.formats.named_tuple import NamedTuple


class ReportAttachment(NamedTuple):
    """A file that belongs to a report; `size` in bytes."""

    name: str
    size: int
    path: Path


class DatabaseReport(NamedTuple):
    """One report in a database.

    `state` is new, pending, uploading or completed. Times are Unix times, None for never or
    unknown. `id` is what the server answered. `total_size` counts the minidump and its attachments.
    `reason` says in a sentence why the report was or was not uploaded; `pruning` what will delete
    it soon, "" when nothing does or the time now is not known. `unread`: why its metadata, which
    is there, cannot be read, so that `uploaded` and the like are not known.
    """

    uuid: UUID
    state: str
    path: Path
    id: str
    created: int | None
    uploaded: bool
    upload_attempts: int
    last_upload_attempt: int | None
    upload_explicitly_requested: bool
    locked: bool
    locked_since: int | None
    attachments: tuple[ReportAttachment, ...]
    total_size: int
    reason: str
    pruning: str = ""
    unread: str = ""


class Database(NamedTuple):
    """What a database holds; `kind` is generic, macos or windows."""

    path: Path
    kind: str
    settings: DatabaseSettings | None
    reports: tuple[DatabaseReport, ...]
    problems: tuple[str, ...]
