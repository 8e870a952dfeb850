"""What came of each submission, as a receipt, and of all, as the error of the exit status."""

from __future__ import annotations

from collections.abc import Sequence

from crashtool.errors import CrashtoolError, PartialFailure
from crashtool.formats.submission_url import redact_token
from crashtool.model.submission import Receipt
from crashtool.services.transport.reply import read_reply
from crashtool.services.transport.retry import Attempts

ACCEPTED, FAILED, CHECKED, NOT_SENT = "accepted", "failed", "checked", "not sent"
SKIPPED, INTERRUPTED = "skipped", "interrupted"


def receipt_of_answer(base: Receipt, attempts: Attempts) -> Receipt:
    """The receipt that the last answer makes of a submission."""
    try:
        reply = read_reply(attempts.response)
    except CrashtoolError as error:
        return failed_receipt(base.path, error, base)
    return base._replace(
        status=ACCEPTED,
        rxid=reply.rxid,
        object=reply.object,
        fingerprint=reply.fingerprint,
        unique=reply.unique,
    )


def failed_receipt(path: str, error: CrashtoolError, base: Receipt | None = None) -> Receipt:
    """The receipt of an input that an error ended; a token that a server repeats is masked."""
    return (base or Receipt(path, FAILED))._replace(
        status=FAILED,
        code=error.code,
        exit_status=error.exit_status,
        error=redact_token(error.what),
        hint=error.hint,
    )


def untried_receipt(base: Receipt, reason: str, code: str, exit_status: int) -> Receipt:
    """The receipt of what was not sent, for a reason that is not its own."""
    return base._replace(
        status=NOT_SENT, code=code, exit_status=exit_status, error=f"not tried: {reason}"
    )


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
