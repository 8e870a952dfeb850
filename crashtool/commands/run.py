"""run: a program and all that it starts under a crashpad_handler; crashes as readable reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import SymbolOptions, annotation_options, symbol_options
from crashtool.commands.run_options import RunOptions
from crashtool.errors import CrashtoolError, UsageError, reason_of

TIMED_OUT = 124  # what coreutils' timeout ends with


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
    "PATH, else that of Debian's chromium package).",
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
    "--children/--no-children",
    default=True,
    help="Follow the processes that the program starts, too (default), or the program alone.",
)
@click.option(
    "--to-the-end",
    is_flag=True,
    help="Wait until all processes have ended, not only the program.",
)
@click.option(
    "--timeout",
    "time_limit",  # the setting of the name is the network's
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="When the program still runs after that time, report every thread of each of its "
    "processes, end them (SIGTERM, 5 s later SIGKILL), and exit with 124.",
)
@click.option(
    "--pid",
    type=click.IntRange(min=1),
    metavar="PID",
    help="Report this running process as it is now, instead of starting a program; it keeps "
    "running.",
)
@click.option("--kill", is_flag=True, help="With --pid: kill the process when it is reported.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="PATTERN",
    help="Expect crashes of processes whose name, command line or crashed function is like "
    "'*DeathTest*': they are counted, not reported.",
)
@click.option(
    "--attach-stderr",
    is_flag=True,
    help="Attach the last lines that a crashed process wrote to stderr, and show them: from "
    "a file, "
    "or from the run's own stderr if that is a pipe (it then passes through crashtool).",
)
@click.option(
    "--json-lines",
    is_flag=True,
    help="Print one JSON document a line instead of the report: each crash, then the run.",
)
@click.option(
    "--junit",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write a JUnit file: a test case that failed for each crash and each hang.",
)
@click.option(
    "--ci",
    "ci_system",
    type=click.Choice(["github"]),
    help="Also write annotations for this CI system (on stderr) and its job summary.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the report to FILE instead of stderr.",
)
def command(console: Console, program: tuple[str, ...], **values: Any) -> None:
    """Run any program under a crashpad_handler, or without one, and report its crash.

    The program needs no change and does not notice: its streams, signals and exit status stay its
    own, and its environment but for crashtool's CRASHTOOL_… variables, whose tokens a dump would
    hold. When it crashes, the handler writes a minidump with the true crash context, sends it if
    there is a URL, and the report follows on stderr as 'inspect' shows it, with the functions and
    lines that the program's own files know, and those of --symbols. Then crashtool ends as the
    program did: with its exit status, or killed by the same signal (128+N to a shell).

    The processes that the program starts are followed, too: those of a test runner, of make, of
    a script. Each crash is reported after the program's end, in the order of time, with the process
    and its command line, and the last line says how many there were. crashtool itself writes their
    minidumps. Not followed are what outlives the program, and what no tracer may have: children of
    debuggers, programs with LeakSanitizer, set-user-ID programs. They run as they would without.

    Where no crashpad_handler starts, crashtool writes and sends the minidump itself, and says so.
    The program runs all the same where the database cannot be written (reports then go to a
    temporary one) and where tracing is not permitted (then no crash is seen).

    With --json the report is a JSON document; stdout is the program's, so it goes to stderr or
    to --report FILE.

    Linux x86-64, for 64-bit and 32-bit programs.

    \b
    Examples:
      crashtool run ./game --level 3
      crashtool run --annotation ver=1.4.2 --attachment game.log -- ./game
      crashtool run --symbols build -- ./game
      crashtool run --ignore '*DeathTest*' -- ctest -j4
      crashtool run --ci github --junit crashes.xml -- make check
      crashtool run --timeout 300 --url "$SUBMISSION_URL" -- pytest
      crashtool run --pid 4242

    Exit status: the program's; 124 after --timeout; 0 after --pid; 127 if there is no such
    program, 126 if it cannot be executed; 2, 3 when crashtool refuses to start it (wrong options,
    a --handler that does not start).
    """  # noqa: D301 (\b is click's)
    from crashtool.services.handler.process.supported import check_platform

    check_platform()
    options = RunOptions(lookup=SymbolOptions.take(values), **values)
    if options.pid and (program or options.time_limit):
        raise UsageError("--pid cannot be combined with a program or --timeout")
    if options.kill and not options.pid:
        raise UsageError("--kill requires --pid")
    if not program and not options.pid:
        raise UsageError("no program given", hint="crashtool run -- ./program ARGUMENTS")
    if options.json_lines:
        if console.json:
            raise UsageError("--json and --json-lines cannot be combined")
        console.json = console.json_lines = True
    from crashtool.services.handler.run.exit_like import exit_like

    exit_like(_run(console, program, options))


def _run(console: Console, program: tuple[str, ...], options: RunOptions) -> int:
    from crashtool.commands.run_account import Account
    from crashtool.services.files.path_patterns import expand_path
    from crashtool.services.handler.following.follow_options import Following
    from crashtool.services.handler.run.reported_run import ReportedRun, RunPlan
    from crashtool.services.settings.layers import user_state_folder

    database = Path(options.database or user_state_folder() / "database").absolute()
    plan = RunPlan(
        program=program,
        database=database,
        handler=options.handler,
        annotations=tuple(options.annotations or ()),
        attachments=tuple(options.attachments or ()),
        url=options.url or "",
        mode=options.mode,
        writer=options.writer,
        process_id=options.pid or 0,
        kills=options.kill,
        attaches_stderr=options.attach_stderr,
        following=Following(
            to_the_end=options.to_the_end,
            ignore=tuple(options.ignore or ()),
            alone=not options.children,
            timeout=options.time_limit,
        ),
    )
    for path in options.lookup.symbols or ():
        if not expand_path(path):
            raise UsageError(f"--symbols {path}: there is no such file or folder")
    if plan.url:
        _warn_of_url(console, plan.url)
    run = ReportedRun(plan, console.warn)
    result = run.run()
    try:
        Account(console, options, run, result).give()
    except CrashtoolError as error:  # the program's own status counts, whatever its report is like
        console.warn(f"no report: {error.what}")
    except OSError as error:
        console.warn(f"no report: {reason_of(error)}")
    return TIMED_OUT if result.timed_out else result.status


def _warn_of_url(console: Console, url: str) -> None:
    """Say before the program runs that no report of it would arrive: else its crash would tell."""
    from crashtool.services.sending.report_url import check_handler_url

    try:
        check_handler_url(url, "linux")
    except CrashtoolError as error:
        console.warn(f"no report will be sent: {error.what}", hint=error.hint)
