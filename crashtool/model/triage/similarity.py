"""Groups that are like one another: equal calls of the program, but for a few, near the crash.

Two groups are related when a weighted edit distance of their calls is small: a predicate of the
two alone, so that the same groups are related in any order and partition, and further crashes can
only join clusters, never split one. The measure is TraceSim's without rarity, which would make the
answer depend on the set (Vasiliev et al., 2020).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from crashtool.model.signature import MAX_CALLS
from crashtool.model.triage.groups import Group, GroupKey

LEAST = 0.84
UNIT = math.lcm(*range(1, MAX_CALLS + 1))  # whole numbers: sums of fractions differ by Python
MAX_SHARED = 256  # groups that have a call in common; what more have tells nothing


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """1 for equal calls, 0 for none in common. The innermost weighs most: 1, 1/2, 1/3, …

    At most MAX_CALLS calls each.
    """
    weights = [UNIT // (index + 1) for index in range(max(len(one), len(other)))]
    total = sum(weights[: len(one)]) + sum(weights[: len(other)])
    if not total:
        return 0.0
    previous = [sum(weights[:count]) for count in range(len(other) + 1)]
    for index, call in enumerate(one):
        current = [previous[0] + weights[index]]
        for column, opposite in enumerate(other):
            changed = previous[column]
            if call != opposite:
                changed += weights[index] + weights[column]
            current.append(
                min(changed, previous[column + 1] + weights[index], current[-1] + weights[column])
            )
        previous = current
    return 1 - previous[-1] / total


def find_related(groups: Sequence[Group]) -> list[tuple[GroupKey, GroupKey]]:
    """Pairs of groups of one class, and one extra, that are related; each pair once, sorted."""
    sharing: dict[tuple[str, tuple[str, ...], str], list[Group]] = defaultdict(list)
    for group in groups:
        if group.quality in ("named", "guess") and not group.is_named_by_rule:
            for call in set(group.calls):
                sharing[group.key.kind, group.key.extra, call].append(group)
    pairs = set()
    for members in sharing.values():
        if len(members) > MAX_SHARED:
            continue
        for index, one in enumerate(members):
            for other in members[index + 1 :]:
                pairs.add((one, other) if one.key < other.key else (other, one))
    return sorted(
        (one.key, other.key) for one, other in pairs if similarity(one.calls, other.calls) >= LEAST
    )


def find_clusters(
    keys: Iterable[GroupKey], pairs: Iterable[tuple[GroupKey, GroupKey]]
) -> list[frozenset[GroupKey]]:
    """The keys that pairs connect, each cluster once, those of one key left out."""
    parents = {key: key for key in keys}

    def find(key: GroupKey) -> GroupKey:
        while parents[key] != key:
            parents[key] = parents[parents[key]]
            key = parents[key]
        return key

    for one, other in pairs:
        low, high = sorted((find(one), find(other)))
        parents[high] = low
    clusters = defaultdict(set)
    for key in parents:
        clusters[find(key)].add(key)
    return [frozenset(members) for _, members in sorted(clusters.items()) if len(members) > 1]


def attach_related(
    groups: Iterable[Group], pairs: Iterable[tuple[GroupKey, GroupKey]]
) -> Iterator[Group]:
    """The groups with the keys of those that are related to each."""
    related: dict[GroupKey, list[GroupKey]] = {}
    for one, other in pairs:
        related.setdefault(one, []).append(other)
        related.setdefault(other, []).append(one)
    for group in groups:
        yield group._replace(related=tuple(sorted(related.get(group.key, ()))))
