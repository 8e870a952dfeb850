"""Baselines: the groups that are known, in a file that is committed beside the sources.

A header and a line of JSON for each group, sorted, so that two of them can be compared by eye.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.shell_words import quote_word
from crashtool.formats.text_file import read_text_file
from crashtool.model.signature import VERSION
from crashtool.model.triage.groups import Group, Triage
from crashtool.services.files.whole_file import write_whole

FORMAT = 1
LASTING = ("named", "guess")  # places in one build change with each build


class Baseline(NamedTuple):
    """`counts`: text of a group, and the values of further keys, to how many crashes.

    `reports`: how many crashes were grouped.
    """

    by: str
    rules: str
    signature_version: int
    reports: int
    counts: dict[tuple[str, ...], int]


def make_baseline(triage: Triage, by: str, rules: str) -> Baseline:
    """The groups of a triage, by what lasts from build to build."""
    counts: dict[tuple[str, ...], int] = {}
    for group in triage.groups:
        if group.quality in LASTING or group.is_named_by_rule:
            key = _key(group)
            counts[key] = counts.get(key, 0) + group.crashes
    return Baseline(by, rules, VERSION, triage.totals.grouped, counts)


def save_baseline(baseline: Baseline, path: str) -> None:
    """Write it whole or not at all. CannotWrite."""
    head = {
        "crashtool_baseline": FORMAT,
        "by": baseline.by,
        "rules": baseline.rules or None,
        "signature_version": baseline.signature_version,
        "reports": baseline.reports,
    }
    rows: list[dict[str, Any]] = [
        {"signature": text} | ({"keys": keys} if keys else {}) | {"count": count}
        for (text, *keys), count in sorted(baseline.counts.items())
    ]
    lines = "".join(json.dumps(document) + "\n" for document in (head, *rows))
    write_whole(Path(path), lines.encode("ascii"))


def read_baseline(path: str) -> Baseline:
    """What `save_baseline` has written. UsageError, with the line, for anything else."""
    if not Path(path).exists():
        hint = f"make it: --save-baseline {quote_word(path)}"
        raise UsageError(f"no such baseline: {path}", hint=hint)
    lines = read_text_file(path, fault=UsageError).splitlines()
    documents = [_parse(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
    head = documents[0] if documents else {}
    if head.get("crashtool_baseline") != FORMAT:
        raise UsageError(f"{path} is not a baseline of this crashtool", hint=SAVE)
    try:
        counts = {
            (str(document["signature"]), *map(str, document.get("keys", ()))): int(
                document["count"]
            )
            for document in documents[1:]
        }
        return Baseline(
            str(head["by"]),
            head["rules"] or "",
            int(head["signature_version"]),
            int(head["reports"]),
            counts,
        )
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{path} is a damaged baseline", hint=SAVE) from None


SAVE = "make it with  crashtool triage --save-baseline FILE"


def _parse(line: str, path: str, number: int) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UsageError(f"{path}:{number}: not a line of a baseline", hint=SAVE)
    return document


def check_match(baseline: Baseline, by: str, rules: str, path: str) -> None:
    """UsageError when a baseline was made in another way, so that all groups would be new."""
    if (baseline.by, baseline.rules, baseline.signature_version) != (by, rules, VERSION):
        raise UsageError(
            f"{path} was made with other rules, another --by, or another version of signatures",
            hint="make it again, or compare all the same with --baseline-anyway",
        )


def find_new(triage: Triage, baseline: Baseline, min_count: int) -> tuple[Group, ...]:
    """The groups that the baseline lacks, of at least so many crashes, and named."""
    return tuple(
        group
        for group in triage.groups
        if (group.quality in LASTING or group.is_named_by_rule)
        and group.crashes >= min_count
        and _key(group) not in baseline.counts
    )


def _key(group: Group) -> tuple[str, ...]:
    """What stands for a group: two classes of crash may bear one name of the user's."""
    return (group.key.text, *group.key.extra)
