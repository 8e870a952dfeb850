"""How long a command takes to start: its help text against an interpreter that does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from plan import CRASHTOOL, PYTHON_PASS, Plan
from rows import Row, time_row
from timing import Program, measure, works

from crashtool.commands.command_table import COMMANDS

ROOT_HELP_TARGET = 3.6


def measure_cold_start(plan: Plan) -> Iterator[Row]:
    """`crashtool --help` and `crashtool COMMAND --help` against `python -c pass`."""
    name = "cold start"
    root = Program("crashtool --help", [CRASHTOOL, "--help"])
    commands = [
        Program(f"crashtool {command} --help", [CRASHTOOL, command, "--help"])
        for command in COMMANDS
    ]
    working = [program for program in commands if works(program)]
    figures = measure([PYTHON_PASS, root, *working], plan.rounds(25))
    baseline = figures[PYTHON_PASS.name]
    yield time_row(name, figures[root.name], baseline, ROOT_HELP_TARGET)
    for program in commands:
        if program in working:
            yield time_row(name, figures[program.name], baseline)
        else:
            yield Row(name, program.name, skipped="it ends with an error")
