"""Changes to a database of Linux, Android or Fuchsia: .meta and .lock files beside minidumps."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from uuid import UUID

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.crashpad.database_report import DatabaseReport
from crashtool.formats.crashpad.metadata import is_wide_meta, pack_meta, read_meta
from crashtool.services.database.database_layout import Update, remove_belongings
from crashtool.services.files.whole_file import open_whole


class GenericLayout:
    """As crash_report_database_generic.cc does it, step by step in its order."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def hold(self, report: DatabaseReport) -> Iterator[None]:
        """Keep handlers from a report, by Crashpad's lock in the folder where it is."""
        with locked(report.uuid, report.path.parent):
            yield

    def still_waits(self, report: DatabaseReport) -> bool:
        """Whether the minidump is there and its metadata does not say that it was uploaded."""
        try:
            uploaded = read_meta(report.path.with_suffix(".meta").read_bytes()).uploaded
        except (FileNotFoundError, MalformedFile):
            uploaded = False
        return report.path.is_file() and not uploaded

    def change(self, report: DatabaseReport, state: str, update: Update) -> Path:
        """Bring a report into a state's folder, or leave it in its own, with changed metadata.

        The metadata comes first, for a handler deletes a minidump that has none.
        """
        folder = self._root / state
        folder.mkdir(mode=0o700, exist_ok=True)
        target = folder / report.path.name
        moves = target != report.path
        with locked(report.uuid, folder) if moves else nullcontext():
            old = report.path.with_suffix(".meta").read_bytes()
            metadata = target.with_suffix(".meta")
            with open_whole(metadata) as file:
                file.write(pack_meta(update(read_meta(old)), wide=is_wide_meta(old)))
            metadata.chmod(0o600)
            if moves:
                report.path.rename(target)
                report.path.with_suffix(".meta").unlink()
        return target

    def remove(self, reports: Sequence[DatabaseReport]) -> None:
        """Delete each minidump first: metadata alone is legal, the reverse is not."""
        for report in reports:
            with self.hold(report):
                report.path.unlink(missing_ok=True)
                report.path.with_suffix(".meta").unlink(missing_ok=True)
                remove_belongings(self._root, report)


@contextmanager
def locked(uuid: UUID, folder: Path) -> Iterator[None]:
    """Hold Crashpad's lock on a report in a folder: a file that exists, and holds its time.

    InputUnusable when a handler holds it; OSError where none can be made.
    """
    lock = folder / f"{uuid}.lock"
    try:
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputUnusable(
            f"{uuid} is locked by a handler: {lock}",
            hint="try again; one that stays is from a handler that was killed",
        ) from None
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (made exclusively)
            file.write(int(time.time()).to_bytes(8, "little"))
        yield
    finally:
        lock.unlink(missing_ok=True)
