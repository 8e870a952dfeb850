"""Lists of the inbox as files: CSV for spreadsheets, JSON for programs.

What clients wrote is text there, too: no cell begins as a formula does.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from crashtool.formats.moment import iso_text
from crashtool.services.receiver.listing import InboxGroup, ReportRow

MAX_ROWS = 100_000
# What spreadsheets do not take for text, in the width of Eastern Asia, too.
FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
GROUP_HEAD = ("group", "reports", "first", "last", "product", "versions", "newest", "symbols")
REPORT_HEAD = (
    "id",
    "rxid",
    "received",
    "format",
    "product",
    "version",
    "group",
    "headline",
    "symbols",
    "size",
)


def write_groups(groups: Iterable[InboxGroup]) -> str:
    """A row for each group."""
    return _write(
        GROUP_HEAD,
        (
            (
                group.name,
                group.total,
                iso_text(group.first),
                iso_text(group.newest.received),
                group.newest.product,
                " ".join(group.versions),
                group.newest.rxid,
                group.newest.symbols,
            )
            for group in groups
        ),
    )


def write_reports(rows: Iterable[ReportRow]) -> str:
    """A row for each report."""
    return _write(
        REPORT_HEAD,
        (
            (
                row.id,
                row.rxid,
                iso_text(row.received),
                row.format,
                row.product,
                row.version,
                row.group,
                row.headline,
                row.symbols,
                row.size,
            )
            for row in rows
        ),
    )


def _write(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """RFC 4180, with a byte order mark: without one Excel takes UTF-8 for something else."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return "\ufeff" + text.getvalue()


def _cell(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    text = UNSEEN.sub("\ufffd", value).encode("utf-8", "replace").decode("utf-8")
    return f"'{text}" if text.lstrip().startswith(FORMULAS) else text
