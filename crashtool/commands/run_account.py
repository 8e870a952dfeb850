"""What run says after the program's end: each crash's report, then how many there were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crashtool.commands.console import SCHEMA_VERSION, Console
from crashtool.commands.options import open_symbols
from crashtool.errors import CannotWrite, CrashtoolError, reason_of
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.commands.run_options import RunOptions
    from crashtool.model.crash import CrashReport
    from crashtool.model.run import DeliveredReport, ProcessCrash, RunResult
    from crashtool.services.handler.run.reported_run import ReportedRun

LOG_LINES = 5
CHILDREN_ARE_OURS = (
    "crashtool itself writes the minidumps of the processes that the program starts: "
    "a crashpad_handler dumps the program alone"
)


class ToldCrash(NamedTuple):
    """A crash, the report that was kept of it, and that one read; None for what is not there."""

    crash: ProcessCrash
    delivery: DeliveredReport | None = None
    report: CrashReport | None = None


class Account:
    """What is said after the program's end; it never changes the exit status."""

    def __init__(
        self, console: Console, options: RunOptions, run: ReportedRun, result: RunResult
    ) -> None:
        self.console = console
        self.options = options
        self.run = run
        self.result = result
        self.file: str | None = options.report
        self.url: str = options.url or ""
        self._pages: list[str] = []
        self._reports: dict[str, DeliveredReport] = {}

    def give(self) -> None:
        """Show the reports and the summary, or say why there is none."""
        if self.result.untraced:
            self.console.warn(
                f"no crash of this program is seen: {self.result.untraced}",
                hint="in a container: --cap-add=SYS_PTRACE or --security-opt seccomp=unconfined",
            )
        self._reports = self._find_reports()
        told = list(self._walk_told())
        hangs = list(self._walk_hangs())
        self.run.chosen.discard_unused()
        self._tell_ci(told, hangs)
        if self.console.json:
            document = self._document(told, hangs)
            self._write(_in_lines(document) if self.console.json_lines else _whole(document))
            return
        if self._pages:
            self._write("\n".join(self._pages))
        self._summarize(told)

    def _tell_ci(self, told: list[ToldCrash], hangs: list[ToldCrash]) -> None:
        if not self.options.ci_system and not self.options.junit:
            return
        from crashtool.commands.run_ci import tell_ci
        from crashtool.render.run_ci import RunRow

        parents = {one.crash.parent_id for one in hangs}
        rows = [RunRow(one.crash, one.report) for one in told]
        rows += [
            RunRow(one.crash, one.report, is_hang=True)
            for one in hangs
            if one.crash.process_id not in parents
        ]
        tell_ci(self.console, self.options, rows, self.result, self.run.plan.program)

    def _find_reports(self) -> dict[str, DeliveredReport]:
        try:
            return self.run.find_reports((*self.result.crashes, *self.result.hangs))
        except CrashtoolError as error:
            self.console.warn(f"no report: {error.what}")
            return {}

    def _walk_told(self) -> Iterator[ToldCrash]:
        """Read, send and show the report of each crash; those that are expected are left out."""
        result = self.result
        from crashtool.render.run import describe_crash

        wanted = [crash for crash in result.crashes if not crash.ignored_for]
        for number, crash in enumerate(wanted, 1):
            delivery, report = self._read_crash(crash)
            told = ToldCrash(crash, delivery, report)
            if reason := self._explain_silence(told):
                yield told._replace(crash=crash._replace(ignored_for=reason))
                continue
            if delivery and self._is_ours(crash):
                delivery = self.run.send(delivery)
                told = told._replace(delivery=delivery)
            if not self.console.json:
                heading = f"crash {number}: {describe_crash(crash)}"
                self._show(told, heading if self._is_tree else "")
            yield told
        yield from (ToldCrash(crash) for crash in result.crashes if crash.ignored_for)

    @property
    def _is_tree(self) -> bool:
        """Whether there is more to tell than how the one program fared."""
        result = self.result
        return bool(result.hangs) or (result.processes > 1 and bool(result.crashes))

    def _is_ours(self, crash: ProcessCrash) -> bool:
        return bool(crash.uuid) or self.run.explain_writer(self.result) is not None

    def _walk_hangs(self) -> Iterator[ToldCrash]:
        """The same for processes that still ran; those that wait for others of them, in a line."""
        from crashtool.render.run import describe_hang, describe_waiting

        hangs = self.result.hangs
        parents = {crash.parent_id for crash in hangs}
        for number, crash in enumerate(hangs, 1):
            delivery, report = self._read_crash(crash)
            if delivery:
                delivery = self.run.send(delivery)
            told = ToldCrash(crash, delivery, report)
            if not self.console.json:
                if crash.process_id in parents:
                    self.console.note(f"hang {number}: {describe_waiting(crash)}")
                    self._explain(told)
                else:
                    heading = describe_hang(crash, self.result)
                    self._show(told, f"hang {number}: {heading}" if parents else heading)
            yield told

    def _read_crash(self, crash: ProcessCrash) -> tuple[DeliveredReport | None, CrashReport | None]:
        delivery = None
        try:
            if crash.is_program:
                delivery = self.run.find_delivery(self.result)
            else:
                delivery = self._reports.get(crash.uuid)
            return delivery, self._read(crash, delivery) if delivery else None
        except CrashtoolError as error:  # the program's status counts, whatever its report is like
            self.console.warn(f"no report: {error.what}")
        except OSError as error:
            self.console.warn(f"no report: {reason_of(error)}")
        return delivery, None

    def _explain_silence(self, told: ToldCrash) -> str:
        """Why the crash is expected by its stack; its report is then removed. "" if it is not."""
        thread = told.report.crashed_thread if told.report else None
        if thread is None or not told.delivery:
            return ""
        from crashtool.services.handler.following.expected import explain_silence_of_stack

        names = [call.function for frame in thread.frames for call in frame.inlines]
        names += [frame.function for frame in thread.frames if frame.function]
        reason = explain_silence_of_stack(self.run.plan.following.ignore, names)
        if reason:
            try:
                self.run.discard(told.delivery)
            except CrashtoolError as error:
                self.console.warn(error.what)
        return reason

    def _show(self, told: ToldCrash, heading: str) -> None:
        from crashtool.render.run import name_command, render_last_lines
        from crashtool.render.safe_text import log_line

        lines = []
        if heading:
            lines = ["", heading, name_command(told.crash)]
        if self.file is None:
            for line in lines:
                self.console.note(line)
        self._explain(told)
        last_lines = render_last_lines(told.crash)
        if told.report:
            shown = "".join(log_line(line) + "\n" for line in lines) if self.file else ""
            page = shown + self._page(told.report) + last_lines
            if self.file:
                self._pages.append(page)
            else:
                self._write(page)
        elif last_lines:
            self._write(last_lines)

    def _explain(self, told: ToldCrash) -> None:
        """What became of the report, in notes and warnings."""
        crash, delivery = told.crash, told.delivery
        own: str | None = None
        if crash.is_program:
            own = self.run.explain_writer(self.result)
        for problem in (*filter(None, [crash.problem]), *crash.notes):
            self.console.warn(problem)
        if crash.is_program:
            self._quote_handler(delivery)
        if delivery is None:
            is_ours = own or self.run.own_reason or not crash.is_program
            writer = "crashtool" if is_ours else "the handler"
            if not crash.problem or crash.is_program:
                self.console.warn(f"the program crashed, but {writer} left no report")
            return
        self.console.note(f"minidump: {delivery.path}")
        if own:
            self.console.note(f"written by crashtool itself, not by a crashpad_handler: {own}")
        elif not crash.is_program:
            self.console.detail(CHILDREN_ARE_OURS)
        if self.url and delivery.uploaded:
            self.console.note(f"sent; the server answered: {delivery.reply or '(nothing)'}")
        elif self.url:
            self.console.warn(f"not sent: {delivery.reason}")

    def _quote_handler(self, delivery: DeliveredReport | None) -> None:
        from crashtool.services.handler.crashpad_handler.handler_command_line import telling_lines

        result = self.result
        is_well = delivery and (delivery.uploaded or not self.url) and not result.own_reason
        for line in telling_lines(result.handler_log)[-LOG_LINES:]:
            (self.console.detail if is_well else self.console.note)(f"handler: {line}")

    def _page(self, report: CrashReport) -> str:
        from crashtool.render.report import render_report

        width = None if self.file else self.console.note_width
        return render_report(report, threads=bool(self.result.hangs)).text(width)

    def _summarize(self, told: list[ToldCrash]) -> None:
        from crashtool.render.run import summarize

        say = self.console.note if self._is_tree else self.console.detail
        for line in summarize(self.result, [one.crash for one in told]):
            say(line)

    def _document(self, told: list[ToldCrash], hangs: list[ToldCrash]) -> dict[str, Any]:
        from crashtool.render.as_json import crash_document
        from crashtool.render.run import process_document, run_document

        own = next((one for one in told if one.crash.is_program), None)
        crashes, hung = (
            [
                process_document(one.crash, one.delivery)
                | (crash_document(one.report) if one.report else {})
                for one in several
            ]
            for several in (told, hangs)
        )
        document = {
            "schema_version": SCHEMA_VERSION,
            "run": run_document(self.result, own.delivery if own else None),
            "crashes": crashes,
            "hangs": hung,
        }
        return document | (crash_document(own.report) if own and own.report else {})

    def _read(self, crash: ProcessCrash, delivery: DeliveredReport) -> CrashReport:
        from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
        from crashtool.services.analyze.variables.wanted import WantedVariables

        with open_symbols(self.options.lookup, self.console, self._list_symbols(crash)) as symbols:
            wanted = InspectOptions(
                symbols=symbols,
                all_threads=self.console.json or bool(self.result.hangs),
                variables=WantedVariables(),
                warn=self.console.warn_once,
            )
            return read_report(delivery.path, delivery.path, wanted)

    def _list_symbols(self, crash: ProcessCrash) -> list[str]:
        """The images that ran, which know their functions, with an identifier or without."""
        program = [self.run.program_path] if crash.is_program and not crash.images else []
        images = [path for path in dict.fromkeys([*program, *crash.images]) if Path(path).is_file()]
        names = (Path(image).name for image in images)
        named = zip(names, images, strict=True)
        return [*images, *(f"{name}={image}" for name, image in named if "=" not in name)]

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


def _whole(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"


def _in_lines(document: dict[str, Any]) -> str:
    """A line for each crash and each process that hung, then one for the run."""
    version = {"schema_version": document["schema_version"]}
    rows = [{"crash": entry} for entry in document["crashes"]]
    rows += [{"hang": entry} for entry in document["hangs"]]
    rows.append({"run": document["run"]})
    return "".join(json.dumps(version | entry) + "\n" for entry in rows)
