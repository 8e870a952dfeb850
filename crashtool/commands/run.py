"""run: a program under a crashpad_handler, or without one; its crash as a readable report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.command import Command
from crashtool.commands.console import SCHEMA_VERSION, Console
from crashtool.commands.options import annotation_options, open_symbols, symbol_options
from crashtool.errors import CannotWrite, CrashtoolError, UsageError, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashtool.model.crash import CrashReport
    from crashtool.model.run import DeliveredReport, RunResult
    from crashtool.services.handler.reported_run import ReportedRun

LOG_LINES = 5


@click.command(cls=Command, context_settings={"allow_interspersed_args": False})
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="[--] PROGRAM [ARGUMENT]...")
@annotation_options
@symbol_options
@click.option("--url", metavar="URL", help="Have the handler send the report there.")
@click.option(
    "--database",
    type=click.Path(),
    metavar="DIR",
    help="Keep reports in this Crashpad database (made if absent; default: one of "
    "crashtool's own, in the user's state folder).",
)
@click.option(
    "--handler",
    type=click.Path(),
    metavar="PATH",
    help="The crashpad_handler (default: the one of the extra 'handler', else one in "
    "PATH, else Debian's Chromium's).",
)
@click.option(
    "--writer",
    type=click.Choice(["auto", "handler", "own"]),
    default="auto",
    show_default=True,
    help="Who writes the minidump: a crashpad_handler, crashtool itself (own), or a handler if "
    "one starts and else crashtool (auto).",
)
@click.option(
    "--mode",
    type=click.Choice(["trace", "socket"]),
    default="trace",
    show_default=True,
    help="Start the handler at the crash, or before the program and ask it over its "
    "socket as StartHandler does.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the report to FILE instead of stderr.",
)
def command(console: Console, program: tuple[str, ...], **options: Any) -> None:
    """Run any program under a crashpad_handler, or without one, and report its crash.

    The program needs no change and does not notice: its streams, signals and exit status stay its
    own, and its environment but for crashtool's CRASHTOOL_… variables, whose tokens a dump would
    hold. When it crashes, the handler writes a minidump with the true crash context, sends it if
    there is a URL, and the report follows on stderr as 'inspect' shows it, with the functions and
    lines that the program's own files know, and those of --symbols. Then crashtool ends as the
    program did: with its exit status, or killed by the same signal (128+N to a shell).

    Where no crashpad_handler starts, crashtool writes and sends the minidump itself, and says so.
    The program runs all the same where the database cannot be written: reports then go to a
    temporary one.

    With --json the report is a JSON document; stdout is the program's, so it goes to stderr or
    to --report FILE.

    Crashes of processes that the program starts itself are not seen; a script should 'exec' the
    program. Linux x86-64, for 64-bit and 32-bit programs.

    \b
    Examples:
      crashtool run ./game --level 3
      crashtool run --annotation ver=1.4.2 --attachment game.log -- ./game
      crashtool run --symbols build -- ./game
      crashtool run --url "$SUBMISSION_URL" --report crash.txt -- ctest

    Exit status: the program's; 127 if there is no such program, 126 if it cannot be executed;
    2, 3 when crashtool refuses to start it (no right to trace, a --handler that does not start).
    """  # noqa: D301 (\b is click's)
    from crashtool.services.handler.supported import check_platform

    check_platform()
    if not program:
        raise UsageError("no program given", hint="crashtool run -- ./program ARGUMENTS")
    from crashtool.services.handler.exit_like import exit_like

    exit_like(_run(console, program, options))


def _run(console: Console, program: tuple[str, ...], options: dict[str, Any]) -> int:
    from crashtool.services.files.path_patterns import expand_path
    from crashtool.services.handler.reported_run import ReportedRun, RunPlan
    from crashtool.services.settings.layers import user_state_folder

    database = Path(options["database"] or user_state_folder() / "database").absolute()
    plan = RunPlan(
        program=program,
        database=database,
        handler=options["handler"],
        annotations=tuple(options["annotations"] or ()),
        attachments=tuple(options["attachments"] or ()),
        url=options["url"] or "",
        mode=options["mode"],
        writer=options["writer"],
    )
    for path in options["symbols"] or ():
        if not expand_path(path):
            raise UsageError(f"--symbols {path}: there is no such file or folder")
    run = ReportedRun(plan, console.warn)
    result = run.run()
    try:
        account = _Account(console, options, run, [run.program_path, *result.images])
        account.give(result, run.find_delivery(result))
        run.chosen.discard_unused()
    except CrashtoolError as error:  # the program's own status counts, whatever its report is like
        console.warn(f"no report: {error.what}")
    except OSError as error:
        console.warn(f"no report: {reason_of(error)}")
    return result.status


class _Account:
    """What is said after the program's end; it never changes the exit status."""

    def __init__(
        self,
        console: Console,
        options: dict[str, Any],
        run: "ReportedRun",
        images: "Sequence[str]",
    ) -> None:
        self.console = console
        self.options = options
        self.run = run
        self.images = [path for path in dict.fromkeys(images) if Path(path).is_file()]
        self.file: str | None = options["report"]
        self.url: str = options["url"] or ""

    def give(self, result: "RunResult", delivery: "DeliveredReport | None") -> None:
        """Show the report, or say why there is none."""
        if self.console.json:
            self._write(json.dumps(self._document(result, delivery), indent=2) + "\n")
        elif result.fatal:
            self._explain(result, delivery)
            if delivery:
                self._write(self._page(delivery))

    def _explain(self, result: "RunResult", delivery: "DeliveredReport | None") -> None:
        from crashtool.services.handler.handler_command_line import telling_lines

        for problem in (*filter(None, [result.problem]), *result.notes):
            self.console.warn(problem)
        is_well = delivery and (delivery.uploaded or not self.url) and not result.own_reason
        for line in telling_lines(result.handler_log)[-LOG_LINES:]:
            (self.console.detail if is_well else self.console.note)(f"handler: {line}")
        own = self.run.explain_writer(result)
        if delivery is None:
            writer = "crashtool" if own else "the handler"
            self.console.warn(f"the program crashed, but {writer} left no report")
            return
        self.console.note(f"minidump: {delivery.path}")
        if own:
            self.console.note(f"written by crashtool itself, not by a crashpad_handler: {own}")
        if self.url and delivery.uploaded:
            self.console.note(f"sent; the server answered: {delivery.reply or '(nothing)'}")
        elif self.url:
            self.console.warn(f"not sent: {delivery.reason}")

    def _page(self, delivery: "DeliveredReport") -> str:
        from crashtool.render.report import render_report

        width = None if self.file else self.console.note_width
        return render_report(self._read(delivery)).text(width)

    def _document(self, result: "RunResult", delivery: "DeliveredReport | None") -> dict[str, Any]:
        from crashtool.render.as_json import crash_document
        from crashtool.render.run import run_document

        document = {"schema_version": SCHEMA_VERSION, "run": run_document(result, delivery)}
        if delivery is None:
            return document
        return document | crash_document(self._read(delivery))

    def _read(self, delivery: "DeliveredReport") -> "CrashReport":
        from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
        from crashtool.services.analyze.variables.wanted import WantedVariables

        with open_symbols(self.options, self.console, self._list_symbols()) as symbols:
            wanted = InspectOptions(
                symbols=symbols,
                all_threads=self.console.json,
                variables=WantedVariables(),
                warn=self.console.warn_once,
            )
            return read_report(delivery.path, delivery.path, wanted)

    def _list_symbols(self) -> list[str]:
        """The images that ran, which know their functions, with an identifier or without."""
        names = (Path(image).name for image in self.images)
        named = zip(names, self.images, strict=True)
        return [*self.images, *(f"{name}={image}" for name, image in named if "=" not in name)]

    def _write(self, text: str) -> None:
        if self.file is None:
            self.console.report(text)
            return
        from crashtool.services.files.whole_file import FOR_THE_OWNER, write_whole

        try:
            write_whole(Path(self.file), text.encode("utf-8", "backslashreplace"), FOR_THE_OWNER)
        except CannotWrite as error:
            self.console.warn(error.what)
            self.console.report(text)
