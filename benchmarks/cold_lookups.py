"""What the first twenty addresses in a debug file cost, from nothing: here and by symbolic.

    python benchmarks/cold_lookups.py FILE... [--rounds N] [--seed N]

Whole processes, in turns: each opens the file, finds function, line and merged calls at the same
addresses, drawn all over its code, and ends. symbolic makes its table of the file first, as it
must. The ratios are of processor time, of wall time and of peak memory, of the fastest rounds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from lookups import draw, open_tested
from timing import ENVIRONMENT, PEAK_UNIT

ADDRESSES = 20
LOOKED_UP = """
import sys
from crashtool.services.symbols.debug_file import open_debug_file
path, kind, architecture, *addresses = sys.argv[1:]
file = open_debug_file(path, kind, architecture)
for address in addresses:
    file.find_function(int(address))
"""
CONVERTED = """
import sys
from symbolic.debuginfo import Archive
path, _, architecture, *addresses = sys.argv[1:]
table = Archive.open(path).get_object(arch=architecture).make_symcache()
for address in addresses:
    table.lookup(int(address))
"""


class Cost(NamedTuple):
    """What a process cost: seconds of processor time and of wall time, megabytes at the peak."""

    processor: float
    wall: float
    peak: float


def run(program: str, arguments: list[str]) -> Cost:
    """Run a program of Python to its end."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], env=ENVIRONMENT)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"a process ended with {status}")
    used = usage.ru_utime + usage.ru_stime
    return Cost(used, time.perf_counter() - start, usage.ru_maxrss * PEAK_UNIT / 1e6)


def compare(path: Path, rounds: int, seed: int) -> tuple[Cost, Cost]:
    """The least that either cost, after one round that does not count: here, then symbolic."""
    tested = next(open_tested(path))
    arguments = [str(path), tested.kind, tested.architecture]
    arguments += map(str, draw(tested.code, ADDRESSES, seed))
    programs = LOOKED_UP, CONVERTED
    costs: list[list[Cost]] = [[], []]
    for turn in range(rounds + 1):
        for number in (0, 1) if turn % 2 else (1, 0):
            cost = run(programs[number], arguments)
            if turn:
                costs[number].append(cost)
    here, theirs = (Cost(*map(min, zip(*rows, strict=True))) for rows in costs)
    return here, theirs


def main() -> None:
    """Print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for path in options.files:
        here, theirs = compare(path, options.rounds, options.seed)
        ratios = Cost(*(mine / other for mine, other in zip(here, theirs, strict=True)))
        print(
            f"{path.name}: processor {here.processor:.2f} s ({ratios.processor:.3f}), "
            f"wall {here.wall:.2f} s ({ratios.wall:.3f}), {here.peak:.0f} MB ({ratios.peak:.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
