"""How an upload ended as a whole: the one error that its exit status stands for."""

from __future__ import annotations

from collections.abc import Sequence

from crashtool.errors import (
    CannotWrite,
    CrashtoolError,
    InputUnusable,
    MachineFault,
    NetworkFailure,
    NothingFound,
    PartialFailure,
    Refused,
    Rejected,
)
from crashtool.model.symbol_upload import (
    FAILED,
    PLANNED,
    PRESENT,
    SKIPPED,
    UPLOADED,
    WRITTEN,
    Collection,
    Delivery,
)

CLASSES: dict[str, type[CrashtoolError]] = {
    kind.code: kind
    for kind in (InputUnusable, MachineFault, CannotWrite, NetworkFailure, Refused, Rejected)
}


def find_upload_error(
    collection: Collection, deliveries: Sequence[Delivery], *, allow_empty: bool
) -> CrashtoolError | None:
    """What went wrong, or None: some of several makes PartialFailure, all of it its own class."""
    lost = [
        delivery
        for delivery in deliveries
        if delivery.status in (FAILED, SKIPPED) and not delivery.forgiven
    ]
    if not lost and not collection.refused:
        if collection.files or allow_empty:
            return None
        return NothingFound(
            "no debug files found",
            hint="--verbose lists what was passed over and why; --allow-empty accepts it",
        )
    if any(delivery.status in (UPLOADED, WRITTEN, PLANNED, PRESENT) for delivery in deliveries):
        return PartialFailure(_sum_up(collection, lost))
    if lost:
        return error_of(lost[0])
    first = collection.refused[0]
    more = len(collection.refused) - 1
    tail = f" ({more} more like this)" if more else ""
    return InputUnusable(f"{first.path}: {first.reason}{tail}", hint=first.hint or None)


def error_of(delivery: Delivery) -> CrashtoolError:
    """What a delivery that failed would be alone: an error of its own class."""
    return CLASSES.get(delivery.error, Rejected)(delivery.reason, hint=delivery.hint or None)


def _sum_up(collection: Collection, lost: Sequence[Delivery]) -> str:
    parts = []
    if collection.refused:
        parts.append(f"{len(collection.refused)} of the files could not be used")
    if lost:
        parts.append(f"{len(lost)} of the uploads failed")
    return " and ".join(parts)
