"""Calls of triage that are ended at counted points: their inputs, their start, what they give."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.synth.crashes import crash, name_symbols

POINTS = 20
ORPHAN = 5  # seconds that a process may outlive the one that started it
OUTPUTS = ("rows", "known.jsonl")


def parametrize_points(*few):
    """The points of `few` in each run, the others, which take minutes, in `make slow`."""
    return pytest.mark.parametrize(
        "point",
        [
            pytest.param(point, marks=() if point in few else pytest.mark.slow)
            for point in range(1, POINTS + 1)
        ],
    )


def write_inputs(folder, dumps):
    """Minidumps of two stacks in `crashes`, and the program's symbols beside it."""
    (folder / "crashes").mkdir()
    for number in range(1, dumps + 1):
        calls = ("draw", "load", "main") if number % 3 else ("load", "main")
        (folder / "crashes" / f"{number:02}.dmp").write_bytes(crash(number, *calls))
    (folder / "game.sym").write_bytes(name_symbols())


def child_environment_with(**more):
    """What a call needs that runs in another folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "CI": "1", **more}


def start_triage(module, inputs, folder, *more, before=(), **environment):
    """A call of triage in `folder` by a module that takes the words `before` first; stderr is a
    pipe that each process holds.
    """
    arguments = [
        *before,
        "triage",
        inputs / "crashes",
        "--symbols",
        inputs / "game.sym",
        "--no-local-symbols",
        "--json",
        "--work",
        "work",
        "--rows",
        "rows",
        "--save-baseline",
        "known.jsonl",
        *more,
    ]
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment_with(**environment),
    )


def finish(process, folder, *, status=0, outputs=OUTPUTS):
    """Its answer, and the files that it has written."""
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == status, stderr
    return stdout, *((folder / name).read_bytes() for name in outputs)
