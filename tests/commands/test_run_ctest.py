"""The CI log in docs/test-runs.md: a real CMake project under run, with ctest, with an emulator."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.test_run import CRASHTOOL
from tests.services.handler.conftest import skip_elsewhere
from tests.toolchain import need_programs

pytestmark = pytest.mark.toolchain

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "tests" / "programs" / "ctest_project"
PAGE = ROOT / "docs" / "test-runs.md"
RUN = [
    "run",
    "--timeout",
    "20",
    "--ignore",
    "*DeathTest*",
    "--",
    "ctest",
    "--test-dir",
    "build",
    "-j4",
]
# What the log says of the project; the rest depends on the machine and its C library.
OURS = re.compile(
    r"crash 1: |hang 2: |command: |CRASH |           \S|WHERE +shop|SIGNATURE|.*shop_test\.c:|"
    r"\d+ of \d+ processes|timed out|\d more crash"
)
VOLATILE = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)?|\S*/shop_test\b|\b_+(?=pthread)|\s+")


@pytest.fixture
def project(tmp_path):
    skip_elsewhere()
    need_programs("gcc")
    if not shutil.which("ctest"):
        pytest.skip("needs cmake and ninja")
    shutil.copytree(PROJECT, tmp_path / "shop")
    return tmp_path / "shop"


def build(project, *options):
    for line in (["cmake", "-S", ".", "-B", "build", *options], ["cmake", "--build", "build"]):
        subprocess.run(line, cwd=project, check=True, capture_output=True)


def telling(text):
    """The lines that speak of the project, without numbers, in any order."""
    lines = (line for line in text.splitlines() if OURS.match(line))
    return sorted({" ".join(VOLATILE.sub(" ", line).split()) for line in lines})


def test_the_log_in_the_docs_is_made_by_a_real_run_of_ctest(project):
    build(project)
    line = [*CRASHTOOL, "run", "--database", "database", *RUN[1:]]

    done = subprocess.run(
        line, cwd=project, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 124
    assert "***Exception: SegFault" in done.stdout
    assert done.stdout.count("Passed") == 2
    assert len(list(project.glob("database/pending/*.dmp"))) == 3  # the crash, ctest, the hang
    log = PAGE.read_text(encoding="utf-8").partition("```console\n")[2].partition("```")[0]
    assert log.startswith(f"$ crashtool {' '.join(RUN)}\n".replace("*DeathTest*", "'*DeathTest*'"))
    assert len(telling(log)) > 10
    assert telling(log) == telling(done.stderr)


def test_an_emulator_runs_each_test_under_a_run_of_its_own(project):
    database = project / "database"
    emulator = ";".join(
        [*CRASHTOOL, "run", "--database", str(database), "--report", "crash.txt", "--"]
    )
    build(project, f"-DCMAKE_CROSSCOMPILING_EMULATOR={emulator}")

    done = subprocess.run(
        ["ctest", "--test-dir", "build", "-R", "cart|price"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path[:1], str(ROOT)])},
    )

    if not database.exists():
        pytest.skip("this CMake asks for an emulator only when it compiles for another system")
    assert done.stdout.count("Passed") == 1
    assert "SegFault" in done.stdout
    assert "shop_test.c" in (project / "build" / "crash.txt").read_text()


def test_pytest_and_its_workers_are_followed(tmp_path):
    skip_elsewhere()
    (tmp_path / "test_it.py").write_text(
        "import multiprocessing, os\n"
        "def test_it():\n"
        "    worker = multiprocessing.get_context('fork').Process(target=os.abort)\n"
        "    worker.start(); worker.join(); assert worker.exitcode == 0\n"
    )
    program = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    line = [*CRASHTOOL, "run", "--database", "database", "--", *program]

    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert f"crash 1: {signal.SIGABRT.name} in python" in done.stderr
    assert "1 of 2 processes crashed: python" in done.stderr
