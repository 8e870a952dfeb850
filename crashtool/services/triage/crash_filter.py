"""Which crashes count: by time, version and annotation, and each report once."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.seen_texts import SeenTexts
from crashtool.model.triage.grouping_rules import Matcher
from crashtool.model.triage.row import Row

UNITS = {"h": 3600, "d": 86400, "w": 7 * 86400}


class Conditions(NamedTuple):
    """What a crash must fulfil: `since` and `until` in seconds since 1970, one of the globs
    `versions`, and of `where`, (key, glob), each.
    """

    since: float | None = None
    until: float | None = None
    versions: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()

    def accept(self, row: Row) -> bool:
        """Whether a crash counts. One of unknown time does not when times are asked for."""
        if self.since is not None and (row.written is None or row.written < self.since):
            return False
        if self.until is not None and (row.written is None or row.written >= self.until):
            return False
        versions = [Matcher(glob) for glob in self.versions]
        if versions and not any(matcher.matches_text(row.version) for matcher in versions):
            return False
        return all(Matcher(glob).matches_text(row.find(key)) for key, glob in self.where)


def choose(
    rows: Iterable[Row], conditions: Conditions, *, count_duplicates: bool = False
) -> Iterator[Row]:
    """The rows as they come, each with what became of it.

    Of the same report, by Crashpad's identifier or by its bytes, the first counts.
    """
    seen = SeenTexts()
    for row in rows:
        if row.status != "ok":
            yield row
        elif not conditions.accept(row):
            yield row._replace(status="left_out")
        elif not count_duplicates and _is_known(row, seen):
            yield row._replace(status="duplicate")
        else:
            yield row


def _is_known(row: Row, seen: SeenTexts) -> bool:
    are_new = [seen.add(text) for text in (row.digest, row.report_id) if text]  # each is taken in
    return not all(are_new)


def parse_moment(text: str, option: str, now: float | None = None) -> float:
    """`7d`, `12h`, `2w` before now, or a date of ISO 8601, UTC unless it says otherwise."""
    if match := re.fullmatch(r"(\d{1,5})([hdw])", text.strip()):
        return (time.time() if now is None else now) - int(match[1]) * UNITS[match[2]]
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option} {text}: neither a date nor a time before now",
            hint="write 7d, 12h, 2w, 2026-11-30 or 2026-11-30T18:00:00+01:00",
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parse_where(text: str) -> tuple[str, str]:
    """`KEY=GLOB`. UsageError for anything else."""
    key, equals, pattern = text.partition("=")
    if not equals or not key or not pattern:
        raise UsageError(f"--where {text}: write KEY=GLOB", hint="as in --where product=Game*")
    return key, pattern
