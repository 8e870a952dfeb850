"""What a handler does to reports by itself: its rate limit, its pruning, its clean-up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from crashtool.formats.crashpad.database_report import DatabaseReport

HOUR = 3600  # seconds; at most one upload an hour, unless --no-rate-limit
DAY = 86400
CLEANED_AFTER = 3 * DAY  # of what is unfinished or locked (prune_crash_reports_thread.cc)
KEPT_DAYS = 365  # prune_crash_reports.cc
KEPT_KIB = 128 << 10


def is_rate_limited(now: int, last_attempt: int) -> bool:
    """Whether an upload at `now` comes too soon after the last attempt; Unix times, 0 for never.

    A last attempt in the future counts for a day, beyond that as a clock that was wrong
    (crash_report_upload_thread.cc).
    """
    if not last_attempt:
        return False
    if last_attempt > now:
        return last_attempt - now < DAY
    return now - last_attempt < HOUR


class UploadAttempts:
    """When uploads were tried, of all the reports of a database and by its settings; Unix times."""

    def __init__(self, times: Iterable[int]) -> None:
        self._times = sorted(time for time in times if time)

    def held_back(self, created: int, own: int = 0) -> bool:
        """Whether an attempt in the hour before a report was made kept it from being sent.

        Its `own` last attempt, which is one of the times, does not count. A search in sorted times:
        an old database has tens of thousands of reports.
        """
        first = bisect_right(self._times, created - HOUR)
        others = bisect_right(self._times, created) - first
        if own <= created and is_rate_limited(created, own):
            others -= 1
        return others > 0


def is_beyond_age(created: int, now: int, days: int = KEPT_DAYS) -> bool:
    """Whether a report was made before the midnight (UTC) so many days ago: AgePruneCondition."""
    oldest = now - days * DAY
    return created < oldest - oldest % DAY


def walk_beyond_size(sizes: Iterable[int], most_kib: int = KEPT_KIB) -> Iterator[bool]:
    """For reports of so many bytes, newest first, whether each is over what is kept in all.

    Each counts in whole KiB, rounded up: DatabaseSizePruneCondition.
    """
    total = 0
    for size in sizes:
        total += -(-size // 1024)
        yield total > most_kib


def predict_pruning(reports: Iterable[DatabaseReport], now: float) -> dict[UUID, str]:
    """Which reports the next handler that cleans up deletes, each with the reason in a sentence."""
    prunings = {}
    rows = sorted(reports, key=lambda report: report.created or 0, reverse=True)
    over = walk_beyond_size(report.total_size for report in rows if _is_pruned(report))
    for candidate in rows:
        is_pruned = _is_pruned(candidate)
        is_over = is_pruned and next(over)
        reason = ""
        if (
            candidate.locked
            and candidate.locked_since
            and now - candidate.locked_since >= CLEANED_AFTER
        ):
            reason = f"its lock is {_days(now - candidate.locked_since)} days old"
        elif (
            candidate.state == "new"
            and candidate.created
            and now - candidate.created >= CLEANED_AFTER
        ):
            reason = f"it was left unfinished {_days(now - candidate.created)} days ago"
        elif is_over:
            reason = f"newer reports fill the {KEPT_KIB >> 10} MiB that it keeps"
        elif is_pruned and candidate.created and is_beyond_age(candidate.created, int(now)):
            reason = "it is older than a year"
        if reason:
            prunings[candidate.uuid] = f"about to be deleted by a handler: {reason}"
    return prunings


def _is_pruned(report: DatabaseReport) -> bool:
    return report.state in ("pending", "completed") and not report.locked


def _days(seconds: float) -> int:
    return int(seconds // DAY)
