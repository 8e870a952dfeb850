"""Faults that the receiver commits on demand, so that a client's answer to them can be tested."""

import threading
from collections import Counter
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
REDIRECTS = range(300, 400)
PER_REPORT = "/report"
SLOW_SECONDS = 5.0


class Fault(NamedTuple):
    """One kind of fault, for the first `times` requests (None: for all of them).

    `kind` is a word of KINDS or "status", which answers with `status`. `seconds` is the wait of
    "slow" and the Retry-After of a status. `location` is where a status of 3xx leads. With
    `is_per_report`, the first `times` requests of each report fail, known by what it holds.
    """

    kind: str
    times: int | None = None
    status: int = 0
    seconds: float | None = None
    location: str = ""
    is_per_report: bool = False

    @property
    def takes_the_report(self) -> bool:
        """Whether the report is stored although the client will not hear a proper yes."""
        return self.kind in ("truncate", "slow")


def parse_fault(text: str) -> Fault:
    """A fault written KIND[:COUNT[/report]][@SECONDS], such as `503`, `429:3@2`, `reset:1/report`.

    A status of 3xx may be followed by `=URL`.
    """
    wish, _, location = text.partition("=")
    head, _, seconds = wish.partition("@")
    head, is_per_report = head.removesuffix(PER_REPORT), head.endswith(PER_REPORT)
    kind, _, count = head.partition(":")
    try:
        repeats = int(count) if ":" in head else None
        wait = float(seconds) if "@" in wish else None
        status = int(kind) if kind.isdecimal() else 0
    except ValueError:
        raise _unknown(text) from None
    known = FIRST_STATUS <= status <= LAST_STATUS if status else kind in KINDS
    leads = not location or status in REDIRECTS
    # not (0 <= x < inf) is also true of nan
    if not known or (repeats is not None and repeats < 1) or not 0 <= (wait or 0.0) < float("inf"):
        raise _unknown(text)
    if not leads or (is_per_report and repeats is None):
        raise _unknown(text)
    return Fault("status" if status else kind, repeats, status, wait, location, is_per_report)


def _unknown(text: str) -> UsageError:
    return UsageError(
        f"'{text}' is not a fault",
        hint=f"KIND[:COUNT[/report]][@SECONDS], KIND being a status from {FIRST_STATUS} to "
        f"{LAST_STATUS} (3xx=URL leads there) or " + ", ".join(KINDS),
    )


class FaultPlan:
    """Hands out faults, one per request, in the order given; then none.

    A fault that is per report is the last: there may always come another report.
    """

    def __init__(self, faults: Iterable[str | Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._struck: Counter[str] = Counter()
        self._faults = [parse_fault(fault) if isinstance(fault, str) else fault for fault in faults]

    def take(self) -> Fault | None:
        """The fault of the next request, if it has one."""
        with self._lock:
            if not self._faults:
                return None
            fault = self._faults[0]
            if fault.times is not None and not fault.is_per_report:
                self._faults[0] = fault._replace(times=fault.times - 1)
                if fault.times == 1:
                    del self._faults[0]
            return fault

    def strikes(self, fault: Fault, report: str) -> bool:
        """Whether a fault that is per report befalls this request of a report."""
        with self._lock:
            self._struck[report] += 1
            return self._struck[report] <= (fault.times or 0)
