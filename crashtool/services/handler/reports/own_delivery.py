"""Send a report that crashtool wrote itself, as a handler would have sent its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crashtool.errors import CrashtoolError, reason_of
from crashtool.model.run import DeliveredReport
from crashtool.services.files.scratch import Scratch
from crashtool.services.handler.reports.delivery import find_report
from crashtool.services.sending.database_reports import walk_unsent
from crashtool.services.sending.outgoing import Outgoing
from crashtool.services.sending.report_url import find_report_url
from crashtool.services.sending.request import SendPlan
from crashtool.services.sending.send_events import Silence
from crashtool.services.sending.send_options import SendOptions
from crashtool.services.sending.sender import Sender
from crashtool.services.transport.http import HttpSession

_RETRY_SECONDS = 10.0  # a handler tries once; whoever waits for a run waits a moment longer


def send_report(
    database: Path, delivery: DeliveredReport, url: str, warn: Callable[[str], None]
) -> DeliveredReport:
    """Send a report if the database's settings permit, and mark it there; what became of it.

    Nothing is raised: why it was not sent is the `reason` of what comes back.
    """
    try:
        target = find_report_url(url, universe=None, host=None, token=None, warn=warn)
        problem = _send(database, delivery, SendPlan(target), warn)
    except CrashtoolError as error:
        problem = error.what
    except OSError as error:
        problem = reason_of(error)
    if problem:
        return delivery._replace(reason=problem)
    return find_report(database, delivery.uuid) or delivery


class _Notes(Silence):
    """What a sender notes is warned of; the rest nobody needs to hear."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn

    def note(self, sentence: str) -> None:
        """Pass it on."""
        self._warn(sentence)


def _send(
    database: Path, delivery: DeliveredReport, plan: SendPlan, warn: Callable[[str], None]
) -> str | None:
    """What kept the report from being sent, or None."""
    items = walk_unsent(str(database), without_consent=False, note=warn)
    mine = [
        item
        for item in items
        if isinstance(item, Outgoing) and str(item.dump.file) == delivery.path
    ]
    if not mine:
        return f"uploads are disabled in {database}: the user has not agreed"
    with (
        HttpSession(url=plan.url) as session,
        Scratch() as spool,
    ):
        sender = Sender(plan, session, _Notes(warn), SendOptions(retry_for=_RETRY_SECONDS))
        receipts = list(sender.send_found(mine, spool))
    return next((receipt.error for receipt in receipts if receipt.error), None)
