"""Who writes the minidump where no crashpad_handler can: crashtool itself, by ptrace, in Python.

The report goes into a Crashpad database as a handler's would, waiting to be sent, so that all that
reads databases finds it there.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
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

    def write(self, pid: int, crashed: "StoppedThread", threads: Iterable[int]) -> Written:
        """Dump a process all of whose `threads` are held by this one."""
        from crashtool.services.handler.own_report import write_report  # no cost without a crash

        return write_report(self, pid, crashed, threads)
