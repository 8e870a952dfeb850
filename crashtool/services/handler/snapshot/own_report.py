"""The report that crashtool itself writes of a crash: taken down, packed, put into a database."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid4

from crashtool.errors import CrashtoolError, reason_of
from crashtool.formats.crashpad.database import SETTINGS
from crashtool.formats.crashpad.settings import read_settings
from crashtool.formats.minidump.crashpad_info import VERSION, CrashpadInfo
from crashtool.formats.minidump.snapshot import ProcessSnapshot, pack_snapshot
from crashtool.services.database.adding import add_report
from crashtool.services.handler.process.signal_frame_writer import StoppedThread
from crashtool.services.handler.process.target import explain_unreachable
from crashtool.services.handler.reports.report_database import make_temporary_database
from crashtool.services.handler.snapshot.own_writer import OwnWriter, Written
from crashtool.services.handler.snapshot.process_snapshot import take_snapshot


def write_report(
    own: OwnWriter, pid: int, crashed: StoppedThread, threads: Iterable[int]
) -> Written:
    """Dump a process all of whose `threads` are held by this one.

    Where the database takes nothing, a temporary one does.
    """
    try:
        snapshot = take_snapshot(pid, crashed, threads, _describe_report(own))
    except OSError as error:
        return Written(explain_unreachable(error))
    uuid = str(snapshot.crashpad.report_id)
    notes: list[str] = []
    reason = _add(own, snapshot, Path(own.database), notes)
    if reason is None:
        return Written(None, own.database, tuple(notes), uuid)
    reason = f"no minidump can be written to {own.database}: {reason}"
    spare = make_temporary_database(reason).path
    notes = [f"{reason}; it is in {spare}"]
    if spare is None or _add(own, snapshot, spare, notes):
        return Written(reason)
    return Written(None, str(spare), tuple(notes), uuid)


def _describe_report(own: OwnWriter) -> CrashpadInfo:
    return CrashpadInfo(
        version=VERSION,
        report_id=uuid4(),
        client_id=_read_client_id(Path(own.database)),
        annotations=tuple((key, value) for key, value in own.annotations),
        modules=(),
        address_mask=0,
    )


def _add(own: OwnWriter, snapshot: ProcessSnapshot, root: Path, notes: list[str]) -> str | None:
    """Why a report cannot be put into a database, or None."""
    pieces = pack_snapshot(snapshot)
    report_id = snapshot.crashpad.report_id
    try:
        add_report(root, report_id, pieces, lambda folder: _attach(own, folder, notes))
    except OSError as error:
        return reason_of(error)
    except CrashtoolError as error:
        return error.what
    except ValueError as error:  # a number that no minidump can hold; the program comes first
        return str(error)
    return None


def _attach(own: OwnWriter, folder: Path, notes: list[str]) -> None:
    """Copy the attachments; of one name, the later ones are numbered."""
    for name, path in own.attachments:
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
