"""What `crashtool run` costs the build of a C++ project, by make and by ninja."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from plan import CRASHTOOL, Plan
from rows import Row, time_row
from timing import Program, measure

FILES = 120
BUILD_TARGET = 1.15  # of the time without
SOURCE = """\
#include <algorithm>
#include <map>
#include <string>
#include <vector>
struct Item{number} {{ std::string name; int cents; }};
int work{number}(int count) {{
    std::map<std::string, std::vector<Item{number}>> shelves;
    for (int i = 0; i < count; i++)
        shelves[std::to_string(i % 7)].push_back({{"item" + std::to_string(i), i * {number}}});
    int sum = 0;
    for (auto &shelf : shelves) {{
        std::sort(shelf.second.begin(), shelf.second.end(),
                  [](const Item{number} &a, const Item{number} &b) {{ return a.cents < b.cents; }});
        for (const auto &item : shelf.second) sum += item.cents + int(item.name.size());
    }}
    return sum;
}}
"""


def measure_building(plan: Plan) -> Iterator[Row]:
    """A clean build by two jobs at a time, under `crashtool run` and without it, for each tool."""
    compiler = shutil.which("g++")
    if compiler is None or sys.platform != "linux":
        yield Row("build", "run", skipped="needs Linux and g++")
        return
    files = FILES // 10 if plan.quick else FILES
    folder = write_project(plan.scratch / "build", compiler, files)
    for tool in ("make", "ninja"):
        path = shutil.which(tool)
        if path is None:
            yield Row("build", f"{tool} under run", skipped=f"needs {tool}")
            continue
        alone = Program(tool, [path, "-C", str(folder), "-j2"], partial(_clean, folder))
        database = str(plan.scratch / "build-database")
        line = [CRASHTOOL, "run", "--database", database, "--", *alone.arguments]
        under = Program(f"{tool} under run", line, alone.prepare)
        figures = measure([alone, under], plan.rounds(3))
        name = f"{tool} -j2, {files} files of C++"
        yield time_row(name, figures[under.name], figures[alone.name], BUILD_TARGET)
    shutil.rmtree(folder)


def write_project(folder: Path, compiler: str, files: int) -> Path:
    """A Makefile and a build.ninja of one program of so many files."""
    folder.mkdir()
    names = [f"work{number}" for number in range(files)]
    for number, name in enumerate(names):
        (folder / f"{name}.cpp").write_text(SOURCE.format(number=number))
    calls = " + ".join(f"{name}(3)" for name in names)
    declared = "".join(f"int {name}(int);\n" for name in names)
    (folder / "main.cpp").write_text(f"{declared}int main() {{ return ({calls}) < 0; }}\n")
    objects = " ".join(f"{name}.o" for name in [*names, "main"])
    (folder / "Makefile").write_text(
        f"program: {objects}\n\t{compiler} -o $@ $^\n%.o: %.cpp\n\t{compiler} -O0 -g -c -o $@ $<\n"
    )
    edges = "".join(f"build {name}.o: compile {name}.cpp\n" for name in [*names, "main"])
    (folder / "build.ninja").write_text(
        f"rule compile\n  command = {compiler} -O0 -g -c -o $out $in\n"
        f"rule link\n  command = {compiler} -o $out $in\n{edges}build program: link {objects}\n"
    )
    return folder


def _clean(folder: Path) -> None:
    for path in folder.iterdir():
        if path.suffix == ".o" or path.name in ("program", ".ninja_log", ".ninja_deps"):
            path.unlink()
