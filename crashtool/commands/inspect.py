"""The inspect command: minidumps as readable pages, or as JSON, HTML or CI annotations."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Self, cast

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.inspected import (
    InspectCommandOptions,
    Inspected,
    ReportReader,
    Setup,
)
from crashtool.commands.options import SymbolOptions, symbol_options
from crashtool.errors import (
    CHECK_FAILED,
    DONE,
    INPUT_UNUSABLE,
    PARTIAL,
    CannotWrite,
    UsageError,
)
from crashtool.model.crash import CrashReport
from crashtool.services.analyze.inspect_dumps import FoundDump, Unreadable, walk_dumps
from crashtool.services.settings.layers import step_summary_file, workspace_folder

if TYPE_CHECKING:
    from crashtool.render.page import Page

MAKER = "crashtool.commands.inspected:make_reader"
ALONE = 12  # dumps that are read before there are other processes

ReadDump = Callable[[FoundDump | Unreadable], Inspected]


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
    help="Show memory at an address or register (default: 256 bytes). Repeatable.",
)
@click.option("--handles", is_flag=True, help="Show the open handles (Windows).")
@click.option(
    "--source",
    multiple=True,
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Show the source around each frame, from files in this folder. Repeatable.",
)
@click.option(
    "--variables",
    "--locals",
    "variables",
    is_flag=True,
    help="Show the variables of all functions on the stacks, not of the crashing frame alone.",
)
@click.option("--no-values", is_flag=True, help="Show the types of variables without values.")
@click.option(
    "--core",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Also write the dump as a core file, for gdb and lldb (Linux on x86-64, x86 and ARM64).",
)
@click.option(
    "--with-code",
    is_flag=True,
    help="Put the code of the modules into the core file, for machines without their files.",
)
@click.option(
    "--scrub",
    multiple=True,
    metavar="WHAT",
    help="Overwrite this in the core file: environment, secrets, or strings=REGEX. Repeatable; "
    "stacks stay readable, and so do numbers in variables.",
)
@click.option("--secrets", is_flag=True, help="Count what looks like a secret, without showing it.")
@click.option(
    "--json-lines",
    is_flag=True,
    help="Print one JSON document a line, one for each dump, as it is read.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    metavar="N",
    help="How many dumps to read at once (default: one for each core, when there are many).",
)
@click.option("--brief", is_flag=True, help="Show one line for each dump.")
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
def command(console: Console, paths: tuple[str, ...], **values: Any) -> None:
    """Show what a minidump says: what crashed, where and why.

    PATH is a minidump, a folder, a glob pattern or - for standard input; packed files, archives and
    saved upload bodies are opened. In addition to --symbols, files that match by identifier are
    used at the paths that the dump records, in its own folder and the system's, in /usr/lib/debug
    and in the cache. Where they have debug information, the variables of the crashing function are
    shown with their values, as far as the dump holds them.

    \b
    Examples:
      crashtool inspect crash.dmp
      crashtool inspect --symbols build --source src crash.dmp
      crashtool inspect --symbols build --variables crash.dmp
      crashtool inspect --brief ~/.local/share/game/crashpad
      crashtool inspect --json crash.dmp | jq .crash_info
      crashtool inspect --json-lines crashes/ | jq -r .signature
      crashtool inspect --memory rsp:128 --registers crash.dmp
      crashtool inspect --symbols build --core crash.core crash.dmp

    Exit status: 0, or 3 for a file that is not a minidump, or is damaged (what can be read is
    shown), 4 with --fail-on-crash, 8 when only some of several dumps could be read whole.
    """  # noqa: D301 (\b is click's)
    options = InspectCommandOptions(lookup=SymbolOptions.take(values), **values)
    if not paths:
        raise UsageError("no minidump given", hint="crashtool inspect crash.dmp")
    if options.json_lines:
        if console.json:
            raise UsageError("--json and --json-lines cannot be combined")
        console.json = console.json_lines = True
    is_one = len(paths) == 1 and not is_folder(paths[0])
    if options.core:
        _check_core(options.core, paths)
    if options.html:
        from pathlib import Path  # slow to load

        from crashtool.services.files.whole_file import spare_minidump

        spare_minidump(Path(options.html))
    if options.with_code and not options.core:
        raise UsageError("--with-code requires --core", hint="--core FILE")
    if options.scrub and not options.core:
        raise UsageError(
            "--scrub requires --core",
            hint="--core FILE; send-dump --scrub sends a scrubbed minidump",
        )
    answer = InspectAnswer(console, options, is_one=is_one)
    setup = Setup(options, console.json, console.verbosity, keeps=answer.needs_reports)
    with ExitStack() as stack:
        stack.enter_context(answer)
        dumps = walk_dumps(paths, stack)
        dumps = _take_one(dumps) if options.core else dumps
        for inspected in inspect_all(dumps, setup, console, stack):
            answer.add(inspected)
            if console.is_unheard and not answer.is_also_written:
                break
        answer.finish()
    click.get_current_context().exit(answer.status)


def _check_core(core: str, paths: Sequence[str]) -> None:
    """UsageError when --core cannot be written for these inputs."""
    if len(paths) > 1 or os.path.isdir(paths[0]):  # noqa: PTH112
        raise UsageError("--core takes one minidump", hint="a folder may hold several")
    if core == "-":
        raise UsageError("--core writes a file; standard output has the page", hint="--core FILE")
    if os.path.exists(paths[0]) and os.path.exists(core) and os.path.samefile(paths[0], core):  # noqa: PTH110, PTH121
        raise UsageError(f"--core {core} would overwrite the minidump", hint="name another file")


def _take_one(dumps: Iterable[FoundDump | Unreadable]) -> Iterator[FoundDump | Unreadable]:
    """The one minidump that was found. UsageError when there are several, of which none is read."""
    one = list(islice(dumps, 2))
    if len(one) > 1:
        raise UsageError("--core takes one minidump", hint="this archive holds several")
    yield from one


def inspect_all(
    dumps: Iterable[FoundDump | Unreadable], setup: Setup, console: Console, stack: ExitStack
) -> Iterator[Inspected]:
    """Each dump as it is read, in their order; by several processes when there are many."""
    reader: ReportReader | None = None

    def read_here(dump: FoundDump | Unreadable) -> Inspected:
        nonlocal reader
        if reader is None:
            reader = ReportReader(setup, console)
            stack.callback(reader.close)
        return reader.read(dump)

    temporary: dict[str, FoundDump] = {}

    def remember() -> Iterator[FoundDump | Unreadable]:
        for dump in dumps:
            if isinstance(dump, FoundDump) and dump.temporary:
                temporary[dump.path] = dump
            yield dump

    said: set[object] = set()
    jobs = setup.options.jobs
    for inspected in share_reading(remember(), setup, jobs, read_here):
        if dump := temporary.pop(inspected.path, None):
            dump.discard()
        for method, arguments, options in inspected.notes:
            if (method, arguments) not in said:  # each process says it once
                said.add((method, arguments))
                getattr(console, method)(*arguments, **options)
        yield inspected


def share_reading(
    dumps: Iterator[FoundDump | Unreadable], setup: Setup, jobs: int | None, read_here: ReadDump
) -> Iterator[Inspected]:
    """The first few here: they are done before another process would have loaded what it needs."""
    yield from map(read_here, dumps if jobs == 1 else islice(dumps, ALONE))
    following = next(dumps, None)
    if following is None:
        return
    from crashtool.services.workers.processes import share_many  # slow to load

    yield from share_many(chain((following,), dumps), MAKER, setup, jobs, read_here)


class InspectAnswer:
    """What is said of one dump or several, and the exit status in the end.

    With `is_one` a single dump's document is the report itself, else a list that holds it.
    """

    def __init__(self, console: Console, options: InspectCommandOptions, *, is_one: bool) -> None:
        self.console = console
        self.options = options
        self._is_one = is_one
        self._first: Inspected | None = None
        self._add_to_list: Callable[[str], None] | None = None
        self._list = ExitStack()
        self._reports: list[CrashReport] = []
        self._total = self._bad = self._crashes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._list.close()

    @property
    def needs_reports(self) -> bool:
        """Whether reports are needed whole once all dumps are read."""
        return bool(self.options.html or self.options.ci)

    @property
    def is_also_written(self) -> bool:
        """Whether more than stdout waits for the other dumps: a file, CI, the exit status."""
        return self.needs_reports or bool(self.options.fail_on_crash)

    def add(self, inspected: Inspected) -> None:
        """Take a dump in and show it; at once, but for the first of a document."""
        self._total += 1
        self._bad += inspected.is_damaged
        self._crashes += inspected.is_crash
        if inspected.report:
            self._reports.append(inspected.report)
        if not self.console.json:
            self._show(inspected)
        elif self.console.json_lines:
            self.console.line(write_document(inspected))
        elif self._total == 1:
            self._first = inspected
        else:
            self._list_first()
            if self._add_to_list:
                self._add_to_list(write_document(inspected))

    def _show(self, inspected: Inspected) -> None:
        if inspected.error:
            self.console.error(inspected.error)
            return
        if self._total > 1 and not self.options.brief:
            self.console.answer("")
        self.console.answer(cast("Page", inspected.answer))

    def _list_first(self) -> None:
        """Begin a list of documents, with the one that has waited for another."""
        if self._first:
            self._add_to_list = self._list.enter_context(self.console.list_document("reports"))
            self._add_to_list(write_document(self._first))
            self._first = None

    def finish(self) -> None:
        """Give the answers that need all dumps."""
        if self.options.html:
            from pathlib import Path  # slow to load, as is the table of entities

            from crashtool.render.html import render_html
            from crashtool.services.files.whole_file import FOR_THE_OWNER, write_whole

            page = render_html(self._reports).encode("utf-8")
            write_whole(Path(self.options.html), page, FOR_THE_OWNER)
        if self.options.ci:
            self._write_annotations(self._reports)
        if self._first and self._first.error:
            raise self._first.error
        if self._first and self._is_one:
            self.console.document(cast("dict[str, Any]", self._first.answer))
        else:
            self._list_first()

    def _write_annotations(self, reports: list[CrashReport]) -> None:
        from crashtool.render.ci import render_github, render_summary
        from crashtool.services.files.whole_file import append_text

        for report in reports:
            for line in render_github(report, workspace_folder()):
                self.console.ci_command(line)
        if summary := step_summary_file():
            try:
                append_text(summary, "".join(map(render_summary, reports)))
            except CannotWrite as error:  # the answer is on stdout all the same
                self.console.warn(f"the job's summary is not complete: {error.what}")

    @property
    def status(self) -> int:
        """The exit status that the dumps deserve."""
        if self.options.fail_on_crash and self._crashes:
            return CHECK_FAILED
        if self._bad:
            return INPUT_UNUSABLE if self._bad == self._total else PARTIAL
        return DONE


def is_folder(path: str) -> bool:
    """Whether a path stands for any number of dumps: a folder, or a pattern."""
    if path == "-":
        return False
    return not os.path.isfile(path)  # noqa: PTH113 (pathlib costs start-up time)


def write_document(inspected: Inspected) -> str:
    """The JSON of one dump among several: its report, or the error in the place of one."""
    if inspected.error is None:
        return (
            inspected.answer if isinstance(inspected.answer, str) else json.dumps(inspected.answer)
        )
    error = inspected.error
    body = {"code": error.code, "message": error.what, "exit_status": error.exit_status}
    hint = {"hint": error.hint} if error.hint else {}
    return json.dumps({"path": inspected.path, "error": body | hint})
