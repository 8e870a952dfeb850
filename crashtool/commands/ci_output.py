"""What upload-symbols and symbols check tell a CI system: annotations, a summary, a JUnit file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.console import Console
from crashtool.errors import CannotWrite, CrashtoolError
from crashtool.services.settings.layers import step_summary_file

if TYPE_CHECKING:
    from crashtool.model.symbol_upload import Delivery, Survey


def ci_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--ci and --junit."""
    function = click.option(
        "--junit",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Write a JUnit file: a test case for each file, module and request.",
    )(function)
    return click.option(
        "--ci",
        "ci_system",
        type=click.Choice(["github"]),
        help="Also write annotations for this CI system and its job summary.",
    )(function)


def report_to_ci(
    console: Console,
    ci_system: str | None,
    junit: str | None,
    survey: Survey,
    deliveries: Sequence[Delivery],
    error: CrashtoolError | None,
) -> None:
    """Tell what was judged and how it ended; nothing where no CI system is."""
    from crashtool.render.symbol_ci import (
        list_checks,
        render_github,
        render_junit,
        render_summary,
    )
    from crashtool.services.files.whole_file import append_text, write_whole

    rows = list_checks(survey, deliveries)
    if junit:
        write_whole(Path(junit), render_junit(rows).encode())
    if not ci_system:
        return
    for line in render_github(rows, error):
        console.ci_command(line)
    if summary := step_summary_file():
        try:
            append_text(summary, render_summary(rows, error))
        except CannotWrite as failure:  # the answer is on stdout all the same
            console.warn(f"the job's summary is not complete: {failure.what}")
