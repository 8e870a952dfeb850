import subprocess
import sys

import pytest

from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.symbols.generated_code import split_maps
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.services.handler.conftest import (  # noqa: F401 (fixtures)
    build,
    crash_under,
    sentry_handler,
)

TEXT = """\
7f0000001000 80 ~main game.js:1
7f0000001080 40 *draw game.js:7
0x7f0000001000 0x20 *main game.js:1
no line of a map
7f0000002000 zz odd
"""

# ruff: noqa: F811 (fixtures that are imported)


@pytest.fixture
def functions(tmp_path):
    (tmp_path / "perf-77.map").write_text(TEXT)
    others, found = split_maps(["a.sym", str(tmp_path / "perf-77.map"), "perf-78.map"])
    assert others == ["a.sym", "perf-78.map"]  # the last is not a file
    return found


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x7F0000001010, "*main game.js:1"),  # compiled again, and written last
        (0x7F0000001040, "~main game.js:1"),
        (0x7F0000001080, "*draw game.js:7"),
        (0x7F00000010BF, "*draw game.js:7"),
        (0x7F00000010C0, None),
        (0x7F0000000FFF, None),
        (0x7F0000002000, None),
    ],
)
def test_a_function_is_found_by_its_address(functions, address, name):
    found = functions.find(77, address)

    assert (found and found.name) == name


@pytest.mark.parametrize("process", [76, None])
def test_a_map_of_another_process_is_not_used(functions, process):
    assert functions.find(process, 0x7F0000001010) is None


def test_a_map_that_is_gone_names_nothing(functions, tmp_path):
    (tmp_path / "perf-77.map").unlink()

    assert functions.find(77, 0x7F0000001010) is None


def test_generated_code_of_a_real_crash_has_its_name(build, sentry_handler, crash_under, tmp_path):
    program = build("crash_kinds.cpp")
    _, delivery = crash_under(sentry_handler, [program, "generated_code"])
    path = delivery.path

    def inspect(*paths):
        plan = SymbolPlan(paths=(program, *paths))
        with open_session(plan, str(tmp_path / "cache")) as symbols:
            return read_report(path, path, InspectOptions(symbols=symbols))

    report = inspect()
    frame = next(row for row in report.crashed_thread.frames if row.module is None)
    map_file = tmp_path / f"perf-{report.process.id}.map"
    map_file.write_text(f"{frame.instruction & -4096:x} 1000 Interpreter::run\n")
    named = inspect(str(map_file)).crashed_thread.frames
    page = subprocess.run(
        [
            sys.executable,
            "-m",
            "crashtool",
            "inspect",
            "--no-local-symbols",
            "--symbols",
            program,
            "--symbols",
            map_file,
            path,
        ],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout

    assert [row.function for row in named if row.module is None] == ["Interpreter::run"]
    assert f"Interpreter::run ({frame.instruction:#018x}, in no module)" in page
