"""What short calls cost in instructions: the same on a busy machine, where times tell little."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from cold_start import ROOT_HELP_TARGET
from growth import ONE_SENT_TARGET
from inspecting import JSON_TARGET
from plan import CRASHTOOL, PYTHON, PYTHON_PASS, Plan
from rows import Row
from sending import running_server, send_program
from timing import ENVIRONMENT, Program, ProgramFailed

COUNTER = "valgrind"
# The order of sets and dictionaries must not change from one call to the next.
FIXED = ENVIRONMENT | {"PYTHONHASHSEED": "0"}
TOTAL = re.compile(r"refs:\s+([\d,]+)")


def measure_instructions(plan: Plan) -> Iterator[Row]:
    """Help, one small dump read and one sent, each against `python -c pass`.

    What the libraries alone cost stands beside them: no program that loads them can cost less.
    """
    name = "instructions"
    if not shutil.which(COUNTER):
        yield Row(name, "crashtool", skipped=f"needs {COUNTER}")
        return
    with running_server("sink.py") as server:
        sender = send_program(plan, plan.dump, "send-dump of a small dump")
        programs: list[tuple[Program, float | None]] = [
            (Program("crashtool --help", [CRASHTOOL, "--help"]), ROOT_HELP_TARGET),
            (Program("import click", [PYTHON, "-c", "import click"]), None),
            (
                Program("inspect --json", [CRASHTOOL, "inspect", "--json", str(plan.dump)]),
                JSON_TARGET,
            ),
            (Program("import requests", [PYTHON, "-c", "import requests"]), None),
            (Program(sender.name, [*sender.arguments, server.url]), ONE_SENT_TARGET),
        ]
        baseline = count_instructions(PYTHON_PASS)
        idle = f"{PYTHON_PASS.name} {millions(baseline)}"
        for program, target in programs:
            count = count_instructions(program)
            yield Row(name, program.name, millions(count), idle, count / baseline, target)
        server.stop()


def count_instructions(program: Program) -> int:
    """Instructions of one call, after one that fills caches and writes byte code."""
    subprocess.run(
        program.arguments, env=FIXED, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    command = [COUNTER, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    run = subprocess.run(
        [*command, *program.arguments],
        env=FIXED,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    total = TOTAL.search(run.stderr)
    if run.returncode or total is None:
        raise ProgramFailed(f"{program.name} ended with status {run.returncode}")
    return int(total.group(1).replace(",", ""))


def millions(count: int) -> str:
    """A number of instructions for people."""
    return f"{count / 1e6:,.1f} M"
