"""Who writes the minidump where no crashpad_handler can: crashtool itself, by ptrace, in Python.

The report goes into a Crashpad database as a handler's would, waiting to be sent, so that all that
reads databases finds it there.
"""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple

MODE = "own"


class Written(NamedTuple):
    """What came of it: why there is no dump, or the database that has it and what to warn of.

    `uuid` is the report's id, "" without one.
    """

    problem: str | None
    database: str = ""
    notes: tuple[str, ...] = ()
    uuid: str = ""


class OwnWriter(NamedTuple):
    """Where reports go, and what they hold besides the process.

    `annotations` are keys and values, `attachments` names and paths, which are read at the crash.
    """

    database: str
    annotations: tuple[tuple[str, str], ...] = ()
    attachments: tuple[tuple[str, str], ...] = ()
