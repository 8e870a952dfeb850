"""A process that ends as its child did, by the same signal: it tells its parent, and has no crash.

coreutils' timeout does so, unshare, and crashtool itself. They send the signal to themselves.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Container, Iterable

from crashtool.formats.signal_structs import SignalInfo
from crashtool.model.run import ProcessCrash
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import read_file, read_name, read_own_number

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_PASS_ON = frozenset(("timeout", "unshare"))


def passes_on_end(
    pid: int, siginfo: SignalInfo, crashes: Iterable[ProcessCrash], living: Container[int]
) -> bool:
    """Whether the fatal signal of a process only tells of one of the `crashes` before.

    `living`: the processes that have not ended.
    """
    same = [
        crash
        for crash in crashes
        if crash.parent_id == pid
        and crash.fatal.number == siginfo.number
        and crash.process_id not in living
    ]
    if not same or not siginfo.is_sent or siginfo.sender != read_own_number(pid):
        return False
    if siginfo.number != signal.SIGABRT:
        return True
    return read_name(pid) in _PASS_ON or _wants_no_core(pid)  # others may well mean to abort


def _wants_no_core(pid: int) -> bool:
    """Whether it has renounced core files, which its runner has not."""
    return _read_core_limit(pid) == b"0" != _read_core_limit("self")


def _read_core_limit(pid: int | str) -> bytes:
    """The hard limit, as /proc/PID/limits has it."""
    try:
        lines = read_file(f"/proc/{pid}/limits").splitlines()
    except OSError:
        return b""
    line = next((line for line in lines if line.startswith(b"Max core file size")), b"")
    return line.split()[-2] if line else b""
