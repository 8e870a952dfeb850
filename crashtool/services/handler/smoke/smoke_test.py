"""Prove end to end that a crash under a real handler arrives: one named check after the other."""

from __future__ import annotations

import filecmp
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError, MachineFault, UsageError
from crashtool.formats.attributes import Attribute, parse_pair
from crashtool.formats.crashpad.database import SETTINGS
from crashtool.formats.crashpad.settings import DatabaseSettings
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import redact_token
from crashtool.model.run import DeliveredReport, FatalSignal, RunResult
from crashtool.model.smoke import SmokeCheck, SmokeResult
from crashtool.model.submission import upload_fields
from crashtool.services.handler.crashpad_handler.find import Handler, find_handler
from crashtool.services.handler.crashpad_handler.handler_command_line import (
    compose_command,
    read_attachments,
    telling_lines,
)
from crashtool.services.handler.process.supported import check_platform
from crashtool.services.handler.reports.delivery import find_delivery, open_written
from crashtool.services.handler.reports.report_database import list_minidumps, prepare_database
from crashtool.services.handler.smoke.arrival import (
    Arrival,
    check_annotations,
    check_attachments,
    check_identification,
)
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess
from crashtool.services.receiver.app import Receiver, start_receiver
from crashtool.services.transport.http import HttpResponse
from crashtool.services.transport.reply import read_reply

if TYPE_CHECKING:
    from crashtool.services.receiver.receive_submission import Exchange
    from crashtool.services.receiver.received_report import StoredReport

CRASH = (sys.executable, "-I", "-S", "-c", "import ctypes; ctypes.string_at(0)")
MARK = "crashtool_smoke"
ARGUMENTS_HINT = "one bad argument ends a handler at its start: check what it was given"
_SEGV = 11


class SmokePlan(NamedTuple):
    """What to prove. `folder` takes the database and what is received; it should be empty.

    `annotations` and `attachments` are texts as the user gave them. Without `url` the report goes
    to a receiver of our own. `database` is one to use as it is, instead of a fresh one. `faults`
    make our receiver fail.
    """

    folder: Path
    handler: str | None = None
    annotations: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    url: str | None = None
    mode: str = "trace"
    database: Path | None = None
    faults: tuple[str, ...] = ()


class _Stop(Exception):
    """What was found makes all further checks pointless."""


def smoke(plan: SmokePlan) -> SmokeResult:
    """Make a real crash under a real handler, and check what came of it.

    UsageError where no program can be run under a handler at all, or for a plan that no handler
    can be given.
    """
    check_platform()
    proof = Proof(plan)
    began = time.monotonic()
    with suppress(_Stop):
        proof.run()
    return proof.result(time.monotonic() - began)


