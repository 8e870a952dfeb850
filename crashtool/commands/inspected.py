"""One minidump made ready to be shown, in this process or in one of several that share the work."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from crashtool.commands.console import Console
from crashtool.commands.options import SymbolOptions, open_symbols
from crashtool.errors import CrashtoolError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import CrashReport
from crashtool.services.analyze.inspect_dumps import (
    FoundDump,
    InspectOptions,
    Unreadable,
    read_found,
)
from crashtool.services.analyze.variables.wanted import WantedVariables

if TYPE_CHECKING:
    from crashtool.render.page import Page
    from crashtool.services.analyze.core.build import CoreFile

SHOWN_NAMES = 5
PAGE_OPTIONS = ("threads", "registers", "modules", "streams", "brief")


class InspectCommandOptions(NamedTuple):
    """The options of one call; `lookup` are those of symbols."""

    threads: bool
    registers: bool
    modules: bool
    streams: bool
    memory: tuple[str, ...]
    handles: bool
    source: tuple[str, ...]
    variables: bool
    no_values: bool
    core: str | None
    with_code: bool
    scrub: tuple[str, ...]
    secrets: bool
    json_lines: bool
    jobs: int | None
    brief: bool
    html: str | None
    ci: str | None
    fail_on_crash: bool
    lookup: SymbolOptions


class Setup(NamedTuple):
    """How each minidump is read and shown: the command's options, and what its console was told.

    `keeps` asks for the report itself besides what is shown of it.
    """

    options: InspectCommandOptions
    json: bool
    verbosity: int
    keeps: bool


class Inspected(NamedTuple):
    """What is to be said of a minidump: a page, a document or its JSON, an error; what it was.

    `notes` are (method of the console, its arguments) of what was said besides.
    """

    path: str
    answer: Page | dict[str, Any] | str | None = None
    error: CrashtoolError | None = None
    is_damaged: bool = False
    is_crash: bool = False
    report: CrashReport | None = None
    notes: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...] = ()


class _Recorder(Console):
    """A console that keeps what it is told on stderr, for another to say."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(json=setup.json, verbosity=setup.verbosity)
        self.said: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def note(self, text: str) -> None:
        """Keep a note."""
        self.said.append(("note", (text,), {}))

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Keep a warning."""
        self.said.append(("warn", (text,), {"hint": hint}))

    def warn_once(self, text: str) -> None:
        """Keep a warning that other processes may have, too."""
        if text not in self._warned:
            self._warned.add(text)
            self.said.append(("warn_once", (text,), {}))

    def detail(self, text: str) -> None:
        """Keep what only --verbose asks for."""
        self.said.append(("detail", (text,), {}))

    def take(self) -> tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...]:
        """What was said since the last time."""
        said, self.said = tuple(self.said), []
        return said


def make_reader(setup: Setup) -> Callable[[FoundDump | Unreadable], Inspected]:
    """What reads minidumps in a process that serves another; symbols stay open as long as that."""
    recorder = _Recorder(setup)
    reader = ReportReader(setup, recorder)

    def read(dump: FoundDump | Unreadable) -> Inspected:
        inspected = reader.read(dump)
        if isinstance(inspected.answer, dict):  # a third of the work is to write it
            inspected = inspected._replace(answer=json.dumps(inspected.answer))
        return inspected._replace(notes=recorder.take())

    return read


class ReportReader:
    """Reads minidumps and shows them, with symbols that are opened once."""

    def __init__(self, setup: Setup, console: Console) -> None:
        self._setup = setup
        self._console = console
        self._stack = ExitStack()
        options = setup.options
        self._wanted = InspectOptions(
            handles=options.handles,
            memory=options.memory,
            symbols=self._stack.enter_context(open_symbols(options.lookup, console)),
            source=options.source,
            secrets=options.secrets,
            variables=WantedVariables(
                all_frames=options.variables, with_values=not options.no_values
            ),
            all_threads=setup.json or options.threads or bool(options.html),
            warn=console.warn_once,
        )

    def close(self) -> None:
        """Let go of the symbols."""
        self._stack.close()

    def read(self, dump: FoundDump | Unreadable) -> Inspected:
        """What there is to say of one minidump. UsageError when what is wanted cannot be had."""
        read = dump if isinstance(dump, Unreadable) else read_found(dump, self._wanted)
        if isinstance(read, Unreadable):
            return Inspected(read.path, error=_plain(read.error), is_damaged=True)
        if core := self._setup.options.core:
            self._write_core(core, dump, read)
        return Inspected(
            read.path,
            self._show(read),
            is_damaged=read.is_damaged,
            is_crash=read.crash is not None and read.crash.reason.is_crash,
            report=read if self._setup.keeps else None,
        )

    def _write_core(self, path: str, dump: FoundDump | Unreadable, report: CrashReport) -> None:
        """Write the dump as a core file, and say what opens it."""
        from crashtool.formats.shell_words import quote_word

        assert isinstance(dump, FoundDump)  # noqa: S101 (it has a report)
        core = self._make_core(path, dump, report)
        program = quote_word(core.program) if core.program else "PROGRAM"
        self._console.note(f"wrote {core.path}: gdb {program} {quote_word(core.path)}")
        if core.program:  # lldb would show what the file says of variables
            self._console.note(f"or lldb {program} -c {quote_word(core.path)}")
        if core.without:
            names = ", ".join(core.without[:SHOWN_NAMES])
            more = ", …" if len(core.without) > SHOWN_NAMES else ""
            self._console.warn(
                f"no program files for {names}{more}: the debugger shows no names in them",
                hint="--symbols PATH, with the files that ran, stripped or not",
            )

    def _make_core(self, path: str, dump: FoundDump, report: CrashReport) -> CoreFile:
        """The core file of a dump, or of a copy of it that was scrubbed."""
        from crashtool.formats.minidump.file import Minidump
        from crashtool.services.analyze.core.build import write_core_file

        symbols = self._wanted.symbols
        wishes, with_code = self._setup.options.scrub, self._setup.options.with_code
        if not wishes:
            with Minidump.open(dump.file) as minidump:
                return write_core_file(minidump, report, symbols, path, with_code=with_code)
        from pathlib import Path

        from crashtool.render.receipts import format_changes
        from crashtool.services.analyze.assemble_report import analyze
        from crashtool.services.files.scratch import Scratch
        from crashtool.services.scrub.scrubber import scrub_dump
        from crashtool.services.scrub.secret_spans import parse_wish

        finders = [parse_wish(wish) for wish in wishes]
        with Scratch() as scratch:
            copy = Path(scratch.folder(), "scrubbed.dmp")
            changes = scrub_dump(Path(dump.file), copy, finders, dump.path)
            with Minidump.open(copy) as minidump:
                core = write_core_file(
                    minidump, analyze(minidump, report.path), symbols, path, with_code=with_code
                )
        self._console.note(f"{path}: {format_changes(changes)}")
        return core

    def _show(self, report: CrashReport) -> Page | dict[str, Any]:
        if self._setup.json:
            from crashtool.render.as_json import crash_document  # not loaded for pages

            return crash_document(report)
        from crashtool.render.report import render_report  # not loaded for JSON

        flags = {name: bool(getattr(self._setup.options, name)) for name in PAGE_OPTIONS}
        return render_report(report, **flags, verbose=self._setup.verbosity > 0)


def _plain(error: CrashtoolError) -> CrashtoolError:
    """The same error as one that goes from process to process."""
    plain = CrashtoolError(error.what, hint=error.hint)
    plain.code, plain.exit_status = error.code, error.exit_status
    return plain
