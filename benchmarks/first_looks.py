"""The first `inspect` of a stack of 20 frames, with nothing cached, against what symbolic took.

    python benchmarks/first_looks.py [--before CRASHTOOL] [--rounds N] LIBRARY [DEBUG]

LIBRARY is an ELF library for x86-64 with its code; DEBUG its debug information, if that is in a
file of its own. The stack is made (`linux_dump.py`). `--before` names the program of a crashtool
that looked DWARF up by symbolic; without it symbolic's table of the file and its look-ups alone
are what is compared with.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shutil import rmtree

from linux_dump import build_linux_dump
from plan import PYTHON, Plan
from rows import Row, megabytes, peak_row, render_table, time_row
from symbolicate import HERE, check_walk, ours
from timing import Program, measure

from crashtool.services.symbols.mapped_file import map_file

DEPTH = 20  # frames
RUST_TARGET, PEAK_TARGET = 0.15, 0.2
BEFORE = "crashtool with symbolic"


def measure_first_looks(plan: Plan) -> Iterator[Row]:
    """A library of Rust with 72 MB: the one that symbolic's Python package consists of."""
    try:
        import symbolic
    except ImportError:
        yield Row("a first look", "inspect --json", skipped="needs symbolic (the extra dev)")
        return
    library = next(Path(symbolic.__file__).parent.glob("*.so"), None)
    if library is None:
        yield Row("a first look", "inspect --json", skipped="symbolic has no library here")
        return
    before = plan.peers / "before" / "bin" / "crashtool"
    earlier = str(before) if before.exists() else None
    yield from measure_library(plan, library, library, earlier, plan.rounds(5), RUST_TARGET)


def measure_library(
    plan: Plan, library: Path, debug: Path, before: str | None, rounds: int, target: float | None
) -> Iterator[Row]:
    """One library, with its debug information in it or in another file."""
    folder = plan.scratch / "symbols"
    folder.mkdir()
    for path in {library, debug}:
        (folder / path.name).symlink_to(path.resolve())
    dump = plan.scratch / "first.dmp"
    dump.write_bytes(build_linux_dump(map_file(str(library)), library.name, DEPTH))
    mine = ours(plan, folder, dump, label=", nothing cached")
    places = [f"{offset:x}" for offset in check_walk(mine, DEPTH, library.name)]
    table = [PYTHON, str(HERE / "symcache_alone.py"), str(debug), *places]
    programs = [mine, Program("symbolic's SymCache and look-ups", table)]
    if before:
        cache = plan.scratch / "cache-before"
        words = ["inspect", "--json", "--offline", "--cache", str(cache), "--symbols", str(folder)]
        clear = partial(rmtree, cache, ignore_errors=True)
        programs.append(Program(BEFORE, [before, *words, str(dump)], clear))
    figures = measure(programs, rounds)
    name = f"a stack of {DEPTH} frames, a debug file of {megabytes(debug.stat().st_size)}"
    for program in programs[1:]:
        pair = figures[mine.name], figures[program.name]
        is_held = target is not None and program.name == BEFORE
        yield time_row(name, *pair, target if is_held else None)
        yield peak_row(name, *pair, PEAK_TARGET if is_held else None)


def main() -> int:
    """Measure one library and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("library", type=Path)
    parser.add_argument("debug", type=Path, nargs="?")
    parser.add_argument("--before")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        plan = Plan(folder, folder, folder)
        debug = chosen.debug or chosen.library
        rows = list(
            measure_library(plan, chosen.library, debug, chosen.before, chosen.rounds, None)
        )
    print(render_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
