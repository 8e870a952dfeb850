"""The first look into PDBs of several sizes: `inspect` of a crash of 20 frames against symbolic.

    python benchmarks/large_pdbs.py DIR [MEGABYTES[:PAGE]...]

Makes each PDB in DIR with clang and lld for Windows, and removes it when it was measured: 5, 60 and
220 MB, and 220 MB in pages of 32 KiB, where nothing is named. Two units of the source are compiled;
the others are copies of their object files in which each name is another of the same length, so
that a PDB of a gigabyte takes minutes. Both programs are whole processes that find nothing
of their own on the disk; the kernel's page cache is warm for both.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from factory_source import entry_lines, write_source
from material import COMPILE, FOR_WINDOWS, find_tool
from plan import PYTHON, Plan
from rows import Row, megabytes, peak_row, render_table, time_row
from symbolicate import HERE, check_walk, ours
from timing import Program, measure
from windows_dump import build_windows_dump

RUNTIME = HERE.parent / "tests" / "programs" / "lookups" / "runtime.cc"
DEPTH = 20  # frames
COMPILED = 2  # units that are compiled; the others are copies
ROUNDS = 5
UNIT_SIZE = 4.4  # MB in the PDB, of a unit with its thousand functions
LARGE, LARGE_TARGET = 200, 0.05  # MB and more: times symbolic's
SMALL, SMALL_TARGET = 6, 1.0
PEAK_TARGET = 0.2
LINK = ("/debug", "/dll", "/noentry", "/nodefaultlib", "/opt:noref", "/export:start_factory")


class Wanted(NamedTuple):
    """A PDB to make: its size in megabytes, about, and the bytes of its pages."""

    size: int
    page: int = 4096

    @property
    def units(self) -> int:
        """Of how many units it is linked."""
        return max(1, round(self.size / UNIT_SIZE))


PLANNED = (Wanted(5), Wanted(60), Wanted(220), Wanted(220, 32768))


def compile_objects(folder: Path) -> None:
    """Object files of the first units, of the entry and of what the compiler calls by itself."""
    compiler = [find_tool("clang", "clang-14", "clang-16", "clang-19"), *COMPILE, *FOR_WINDOWS]
    sources = write_source(folder, COMPILED)[:COMPILED]
    runtime = folder / "runtime.cc"
    shutil.copyfile(RUNTIME, runtime)
    for source in sources:
        subprocess.run([*compiler, source.name], cwd=folder, check=True)
    subprocess.run([*compiler, "-O1", "-fno-builtin", runtime.name], cwd=folder, check=True)


def link(folder: Path, wanted: Wanted) -> Path:
    """The DLL of so many units; its PDB is beside it, the copies of the units are removed."""
    compiler = [find_tool("clang", "clang-14", "clang-16", "clang-19"), *COMPILE, *FOR_WINDOWS]
    entry = folder / "entry.cc"
    entry.write_text("\n".join(entry_lines(wanted.units)) + "\n")
    subprocess.run([*compiler, entry.name], cwd=folder, check=True)
    objects = [copy_unit(folder, number) for number in range(wanted.units)]
    library = folder / "factory.dll"
    linker = find_tool("lld-link", "lld-link-14", "lld-link-16", "lld-link-19")
    words = [linker, *LINK, f"/pdbpagesize:{wanted.page}", f"/out:{library.name}"]
    subprocess.run(
        [*words, "entry.o", "runtime.o", *(path.name for path in objects)], cwd=folder, check=True
    )
    for path in objects[COMPILED:]:
        path.unlink()
    return library


def copy_unit(folder: Path, number: int) -> Path:
    """The object file of a unit: where it was not compiled, another's with other names."""
    path = folder / f"unit_{number:03}.o"
    if number >= COMPILED:
        content = (folder / f"unit_{number % COMPILED:03}.o").read_bytes()
        for word in (b"hall_%03d", b"unit_%03d"):
            content = content.replace(word % (number % COMPILED), word % number)
        path.write_bytes(content)
    return path


def measure_one(folder: Path, wanted: Wanted) -> Iterator[Row]:
    """Make a PDB, compare the answers, and compare time and memory."""
    library = link(folder, wanted)
    debug_file = library.with_suffix(".pdb")
    plan = Plan(folder, folder, folder)
    # Not beside the DLL, whose code would tell that the return addresses are made up.
    dump = folder / "dump" / "windows.dmp"
    dump.parent.mkdir(exist_ok=True)
    content = library.read_bytes(), debug_file.read_bytes()
    dump.write_bytes(build_windows_dump(*content, library.name, DEPTH))
    del content
    mine = ours(plan, debug_file, dump, label=", nothing cached")
    offsets = check_walk(mine, DEPTH, library.name)
    places = [f"{offset:x}" for offset in offsets]
    theirs = Program(
        "symbolic's SymCache and look-ups",
        [PYTHON, str(HERE / "symcache_alone.py"), str(debug_file), *places],
    )
    figures = measure([mine, theirs], ROUNDS)
    name = f"a PDB of {megabytes(debug_file.stat().st_size)}, pages of {wanted.page} bytes"
    large = wanted.size >= LARGE
    target = LARGE_TARGET if large else SMALL_TARGET if wanted.size <= SMALL else None
    yield time_row(name, figures[mine.name], figures[theirs.name], target)
    yield peak_row(name, figures[mine.name], figures[theirs.name], PEAK_TARGET if large else None)


def parse_wanted(text: str) -> Wanted:
    """MEGABYTES or MEGABYTES:PAGE."""
    return Wanted(*map(int, text.split(":")))


def main() -> int:
    """Measure and print; 1 when a target was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("wanted", nargs="*", type=parse_wanted)
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    folder.mkdir(parents=True)
    try:
        compile_objects(folder)
        rows = [row for one in chosen.wanted or PLANNED for row in measure_one(folder, one)]
    finally:
        shutil.rmtree(folder)
    print(render_table(rows))
    return any(row.verdict == "missed" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