class Proof:
    """The checks in the order of a report's life."""

    def __init__(self, plan: SmokePlan) -> None:
        self.plan = plan
        self.database = plan.database or plan.folder / "database"
        self.mark = Attribute(MARK, token_hex(8))
        self.checks: list[SmokeCheck] = []
        self.handler: Handler | None = None
        self.target = plan.url or ""
        self.delivery: DeliveredReport | None = None
        self.log: tuple[str, ...] = ()
        self.exchanges: list[Exchange] = []

    def run(self) -> None:
        """All checks; _Stop where the rest cannot be made."""
        handler = self._get_handler()
        annotations, verbatim = self._sort_annotations()
        attachments = read_attachments(self.plan.attachments, handler.kind)
        settings = prepare_database(self.database)
        paths = list_minidumps(self.database) or frozenset()
        with ExitStack() as stack:
            receiver = self._start_receiver(stack) if self.plan.url is None else None
            line = compose_command(
                handler,
                self.database,
                annotations=annotations,
                attachments=attachments,
                url=self.target,
                arguments=verbatim,
            )
            fatal = self._crash(line)
            delivery = self._get_delivery(paths, fatal)
            self._check_minidump(delivery, fatal)
            self._require_upload(delivery, settings)
            report = self._get_received(receiver, delivery) if receiver else None
            arrival = _received(report) if report else _kept(delivery)
            self.checks += check_annotations(annotations, arrival)
            self.checks += check_attachments(attachments, handler.kind, arrival)
            self.checks += check_identification(annotations, arrival)

    def result(self, seconds: float) -> SmokeResult:
        """What was found."""
        return SmokeResult(
            checks=tuple(self.checks),
            handler=self.handler.path if self.handler else None,
            target=redact_token(self.target) or None,
            minidump=self.delivery.path if self.delivery else None,
            reply=self.delivery.reply if self.delivery else None,
            log=self.log,
            seconds=seconds,
        )

    def _check(self, name: str, passed: bool, detail: str = "", hint: str = "") -> None:
        self.checks.append(SmokeCheck(name, passed, redact_token(detail), hint))

    def _require(self, name: str, passed: bool, detail: str = "", hint: str = "") -> None:
        self._check(name, passed, detail, hint)
        if not passed:
            raise _Stop

    def _get_handler(self) -> Handler:
        try:
            self.handler = find_handler(self.plan.handler)
        except MachineFault:
            raise
        except CrashtoolError as error:
            self._check("handler found", False, error.what, error.hint or "")
            raise _Stop from None
        kind = f"{self.handler.kind}, version {self.handler.version}"
        self._check("handler found", True, f"{self.handler.path} ({kind})")
        return self.handler

    def _sort_annotations(self) -> tuple[tuple[Attribute, ...], list[str]]:
        """Those that are well-formed, with our own; and arguments for those that are not.

        The handler gets the latter as they are: it is to show itself what it makes of them.
        """
        good = []
        verbatim = []
        for text in self.plan.annotations:
            try:
                good.append(parse_pair(text))
            except UsageError as error:
                if "\0" in text:
                    raise
                verbatim.append(f"--annotation={text}")
                consequence = "with it the handler ends at its start: no crash is ever reported"
                self._check("annotations well-formed", False, error.what, consequence)
        return (*good, self.mark), verbatim

    def _start_receiver(self, stack: ExitStack) -> Receiver:
        receiver = stack.enter_context(
            start_receiver(
                self.plan.folder / "received",
                faults=self.plan.faults,
                on_exchange=self.exchanges.append,
            )
        )
        self.target = receiver.submission_url()
        return receiver

    def _crash(self, line: Sequence[str]) -> FatalSignal:
        try:
            result = run_in_subprocess(CRASH, line, mode=self.plan.mode)
        except CrashtoolError as error:
            # In socket mode the handler starts first; else only the trace can have been refused.
            refused = not isinstance(error, UsageError)
            name = "handler started" if refused else "program can be traced"
            self._check(name, False, error.what, error.hint or ARGUMENTS_HINT * refused)
            raise _Stop from None
        self.log = tuple(telling_lines(result.handler_log))
        fatal = result.fatal
        self._require(
            "crash seen",
            fatal is not None and fatal.number == result.status * -1 == _SEGV,
            f"SIGSEGV in process {result.process_id}"
            if fatal
            else f"the program that was to crash ended with status {result.status}",
        )
        assert fatal is not None  # noqa: S101 (required just now)
        self._require_handler_ended_well(result)
        return fatal

    def _require_handler_ended_well(self, result: RunResult) -> None:
        how = f"in {result.dump_seconds * 1000:.0f} ms"
        status = result.handler_status
        said = next(iter(self.log), "it says nothing")
        if result.problem:
            self._require("handler worked", False, result.problem)
        self._check("handler asked as planned", result.mode == self.plan.mode, result.mode)
        self._require(
            "handler worked",
            status == 0,
            how if status == 0 else f"exit status {status}: {said}",
            ARGUMENTS_HINT,
        )

    def _get_delivery(self, paths: frozenset[Path], fatal: FatalSignal) -> DeliveredReport:
        self.delivery = delivery = find_delivery(self.database, paths, fatal.process_id)
        self._require(
            "report written",
            delivery is not None,
            f"{delivery.uuid} in {self.database}" if delivery else f"none in {self.database}",
            "is there space, and may the handler write there?",
        )
        assert delivery is not None  # noqa: S101 (required just now)
        return delivery

    def _check_minidump(self, delivery: DeliveredReport, fatal: FatalSignal) -> None:
        with open_written(Path(delivery.path)) as dump:
            exception = dump.exception
            context = dump.context(exception.context) if exception else None
            seen = exception and (
                exception.code,
                exception.thread_id,
                exception.address,
                context.instruction_pointer if context else None,
            )
        true = (fatal.number, fatal.thread_id, fatal.address, fatal.instruction_pointer)
        where = f"pc {fatal.instruction_pointer:#x}, address {fatal.address:#x}"
        self._check(
            "minidump tells of this crash",
            seen == true,
            f"SIGSEGV, thread {fatal.thread_id}, {where}"
            if seen == true
            else f"it records signal, thread, address, pc {seen}, not {true}",
        )

    def _require_upload(self, delivery: DeliveredReport, settings: DatabaseSettings | None) -> None:
        enabled = settings is not None and settings.uploads_enabled
        self._check(
            "uploads enabled",
            enabled,
            f"in {self.database / SETTINGS}",
            "the application must call SetUploadsEnabled(true) once the user agrees",
        )
        if delivery.unread:
            raise MachineFault(
                f"cannot read what {self.database} says of the upload: {delivery.unread}"
            )
        answers = [f"{one.status} ({one.what})" for one in self.exchanges]
        reason = f"the server answered {answers[-1]}" if answers else delivery.reason
        self._require(
            "uploaded with status 200",
            delivery.uploaded,
            f"to {self.target}" if delivery.uploaded else reason,
            "a handler takes only status 200 for success; try 'crashtool make-url --probe'"
            if enabled
            else "enable uploads first",
        )
        response = HttpResponse(200, {}, delivery.reply.encode(), self.target)
        try:
            reply = read_reply(response)
        except CrashtoolError as error:
            self._check("server took the report", False, error.what, error.hint or "")
            return
        self._check("server took the report", True, f"as {reply.rxid}")

    def _get_received(self, receiver: Receiver, delivery: DeliveredReport) -> StoredReport:
        reports = receiver.inbox.reports()
        report = next((one for one in reports if one.fields.get(MARK) == self.mark.value), None)
        self._require("report received", report is not None, f"{len(reports)} in the inbox")
        assert report is not None  # noqa: S101 (required just now)
        same = report.minidump and filecmp.cmp(report.minidump, delivery.path, shallow=False)
        size = f"{Path(delivery.path).stat().st_size:,} bytes"
        self._check("minidump arrived whole", bool(same), size)
        return report


def _received(report: StoredReport) -> Arrival:
    files = tuple((file.name, str(file.path)) for file in report.files)
    return Arrival(report.fields, files, report.query, "received")


def _kept(delivery: DeliveredReport) -> Arrival:
    """What a distant server was sent, as the minidump and the database tell."""
    with open_written(Path(delivery.path)) as dump:
        fields = {field.name: field.value for field in upload_fields(dump.crashpad)}
    return Arrival(fields, delivery.attachments, None, "sent")
