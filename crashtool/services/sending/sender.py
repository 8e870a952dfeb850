"""send-dump from beginning to end: find the dumps, send them, account for each."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from sys import intern
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from crashtool import errors
from crashtool.errors import CrashtoolError, InputUnusable, PartialFailure, Refused, reason_of
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import redact_token
from crashtool.model.submission import Receipt, Scrubbed
from crashtool.services.files.scratch import Scratch
from crashtool.services.files.unwrap_dumps import ByteStream, DumpFile, UnusableInput
from crashtool.services.sending.database_reports import find_reports
from crashtool.services.sending.journal import Journal, Submission, identify
from crashtool.services.sending.pace import Pace
from crashtool.services.sending.request import Request, SendPlan, make_request
from crashtool.services.transport.balance import Balance
from crashtool.services.transport.body import CountedBody, GzipBody
from crashtool.services.transport.http import HttpResponse, HttpSession
from crashtool.services.transport.reply import read_reply
from crashtool.services.transport.retry import Attempts, Clock, Exhausted, with_retries
from crashtool.services.workers.threads import share_work

if TYPE_CHECKING:
    from crashtool.services.scrub.findings import Finder
    from crashtool.services.sending.database_reports import UploadReport

ACCEPTED, FAILED, CHECKED, NOT_SENT = "accepted", "failed", "checked", "not sent"
SKIPPED, INTERRUPTED = "skipped", "interrupted"
STOPPED = ("told to stop", "interrupted", errors.INTERRUPTED)

# of the IETF's draft; crashtool serve heeds it
IDEMPOTENCY_KEY = "Idempotency-Key"
SEARCHED = 16 << 20  # bytes of dumps in one call that are searched for secrets: half a second
MAX_SEARCHED = 40  # and dumps: one program's hold much the same

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class SendEvents(NamedTuple):
    """Whom the job tells what: requests before they are sent, failed tries, notes, progress.

    A warning is of a dump, and may be the same sentence of thousands.
    """

    request: Callable[[str, Request], None] = lambda _path, _request: None
    warning: Callable[[str, str], None] = lambda _path, _sentence: None
    retry: Callable[[str], None] = lambda _sentence: None
    note: Callable[[str], None] = lambda _sentence: None
    scrubbed: Callable[[str, tuple[Scrubbed, ...]], None] = lambda _path, _changes: None
    progress: Progress = lambda _label, _total: nullcontext(lambda _done: None)


class Sender:
    """Sends by a plan. `session` is None for a dry run, `journal` None to remember nothing.

    With `again`, what the journal knows as accepted is sent all the same; `digests` asks for a
    SHA-256 in every receipt; `jobs` dumps are sent at once; what `scrub` finds in them is
    overwritten in a copy, and that is sent. `without_consent` sends what a database holds whatever
    the user's setting in it says. No report goes out before `pace` allows it, nor any once
    `stopped` is set.
    """

    def __init__(
        self,
        plan: SendPlan,
        session: HttpSession | None,
        voices: SendEvents | None = None,
        *,
        retry_for: float | None = None,
        clock: Clock | None = None,
        journal: Journal | None = None,
        again: bool = False,
        digests: bool = False,
        jobs: int = 1,
        scrub: "Sequence[Finder]" = (),
        without_consent: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.plan = plan
        self.session = session
        self.voices = voices or SendEvents()
        self.retry_for = retry_for
        self.clock = clock or Clock()
        self.journal = journal
        self.again = again
        self.digests = digests
        self.jobs = jobs
        self.scrub = scrub
        self.without_consent = without_consent
        self.pace = pace
        self._spool = Scratch()
        self._unsearched = self._unsearched_dumps = 0
        self._balance = Balance()
        self._under_way: dict[int, DumpFile] = {}
        self.stopped = threading.Event()
        self._refused = threading.Event()

    @property
    def was_refused(self) -> bool:
        """Whether the server has refused the token, after which nothing more is tried."""
        return self._refused.is_set()

    def send_all(
        self, inputs: Sequence[str], spool: Scratch, stdin: ByteStream | None
    ) -> Iterator[Receipt]:
        """A receipt for each dump that the inputs stand for."""
        found = find_reports(
            inputs, spool, stdin, without_consent=self.without_consent, note=self.voices.note
        )
        return self.send_found(found, spool)

    def send_found(
        self, found: Iterable[DumpFile | UnusableInput], spool: Scratch
    ) -> Iterator[Receipt]:
        """A receipt for each item; after a refused token the rest is not tried."""
        self._spool = spool
        self._unsearched, self._unsearched_dumps = SEARCHED, MAX_SEARCHED
        for _, receipt in share_work(self._work, found, self.jobs):
            yield receipt

    def list_interrupted(self) -> list[Receipt]:
        """Receipts for what was begun and has not ended: for use after an interrupt."""
        return [Receipt(dump.path, INTERRUPTED, size=dump.size)
                for dump in list(self._under_way.values())]  # fmt: skip

    def _work(self, number: int, item: DumpFile | UnusableInput) -> Receipt:
        """The receipt of one input; an interrupt leaves it in `_under_way`."""
        if isinstance(item, UnusableInput):
            return failed_receipt(item.path, item.error)
        self._under_way[number] = item
        try:
            if item.note:
                self.voices.note(f"{item.path}: taken {item.note}")
            receipt = self._send_one(item)
        finally:
            item.discard()
        if receipt.code == Refused.code:
            self._refused.set()
        del self._under_way[number]
        return receipt

    def _send_one(self, item: DumpFile) -> Receipt:
        base = Receipt(item.path, FAILED, size=item.size)
        if self._refused.is_set():
            return _not_tried(base, "the token was refused", Refused.code, Refused.exit_status)
        if self.stopped.is_set():
            return _not_tried(base, *STOPPED)
        try:
            if item.held is not None and self.session is not None:
                return self._send_held(base, item, item.held)
            return self._send(base, item)
        except CrashtoolError as error:
            return failed_receipt(item.path, error, base)
        except OSError as error:
            reason = reason_of(error)
            return failed_receipt(
                item.path, InputUnusable(f"cannot read {item.path}: {reason}"), base
            )

    def _send_held(self, base: Receipt, item: DumpFile, held: "UploadReport") -> Receipt:
        """Send a report of a database; no handler touches it meanwhile, nor sends it afterwards."""
        with held.hold(self.voices.note) as waits:
            if not waits:
                self.voices.note(f"{item.path}: a handler has taken it meanwhile, so not sent")
                return base._replace(status=SKIPPED)
            receipt = self._send(base, item)
            if receipt.status in (ACCEPTED, SKIPPED):
                held.mark(receipt.rxid, self.voices.note)
        return receipt

    def _send(self, base: Receipt, item: DumpFile) -> Receipt:
        if self.scrub:
            return self._send_scrubbed(base, item)
        return self._send_file(base, item)

    def _send_scrubbed(self, base: Receipt, item: DumpFile) -> Receipt:
        """Send a scrubbed copy, which is removed afterwards."""
        from crashtool.services.scrub.scrubber import scrub_dump  # seldom asked for

        copy = Path(self._spool.folder()) / f"scrubbed-{uuid4()}.dmp"
        try:
            changes = scrub_dump(item.file, copy, self.scrub, item.path)
            self.voices.scrubbed(item.path, changes)
            return self._send_file(base._replace(scrubbed=changes), item._replace(file=copy))
        finally:
            copy.unlink(missing_ok=True)

    def _send_file(self, base: Receipt, item: DumpFile) -> Receipt:
        plan = self._plan_for(item)
        request = make_request(item, plan)
        request.dump.wanted = self.digests
        warnings = (*request.warnings, *self._warn_of_secrets(item, request))
        base = base._replace(
            url=intern(redact_token(request.url)), fields=len(request.fields.sent),
            warnings=tuple(map(intern, warnings)),  # thousands of receipts say the same
        )  # fmt: skip
        for warning in warnings:
            self.voices.warning(item.path, warning)
        self.voices.request(item.path, request)
        receipt = self._pass_on(base, item, request, plan)
        return receipt._replace(sha256=request.dump.sha256) if self.digests else receipt

    def _warn_of_secrets(self, item: DumpFile, request: Request) -> list[str]:
        """What goes out with a dump; of many dumps only the first are looked into."""
        if not self.scrub:
            self._unsearched -= request.dump.size
            self._unsearched_dumps -= 1
            if self._unsearched < 0 or self._unsearched_dumps < 0:
                return []
        from crashtool.services.analyze.secrets import count_secrets

        found = count_secrets(str(item.file))
        if not found:
            return []
        listed = ", ".join(f"{row.kind} ({row.total})" for row in found)
        tail = "they stay where they are" if self.scrub else "--scrub secrets overwrites them"
        return [f"it holds what look like secrets: {listed}; {tail}"]

    def _plan_for(self, item: DumpFile) -> SendPlan:
        """The plan, with the attachments that a report has of its own."""
        if not item.attachments:
            return self.plan
        if self.plan.raw:
            self.voices.warning(item.path, "--raw leaves its attachments behind")
            return self.plan
        return self.plan._replace(attachments=(*item.attachments, *self.plan.attachments))

    def _pass_on(self, base: Receipt, item: DumpFile, request: Request, plan: SendPlan) -> Receipt:
        if self.session is None:
            return base._replace(status=CHECKED)
        if self.journal is None:
            return self._submit(base, _named(request, uuid4().hex), self.session)
        submission = identify(item.file, request, plan)
        if not self.again and (skipped := self._find_accepted(base, self.journal, submission)):
            return skipped
        name = uuid4().hex if self.again else submission.name
        receipt = self._submit(base, _named(request, name), self.session)
        if receipt.status == ACCEPTED and not self.journal.add(submission, receipt.rxid):
            self.voices.note(f"{base.path}: the journal {self.journal.path} cannot be written")
        return receipt

    def _find_accepted(
        self, base: Receipt, journal: Journal, submission: Submission
    ) -> Receipt | None:
        entry = journal.find(submission)
        if entry is None:
            return None
        self.voices.note(
            f"{base.path}: accepted before ({entry.sent}), so not sent; --again sends it"
        )
        return base._replace(status=SKIPPED, rxid=entry.rxid)

    def _submit(self, base: Receipt, request: Request, session: HttpSession) -> Receipt:
        if self.pace and not self.pace.wait(self.stopped):
            return _not_tried(base, *STOPPED)
        with self.voices.progress(base.path, request.plain.size or 0) as advance:
            body = request.wrap_body(CountedBody(request.plain, advance), self._balance)

            def post() -> HttpResponse:
                began = perf_counter()
                response = session.post(request.url, body, request.headers)
                if isinstance(body, GzipBody):
                    body.weigh(perf_counter() - began)
                return response

            try:
                attempts = with_retries(
                    post, retry_for=self.retry_for, clock=self.clock,
                    on_retry=lambda sentence: self.voices.retry(f"{base.path}: {sentence}"),
                )  # fmt: skip
            except Exhausted as error:
                base = base._replace(tries=error.tries, seconds=round(error.seconds, 3))
                return failed_receipt(base.path, error, base)
        base = base._replace(
            tries=attempts.tries, seconds=round(attempts.seconds, 3),
            http_status=attempts.response.status,
        )  # fmt: skip
        return assess(base, attempts)


def _named(request: Request, name: str) -> Request:
    """The request with a name by which a receiver knows it when it comes again.

    An answer that was lost on the way, or a kill after it came, makes one send again what is there.
    """
    return request._replace(headers=request.headers | {IDEMPOTENCY_KEY: f'"{name}"'})


def _not_tried(base: Receipt, reason: str, code: str, exit_status: int) -> Receipt:
    return base._replace(
        status=NOT_SENT, code=code, exit_status=exit_status, error=f"not tried: {reason}"
    )


def assess(base: Receipt, attempts: Attempts) -> Receipt:
    """The receipt that the last answer makes of a submission."""
    try:
        reply = read_reply(attempts.response)
    except CrashtoolError as error:
        return failed_receipt(base.path, error, base)
    return base._replace(
        status=ACCEPTED, rxid=reply.rxid, object=reply.object, fingerprint=reply.fingerprint,
        unique=reply.unique,
    )  # fmt: skip


def failed_receipt(path: str, error: CrashtoolError, base: Receipt | None = None) -> Receipt:
    """The receipt of an input that an error ended; a token that a server repeats is masked."""
    return (base or Receipt(path, FAILED))._replace(
        status=FAILED, code=error.code, exit_status=error.exit_status,
        error=redact_token(error.what), hint=error.hint,
    )  # fmt: skip


def find_failure(receipts: Sequence[Receipt]) -> CrashtoolError | None:
    """The error that the exit status stands for: one class for all, or a partial failure."""
    failures = [receipt for receipt in receipts if receipt.exit_status]
    if not failures:
        return None
    count = f"{len(failures)} of {len(receipts)} minidumps were not accepted"
    statuses = {receipt.exit_status for receipt in failures}
    if len(failures) == len(receipts) and len(statuses) == 1:
        error = CrashtoolError(count)
        error.exit_status = statuses.pop()
        error.code = failures[0].code or error.code
        return error
    return PartialFailure(count)
