"""Groups of crashes as a web page that needs nothing else: no script, no image, no other file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashtool.model.triage.groups import Group, Triage
from crashtool.render.html import render_document
from crashtool.render.html_parts import card, code, details, facts, harmless, pill, table
from crashtool.render.triage import (
    VERDICTS,
    Compared,
    TriageGate,
    name_versions,
    rank_comparisons,
    span_of_days,
    summarize,
    words_of_bound,
    words_of_ratio,
)

MAX_GROUPS = 1000
OPEN_GROUPS = 5  # what nobody has to press for
MAX_KEY = 60  # characters of a key beside the group's name: all of it is below
MAX_NAME = 200  # characters of a group's name where it is a heading
NO_BREAK = "\N{NO-BREAK SPACE}"
MAX_ROWS = 200
MAX_DAYS = 120
HEIGHT = 24
PILLS = {"guess": ("guessed frames", "warn"), "raw": ("one build's place", "warn")}


def render_triage_page(
    triage: Triage, compared: Compared | None = None, gate: TriageGate | None = None
) -> str:
    """The whole page: what to know first, then each group, to be opened."""
    totals = triage.totals
    parts = [
        _head(triage),
        _baseline(gate),
        card("Groups", "".join(_walk_groups(triage.groups, totals.grouped)) or "none"),
        _comparison(compared),
        _list("Cannot be grouped", [(f"{count:,}", why) for why, count in triage.nameless]),
        _list(
            "Symbols worth most",
            [(f"{count:,}", f"{name} {identifier}") for name, identifier, count in triage.missing],
        ),
        _list("Unreadable", list(triage.unreadable)),
    ]
    return render_document("Crashes by group", "\n".join(filter(None, parts)))


def _head(triage: Triage) -> str:
    totals = triage.totals
    title = f"{_count(len(triage.groups), 'group')} of {_count_crashes(totals.grouped)}"
    return f"<header><h1>{title}</h1><p>{harmless(summarize(triage))}</p></header>"


def _count(count: int, unit: str, plural: str = "") -> str:
    return f"{count:,} {unit if count == 1 else plural or unit + 's'}"


def _count_crashes(count: int) -> str:
    return _count(count, "crash", "crashes")


def _baseline(gate: TriageGate | None) -> str:
    if gate is None:
        return ""
    new = pill("new", "bad")
    rows = "".join(
        f"<li>{new} {code(_cut(group.key.text))} {_count_crashes(group.crashes)}</li>"
        for group in gate.new[:MAX_ROWS]
    )
    if len(gate.new) > MAX_ROWS:
        rows += f'<li class="dim">and {len(gate.new) - MAX_ROWS:,} more</li>'
    verdict = f"<ul>{rows}</ul>" if rows else pill("nothing new", "good")
    bound = f'<p class="dim">{harmless(words_of_bound(gate))}</p>' if words_of_bound(gate) else ""
    return card("Against the baseline", verdict + bound)


def _cut(text: str) -> str:
    """A name that may be thousands of characters long, as a line; whole it is in its group."""
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}…"


def _comparison(compared: Compared | None) -> str:
    if compared is None:
        return ""
    rows = []
    for group, item in rank_comparisons(compared)[:MAX_ROWS]:
        words, style = VERDICTS[item.verdict]
        rows.append(
            [
                code(_cut(group.key.text)),
                f"{item.before:,}",
                f"{item.after:,}",
                words_of_ratio(item),
                pill(words, style),
            ]
        )
    head = ("Group", compared.before, compared.after, "Ratio of rates, 95 %", "")
    return card("Two versions", table(head, rows, wide=True, named=True), f"per {compared.unit}")


def _walk_groups(groups: Sequence[Group], grouped: int) -> Iterator[str]:
    for number, group in enumerate(groups[:MAX_GROUPS]):
        quality = pill(*PILLS[group.quality]) if group.quality in PILLS else ""
        name = _cut(group.key.text)
        whole = group.key.text if name != group.key.text else ""
        whole = group.signature if group.is_named_by_rule else whole
        rows = (
            ("When", span_of_days(group), False),
            ("Versions", name_versions(group).removeprefix("version "), False),
            ("Keys", ", ".join(filter(None, group.key.extra)), False),
            ("Signature", whole, True),
            ("Stack", " | ".join(group.calls), True),
            ("Example", group.example, True),
            ("Like it", ", ".join(_cut(key.text) for key in group.related), True),
        )
        note = f"{_count_crashes(group.crashes)}, {100 * group.crashes / grouped:.1f}{NO_BREAK}%"
        note = ", ".join((note, *(key[:MAX_KEY] for key in group.key.extra if key)))
        opening = f'<details id="group-{number}"' + " open" * (number < OPEN_GROUPS)
        yield details(name, quality + facts(rows) + _draw_days(group), note, style="sub").replace(
            "<details", opening, 1
        )
    if len(groups) > MAX_GROUPS:
        yield f'<p class="dim">and {len(groups) - MAX_GROUPS:,} smaller groups</p>'


def _draw_days(group: Group) -> str:
    """How many crashes on each of the last days, as bars."""
    if len(group.days) < 2:  # noqa: PLR2004 (one day is a number)
        return ""
    last = group.days[-1][0]
    first = max(group.days[0][0], last - MAX_DAYS + 1)
    counts = dict(group.days)
    highest = max(counts[day] for day in counts if day >= first)
    bars = "".join(
        f'<rect x="{day - first}" y="{HEIGHT - height:.1f}" width="0.8" height="{height:.1f}"/>'
        for day in range(first, last + 1)
        if (height := HEIGHT * counts.get(day, 0) / highest)
    )
    label = harmless(f"crashes a day, {span_of_days(group)}, at most {highest:,}")
    return (
        f'<svg class="days" role="img" aria-label="{label}" preserveAspectRatio="none" '
        f'viewBox="0 0 {last - first + 1} {HEIGHT}"><title>{label}</title>{bars}</svg>'
    )


def _list(title: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    shown = [[harmless(one), harmless(other)] for one, other in rows[:MAX_ROWS]]
    more = f"{len(rows):,} rows" if len(rows) > MAX_ROWS else ""
    return card(title, table(("", ""), shown), more)
