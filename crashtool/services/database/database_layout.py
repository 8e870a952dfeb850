"""What changing a report takes in each layout of a database: hold it, change it, remove it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Protocol

from crashtool.formats.crashpad.database_report import DatabaseReport
from crashtool.formats.crashpad.leftovers import SIDECAR
from crashtool.formats.crashpad.metadata import Metadata

Update = Callable[[Metadata], Metadata]


class DatabaseLayout(Protocol):
    """A database that is changed while handlers may run. All raise InputUnusable for what a handler
    has in its hands or what is damaged, and OSError.
    """

    def hold(self, report: DatabaseReport) -> AbstractContextManager[None]:
        """Keep handlers from a report for as long as the context lasts."""

    def still_waits(self, report: DatabaseReport) -> bool:
        """Within `hold`: whether it is where it was, and nobody has uploaded it meanwhile."""

    def change(self, report: DatabaseReport, state: str, update: Update) -> Path:
        """Within `hold`: bring a report into a state, with its metadata updated; its new path."""

    def remove(self, reports: Sequence[DatabaseReport]) -> None:
        """Delete reports, with all that belongs to them, holding each meanwhile."""


def remove_belongings(root: Path, report: DatabaseReport) -> None:
    """Delete what a client put beside a minidump, a report's attachments, and their folder when
    nothing else is in it.
    """
    report.path.with_name(report.path.stem + SIDECAR).unlink(missing_ok=True)
    for file in report.attachments:
        file.path.unlink(missing_ok=True)
        file.path.with_name(f"._{file.name}").unlink(missing_ok=True)
    with suppress(OSError):  # not there, or not empty
        (root / "attachments" / str(report.uuid)).rmdir()
