"""Where triage puts what it found besides the answer: a web page, a CI system's log and summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.commands.console import Console
from crashtool.errors import CannotWrite
from crashtool.services.settings.layers import step_summary_file

if TYPE_CHECKING:
    from crashtool.commands.triage_options import TriageOptions
    from crashtool.model.triage.groups import Triage
    from crashtool.render.triage import Compared, TriageGate


def write_page(
    path: str, triage: Triage, compared: Compared | None, gate: TriageGate | None
) -> None:
    """Write the web page whole or not at all. CannotWrite."""
    from crashtool.render.triage_html import render_triage_page
    from crashtool.services.files.whole_file import FOR_THE_OWNER, write_whole

    page = render_triage_page(triage, compared, gate).encode("utf-8")
    write_whole(Path(path), page, FOR_THE_OWNER)


def tell_ci(
    console: Console,
    options: TriageOptions,
    triage: Triage,
    compared: Compared | None,
    gate: TriageGate | None,
) -> None:
    """Annotate what is new or more frequent, and add to the job's summary if there is one."""
    from crashtool.render.triage_ci import render_github, render_summary
    from crashtool.services.files.whole_file import append_text

    for line in render_github(triage, compared, gate, options.fail_on):
        if options.rows == "-":  # stdout has rows and nothing else
            console.report(line + "\n")
        else:
            console.ci_command(line)
    if summary := step_summary_file():
        try:
            append_text(summary, render_summary(triage, compared, gate))
        except CannotWrite as failure:  # the answer is on stdout all the same
            console.warn(f"the job's summary is not complete: {failure.what}")
