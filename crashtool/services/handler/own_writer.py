"""The minidump that crashtool writes itself, where no crashpad_handler can: by ptrace, in Python.

It goes into a Crashpad database as a handler's would, waiting to be sent, so that all that reads
databases finds it there.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from crashtool.errors import CrashtoolError, reason_of
from crashtool.formats.crashpad.database import SETTINGS
from crashtool.formats.crashpad.settings import read_settings
from crashtool.formats.minidump.crashpad_info import VERSION, CrashpadInfo
from crashtool.formats.minidump.snapshot import ProcessSnapshot, pack_snapshot
from crashtool.services.database.adding import add_report
from crashtool.services.handler.process_snapshot import take_snapshot
from crashtool.services.handler.report_database import make_temporary_database
from crashtool.services.handler.signal_frame import StoppedThread

MODE = "own"


class Written(NamedTuple):
    """What came of it: why there is no dump, or the database that has it and what to warn of."""

    problem: str | None
    database: str = ""
    notes: tuple[str, ...] = ()


class OwnWriter(NamedTuple):
    """Where reports go, and what they hold besides the process.

    `annotations` are keys and values, `attachments` names and paths, which are read at the crash.
    """

    database: str
    annotations: tuple[tuple[str, str], ...] = ()
    attachments: tuple[tuple[str, str], ...] = ()

    def write(self, pid: int, crashed: StoppedThread, threads: Iterable[int]) -> Written:
        """Dump a process all of whose `threads` are held by this one."""
        try:
            snapshot = take_snapshot(pid, crashed, threads, self._describe_report())
        except OSError as error:
            return Written(f"the program's memory is out of reach: {reason_of(error)}")
        notes: list[str] = []
        reason = self._add(snapshot, Path(self.database), notes)
        if reason is None:
            return Written(None, self.database, tuple(notes))
        reason = f"no minidump can be written to {self.database}: {reason}"
        spare = make_temporary_database(reason).path
        notes = [f"{reason}; it is in {spare}"]
        if spare is None or self._add(snapshot, spare, notes):
            return Written(reason)
        return Written(None, str(spare), tuple(notes))

    def _describe_report(self) -> CrashpadInfo:
        return CrashpadInfo(
            version=VERSION,
            report_id=uuid4(),
            client_id=_read_client_id(Path(self.database)),
            annotations=tuple((key, value) for key, value in self.annotations),
            modules=(),
            address_mask=0,
        )

    def _add(self, snapshot: ProcessSnapshot, root: Path, notes: list[str]) -> str | None:
        """Why a report cannot be put into a database, or None."""
        pieces = pack_snapshot(snapshot)
        report_id = snapshot.crashpad.report_id
        try:
            add_report(root, report_id, pieces, lambda folder: self._attach(folder, notes))
        except OSError as error:
            return reason_of(error)
        except CrashtoolError as error:
            return error.what
        return None

    def _attach(self, folder: Path, notes: list[str]) -> None:
        """Copy the attachments; of one name, the later ones are numbered."""
        for name, path in self.attachments:
            try:
                shutil.copyfile(path, _free_name(folder, name))
            except OSError as error:
                notes.append(f"attachment {path} is left out: {reason_of(error)}")


def _free_name(folder: Path, name: str) -> Path:
    path = folder / name
    count = 0
    while path.exists():
        count += 1
        path = folder / f"{Path(name).stem}-{count}{Path(name).suffix}"
    return path


def _read_client_id(root: Path) -> UUID:
    """Who this installation is; nobody where the settings are damaged."""
    try:
        return read_settings((root / SETTINGS).read_bytes()).client_id
    except (OSError, CrashtoolError):
        return UUID(int=0)
