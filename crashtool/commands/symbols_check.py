"""symbols check: what debug files are worth, and what is wrong with them."""

from typing import Any

import click

from crashtool.commands.ci_output import ci_options, report_to_ci
from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.errors import DONE, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_kinds import KINDS
from crashtool.services.settings.layers import user_cache_folder


class SymbolsCheckOptions(NamedTuple):
    """The options of one call."""

    inputs: tuple[str, ...]
    exclude: tuple[str, ...]
    types: tuple[str, ...]
    require_for: tuple[str, ...]
    for_dump: tuple[str, ...]
    not_required: tuple[str, ...]
    require_all: bool
    strict: bool
    ci_system: str | None
    junit: str | None
    quick: bool


@click.command("check", cls=Command)
@click.argument("inputs", nargs=-1, metavar="PATH...")
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave out files and folders whose name, or path below PATH, matches. Slashes "
    "and backslashes both separate, and * goes across them. Repeatable.",
)
@click.option(
    "--type", "types", multiple=True, type=click.Choice(KINDS), help="Only this kind. Repeatable."
)
@click.option(
    "--require-for",
    multiple=True,
    type=click.Path(),
    metavar="PATH",
    help="Every module that ships under PATH must be readable with these files. Repeatable.",
)
@click.option(
    "--for-dump",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Every module that a minidump needs must be readable. Repeatable.",
)
@click.option("--not-required", multiple=True, metavar="GLOB", help="Modules that may be missing.")
@click.option(
    "--require-all-modules",
    "require_all",
    is_flag=True,
    help="With --for-dump, also the operating system's own.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@ci_options
@click.option("--quick", is_flag=True, help="Trust the headers instead of trying look-ups.")
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
    from crashtool.services.symbol_upload.gate import Requirements
    from crashtool.services.symbol_upload.inspect_files import (
        SurveyOptions,
        check_survey,
        inspect_files,
        settle_severity,
    )
    from crashtool.services.symbol_upload.upload_error import find_upload_error

    options = SymbolsCheckOptions(**values)
    if not options.inputs:
        raise UsageError("no files given", hint="name files, folders or patterns, as in build/")
    requirements = Requirements(
        options.require_for,
        options.for_dump,
        options.not_required,
        options.require_all,
    )
    wishes = SurveyOptions(
        options.inputs,
        options.exclude,
        options.types,
        quick=options.quick,
        requirements=requirements,
        cache=user_cache_folder(),
    )
    with Scratch() as scratch:
        survey = inspect_files(wishes, scratch, console.note, console.warn_once)
    survey = settle_severity(survey, strict=options.strict, severe=True, lenient=False)
    error = check_survey(survey, judging=True)
    error = find_upload_error(survey.collection, (), allow_empty=False) or error
    report_to_ci(console, options.ci_system, options.junit, survey, (), error)
    if console.json:
        console.document(survey_document(survey, error))
        context.exit(error.exit_status if error else DONE)
    console.answer(render_survey(survey, all_ignored=console.verbosity > 0))
    if error:
        raise error
