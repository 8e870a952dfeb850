"""Times that stand in files, which may be damaged: to dates, the same on every machine."""

from __future__ import annotations

import time

END = 32503680000  # Unix time: the year 3000, where gmtime of Windows' C library ends


def find_date(seconds: float) -> time.struct_time | None:
    """The date of a Unix time, in UTC; None for one that no clock has said: the file is damaged."""
    return time.gmtime(seconds) if 0 <= seconds < END else None


def iso_text(seconds: float) -> str | None:
    """`2026-11-22T18:31:48.250000+00:00`; None as `find_date` gives it."""
    date = find_date(seconds)
    if date is None:
        return None
    fraction = int(seconds % 1 * 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", date) + f".{fraction:06}+00:00"
