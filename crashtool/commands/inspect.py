"""The inspect command: minidumps as readable pages, or as JSON, HTML or CI annotations."""

from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import open_symbols, symbol_options
from crashtool.errors import (
    CHECK_FAILED,
    DONE,
    INPUT_UNUSABLE,
    PARTIAL,
    CannotWrite,
    UsageError,
)
from crashtool.model.crash import CrashReport
from crashtool.services.inspect_dumps import Unreadable, Wanted, walk_reports
from crashtool.services.settings import step_summary_file, workspace_folder

if TYPE_CHECKING:
    from crashtool.render.page import Page


@click.command(cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@symbol_options
@click.option("--threads", is_flag=True, help="Show the stacks of all threads.")
@click.option("--registers", is_flag=True, help="Show the registers at the crash.")
@click.option("--modules", is_flag=True, help="Show every module with its identifiers.")
@click.option("--streams", is_flag=True, help="Show the dump's directory.")
@click.option(
    "--memory",
    multiple=True,
    metavar="ADDR[:SIZE]",
    help="Show memory at an address or register, 256 bytes unless told. Repeatable.",
)
@click.option("--handles", is_flag=True, help="Show the open handles (Windows).")
@click.option(
    "--source",
    multiple=True,
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Show the source around each frame, from files in this folder. Repeatable.",
)
@click.option("--secrets", is_flag=True, help="Count what looks like a secret, showing none.")
@click.option("--brief", is_flag=True, help="Say it in one line a dump.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Also write the report as a web page that needs nothing else.",
)
@click.option(
    "--ci",
    type=click.Choice(["github"]),
    help="Also write annotations for this CI system and its job summary.",
)
@click.option("--fail-on-crash", is_flag=True, help="Exit with 4 if a dump holds a crash.")
def command(console: Console, paths: tuple[str, ...], **options: Any) -> None:
    """Show what a minidump says: what crashed, where and why.

    PATH is a minidump, a folder, a glob pattern or - for standard input; gzip, zip and saved
    upload bodies are opened. Besides those of --symbols, files that match by identifier are used at
    the paths that the dump records, in its own folder and the system's, in /usr/lib/debug and in
    the cache.

    \b
    Examples:
      crashtool inspect crash.dmp
      crashtool inspect --symbols build --source src crash.dmp
      crashtool inspect --brief ~/.local/share/game/crashpad
      crashtool inspect --json crash.dmp | jq .crash_info
      crashtool inspect --memory rsp:128 --registers crash.dmp

    Exit status: 0, or 3 for a file that is no minidump or a damaged one (what can be read is
    shown), 4 with --fail-on-crash, 8 when only some of several dumps could be read whole.
    """  # fmt: skip  # noqa: D301 (\b is click's)
    if not paths:
        raise UsageError("inspect needs a minidump", hint="crashtool inspect crash.dmp")
    answer = Answer(console, options)
    with open_symbols(options, console) as symbols:
        wanted = Wanted(
            handles=options["handles"],
            memory=options["memory"],
            symbols=symbols,
            source=options["source"],
            secrets=options["secrets"],
            all_threads=console.json or options["threads"] or bool(options["html"]),
        )
        for found in walk_reports(paths, wanted):
            answer.add(found)
            if console.is_unheard and not answer.is_also_written:
                break
    answer.finish()


class Answer:
    """What is said of one dump or several, and the exit status in the end."""

    def __init__(self, console: Console, options: dict[str, Any]) -> None:
        self.console = console
        self.options = options
        self.found: list[CrashReport | Unreadable] = []

    @property
    def is_also_written(self) -> bool:
        """Whether more than stdout waits for the other dumps: a file, CI, the exit status."""
        return any(self.options[name] for name in ("html", "ci", "fail_on_crash"))

    def add(self, found: CrashReport | Unreadable) -> None:
        """Take a dump in; show it at once unless the answer is one document."""
        self.found.append(found)
        if self.console.json:
            return
        if isinstance(found, Unreadable):
            self.console.error(found.error)
            return
        if len(self.found) > 1 and not self.options["brief"]:
            self.console.answer("")
        self.console.answer(self._page(found))

    def finish(self) -> None:
        """Give the answers that need all dumps, then end with the status they deserve."""
        reports = [found for found in self.found if isinstance(found, CrashReport)]
        if self.options["html"]:
            from pathlib import Path  # slow to load, as is the table of entities

            from crashtool.render.html import render_html
            from crashtool.services.whole_file import FOR_THE_OWNER, write_whole

            page = render_html(reports).encode("utf-8")
            write_whole(Path(self.options["html"]), page, FOR_THE_OWNER)
        if self.options["ci"]:
            self._write_annotations(reports)
        if self.console.json:
            self._answer_document()
        click.get_current_context().exit(self._status(reports))

    def _page(self, report: CrashReport) -> "Page":
        from crashtool.render.report import render_report  # not loaded for JSON

        shown = ("threads", "registers", "modules", "streams", "brief")
        flags = {name: bool(self.options[name]) for name in shown}
        return render_report(report, **flags, verbose=self.console.verbosity > 0)

    def _answer_document(self) -> None:
        first = self.found[0]
        if len(self.found) == 1 and isinstance(first, Unreadable):
            raise first.error
        from crashtool.render.as_json import crash_document  # not loaded for pages

        documents = [
            crash_document(found) if isinstance(found, CrashReport) else error_document(found)
            for found in self.found
        ]
        self.console.document(documents[0] if len(documents) == 1 else {"reports": documents})

    def _write_annotations(self, reports: list[CrashReport]) -> None:
        from crashtool.render.ci import render_github, render_summary
        from crashtool.services.whole_file import append_text

        for report in reports:
            for line in render_github(report, workspace_folder()):
                self.console.ci_command(line)
        if summary := step_summary_file():
            try:
                append_text(summary, "".join(map(render_summary, reports)))
            except CannotWrite as error:  # the answer is on stdout all the same
                self.console.warn(f"the job's summary is not complete: {error.what}")

    def _status(self, reports: list[CrashReport]) -> int:
        if self.options["fail_on_crash"] and any(map(is_crash, reports)):
            return CHECK_FAILED
        bad = len(self.found) - sum(not report.is_damaged for report in reports)
        if bad:
            return INPUT_UNUSABLE if bad == len(self.found) else PARTIAL
        return DONE


def is_crash(report: CrashReport) -> bool:
    """Whether the dump is of a crash, and not a snapshot that the program asked for."""
    return report.crash is not None and report.crash.reason.is_crash


def error_document(found: Unreadable) -> dict[str, Any]:
    """An input without a report, in the place where its report would be."""
    error = found.error
    body = {"code": error.code, "message": error.what, "exit_status": error.exit_status}
    return {"path": found.path, "error": body | ({"hint": error.hint} if error.hint else {})}
