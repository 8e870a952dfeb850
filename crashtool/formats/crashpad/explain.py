"""Why a report in a database was uploaded, waits, or was given up.

Crashpad counts its reasons but stores none; they follow from the state, the attempts and the times
(crash_report_upload_thread.cc).
"""

from __future__ import annotations

import time

from crashtool.formats.crashpad.handler_rules import UploadAttempts
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.formats.crashpad.settings import DatabaseSettings
from crashtool.formats.moment import find_date

NO_ATTEMPTS = UploadAttempts(())


def explain(
    state: str,
    metadata: Metadata | None,
    settings: DatabaseSettings | None,
    *,
    locked: bool = False,
    locked_since: int | None = None,
    attempts: UploadAttempts = NO_ATTEMPTS,
    unread: str = "",
) -> str:
    """One short sentence on a report's fate; `attempts` are those of the whole database.

    `unread` is why its metadata is there, and could not be read.
    """
    if state == "new":
        return "being written, or left behind by a handler that ended while writing it"
    if metadata is None:
        loss = f"cannot be read ({unread})" if unread else "is missing"
        return f"its metadata {loss}, so that nothing is known of its upload"
    if metadata.uploaded:
        return "uploaded; the server's answer is kept as its id"
    if state == "completed":
        return _explain_completed(metadata, settings, attempts)
    if state == "uploading":
        return "being uploaded, or stuck since a handler ended in the middle of the upload"
    return _explain_lock(locked_since) if locked else _explain_waiting(metadata, settings)


def _explain_completed(
    metadata: Metadata, settings: DatabaseSettings | None, attempts: UploadAttempts
) -> str:
    if metadata.upload_attempts > 0:
        return f"the upload failed ({_tries(metadata)}) and is not tried again"
    if settings is None or not settings.uploads_enabled:
        return "never sent: uploads are disabled in settings.dat"
    if attempts.held_back(metadata.created, metadata.last_upload_attempt):
        return "never sent: another upload was tried within the hour before (rate limit)"
    return "never sent: uploads were disabled at the time, or the rate limit held it back"


def _explain_lock(since: int | None) -> str:
    left = "or stuck since one ended while it held the lock"
    if not since:
        return f"locked by a handler, {left}"
    date = find_date(since)
    if date is None:
        return f"locked by a handler, {left}; the time in it is damaged"
    return f"locked by a handler since {time.strftime('%Y-%m-%d %H:%MZ', date)}, {left}"


def _explain_waiting(metadata: Metadata, settings: DatabaseSettings | None) -> str:
    if metadata.upload_explicitly_requested:
        return "waits: its upload was requested, and no handler has got to it yet"
    if metadata.upload_attempts > 0:
        return f"the upload failed ({_tries(metadata)}); some handlers try again when they start"
    if settings is None or not settings.uploads_enabled:
        return "waits: uploads are disabled; the next handler with a URL retires it unsent"
    if settings.uploads_paused:
        return "waits: uploads are paused in settings.dat"
    return "waits: no handler with a URL has run since"


def _tries(metadata: Metadata) -> str:
    count = metadata.upload_attempts
    return "1 attempt" if count == 1 else f"{count} attempts"
