"""The last lines that a crashing process has on its stderr, where they can be known.

A file knows them itself, up to where the process stands in it: this is where pytest, or a script
with 2>, has put them. What goes into the run's own pipe is known by the relay. A pipe between two
processes of the run belongs to them: what was in it is gone.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import read_file
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.handler.stderr.stderr_relay import MAX_TAIL, StderrRelay

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

ATTACHMENT = "stderr.txt"
MAX_LINES = 25  # that are shown; the attachment has MAX_TAIL bytes


class LastLines:
    """Takes them down at a crash: into the file `path`, which is attached, and as lines."""

    def __init__(self, path: Path, relay: StderrRelay | None) -> None:
        self.path: Path = path
        self.streams: tuple[int, ...] = relay.streams if relay else ()
        self._relay = relay

    def take(self, pid: int) -> tuple[str, ...]:
        """Write the file for one process's report; the lines to show. None known: no file."""
        data = self._read(f"/proc/{pid}/fd/2", f"/proc/{pid}/fdinfo/2")
        try:
            self.path.unlink(missing_ok=True)
            if data:
                self.path.write_bytes(data)
        except OSError:  # a full disk: they are shown all the same
            pass
        return split_lines(data)

    def attach(self, own: OwnWriter) -> OwnWriter:
        """The writer with the file among its attachments, if something was taken."""
        if not self.path.exists():
            return own
        return own._replace(attachments=(*own.attachments, (ATTACHMENT, str(self.path))))

    def _read(self, path: str, information: str) -> bytes:
        if self._relay and self._relay.leads_here(path):
            return self._relay.read_tail()
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (as in target)
                return b""
            end = _read_position(information)
            start = max(end - MAX_TAIL, 0)
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.pread(descriptor, end - start, start)
            finally:
                os.close(descriptor)
        except (OSError, ValueError):  # closed, or gone
            return b""


def _read_position(information: str) -> int:
    """Where a descriptor stands in its file (proc(5), fdinfo)."""
    rows = read_file(information).splitlines()
    return next(int(line[4:]) for line in rows if line.startswith(b"pos:"))


def split_lines(data: bytes) -> tuple[str, ...]:
    """The last lines of a text that may begin in the middle of one."""
    lines = data.decode("utf-8", "replace").split("\n")
    if lines[-1] == "":
        lines.pop()
    return tuple(line.removesuffix("\r") for line in lines[-MAX_LINES:])
