"""Trying again: which failures are worth it, how long to wait, when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from crashtool.errors import NetworkFailure, SetupFailure
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.transport.http import HttpResponse
from crashtool.services.transport.reply import is_temporary

DEFAULT_RETRY_FOR = 60.0  # seconds
FIRST_WAIT = 1.0
MAX_WAIT = 30.0


class Clock(NamedTuple):
    """Time, in seconds, as an argument: `now` counts up, `wall` is Unix time, `jitter` in 0…1."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class Attempts(NamedTuple):
    """An answer, the number of tries it took and their seconds, waiting included."""

    response: HttpResponse
    tries: int
    seconds: float


class Exhausted(NetworkFailure):
    """No answer after all tries; `tries` and `seconds` as in Attempts."""

    def __init__(self, failure: NetworkFailure, tries: int, seconds: float) -> None:
        after = f" (after {tries} tries in {seconds:.0f} s)" if tries > 1 else ""
        super().__init__(failure.what + after, hint=failure.hint)
        self.tries = tries
        self.seconds = seconds


def with_retries(
    send: Callable[[], HttpResponse],
    *,
    retry_for: float | None = None,
    on_retry: Callable[[str], None] = lambda _sentence: None,
    clock: Clock | None = None,
) -> Attempts:
    """Call `send` until it gives an answer that will not change by asking again.

    Retried are failures of the network, 429, 502, 503 and 504, as long as the next try starts
    within `retry_for` seconds of the first (default 60; 0: one try). Waits double from one second
    to thirty, each shortened at random by up to half, unless the server says `Retry-After`. The
    last answer is returned as it is, whatever its status; Exhausted when there was none, and
    SetupFailure at once where trying again would change nothing.
    `on_retry` gets a sentence before each wait.
    """
    clock = clock or Clock()
    limit = DEFAULT_RETRY_FOR if retry_for is None else retry_for
    started, tries = clock.now(), 0
    while True:
        tries += 1
        failure, response = None, None
        try:
            response = send()
        except SetupFailure:
            raise  # which no waiting mends
        except NetworkFailure as error:
            failure = error
        seconds = clock.now() - started
        wait = _next_wait(response, tries, clock)
        if response is not None and not is_temporary(response):
            return Attempts(response, tries, seconds)
        if seconds + wait > limit:
            if response is not None:
                return Attempts(response, tries, seconds)
            assert failure is not None  # noqa: S101 (there is one or the other)
            raise Exhausted(failure, tries, seconds) from None
        reason = failure.what if failure else f"HTTP {response.status}" if response else ""
        on_retry(f"try {tries} failed: {reason}; trying again in {wait:.1f} s")
        clock.sleep(wait)


def _next_wait(response: HttpResponse | None, tries: int, clock: Clock) -> float:
    asked = response and parse_retry_after(response.headers.get("retry-after", ""), clock.wall())
    if asked is not None:
        return asked
    longest = min(MAX_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 10))
    return longest * (1.0 - clock.jitter() / 2)


def parse_retry_after(text: str, now: float) -> float | None:
    """Seconds to wait by a Retry-After header: a number, or a date against Unix time `now`.

    None when it says neither.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.fromtimestamp(now, UTC)).total_seconds())
