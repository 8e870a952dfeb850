"""Times programs against each other: whole processes, interleaved, with their peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

LAUNCHER = str(Path(__file__).with_name("launch.py"))

# getrusage(2): kilobytes on Linux, bytes on macOS.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024

# Without what would slow Python down (no bytecode kept, coverage) or change what crashtool does.
OTHERS = ("PYTHON", "COVERAGE", "CRASHTOOL_")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}


class Program(NamedTuple):
    """A command to time. `prepare` runs before each start, outside the measured time."""

    name: str
    arguments: Sequence[str]
    prepare: Callable[[], None] | None = None


class Figure(NamedTuple):
    """What one program cost: seconds of wall time, bytes of peak resident memory."""

    name: str
    median: float
    fastest: float
    peak: int
    rounds: int


class ProgramFailed(Exception):
    """A program ended with a status other than 0, so that its time says nothing."""


def measure(programs: Sequence[Program], rounds: int) -> dict[str, Figure]:
    """Run all programs `rounds` times, taking turns, after one turn that does not count.

    Taking turns lets a slow spell of the machine hit all of them; each round starts with another
    program, so that none always runs in the wake of the same one.
    """
    seconds: dict[str, list[float]] = {program.name: [] for program in programs}
    peaks: dict[str, int] = {program.name: 0 for program in programs}
    for turn in range(rounds + 1):
        first = turn % len(programs)
        for program in [*programs[first:], *programs[:first]]:
            elapsed, peak = run_once(program)
            if turn:
                seconds[program.name].append(elapsed)
                peaks[program.name] = max(peaks[program.name], peak)
    return {
        name: Figure(name, statistics.median(times), min(times), peaks[name], rounds)
        for name, times in seconds.items()
    }


def run_once(program: Program) -> tuple[float, int]:
    """Run a program to its end: seconds, and the peak memory of it and its children in bytes."""
    if program.prepare:
        program.prepare()
    launched = subprocess.run(
        [sys.executable, "-I", "-S", LAUNCHER, *program.arguments],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if launched.returncode:
        raise ProgramFailed(f"{program.name} did not start: {launched.stderr.strip()[-200:]}")
    seconds, peak, status = launched.stdout.split()
    if int(status):
        raise ProgramFailed(f"{program.name} ended with status {status}")
    return float(seconds), int(peak) * PEAK_UNIT


def works(program: Program) -> bool:
    """Whether a program, run once, ends with status 0."""
    try:
        run_once(program)
    except ProgramFailed:
        return False
    return True
