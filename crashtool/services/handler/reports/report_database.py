"""The database that reports of a run go to, made ready before it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from crashtool.errors import CannotWrite, CrashtoolError, cannot_write
from crashtool.formats.crashpad.database import SETTINGS
from crashtool.formats.crashpad.settings import DatabaseSettings, new_settings, read_settings
from crashtool.formats.named_tuple import NamedTuple

_REPORTS = ("pending", "completed")
_FOLDERS = ("new", *_REPORTS, "attachments")
_ROOM = 1 << 16  # bytes: less is left for no minidump
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 (for where no disk takes anything)


class ChosenDatabase(NamedTuple):
    """Where reports go; `path` is None where nothing takes any.

    `settings` are None when they are unreadable: a handler replaces them and disables uploads.
    `instead_of` says why it is not the one that was wanted.
    """

    path: Path | None
    settings: DatabaseSettings | None
    instead_of: str | None = None

    def discard_unused(self) -> None:
        """Remove a temporary database that got no report."""
        if not self.path or not self.instead_of:
            return
        with suppress(OSError):  # what cannot be listed may hold one
            if not any(any((self.path / name).glob("*.dmp")) for name in _REPORTS):
                import shutil  # seldom needed

                shutil.rmtree(self.path, ignore_errors=True)


def choose_database(wanted: Path) -> ChosenDatabase:
    """The database at `wanted`; where that takes no report, a temporary one."""
    try:
        return ChosenDatabase(wanted, prepare_database(wanted))
    except CannotWrite as error:
        return make_temporary_database(error.what)


def make_temporary_database(reason: str) -> ChosenDatabase:
    """A database in the first temporary folder that takes one; `reason` says instead of what."""
    import shutil  # seldom needed

    for folder in _list_temporary():
        path = folder / f"crashtool-run-{uuid4().hex[:8]}"
        try:
            return ChosenDatabase(path, prepare_database(path), reason)
        except CannotWrite:
            shutil.rmtree(path, ignore_errors=True)
    return ChosenDatabase(None, None, reason)


def prepare_database(path: Path) -> DatabaseSettings | None:
    """Make the database if there is none, with uploads enabled; its settings as they now are.

    An existing database keeps its consent. None when its settings are unreadable: a handler then
    replaces them and disables uploads. CannotWrite when no report can be put there.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = _read_or_make_settings(path / SETTINGS)
        for name in _FOLDERS:
            folder = path / name
            folder.mkdir(mode=0o700, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        _require_room(path / _FOLDERS[0])
    except OSError as error:
        raise cannot_write(f"the database {path}", error) from None
    return settings


def list_minidumps(path: Path) -> frozenset[Path] | None:
    """The minidumps that a database holds now; None when it cannot be listed."""
    paths: set[Path] = set()
    for folder in _REPORTS:
        try:
            entries = os.listdir(path / folder)  # noqa: PTH208 (a glob hides what goes wrong)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
        paths.update(path / folder / name for name in entries if name.endswith(".dmp"))
    return frozenset(paths)


def _read_or_make_settings(path: Path) -> DatabaseSettings | None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        try:
            return read_settings(path.read_bytes())
        except CrashtoolError:
            return None
    made = new_settings(uuid4(), uploads_enabled=True)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (made exclusively, hence a descriptor)
            file.write(made.pack())
    except OSError:
        path.unlink()  # half of it would disable uploads
        raise
    return made


def _require_room(folder: Path) -> None:
    """OSError where not even a small minidump can be written."""
    probe = folder / f".{uuid4().hex}.part"
    try:
        with probe.open("xb") as file:
            file.write(bytes(_ROOM))
    finally:
        probe.unlink(missing_ok=True)


def _list_temporary() -> Iterator[Path]:
    import tempfile  # seldom needed

    with suppress(OSError):  # it tries to write in each place that it knows
        yield Path(tempfile.gettempdir())
    yield Path(_SHARED_MEMORY)
