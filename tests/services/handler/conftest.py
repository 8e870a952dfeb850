"""Real handlers and crashing programs; tests that need one that is not there are skipped."""

import platform
import sys
from pathlib import Path

import pytest

from crashtool.errors import CrashtoolError
from crashtool.services.handler.crashpad_handler.find import DEBIAN, find_handler
from crashtool.services.handler.crashpad_handler.handler_command_line import compose_command
from crashtool.services.handler.reports.delivery import find_delivery
from crashtool.services.handler.reports.report_database import prepare_database
from tests.toolchain import need_programs, run_tool

PROGRAMS = Path(__file__).resolve().parents[2] / "programs"
WIDTHS = {"64": [], "32": ["-m32"], "static": ["-static"]}


def skip_elsewhere():
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("needs Linux x86-64")


def find_or_skip(path=None):
    skip_elsewhere()
    try:
        return find_handler(path)
    except CrashtoolError as error:
        pytest.skip(f"needs a crashpad_handler: {error.what}")


@pytest.fixture(scope="session")
def sentry_handler():
    return find_or_skip()


@pytest.fixture(scope="session")
def upstream_handler():
    return find_or_skip(str(DEBIAN))


@pytest.fixture(params=["sentry_handler", "upstream_handler"])
def any_handler(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """build("crash.c", "32") -> path of the program; compiled once."""
    made = {}

    def compile_once(source, width="64"):
        compiler = "g++" if source.endswith("pp") else "gcc"
        skip_elsewhere()
        need_programs(compiler, *WIDTHS[width])
        if (source, width) not in made:
            target = tmp_path_factory.mktemp("programs") / "crash"
            line = [compiler, "-O1", "-g", "-pthread", *WIDTHS[width], "-o", target]
            run_tool(*line, PROGRAMS / source)
            made[source, width] = str(target)
        return made[source, width]

    return compile_once


@pytest.fixture
def crash_under(tmp_path):
    """crash_under(handler, program, mode) -> how it ended, and the report it left or None."""

    skip_elsewhere()
    from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess  # of Linux alone

    def run(handler, program, mode="trace", **options):
        database = tmp_path / "database"
        prepare_database(database)
        line = compose_command(handler, database)
        result = run_in_subprocess(program, line, mode=mode, **options)
        return result, find_delivery(database, frozenset(), result.process_id)

    return run
