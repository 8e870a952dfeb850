"""Run a program with all that belongs to it: a writer of its minidump, a database, the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crashtool.errors import (
    InputUnusable,
    MachineFault,
    ProgramNotExecutable,
    ProgramNotFound,
    UsageError,
)
from crashtool.formats.attributes import Attachment, join_annotations
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.handler.crashpad_handler.find import Handler, find_handler
from crashtool.services.handler.crashpad_handler.handler_command_line import (
    compose_command,
    read_annotations,
    read_attachments,
)
from crashtool.services.handler.following.follow_options import Following
from crashtool.services.handler.process.launch import execute_instead
from crashtool.services.handler.process.program_file import find_program
from crashtool.services.handler.reports.report_database import choose_database, list_minidumps
from crashtool.services.handler.run.program import run_program
from crashtool.services.handler.snapshot.own_writer import MODE, OwnWriter

if TYPE_CHECKING:
    from crashtool.model.run import DeliveredReport, ProcessCrash, RunResult


class RunPlan(NamedTuple):
    """What to run and how, as the user gave it; `database` is made if absent.

    `writer`: "handler" is a crashpad_handler, "own" is crashtool itself, "auto" a handler if one
    starts. A handler that is named must start. `following`: which
    processes are followed, and for how long. With a `process_id` there is no program: that process
    is dumped as it runs, and killed afterwards if the user says so (`kills`). `attaches_stderr`:
    each report gets the last lines of its process's stderr.
    """

    program: tuple[str, ...]
    database: Path
    handler: str | None = None
    annotations: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    url: str = ""
    mode: str = "trace"
    writer: str = "auto"
    process_id: int = 0
    kills: bool = False
    following: Following = Following()
    attaches_stderr: bool = False


class ReportedRun:
    """A run in steps, so that trouble with the report cannot cost the program's status.

    `own_reason` says why crashtool writes the minidump itself, if it does.
    """

    def __init__(self, plan: RunPlan, warn: Callable[[str], None]) -> None:
        """Get everything ready; a CrashtoolError here means that nothing has been run."""
        self.plan = plan
        self.warn = warn
        self.program_path = find_program(plan.program[0]) if plan.program else ""
        self.own_reason: str | None = None
        handler = self._find_handler()
        annotations = read_annotations(plan.annotations)
        attachments = read_attachments(plan.attachments, handler.kind if handler else None)
        self.chosen = choose_database(plan.database)
        self._line: list[str] = []
        self._compose: Callable[..., list[str]] | None = None
        self._own: OwnWriter | None = None
        self._known: frozenset[Path] = frozenset()
        database = self.chosen.path
        self._tell_place()
        if database is None:
            return
        self._known = list_minidumps(database) or frozenset()
        if handler:

            def compose(*more: str) -> list[str]:
                attached = (*attachments, *(Attachment(None, path) for path in more))
                return compose_command(
                    handler, database, annotations=annotations, attachments=attached, url=plan.url
                )

            self._compose, self._line = compose, compose()
        if plan.writer != "handler":
            named = [(one.name or one.base_name, one.path) for one in attachments]
            self._own = OwnWriter(
                str(database), tuple(join_annotations(annotations).items()), tuple(named)
            )

    def run(self) -> RunResult:
        """The program's life, to its end."""
        plan = self.plan
        if plan.process_id:
            return self._dump_process()
        if not plan.attaches_stderr:
            return self._run_program(self._line)
        from crashtool.services.handler.stderr.taken_stderr import taking_last_lines

        with taking_last_lines(self.warn) as last_lines:
            if last_lines is None:
                return self._run_program(self._line)
            line = self._compose(str(last_lines.path)) if self._compose else []
            return self._run_program(line, last_lines=last_lines, streams=last_lines.streams)

    def _run_program(self, line: list[str], **more: Any) -> RunResult:
        plan = self.plan
        try:
            return run_program(
                plan.program,
                line,
                own=self._own,
                mode=plan.mode,
                following=plan.following,
                insists=False,
                **more,
            )
        except (ProgramNotFound, ProgramNotExecutable):
            raise
        except InputUnusable as error:
            if plan.mode == "socket":  # whose handler is insisted on
                raise
            self.warn(f"no crash of this program is seen: {error.what}")
            execute_instead(plan.program, self.program_path, more.get("streams", ()))

    def _dump_process(self) -> RunResult:
        from crashtool.model.run import RunResult
        from crashtool.services.handler.following.hang import dump_process
        from crashtool.services.handler.stderr.taken_stderr import taking_last_lines

        if self._own is None:
            raise InputUnusable("no folder to write a minidump to", hint="see --database")
        taking = taking_last_lines(self.warn, of_run=False) if self.plan.attaches_stderr else None
        with taking or nullcontext() as last_lines:
            crash = dump_process(
                self.plan.process_id, self._own, kills=self.plan.kills, last_lines=last_lines
            )
        return RunResult(0, self.plan.process_id, hangs=(crash,))

    def find_delivery(self, result: RunResult) -> DeliveredReport | None:
        """The report of the program's crash, if it had one and left one."""
        database = Path(result.database) if result.database else self.chosen.path
        if result.fatal is None or database is None:
            return None
        from crashtool.services.handler.reports.delivery import (
            find_delivery,  # no cost without a crash
        )

        return find_delivery(database, self._known, result.process_id)

    def find_reports(self, crashes: Sequence[ProcessCrash]) -> dict[str, DeliveredReport]:
        """The reports that crashtool has written of other processes' crashes, by their ids."""
        wanted = {crash.uuid for crash in crashes if crash.uuid}
        if not wanted:
            return {}
        from crashtool.services.handler.reports.delivery import list_reports

        reports: dict[str, DeliveredReport] = {}
        for database in dict.fromkeys(crash.database for crash in crashes if crash.uuid):
            reports |= list_reports(Path(database))
        return {uuid: reports[uuid] for uuid in wanted & reports.keys()}

    def send(self, delivery: DeliveredReport) -> DeliveredReport:
        """Send a report that crashtool has written, if there is a URL."""
        if not self.plan.url:
            return delivery
        from crashtool.services.handler.reports.own_delivery import send_report

        return send_report(_database_of(delivery), delivery, self.plan.url, self.warn)

    def discard(self, delivery: DeliveredReport) -> None:
        """Remove a report that nobody wants. CrashtoolError when the database does not let it."""
        from crashtool.formats.crashpad.database import open_database
        from crashtool.services.database.changing import delete_reports

        database = open_database(_database_of(delivery))
        delete_reports(
            database, [report for report in database.reports if str(report.uuid) == delivery.uuid]
        )

    def explain_writer(self, result: RunResult) -> str | None:
        """Why crashtool wrote the minidump itself; None when a handler did."""
        if result.mode != MODE:
            return None
        return self.own_reason or result.own_reason

    def _find_handler(self) -> Handler | None:
        plan = self.plan
        if plan.process_id and (plan.handler or plan.mode == "socket" or plan.writer == "handler"):
            raise UsageError(
                "a live process is dumped by crashtool itself: --pid goes with no handler",
                hint="leave --handler, --mode and --writer out",
            )
        if plan.process_id:
            return None
        if plan.writer == "own":
            if plan.handler or plan.mode == "socket":
                other = "--handler" if plan.handler else "--mode socket"
                raise UsageError(f"--writer own needs no handler: leave {other} out")
            self.own_reason = "as --writer own asks"
            return None
        try:
            return find_handler(plan.handler)
        except (InputUnusable, MachineFault) as error:
            if plan.handler or plan.writer == "handler":
                raise
            self.own_reason = error.what
            return None

    def _tell_place(self) -> None:
        path, settings, reason = self.chosen
        if path is None:
            self.warn(f"{reason}; nor can any temporary folder: no report will be kept")
        elif reason:
            self.warn(f"{reason}; reports of this run go to {path}")
        elif self.plan.url and not (settings and settings.uploads_enabled):
            self.warn(f"uploads are disabled in {path}: no report of it will be sent")


def _database_of(delivery: DeliveredReport) -> Path:
    """The folder above `pending` or `completed`."""
    return Path(delivery.path).parent.parent
