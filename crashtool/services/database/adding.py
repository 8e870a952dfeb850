"""A report that is put into a database from here, as a handler would put it there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from uuid import UUID

from crashtool.formats.crashpad.metadata import Metadata, pack_meta
from crashtool.services.database.generic_layout import locked


def add_report(
    root: Path, uuid: UUID, pieces: Iterable[bytes], attach: Callable[[Path], None]
) -> Path:
    """Put a new minidump, in pieces, among the reports that wait; its path.

    `attach` fills the folder of its attachments. As PrepareNewCrashReport and
    FinishedWritingCrashReport do it: written in `new`, then described and moved under the lock.
    OSError when the database cannot take it; then nothing of it stays.
    """
    new, target = (root / state / f"{uuid}.dmp" for state in ("new", "pending"))
    attached = root / "attachments" / str(uuid)
    try:
        for folder in (new.parent, target.parent, attached):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 (made exclusively)
            file.writelines(pieces)
        attach(attached)
        with locked(uuid, target.parent):
            target.with_suffix(".meta").write_bytes(pack_meta(Metadata(created=int(time.time()))))
            target.with_suffix(".meta").chmod(0o600)
            new.rename(target)
    except OSError:
        with suppress(OSError):
            rmtree(attached, ignore_errors=True)
            for path in (new, target, target.with_suffix(".meta")):
                path.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # nothing in it
        attached.rmdir()
    return target
