"""A measured ratio, its target and its verdict, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from timing import Figure

MEBIBYTE = 1 << 20


class Row(NamedTuple):
    """One comparison. `ratio` is `figure` by `against`; below 1 is better than what it is held to.

    `medians` is the same ratio of the median times. `target` is the largest ratio that is good
    enough; None when the row only informs. `skipped` says why there is no figure.
    """

    benchmark: str
    what: str
    figure: str = ""
    against: str = ""
    ratio: float | None = None
    target: float | None = None
    skipped: str = ""
    medians: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target was met, in one word."""
        if self.skipped:
            return "skipped"
        if self.ratio is None or self.target is None:
            return ""
        return "met" if self.ratio <= self.target else "missed"


def time_row(benchmark: str, subject: Figure, baseline: Figure, target: float | None = None) -> Row:
    """Compare the wall times of two programs of one interleaved run.

    The fastest of many rounds is what a program costs; what others take longer is the machine's
    other work, which no program answers for.
    """
    return Row(
        benchmark,
        subject.name,
        milliseconds(subject.fastest),
        f"{baseline.name} {milliseconds(baseline.fastest)}",
        subject.fastest / baseline.fastest,
        target,
        medians=subject.median / baseline.median,
    )


def peak_row(benchmark: str, subject: Figure, baseline: Figure, target: float | None = None) -> Row:
    """Compare the peak memory of two programs."""
    return Row(
        benchmark,
        f"{subject.name}, peak memory",
        megabytes(subject.peak),
        f"{baseline.name} {megabytes(baseline.peak)}",
        subject.peak / baseline.peak,
        target,
    )


def milliseconds(seconds: float) -> str:
    """A time for people."""
    return f"{seconds * 1000:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def megabytes(size: int) -> str:
    """A size for people, in units of 10^6 bytes."""
    return f"{size / 1e6:,.1f} MB"


def render_table(rows: Sequence[Row]) -> str:
    """All rows as aligned text, a blank line between benchmarks."""
    cells = [("", "figure", "against", "ratio", "medians", "target", "")]
    for row in rows:
        ratios = ["" if one is None else f"{one:.2f}" for one in (row.ratio, row.medians)]
        target = "" if row.target is None else f"≤ {row.target:g}"
        cells.append(
            (row.what, row.figure, row.skipped or row.against, *ratios, target, row.verdict)
        )
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = []
    benchmark = ""
    for row, line in zip([None, *rows], cells, strict=True):
        if row and row.benchmark != benchmark:
            benchmark = row.benchmark
            lines += ["", benchmark]
        parts = [
            text.rjust(width) if column in {1, 3, 4} else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append(("  " + "  ".join(parts)).rstrip())
    return "\n".join(lines)


def render_json(rows: Sequence[Row]) -> str:
    """All rows as one JSON document."""
    found = [row._asdict() | {"verdict": row.verdict} for row in rows]
    return json.dumps({"schema_version": 1, "rows": found}, indent=2)
