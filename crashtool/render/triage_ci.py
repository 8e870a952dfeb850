"""Groups of crashes in a CI system's own words: annotations in the log, a summary in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crashtool.model.triage.groups import Group, Triage
from crashtool.render.ci import (
    code_cell,
    escape_message,
    escape_property,
    markdown_table,
    text_cell,
)
from crashtool.render.safe_text import safe
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

MAX_ANNOTATIONS = 10  # of a kind and a step: GitHub shows no more
MAX_GROUPS = 30  # in the summary, which may have a megabyte for all steps
MAX_TITLE = 120
MARKS = {"guess": "guessed frames", "raw": "one build's place"}


def render_github(
    triage: Triage, compared: Compared | None, gate: TriageGate | None, fail_on: tuple[str, ...]
) -> Iterator[str]:
    """Workflow commands for GitHub Actions, one line each: what is new, and what is more frequent.

    Errors are those that end the call with a status of its own; others are warnings.
    """
    kind = "error" if "new" in fail_on else "warning"
    new = gate.new if gate else ()
    for group in new[:MAX_ANNOTATIONS]:
        yield _annotate(kind, f"new crash: {group.key.text}", _walk_group(group))
    if len(new) > MAX_ANNOTATIONS:
        yield _annotate("notice", "new crashes", [f"{len(new):,} groups are new in all"])
    kind = "error" if "regression" in fail_on else "warning"
    worse = [
        (group, item)
        for group, item in (rank_comparisons(compared) if compared else ())
        if item.verdict == "regression"
    ]
    for group, item in worse[:MAX_ANNOTATIONS]:
        assert compared is not None  # noqa: S101 (it has these groups)
        words = (
            f"{item.before:,} crashes of {compared.before}, {item.after:,} of {compared.after}: "
            f"ratio of the rates {words_of_ratio(item)} with 95 % confidence"
        )
        yield _annotate(kind, f"more frequent: {group.key.text}", [words, *_walk_group(group)])
    if len(worse) > MAX_ANNOTATIONS:
        yield _annotate("notice", "more frequent", [f"{len(worse):,} groups in all"])
    if count := len(triage.unreadable):
        unit = "inputs" if triage.totals.no_minidump else "minidumps"
        words = f"{count:,} of {triage.totals.inputs:,} {unit} cannot be read"
        first = [f"{path}: {why}" for path, why in triage.unreadable[:MAX_ANNOTATIONS]]
        yield _annotate("warning", words, first)


def _annotate(kind: str, title: str, lines: Iterable[str]) -> str:
    shown = escape_property(safe(title, MAX_TITLE))
    return f"::{kind} title={shown}::{'%0A'.join(map(escape_message, lines))}"


def _walk_group(group: Group) -> Iterator[str]:
    """How many, when, which versions; then the calls, innermost first, and an example."""
    crashes = f"{group.crashes:,} crash{'' if group.crashes == 1 else 'es'}"
    yield ", ".join(filter(None, (crashes, span_of_days(group), name_versions(group))))
    for number, call in enumerate(group.calls):
        yield f"{number:>3} {call}"
    yield f"example: {group.example}"


def render_summary(triage: Triage, compared: Compared | None, gate: TriageGate | None) -> str:
    """Markdown for the job's summary: the counts, what the gate says, the largest groups."""
    return "\n".join(_walk_summary(triage, compared, gate)) + "\n\n"


def _walk_summary(
    triage: Triage, compared: Compared | None, gate: TriageGate | None
) -> Iterator[str]:
    yield f"### {text_cell(summarize(triage))}"
    if gate:
        words = f"{len(gate.new):,} new to" if gate.new else "Nothing new to"
        yield from ("", f"{words} {code_cell(gate.path)}. {text_cell(words_of_bound(gate))}")
    if triage.groups:
        yield ""
        yield from _walk_groups(triage, gate)
    if compared:
        yield ""
        yield from _walk_comparison(compared)
    for head, rows in (
        ("cannot be grouped", [(why, count) for why, count in triage.nameless]),
        ("symbols worth most", [(f"{one} {two}", count) for one, two, count in triage.missing]),
    ):
        if rows:
            yield ""
            yield from markdown_table(
                (head, "crashes"),
                [(code_cell(text), f"{count:,}") for text, count in rows[:MAX_ANNOTATIONS]],
            )
    if triage.unreadable:
        yield ""
        yield from markdown_table(
            ("unreadable", ""),
            [(code_cell(path), text_cell(why)) for path, why in triage.unreadable[:MAX_GROUPS]],
        )


def _walk_groups(triage: Triage, gate: TriageGate | None) -> Iterator[str]:
    new = {group.key for group in gate.new} if gate else set()
    shown = sorted(triage.groups, key=lambda group: group.key not in new)[:MAX_GROUPS]
    rows: list[tuple[str, ...]] = []
    for group in shown:
        marks = filter(None, ("**new**" if group.key in new else "", MARKS.get(group.quality, "")))
        share = f"{100 * group.crashes / triage.totals.grouped:.1f} %"
        rows.append(
            (
                f"{group.crashes:,}",
                share,
                code_cell(group.key.text),
                ", ".join(marks),
                text_cell(span_of_days(group)),
                text_cell(name_versions(group).removeprefix("version ")),
                code_cell(group.example),
            )
        )
    yield from markdown_table(
        ("crashes", "share", "group", "", "when", "versions", "example"), rows
    )
    if hidden := len(triage.groups) - len(shown):
        yield from ("", f"and {hidden:,} smaller groups")


def _walk_comparison(compared: Compared) -> Iterator[str]:
    yield from markdown_table(
        (
            "group",
            text_cell(compared.before),
            text_cell(compared.after),
            "ratio of rates, 95 %",
            "verdict",
        ),
        [
            (
                code_cell(group.key.text),
                f"{item.before:,}",
                f"{item.after:,}",
                words_of_ratio(item),
                VERDICTS[item.verdict][0],
            )
            for group, item in rank_comparisons(compared)[:MAX_GROUPS]
        ],
    )
    yield from ("", f"Rates are per {text_cell(compared.unit)}.")
