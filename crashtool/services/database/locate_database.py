"""A Crashpad database where it lies, or as someone packed it: never through a handler."""

from __future__ import annotations

import sys
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crashtool.errors import InputUnusable, InUse, UsageError, reason_of
from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.database_report import Database, DatabaseReport
from crashtool.formats.shell_words import quote_word
from crashtool.services.database.unpack_database import unpack_database
from crashtool.services.files.denied import explain
from crashtool.services.files.path_patterns import expand_one
from crashtool.services.files.scratch import Scratch

TRIES, PAUSE = 5, 0.1  # seconds; a handler's lock on a file lasts for milliseconds
OWN_KINDS = {"win32": "windows", "darwin": "macos"}  # by sys.platform
NAMES = {"generic": "Linux", "macos": "macOS", "windows": "Windows"}


@contextmanager
def open_any(text: str) -> Iterator[Database]:
    """The database in a folder, or in a zip or tar of one.

    InputUnusable when there is none, or more than one in an archive.
    """
    path = Path(expand_one(text))
    if path.is_dir():
        yield _read(path)
        return
    if not path.exists():
        raise InputUnusable(f"{text} does not exist", hint="name the folder that the handler uses")
    with Scratch() as scratch:
        folder = Path(scratch.folder(), "unpacked")
        folder.mkdir()
        try:
            unpack_database(path, folder, scratch)
        except (OSError, ValueError) as error:  # a name that no file here can have, say
            raise InputUnusable(f"cannot unpack {text}: {reason_of(error)}") from None
        yield _find_database(text, folder)


def open_folder(text: str) -> Database:
    """A database to change. UsageError for an archive, InputUnusable when it is none."""
    path = Path(expand_one(text))
    if path.is_file():
        raise UsageError(f"{path} is a file: only a database in its folder can be changed")
    return _read(path)


def _read(root: Path) -> Database:
    """The database in a folder, with a warning when this machine's handlers must not see it."""
    database = open_patiently(root, now=time.time())
    own = OWN_KINDS.get(sys.platform, "generic")
    if database.kind == own:
        return database
    foreign = f"a {NAMES[database.kind]} database: handlers of this system do not know its layout"
    if database.kind == "macos":
        foreign += ", and delete every minidump in it"
    return database._replace(problems=(*database.problems, foreign))


def open_patiently(root: str | Path, *, now: float | None = None) -> Database:
    """As `open_database`, tried again while another program holds a file. InUse in the end.

    InputUnusable for one that may not be read: handlers make theirs for their own user alone.
    """
    try:
        for _ in range(TRIES - 1):
            try:
                return open_database(root, now=now)
            except InUse:
                time.sleep(PAUSE)
        return open_database(root, now=now)
    except PermissionError as error:
        raise explain(error, root, subject="the database") from None


def newest_first(reports: Iterable[DatabaseReport]) -> list[DatabaseReport]:
    """Reports by the time they were made; those of an unknown time are last."""
    return sorted(reports, key=lambda report: report.created or 0, reverse=True)


def find_report(database: Database, text: str) -> DatabaseReport:
    """The report whose UUID begins with a text. UsageError for none, and for more than one."""
    (report,) = find_reports(database, [text])
    return report


def find_reports(database: Database, texts: Sequence[str]) -> list[DatabaseReport]:
    """The reports whose UUIDs begin with the texts, each as by `find_report`."""
    reports = sorted(database.reports, key=lambda report: report.uuid.hex)
    digits = [report.uuid.hex for report in reports]
    return [_find_one(database, text, reports, digits) for text in texts]


def _find_one(
    database: Database, text: str, reports: list[DatabaseReport], digits: list[str]
) -> DatabaseReport:
    wanted = text.strip().lower().removesuffix(".dmp")
    stem = wanted.replace("-", "")
    begin = bisect_left(digits, stem)
    end = bisect_left(digits, stem + "g") if stem else begin  # behind every digit
    matching = [report for report in reports[begin:end] if str(report.uuid).startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise UsageError(
            f"no report of {database.path} has the UUID {text}",
            hint=f"crashtool database list {quote_word(str(database.path))}",
        )
    raise UsageError(
        f"{len(matching)} reports have a UUID that begins with {text}: give more of it"
    )


def _find_database(text: str, folder: Path) -> Database:
    paths = [
        candidate
        for candidate in [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]
        if (candidate / "settings.dat").is_file()
        or (candidate / "metadata").is_file()
        or (candidate / "pending").is_dir()
    ]
    if len(paths) != 1:
        what = "no Crashpad database" if not paths else f"{len(paths)} Crashpad databases"
        raise InputUnusable(f"{text} holds {what}", hint="unpack it and name the database's folder")
    return open_patiently(paths[0], now=time.time())
