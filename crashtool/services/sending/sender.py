"""send-dump from beginning to end: find the dumps, send them, account for each.

For each report, as in Crashpad's ProcessPendingReport: hold the claim on it, prepare the request,
submit it, mark the report as sent.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

from crashtool.errors import CrashtoolError, InputUnusable, Refused, reason_of
from crashtool.model.submission import Receipt
from crashtool.services.files.scratch import Scratch
from crashtool.services.files.unwrap_dumps import ByteStream, DumpFile, UnusableInput
from crashtool.services.sending.database_reports import find_reports
from crashtool.services.sending.journal import Journal
from crashtool.services.sending.outcome import (
    ACCEPTED,
    FAILED,
    INTERRUPTED,
    SKIPPED,
    failed_receipt,
    untried_receipt,
)
from crashtool.services.sending.outgoing import UNCLAIMED, Outgoing
from crashtool.services.sending.pace import Pace
from crashtool.services.sending.preparing import Preparer
from crashtool.services.sending.request import SendPlan
from crashtool.services.sending.send_events import SendEvents, Silence
from crashtool.services.sending.send_options import SendOptions
from crashtool.services.sending.submitting import (
    STOPPED,
    DryRun,
    HttpSubmitter,
    JournaledSubmitter,
    Submitter,
    Timing,
)
from crashtool.services.transport.http import HttpSession
from crashtool.services.transport.retry import Clock
from crashtool.services.workers.stop_flag import StopFlag
from crashtool.services.workers.thread_pool import share_work

USUAL = SendOptions()
SILENCE = Silence()


class Sender:
    """Sends by a plan. `session` is None for a dry run, `journal` None to remember nothing.

    No report goes out before `pace` allows it, nor any once `stopped` is set.
    """

    def __init__(
        self,
        plan: SendPlan,
        session: HttpSession | None,
        events: SendEvents = SILENCE,
        options: SendOptions = USUAL,
        *,
        clock: Clock | None = None,
        journal: Journal | None = None,
        pace: Pace | None = None,
        stopped: StopFlag | None = None,
    ) -> None:
        self.plan = plan
        self.events = events
        self.options = options
        self.stopped = stopped or StopFlag()
        self._is_dry = session is None
        timing = Timing(self.stopped, options.retry_for, clock or Clock(), pace)
        self._submitter = _choose_submitter(session, events, timing, journal, options)
        self._under_way: dict[int, DumpFile] = {}
        self._refused = threading.Event()

    @property
    def was_refused(self) -> bool:
        """Whether the server has refused the token, after which nothing more is tried."""
        return self._refused.is_set()

    def send_all(
        self, inputs: Sequence[str], spool: Scratch, stdin: ByteStream | None
    ) -> Iterator[Receipt]:
        """A receipt for each dump that the inputs stand for."""
        consent = self.options.without_consent
        reports = find_reports(inputs, spool, stdin, without_consent=consent, note=self.events.note)
        return self.send_found(reports, spool)

    def send_found(
        self, reports: Iterable[Outgoing | UnusableInput], spool: Scratch
    ) -> Iterator[Receipt]:
        """A receipt for each item; after a refused token the rest is not tried."""
        preparer = Preparer(self.plan, self.options, self.events, spool)

        def work(number: int, item: Outgoing | UnusableInput) -> Receipt:
            return self._account_for(number, item, preparer)

        for _, receipt in share_work(work, reports, self.options.jobs):
            yield receipt

    def list_interrupted(self) -> list[Receipt]:
        """Receipts for what was begun and has not ended: for use after an interrupt."""
        return [
            Receipt(dump.path, INTERRUPTED, size=dump.size)
            for dump in list(self._under_way.values())
        ]

    def _account_for(
        self, number: int, item: Outgoing | UnusableInput, preparer: Preparer
    ) -> Receipt:
        """The receipt of one input; an interrupt leaves it in `_under_way`."""
        if isinstance(item, UnusableInput):
            return failed_receipt(item.path, item.error)
        self._under_way[number] = item.dump
        try:
            if item.dump.note:
                self.events.note(f"{item.path}: taken {item.dump.note}")
            receipt = self._process(item, preparer)
        finally:
            item.dump.discard()
        if receipt.code == Refused.code:
            self._refused.set()
        del self._under_way[number]
        return receipt

    def _process(self, item: Outgoing, preparer: Preparer) -> Receipt:
        base = Receipt(item.path, FAILED, size=item.dump.size)
        if self._refused.is_set():
            reason = "the token was refused"
            return untried_receipt(base, reason, Refused.code, Refused.exit_status)
        if self.stopped.is_set():
            return untried_receipt(base, *STOPPED)
        try:
            return self._process_claimed(item, preparer, base)
        except CrashtoolError as error:
            return failed_receipt(item.path, error, base)
        except OSError as error:
            unreadable = InputUnusable(f"cannot read {item.path}: {reason_of(error)}")
            return failed_receipt(item.path, unreadable, base)

    def _process_claimed(self, item: Outgoing, preparer: Preparer, base: Receipt) -> Receipt:
        """Hold, prepare, submit, mark. No handler touches a report meanwhile, nor sends it then."""
        claim = UNCLAIMED if self._is_dry else item.claim
        with claim.hold(self.events.note) as waits:
            if not waits:
                self.events.note(f"{item.path}: a handler has taken it meanwhile, so not sent")
                return base._replace(status=SKIPPED)
            with preparer.prepare(item.dump, base) as prepared:
                receipt = self._submitter.submit(prepared)
                if self.options.digests:
                    receipt = receipt._replace(sha256=prepared.request.dump.sha256)
            if receipt.status in (ACCEPTED, SKIPPED):
                claim.mark(receipt.rxid, self.events.note)
        return receipt


def _choose_submitter(
    session: HttpSession | None,
    events: SendEvents,
    timing: Timing,
    journal: Journal | None,
    options: SendOptions,
) -> Submitter:
    if session is None:
        return DryRun()
    submitter = HttpSubmitter(session, events, timing)
    if journal is None:
        return submitter
    return JournaledSubmitter(submitter, journal, events, again=options.again)
