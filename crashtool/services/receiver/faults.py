"""Faults that the receiver commits on demand, so that a client's answer to them can be tested."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable

from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple

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


class InjectedFault(NamedTuple):
    """One kind of fault, for the first `times` requests (None: for all of them).

    `kind` is a word of KINDS or "status", which answers with `status`. `seconds` is the wait of
    "slow" and the Retry-After of a status. `location` is where a status of 3xx leads. With
    `is_per_report`, the first `times` requests of each report fail, known by what it holds. With a
    `chance` each request has it by that chance, from 0 to 1.
    """

    kind: str
    times: int | None = None
    status: int = 0
    seconds: float | None = None
    location: str = ""
    is_per_report: bool = False
    chance: float | None = None

    @property
    def takes_the_report(self) -> bool:
        """Whether the report is stored although the client will not hear a proper yes."""
        return self.kind in ("truncate", "slow")


def parse_fault(text: str) -> InjectedFault:
    """A fault written KIND[:COUNT[/report]|%PERCENT][@SECONDS], such as `503`, `429:3@2`,
    `reset:1/report`, `truncate%5`. A status of 3xx may be followed by `=URL`.
    """
    wish, _, location = text.partition("=")
    head, _, seconds = wish.partition("@")
    head, is_per_report = head.removesuffix(PER_REPORT), head.endswith(PER_REPORT)
    head, _, percent = head.partition("%")
    kind, _, count = head.partition(":")
    try:
        chance = float(percent) / 100 if "%" in wish else None
        repeats = int(count) if ":" in head else None
        wait = float(seconds) if "@" in wish else None
        status = int(kind) if kind.isdecimal() else 0
    except ValueError:
        raise _unknown(text) from None
    is_known = FIRST_STATUS <= status <= LAST_STATUS if status else kind in KINDS
    leads = not location or status in REDIRECTS
    is_count = repeats is None or repeats >= 1
    # not (0 <= x < inf) is also true of nan
    if not is_known or not is_count or not 0 <= (wait or 0.0) < float("inf"):
        raise _unknown(text)
    if not leads or (is_per_report and repeats is None):
        raise _unknown(text)
    if chance is not None and (repeats is not None or not 0 < chance <= 1):
        raise _unknown(text)
    kind = "status" if status else kind
    return InjectedFault(kind, repeats, status, wait, location, is_per_report, chance)


def _unknown(text: str) -> UsageError:
    return UsageError(
        f"'{text}' is not a fault",
        hint="KIND[:COUNT[/report]|%PERCENT][@SECONDS], KIND being a status from "
        f"{FIRST_STATUS} to {LAST_STATUS} (3xx=URL leads there) or " + ", ".join(KINDS),
    )


class FaultPlan:
    """Hands out faults, one per request, in the order given; then none.

    A fault that is per report is the last: there may always come another report. Those of chance
    come before the others, and stay.
    """

    def __init__(
        self, faults: Iterable[str | InjectedFault] = (), chance: random.Random | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._chance = chance or random.Random()  # noqa: S311 (it is no secret)
        self._struck: Counter[str] = Counter()
        every = [parse_fault(fault) if isinstance(fault, str) else fault for fault in faults]
        self._by_chance = [fault for fault in every if fault.chance is not None]
        self._faults = [fault for fault in every if fault.chance is None]

    def take(self) -> InjectedFault | None:
        """The fault of the next request, if it has one."""
        with self._lock:
            for fault in self._by_chance:
                if self._chance.random() < (fault.chance or 0):
                    return fault
            if not self._faults:
                return None
            fault = self._faults[0]
            if fault.times is not None and not fault.is_per_report:
                self._faults[0] = fault._replace(times=fault.times - 1)
                if fault.times == 1:
                    del self._faults[0]
            return fault

    def strikes(self, fault: InjectedFault, report: str) -> bool:
        """Whether a fault that is per report befalls this request of a report."""
        with self._lock:
            self._struck[report] += 1
            return self._struck[report] <= (fault.times or 0)
