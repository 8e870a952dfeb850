"""Where programs can be run and dumped at all: the one question to ask before anything of it."""

from __future__ import annotations

import platform
import sys

from crashtool.errors import UsageError

NEEDS_LINUX = "ptrace and /proc are Linux's"


def check_platform() -> None:
    """UsageError where no program can be traced and dumped: not Linux on x86-64.

    To be called before what uses ptrace is imported: its modules raise ImportError elsewhere.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in ("x86_64", "AMD64") or sys.maxsize < 2**32:
        raise UsageError(
            "programs can be run under a crashpad_handler on Linux x86-64 only "
            f"(this is {platform.system()} {machine})",
            hint="elsewhere, link the Crashpad client; 'crashtool serve' receives its reports",
        )
