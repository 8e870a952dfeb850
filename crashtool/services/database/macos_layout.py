"""Changes to a database of macOS or iOS: extended attributes of the minidumps, also of copies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.crashpad.apple_double import pack_apple_double, read_apple_double
from crashtool.formats.crashpad.database_report import DatabaseReport
from crashtool.formats.crashpad.extended_attributes import (
    find_sidecar,
    read_attributes,
    read_system_attributes,
    write_attributes,
)
from crashtool.formats.crashpad.metadata import (
    XATTR_PREFIXES,
    pack_mac_metadata,
    read_mac_metadata,
)
from crashtool.services.database.database_layout import Update, remove_belongings
from crashtool.services.files.whole_file import open_whole


class MacLayout:
    """As crash_report_database_mac.mm does it.

    The attributes are changed where they are: in the file system, or in the AppleDouble file that a
    copy has beside it, which goes wherever the minidump goes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def hold(self, report: DatabaseReport) -> Iterator[None]:
        """Keep handlers from a report, by Crashpad's lock on the minidump itself (O_EXLOCK)."""
        if sys.platform == "win32":  # a copy, which no handler looks into
            yield
        else:
            descriptor = os.open(report.path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                _lock(descriptor, report)
                yield
            finally:
                os.close(descriptor)

    def still_waits(self, report: DatabaseReport) -> bool:
        """Whether the minidump is there and its attributes do not say that it was uploaded."""
        if not report.path.is_file():
            return False
        try:
            return _read_known(report.path)[1].get("uploaded") != b"1"
        except (InputUnusable, MalformedFile):
            return True

    def change(self, report: DatabaseReport, state: str, update: Update) -> Path:
        """Change a report's attributes and bring it into the state's folder."""
        prefix, values = _read_known(report.path)
        rows = pack_mac_metadata(update(read_mac_metadata(values))).items()
        changes = {f"{prefix}{name}": value for name, value in rows}
        folder = self._root / state
        folder.mkdir(exist_ok=True)
        target = folder / report.path.name
        sidecar = find_sidecar(report.path)
        if any(name.startswith(prefix) for name in read_system_attributes(report.path)):
            write_attributes(report.path, changes)
        else:  # written beside where the minidump will be, so that it is never without
            with open_whole(find_sidecar(target)) as file:
                file.write(_changed(sidecar.read_bytes(), changes))
        if target != report.path:
            report.path.rename(target)
            sidecar.unlink(missing_ok=True)
        return target

    def remove(self, reports: Sequence[DatabaseReport]) -> None:
        """Delete minidumps, which have their attributes with them, and their attachments."""
        for report in reports:
            with self.hold(report):
                report.path.unlink(missing_ok=True)
                find_sidecar(report.path).unlink(missing_ok=True)
                remove_belongings(self._root, report)


def _read_known(path: Path) -> tuple[str, dict[str, bytes]]:
    """The prefix of Crashpad's attributes of a file, and their values by name without it."""
    attributes = read_attributes(path)
    for prefix in XATTR_PREFIXES:
        values = {
            name.removeprefix(prefix): value
            for name, value in attributes.items()
            if name.startswith(prefix)
        }
        if values:
            return prefix, values
    raise InputUnusable(
        f"the extended attributes of {path} were lost, as some copies lose them",
        hint="copy the database with them: ditto, or tar",
    )


def _changed(sidecar: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    merged = {**read_apple_double(sidecar), **changes}
    kept = {name: value for name, value in merged.items() if value is not None}
    return pack_apple_double(kept, sidecar)


def _lock(descriptor: int, report: DatabaseReport) -> None:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputUnusable(
                f"{report.uuid} is locked by a handler: {report.path}", hint="try again"
            ) from None
