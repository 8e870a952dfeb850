"""The database that a handler is to write to, made ready before a run."""

import os
from pathlib import Path
from uuid import uuid4

from crashtool.errors import CrashtoolError, cannot_write
from crashtool.formats.crashpad.database import SETTINGS
from crashtool.formats.crashpad.settings import Settings, new_settings, read_settings

_FOLDERS = ("pending", "completed")


def prepare_database(path: Path) -> Settings | None:
    """Make the database if there is none, with uploads enabled; its settings as they now are.

    An existing database keeps its consent. None when its settings are unreadable: a handler then
    replaces them and disables uploads. CannotWrite when `path` cannot hold a database.
    """
    settings = path / SETTINGS
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return read_settings(settings.read_bytes())
        made = new_settings(uuid4(), uploads_enabled=True)
        with open(descriptor, "wb") as file:  # noqa: PTH123 (made exclusively, hence a descriptor)
            file.write(made.pack())
    except OSError as error:
        raise cannot_write(f"the database {path}", error) from None
    except CrashtoolError:
        return None
    return made


def list_minidumps(path: Path) -> frozenset[Path]:
    """The minidumps that a database holds now."""
    return frozenset(dump for folder in _FOLDERS for dump in path.glob(f"{folder}/*.dmp"))
