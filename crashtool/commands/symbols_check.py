"""symbols check: what debug files are worth, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import click

from crashtool.commands.ci_output import ci_options, report_to_ci
from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.gate_options import GateOptions, gate_options
from crashtool.errors import DONE, UsageError
from crashtool.formats.named_tuple import NamedTuple


class SymbolsCheckOptions(NamedTuple):
    """The options of one call."""

    inputs: tuple[str, ...]
    gate: GateOptions
    ci_system: str | None
    junit: str | None


@click.command("check", cls=Command)
@click.argument("inputs", nargs=-1, metavar="PATH...")
@gate_options
@ci_options
@click.pass_context
def command(context: click.Context, /, console: Console, **values: Any) -> None:
    """Check debug files: what a stack shows with them, and what is wrong.

    Each file is graded by looking up functions, lines, inlined calls and unwind information in it,
    not by what its headers say. Offline; nothing is sent. It is the check that upload-symbols
    makes.

    \b
    Examples:
      crashtool symbols check build/
      crashtool symbols check --require-for dist/ build/ symbols.zip

    Exit status: 0 when all is well, 3 when nothing was found or a file is damaged, 4 when a file
    is of no use for what it is for, or the gate finds a module that cannot be read.
    """  # noqa: D301 (\b is click's)
    from crashtool.render.symbol_table import render_survey, survey_document
    from crashtool.services.files.scratch import Scratch
    from crashtool.services.symbol_upload.inspect_files import (
        check_survey,
        inspect_files,
        settle_severity,
    )
    from crashtool.services.symbol_upload.upload_error import find_upload_error

    options = SymbolsCheckOptions(gate=GateOptions.take(values), **values)
    if not options.inputs:
        raise UsageError("no files given", hint="name files, folders or patterns, as in build/")
    with Scratch() as scratch:
        survey = inspect_files(
            options.gate.survey(options.inputs), scratch, console.note, console.warn_once
        )
    survey = settle_severity(survey, strict=options.gate.strict, severe=True, lenient=False)
    error = check_survey(survey, judging=True)
    error = find_upload_error(survey.collection, (), allow_empty=False) or error
    report_to_ci(console, options.ci_system, options.junit, survey, (), error)
    if console.json:
        console.document(survey_document(survey, error))
        context.exit(error.exit_status if error else DONE)
    console.answer(render_survey(survey, all_ignored=console.verbosity > 0))
    if error:
        raise error
