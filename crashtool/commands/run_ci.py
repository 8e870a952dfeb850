"""What run tells a CI system: annotations, a summary, a JUnit file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.commands.console import Console
from crashtool.errors import CannotWrite
from crashtool.services.settings.layers import step_summary_file, workspace_folder

if TYPE_CHECKING:
    from crashtool.commands.run_options import RunOptions
    from crashtool.model.run import RunResult
    from crashtool.render.run_ci import RunRow


def tell_ci(
    console: Console,
    options: RunOptions,
    rows: Sequence[RunRow],
    result: RunResult,
    program: Sequence[str],
) -> None:
    """Write what --junit and --ci ask for; what cannot be written is warned of."""
    from crashtool.formats.shell_words import quote_posix
    from crashtool.render.run_ci import annotate_run, render_run_junit, render_run_summary
    from crashtool.services.files.whole_file import append_text, write_whole

    if options.junit:
        line = " ".join(map(quote_posix, program)) or f"--pid {result.process_id}"
        try:
            text = render_run_junit(rows, result, line)
            write_whole(Path(options.junit), text.encode("utf-8", "backslashreplace"))
        except CannotWrite as error:
            console.warn(error.what)
    if not options.ci_system:
        return
    for line in annotate_run(rows, result, workspace_folder()):
        console.report(line + "\n")  # stdout is the program's
    if summary := step_summary_file():
        try:
            append_text(summary, render_run_summary(rows, result))
        except CannotWrite as failure:
            console.warn(f"the job's summary is not complete: {failure.what}")
