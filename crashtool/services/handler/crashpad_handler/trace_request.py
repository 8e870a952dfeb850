"""Ask for a dump by --trace-parent-with-exception: the helper dumps the program, its parent."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable

from crashtool.services.handler.process.launch import Launched
from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_MAX_LOG = 1 << 20
_LOOK = 0.1  # seconds between looks at the clock and at signals while the handler works


class TraceRequest:
    """One dump, made and uploaded by a handler that starts at the crash and then ends.

    The program stays stopped until then, as with Crashpad's own StartHandlerAtCrash.
    """

    def __init__(self, launched: Launched) -> None:
        self._launched = launched
        self._log: list[bytes] = []

    def request(self, exception_information: int, give_up: Callable[[], str | None]) -> str | None:
        """Have the stopped, no longer traced program dumped; what went wrong, or None.

        `give_up` is asked now and then, and gives the reason to stop waiting.
        """
        try:
            os.write(self._launched.order, b"%#x" % exception_information)
        except BrokenPipeError:
            return "the helper process beside the program was killed"
        problem = None
        while problem is None and self._read_log(_LOOK):
            problem = give_up()
        if problem:
            os.kill(self._launched.helper_pid, signal.SIGKILL)
        return problem

    @property
    def log(self) -> str:
        """What the handler said."""
        return b"".join(self._log).decode("utf-8", "replace")

    def _read_log(self, seconds: float) -> bool:
        """Take what comes in that time; False at the end, which is the handler's end."""
        if not select.select([self._launched.log], [], [], seconds)[0]:
            return True
        chunk = os.read(self._launched.log, 65536)
        if sum(map(len, self._log)) < _MAX_LOG:
            self._log.append(chunk)
        return bool(chunk)
