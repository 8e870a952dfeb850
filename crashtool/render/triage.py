"""Groups of crashes as a page and as a JSON document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from crashtool.formats.moment import find_date, iso_text
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.triage.groups import Group, Triage
from crashtool.model.triage.regression import Comparison, bound_rate
from crashtool.render.page import Cell, Page, Span

MARKS = {"named": " ", "guess": "~", "raw": "?", "none": "?"}
MAX_VERSIONS = 3
MAX_SHOWN = 5
VERDICTS = {
    "regression": ("regression", "bad"),
    "fixed": ("fixed?", "good"),
    "no_evidence": ("no evidence", "dim"),
}


class Compared(NamedTuple):
    """Two versions beside each other; their crashes are counted in so many units of exposure."""

    before: str
    after: str
    unit: str
    exposures: tuple[int, int]
    rows: tuple[tuple[Group, Comparison], ...]


class TriageGate(NamedTuple):
    """What a baseline said: `new` groups, of how many reports it knows, and where it is."""

    path: str
    reports: int
    new: tuple[Group, ...]


def render_triage(
    triage: Triage,
    top: int | None,
    compared: Compared | None = None,
    gate: TriageGate | None = None,
    extra: Sequence[str] = (),
) -> Page:
    """The groups, the largest first, at most `top` of them; then all that is in none."""
    page = Page()
    count, rest = _count_inputs(triage), summarize(triage)
    page.line(Span(count, "strong"), rest.removeprefix(count))
    shown = triage.groups if top is None else triage.groups[:top]
    if shown:
        page.blank()
        for group in shown:
            _add_group(page, group, triage.totals.grouped, extra)
    if hidden := len(triage.groups) - len(shown):
        crashes = sum(group.crashes for group in triage.groups[len(shown) :])
        page.line(Span(f"  and {hidden} smaller groups of {crashes} crashes (--top)", "dim"))
    _add_rest(page, triage)
    if compared:
        _add_comparison(page, compared, top)
    if gate:
        _add_gate(page, gate)
    return page


def _count_inputs(triage: Triage) -> str:
    count = triage.totals.minidumps
    return f"{count:,} minidump{'' if count == 1 else 's'}"


def summarize(triage: Triage) -> str:
    """What became of the inputs: `9 minidumps: 8 in 2 groups, 1 unreadable`."""
    totals = triage.totals
    groups = len(triage.groups)
    parts = [f"{totals.grouped:,} in {groups:,} group{'' if groups == 1 else 's'}"]
    parts += [
        f"{count:,} {words}"
        for count, words in (
            (totals.nameless, "cannot be grouped"),
            (totals.duplicates, "sent twice"),
            (totals.left_out, "left out by the conditions"),
            (totals.unreadable, "unreadable"),
            (totals.no_minidump, f"input{'' if totals.no_minidump == 1 else 's'} gave none"),
        )
        if count
    ]
    return f"{_count_inputs(triage)}: {', '.join(parts)}"


def _add_group(page: Page, group: Group, grouped: int, extra: Sequence[str]) -> None:
    share = f"{100 * group.crashes / grouped:.1f} %"
    head: list[Cell] = [
        f"{group.crashes:>7,}  {share:>7}  {MARKS[group.quality]} ",
        Span(group.key.text, "strong"),
    ]
    page.line(*head)
    words = [span_of_days(group), "" if "version" in extra else name_versions(group)]
    values = zip(extra, group.key.extra, strict=True)
    words += [f"{key} {value or '(none)'}" for key, value in values]
    page.line(Span(" " * 20 + ", ".join(filter(None, words)), "dim"))
    page.line(Span(" " * 20 + f"example {group.example}", "dim"))
    for key in group.related[:MAX_VERSIONS]:
        page.line(Span(" " * 20 + f"like {key.text}", "dim"))


def span_of_days(group: Group) -> str:
    """`2026-11-22 to 2026-11-29`, or the one day."""
    days = [_day(moment) for moment in (group.first, group.last) if moment is not None]
    return " to ".join(dict.fromkeys(days))


def _day(moment: int) -> str:
    date = find_date(moment)
    return f"{date.tm_year}-{date.tm_mon:02}-{date.tm_mday:02}" if date else "a damaged time"


def name_versions(group: Group) -> str:
    """`version 1.4.2 (12), 1.4.1 (3)`, the most frequent first; "" when none is known."""
    named = [(version, count) for version, count in group.versions if version]
    shown = ", ".join(f"{version} ({count:,})" for version, count in named[:MAX_VERSIONS])
    more = f" and {len(named) - MAX_VERSIONS} more" if len(named) > MAX_VERSIONS else ""
    return f"version {shown}{more}" if named else ""


def _add_rest(page: Page, triage: Triage) -> None:
    if triage.nameless:
        page.heading("CANNOT BE GROUPED")
        rows = [(f"{count:,}", why) for why, count in triage.nameless[:MAX_SHOWN]]
        page.table(rows, right="r")
    if triage.missing:
        page.heading("SYMBOLS WORTH MOST")
        page.table(
            [
                (f"{count:,}", name, Span(identifier, "dim"))
                for name, identifier, count in triage.missing[:MAX_SHOWN]
            ],
            right="r",
        )
    if triage.unreadable:
        page.heading("UNREADABLE")
        page.table([(path, Span(why, "bad")) for path, why in triage.unreadable[:MAX_SHOWN]])
        if len(triage.unreadable) > MAX_SHOWN:
            hidden = len(triage.unreadable) - MAX_SHOWN
            page.line(Span(f"  and {hidden:,} more (--rows has all)", "dim"))


def _add_comparison(page: Page, compared: Compared, top: int | None) -> None:
    page.heading(
        f"{compared.before} AND {compared.after}",
        f"per {compared.unit}; ratio of the rates with 95 % confidence, p corrected for all groups",
    )
    rows: list[tuple[Cell, ...]] = []
    for group, item in rank_comparisons(compared)[:top]:
        words, style = VERDICTS[item.verdict]
        rows.append(
            (
                f"{item.before:,}",
                f"{item.after:,}",
                words_of_ratio(item),
                Span(words, style),
                group.key.text,
            )
        )
    page.table(rows, right="rr")


def rank_comparisons(compared: Compared) -> list[tuple[Group, Comparison]]:
    """The groups of either version: those with a verdict first, then the least likely by chance."""
    rows = [pair for pair in compared.rows if pair[1].before or pair[1].after]
    return sorted(rows, key=lambda pair: (pair[1].verdict == "no_evidence", pair[1].p, pair[0].key))


def words_of_ratio(item: Comparison) -> str:
    """The interval of the ratio of rates: `1.57 to 17.39`."""
    high = "unbounded" if math.isinf(item.high) else f"{item.high:.2f}"
    return f"{item.low:.2f} to {high}"


def _add_gate(page: Page, gate: TriageGate) -> None:
    page.heading("AGAINST THE BASELINE", gate.path)
    for group in gate.new:
        page.line("  ", Span("new", "bad"), f"  {group.crashes:,}  {group.key.text}")
    if not gate.new:
        page.line("  ", Span("nothing new", "good"))
    if words := words_of_bound(gate):
        page.line(Span(f"  {words}", "dim"))


def words_of_bound(gate: TriageGate) -> str:
    """How rare a bug may be and still be unknown to the baseline; "" for an empty one.

    The rule of three: of n reports, what is less frequent than 3/n may be missed.
    """
    if not gate.reports:
        return ""
    bound = float(f"{min(100.0, 300 / gate.reports):.2g}")
    return (
        f"the baseline is of {gate.reports:,} crashes: a bug of less than {bound:g} % of them "
        "may be unknown to it"
    )


def triage_document(
    triage: Triage, by: str, compared: Compared | None = None, gate: TriageGate | None = None
) -> dict[str, Any]:
    """The same as a document."""
    totals = triage.totals
    document: dict[str, Any] = {
        "by": by,
        "totals": totals._asdict(),
        "groups": [group_document(group, totals.grouped) for group in triage.groups],
        "ungrouped": [{"reason": why, "count": count} for why, count in triage.nameless],
        "missing_symbols": [
            {"module": name, "id": identifier or None, "count": count}
            for name, identifier, count in triage.missing
        ],
        "unreadable": [{"path": path, "reason": why} for path, why in triage.unreadable],
        "versions": [{"version": text or None, "count": count} for text, count in triage.versions],
    }
    if compared:
        document["comparison"] = {
            "before": compared.before,
            "after": compared.after,
            "per": compared.unit,
            "exposures": list(compared.exposures),
            "groups": [
                _comparison_document(group, item, compared.exposures)
                for group, item in compared.rows
            ],
        }
    if gate:
        document["baseline"] = {
            "path": gate.path,
            "reports": gate.reports,
            "new": [group.key.text for group in gate.new],
        }
    return document


def group_document(group: Group, grouped: int) -> dict[str, Any]:
    """A group of the document."""
    return {
        "signature": group.key.text,
        "class": group.key.kind or None,
        "keys": list(group.key.extra),
        "count": group.crashes,
        "share": round(group.crashes / grouped, 6),
        "first": None if group.first is None else iso_text(group.first),
        "last": None if group.last is None else iso_text(group.last),
        "versions": [{"version": text or None, "count": count} for text, count in group.versions],
        "os": [{"os": text or None, "count": count} for text, count in group.systems],
        "quality": group.quality,
        "named_by_rule": group.is_named_by_rule,
        "frames": list(group.calls),
        "example": group.example,
        "related": [key.text for key in group.related],
    }


def _comparison_document(
    group: Group, item: Comparison, exposures: tuple[int, int]
) -> dict[str, Any]:
    """A group in two versions; rates are (low, high) with 95 % confidence."""
    before, after = (
        [bound / exposure for bound in bound_rate(count)]
        for count, exposure in zip((item.before, item.after), exposures, strict=True)
    )
    return {
        "signature": group.key.text,
        "before": item.before,
        "after": item.after,
        "ratio_low": item.low,
        "ratio_high": None if math.isinf(item.high) else item.high,
        "rate_before": before,
        "rate_after": after,
        "p": item.p,
        "verdict": item.verdict,
    }
