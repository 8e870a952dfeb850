"""settings.dat changed in place, under the lock that handlers respect."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from crashtool.errors import InputUnusable, MalformedFile, cannot_write
from crashtool.formats.crashpad.database import SETTINGS
from crashtool.formats.crashpad.settings import (
    UPLOADS_ENABLED,
    DatabaseSettings,
    new_settings,
    read_settings,
)
from crashtool.services.files.file_lock import locked_file


def change_settings(
    root: Path,
    *,
    uploads_enabled: bool | None = None,
    last_upload_attempt: int | None = None,
    reset: bool = False,
) -> DatabaseSettings:
    """Set the consent, the time of the last attempt (Unix time, 0 for never), or both.

    The file is locked and written in place, as Crashpad does (client/settings.cc): the client id
    and options that are not known stay. A missing file is made, with a new client id; so is, with
    `reset`, a damaged one. InputUnusable for one that is damaged, or locked for too long.
    """
    path = root / SETTINGS
    if path.is_symlink():
        raise InputUnusable(f"{path} is a link, which Crashpad never makes: not changed")
    try:
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as made:  # noqa: PTH123 (made exclusively)
                made.write(new_settings(uuid4(), uploads_enabled=False).pack())
        with path.open("r+b") as file, locked_file(file, path):
            settings = _read(file.read(1 << 16), reset=reset)
            options = settings.options
            if uploads_enabled is not None:
                options = options & ~UPLOADS_ENABLED | (UPLOADS_ENABLED * uploads_enabled)
            attempt = settings.last_upload_attempt_time
            attempt = attempt if last_upload_attempt is None else last_upload_attempt
            changed = settings.replace(options=options, last_upload_attempt_time=attempt)
            file.seek(0)
            file.write(changed.pack())
            file.truncate(DatabaseSettings.SIZE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from None
    return changed


def _read(data: bytes, *, reset: bool) -> DatabaseSettings:
    try:
        return read_settings(data)
    except MalformedFile as error:
        if reset:
            return new_settings(uuid4(), uploads_enabled=False)
        raise InputUnusable(
            f"{error}",
            hint="--reset makes new ones, as the next handler does: with a new client id",
        ) from None
