"""Submitting what is prepared: posted until it is answered; what a journal knows is left out."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol
from uuid import uuid4

from crashtool import errors
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.submission import Receipt
from crashtool.services.sending.journal import Journal, Submission, identify
from crashtool.services.sending.outcome import (
    ACCEPTED,
    CHECKED,
    SKIPPED,
    failed_receipt,
    receipt_of_answer,
    untried_receipt,
)
from crashtool.services.sending.pace import Pace
from crashtool.services.sending.preparing import PreparedDump
from crashtool.services.sending.send_events import SendEvents
from crashtool.services.transport.balance import Balance
from crashtool.services.transport.http import HttpResponse, HttpSession
from crashtool.services.transport.retry import Clock, Exhausted, with_retries
from crashtool.services.transport.upload_body import CountedBody, GzipBody
from crashtool.services.workers.stop_flag import StopFlag

STOPPED = ("told to stop", "interrupted", errors.INTERRUPTED)

# of the IETF's draft; crashtool serve heeds it
IDEMPOTENCY_KEY = "Idempotency-Key"


class Submitter(Protocol):
    """What takes a prepared minidump to where it should go, or not."""

    def submit(self, prepared: PreparedDump) -> Receipt:
        """The receipt of it. CrashtoolError or OSError when it cannot be read to the end."""
        ...


class DryRun:
    """Sends nothing."""

    def submit(self, prepared: PreparedDump) -> Receipt:
        """A receipt for what was checked."""
        return prepared.receipt._replace(status=CHECKED)


class Timing(NamedTuple):
    """When what is posted: not before `pace` allows it, nor once `stopped` is set."""

    stopped: StopFlag
    retry_for: float | None = None
    clock: Clock = Clock()
    pace: Pace | None = None


class HttpSubmitter:
    """Posts to the server, again and again while it cannot be reached."""

    def __init__(self, session: HttpSession, events: SendEvents, timing: Timing) -> None:
        self._session = session
        self._events = events
        self._timing = timing
        self._balance = Balance()

    def submit(self, prepared: PreparedDump, name: str = "") -> Receipt:
        """The receipt of what the server answered in the end.

        `name` is one by which a receiver knows the same request when it comes again: an answer that
        was lost on the way, or a kill after it came, makes one send again what is there.
        """
        base, request = prepared.receipt, prepared.request
        headers = request.headers | {IDEMPOTENCY_KEY: f'"{name or uuid4().hex}"'}
        stopped, retry_for, clock, pace = self._timing
        if pace and not pace.wait(stopped):
            return untried_receipt(base, *STOPPED)
        with self._events.progress(base.path, request.plain.size or 0) as advance:
            body = request.wrap_body(CountedBody(request.plain, advance), self._balance)

            def post() -> HttpResponse:
                began = perf_counter()
                response = self._session.post(request.url, body, headers)
                if isinstance(body, GzipBody):
                    body.weigh(perf_counter() - began)
                return response

            try:
                attempts = with_retries(
                    post,
                    retry_for=retry_for,
                    clock=clock,
                    on_retry=lambda sentence: self._events.note(f"{base.path}: {sentence}"),
                )
            except Exhausted as error:
                base = base._replace(tries=error.tries, seconds=round(error.seconds, 3))
                return failed_receipt(base.path, error, base)
        base = base._replace(
            tries=attempts.tries,
            seconds=round(attempts.seconds, 3),
            http_status=attempts.response.status,
        )
        return receipt_of_answer(base, attempts)


class JournaledSubmitter:
    """Leaves out what a journal knows as accepted, unless `again`, and enters what is accepted."""

    def __init__(
        self, inner: HttpSubmitter, journal: Journal, events: SendEvents, *, again: bool
    ) -> None:
        self._inner = inner
        self._journal = journal
        self._events = events
        self._again = again

    def submit(self, prepared: PreparedDump) -> Receipt:
        """The receipt of what was sent, or of the time when it was."""
        submission = identify(prepared.file, prepared.request, prepared.plan)
        if not self._again and (skipped := self._find_accepted(prepared.receipt, submission)):
            return skipped
        receipt = self._inner.submit(prepared, "" if self._again else submission.name)
        if receipt.status == ACCEPTED and not self._journal.add(submission, receipt.rxid):
            path = self._journal.path
            self._events.note(f"{receipt.path}: the journal {path} cannot be written")
        return receipt

    def _find_accepted(self, base: Receipt, submission: Submission) -> Receipt | None:
        entry = self._journal.find(submission)
        if entry is None:
            return None
        self._events.note(
            f"{base.path}: accepted before ({entry.sent}), so not sent; --again sends it"
        )
        return base._replace(status=SKIPPED, rxid=entry.rxid)
