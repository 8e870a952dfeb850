"""Measures crashtool against other tools, and itself against itself, as ratios of one run.

    python benchmarks/run.py [--quick] [NAME…] [--dump PATH] [--peers DIR] [--json]

Prints a table; writes nothing but files in a temporary folder that it removes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from building import measure_building
from cold_start import measure_cold_start
from core_files import measure_core_files
from dumped_symbols import measure_dumping
from first_looks import measure_first_looks
from growth import measure_growth
from inspecting import measure_large_dump, measure_many_dumps, measure_small_dump
from instructions import measure_instructions
from peers import DEFAULT_FOLDER
from plan import CRASHTOOL, Plan
from rows import Row, render_json, render_table
from sending import measure_sending
from small_dump import build_small_dump
from symbolicate import SYMBOL_BENCHMARKS
from timing import ProgramFailed
from upload import measure_discovery, measure_upload

BENCHMARKS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "cold-start": measure_cold_start,
    "small": measure_small_dump,
    "instructions": measure_instructions,
    "large": measure_large_dump,
    "many": measure_many_dumps,
    "core": measure_core_files,
    "send": measure_sending,
    "upload": measure_upload,
    "discovery": measure_discovery,
    "dump-symbols": measure_dumping,
    "first-look": measure_first_looks,
    "growth": measure_growth,
    "build": measure_building,
    **SYMBOL_BENCHMARKS,
}


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """What the run was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller inputs")
    parser.add_argument("--dump", type=Path, help="a real small dump instead of a made one")
    parser.add_argument(
        "--peers",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help="where the other tools are (default: benchmarks/.cache)",
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        metavar="DIR",
        help="put temporary files there (up to 5 GB, mostly sparse)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(BENCHMARKS):
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    if chosen.dump and not chosen.dump.is_file():
        parser.error(f"no file {chosen.dump}")
    if sys.prefix == sys.base_prefix or not Path(CRASHTOOL).is_file():
        parser.error("run this with the interpreter of a virtual environment that has crashtool")
    return chosen


def run_benchmarks(names: list[str], plan: Plan) -> list[Row]:
    """The rows of the named benchmarks; one that fails is a skipped row that says why."""
    rows: list[Row] = []
    for name in names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr)
        try:
            rows += BENCHMARKS[name](plan)
        except ProgramFailed as failure:
            rows.append(Row(name, "not measured", skipped=str(failure)))
    return rows


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when a target was missed."""
    chosen = parse_arguments(arguments)
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as folder:
        scratch = Path(folder)
        dump = chosen.dump or scratch / "small.dmp"
        if not chosen.dump:
            dump.write_bytes(build_small_dump())
        plan = Plan(dump.resolve(), chosen.peers, scratch, chosen.quick)
        rows = run_benchmarks(chosen.names, plan)
    print(render_json(rows) if chosen.json else render_table(rows))
    return int(any(row.verdict == "missed" for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
