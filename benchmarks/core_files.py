"""What `inspect --core` costs: time beside `inspect` alone, the core file's size, peak memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dumps import write_full_memory_dump
from plan import CRASHTOOL, Plan
from rows import Row, megabytes, peak_row, time_row
from timing import ENVIRONMENT, Figure, Program, measure

TIME_TARGET = 1.2  # of `inspect` alone
FIXED_SIZE, DUMP_SHARE = 64 << 10, 3  # a core file has as much, and so many times the dump's size
PEAK_LIMIT = 100_000_000
SOURCE = """\
#include <map>
#include <string>
#include <thread>
#include <vector>
struct Item { std::string name; int cents; };
static std::map<std::string, std::vector<Item>> shelves;
static int fall(int depth, const Item *item)
{
    Item own{"item " + std::to_string(depth), depth};
    return depth ? fall(depth - 1, &own) + own.cents : *(volatile int *)item->name.size();
}
int main()
{
    std::vector<std::thread> waiting;
    for (int i = 0; i < 4; i++)
        waiting.emplace_back([] { std::this_thread::sleep_for(std::chrono::hours(1)); });
    shelves["first"].push_back({"one", 1});
    return fall(12, nullptr);
}
"""


def measure_core_files(plan: Plan) -> Iterator[Row]:
    """A crash of a C++ program with five threads, then the same dump with gigabytes of memory."""
    name = "core files"
    compiler = shutil.which("g++")
    if compiler is None or sys.platform != "linux":
        yield Row(name, "inspect --core", skipped="needs Linux and g++")
        return
    folder = plan.scratch / "core"
    dump = make_crash(folder, compiler)
    core = folder / "crash.core"
    alone = inspect_program("inspect", dump, folder)
    with_core = inspect_program("inspect --core", dump, folder, core)
    figures = measure([alone, with_core], plan.rounds(15))
    yield time_row(name, figures[with_core.name], figures[alone.name], TIME_TARGET)
    yield size_row(name, dump, core)
    size = plan.large_size * (1 if plan.quick else 4)
    large = folder / "large.dmp"
    write_full_memory_dump(dump, large, size, wide=True)
    named = f"{size >> 20:,} MiB of memory"
    programs = [
        inspect_program("inspect", large, folder),
        inspect_program(f"inspect --core, {named}", large, folder, core),
    ]
    figures = measure(programs, 1)
    yield limit_row(name, figures[programs[1].name])
    yield peak_row(name, figures[programs[1].name], figures[programs[0].name])
    shutil.rmtree(folder)


def make_crash(folder: Path, compiler: str) -> Path:
    """Build the program, crash it under crashtool's own writer: its minidump."""
    folder.mkdir()
    source = folder / "shop.cpp"
    source.write_text(SOURCE, encoding="utf-8")
    program = folder / "shop"
    line = [compiler, "-g", "-O0", "-std=c++17", "-pthread", str(source), "-o", str(program)]
    subprocess.run(line, check=True)
    subprocess.run(
        [
            CRASHTOOL,
            "run",
            "--writer",
            "own",
            "--no-local-symbols",
            "--database",
            str(folder / "reports"),
            "--",
            str(program),
        ],
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    (dump,) = (folder / "reports").rglob("*.dmp")
    return dump


def inspect_program(name: str, dump: Path, symbols: Path, core: Path | None = None) -> Program:
    """`inspect` of a dump whose symbols are at hand, with a core file or without."""
    written = ["--core", str(core)] if core else []
    line = [CRASHTOOL, "inspect", "--brief", "--symbols", str(symbols), *written, str(dump)]
    return Program(name, line)


def size_row(name: str, dump: Path, core: Path) -> Row:
    """The size of a core file against what it may have."""
    size, allowed = core.stat().st_size, FIXED_SIZE + DUMP_SHARE * dump.stat().st_size
    figure, against = f"{size / 1e3:,.1f} KB", f"64 KiB + 3 x dump {allowed / 1e3:,.1f} KB"
    return Row(name, "size", figure, against, size / allowed, 1.0)


def limit_row(name: str, figure: Figure) -> Row:
    """The peak memory of writing the core file of a large dump, against what it may take."""
    against = f"limit {megabytes(PEAK_LIMIT)}"
    ratio = figure.peak / PEAK_LIMIT
    return Row(name, f"{figure.name}, peak memory", megabytes(figure.peak), against, ratio, 1.0)
