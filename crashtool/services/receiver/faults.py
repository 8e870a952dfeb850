"""Faults that the receiver commits on demand, so that a client's answer to them can be tested."""

import threading
from collections.abc import Iterable
from typing import NamedTuple

from crashtool.errors import UsageError

KINDS = {
    "hang": "read the request and never answer",
    "reset": "reset the connection while the client is still sending",
    "close": "read the request and close the connection without a word",
    "truncate": "take the report, then send only half of the answer",
    "slow": "take the report, then wait before the answer (default 5 seconds)",
    "refuse": "answer 200 with an error in the body, as Backtrace may",
    "html": "answer 200 with a web page, as a captive portal does",
}
FIRST_STATUS, LAST_STATUS = 300, 599
SLOW_SECONDS = 5.0


class Fault(NamedTuple):
    """One kind of fault, for the first `times` requests (None: for all of them).

    `kind` is a word of KINDS or "status", which answers with `status`. `seconds` is the wait of
    "slow" and the Retry-After of a status.
    """

    kind: str
    times: int | None = None
    status: int = 0
    seconds: float | None = None

    @property
    def takes_the_report(self) -> bool:
        """Whether the report is stored although the client will not hear a proper yes."""
        return self.kind in ("truncate", "slow")


def parse_fault(text: str) -> Fault:
    """A fault written KIND[:COUNT][@SECONDS], such as `503`, `429:3@2`, `slow@10`, `reset:1`."""
    head, _, seconds = text.partition("@")
    kind, _, count = head.partition(":")
    try:
        repeats = int(count) if ":" in head else None
        wait = float(seconds) if "@" in text else None
        status = int(kind) if kind.isdecimal() else 0
    except ValueError:
        raise _unknown(text) from None
    known = FIRST_STATUS <= status <= LAST_STATUS if status else kind in KINDS
    # not (0 <= x < inf) is also true of nan
    if not known or (repeats is not None and repeats < 1) or not 0 <= (wait or 0.0) < float("inf"):
        raise _unknown(text)
    return Fault("status" if status else kind, repeats, status, wait)


def _unknown(text: str) -> UsageError:
    return UsageError(
        f"'{text}' is not a fault",
        hint=f"KIND[:COUNT][@SECONDS], KIND being a status from {FIRST_STATUS} to {LAST_STATUS} or "
        + ", ".join(KINDS),
    )


class FaultPlan:
    """Hands out faults, one per request, in the order given; then none."""

    def __init__(self, faults: Iterable[str | Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._faults = [parse_fault(fault) if isinstance(fault, str) else fault for fault in faults]

    def take(self) -> Fault | None:
        """The fault of the next request, if it has one."""
        with self._lock:
            if not self._faults:
                return None
            fault = self._faults[0]
            if fault.times is not None:
                self._faults[0] = fault._replace(times=fault.times - 1)
                if fault.times == 1:
                    del self._faults[0]
            return fault
