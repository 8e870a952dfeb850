"""Runs one program and prints its seconds, its peak memory in ru_maxrss's unit, and its status.

A process of its own, started without site packages, because the kernel counts what the parent
held at the fork into the child's peak: this one holds less than any Python program.
"""

from __future__ import annotations

import os
import sys
import time


def main(arguments: list[str]) -> None:
    """Run the program in `arguments`, whose first is a path, with all its streams closed off."""
    nothing = os.open(os.devnull, os.O_RDWR)
    streams = [(os.POSIX_SPAWN_DUP2, nothing, stream) for stream in range(3)]
    start = time.perf_counter()
    process = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=streams)
    _, status, usage = os.wait4(process, 0)
    elapsed = time.perf_counter() - start
    print(elapsed, usage.ru_maxrss, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1:])
