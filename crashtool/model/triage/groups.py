"""Rows summed up to groups. All is sums, least and greatest values: the order does not matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, get_args

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.triage.row import Row, RowStatus

QUALITIES = ("named", "guess", "raw", "none")
STATUSES = get_args(RowStatus)
BY = ("signature", "function", "related")
NO_STACK = "the dump holds no stack"

Key = TypeVar("Key")


class GroupKey(NamedTuple):
    """What the crashes of a group have in common; `extra` are the values of further keys."""

    text: str
    kind: str
    extra: tuple[str, ...] = ()


class Group(NamedTuple):
    """Crashes of one key.

    `crashes`: how many. `first` and `last` in seconds since 1970, None when no dump says when it
    was written. `versions`: (version, how many), the most frequent first; `days`: (days since 1970,
    how many). `quality` is the best of its rows, `is_named_by_rule` when the key is a name of the
    user's. `calls` and `example`, a path, are of its newest row. `related`: keys of groups that are
    like it.
    """

    key: GroupKey
    crashes: int
    first: int | None
    last: int | None
    versions: tuple[tuple[str, int], ...]
    systems: tuple[tuple[str, int], ...]
    days: tuple[tuple[int, int], ...]
    quality: str
    calls: tuple[str, ...]
    signature: str
    example: str
    is_named_by_rule: bool = False
    related: tuple[GroupKey, ...] = ()

    def count_of(self, version: str) -> int:
        """How many of its crashes are of a version."""
        return dict(self.versions).get(version, 0)


class Totals(NamedTuple):
    """What became of each input: they sum up to `inputs`.

    `grouped` crashes lie in groups; of `nameless` ones nothing of the program is known.
    `left_out` by the user's own conditions. `no_minidump`: inputs that gave none.
    """

    inputs: int
    grouped: int
    nameless: int
    duplicates: int
    left_out: int
    unreadable: int
    no_minidump: int = 0

    @property
    def minidumps(self) -> int:
        """How many of the inputs are minidumps."""
        return self.inputs - self.no_minidump


class Triage(NamedTuple):
    """The answer: groups, the largest first, and all that is in none.

    `nameless`: (why, how many). `missing`: (module, identifier, in how many dumps), what symbols
    would be worth most. `unreadable`: (path, why), also of what gave no minidump. `versions`:
    (version, how many crashes of all).
    """

    totals: Totals
    groups: tuple[Group, ...]
    nameless: tuple[tuple[str, int], ...]
    missing: tuple[tuple[str, str, int], ...]
    unreadable: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, int], ...]
    used_rules: frozenset[str] = frozenset()


class _Sum:
    """A group that still grows."""

    def __init__(self) -> None:
        self.count = 0
        self.first: int | None = None
        self.newest: tuple[int, str] | None = None
        self.example: Row | None = None
        self.last: int | None = None
        self.quality = len(QUALITIES) - 1
        self.versions: Counter[str] = Counter()
        self.systems: Counter[str] = Counter()
        self.days: Counter[int] = Counter()

    def add(self, row: Row) -> None:
        self.count += 1
        self.versions[row.version] += 1
        self.systems[row.os] += 1
        self.quality = min(self.quality, QUALITIES.index(row.quality))
        if row.written is not None:
            self.days[row.written // 86400] += 1
            self.first = row.written if self.first is None else min(self.first, row.written)
            self.last = row.written if self.last is None else max(self.last, row.written)
        rank = (-(row.written or 0), row.path)
        if self.newest is None or rank < self.newest:
            self.newest, self.example = rank, row

    def finish(self, key: GroupKey) -> Group:
        row = self.example
        assert row is not None  # noqa: S101 (there is no group without a row)
        return Group(
            key,
            self.count,
            self.first,
            self.last,
            _most(self.versions),
            _most(self.systems),
            tuple(sorted(self.days.items())),
            QUALITIES[self.quality],
            row.calls,
            row.signature,
            row.path,
            is_named_by_rule=bool(row.group) and key.text == row.group,
        )


class Grouping:
    """Takes rows in any order, and sums them up. Memory is by groups, not by rows.

    `by` is signature or function; `extra`: further keys, as `Row.find` knows them. Which of two
    equal reports is the duplicate is for the one who adds them.
    """

    def __init__(self, by: str = "signature", extra: Sequence[str] = ()) -> None:
        self._by = by
        self._extra = tuple(extra)
        self._sums: dict[GroupKey, _Sum] = {}
        self._counts: Counter[str] = Counter()
        self._nameless: Counter[str] = Counter()
        self._missing: Counter[tuple[str, str]] = Counter()
        self._versions: Counter[str] = Counter()
        self._unreadable: list[tuple[str, str]] = []
        self._used: set[str] = set()

    def add(self, row: Row) -> None:
        """Take a row in."""
        self._counts[row.status] += 1
        if row.status in ("unreadable", "no_minidump"):
            self._unreadable.append((row.path, row.error))
        if row.status != "ok":
            return
        self._used.update(row.rules)
        self._versions[row.version] += 1
        self._missing.update(set(row.missing))
        if row.quality == "none" and not row.group:
            self._counts["nameless"] += 1
            self._nameless[explain_nameless(row)] += 1
            return
        self._sums.setdefault(self._key(row), _Sum()).add(row)

    def _key(self, row: Row) -> GroupKey:
        if row.group:
            text = row.group
        else:
            text = row.signature if self._by != "function" else f"{row.function} [{row.kind}]"
        return GroupKey(text, row.kind, tuple(row.find(key) for key in self._extra))

    def finish(self) -> Triage:
        """The groups, the largest first."""
        groups = (total.finish(key) for key, total in self._sums.items())
        nameless = self._counts["nameless"]
        totals = Totals(
            sum(self._counts[status] for status in STATUSES),
            self._counts["ok"] - nameless,
            nameless,
            self._counts["duplicate"],
            self._counts["left_out"],
            self._counts["unreadable"],
            self._counts["no_minidump"],
        )
        return Triage(
            totals,
            tuple(sorted(groups, key=lambda group: (-group.crashes, group.key))),
            _most(self._nameless),
            tuple((name, identifier, count) for (name, identifier), count in _most(self._missing)),
            tuple(sorted(self._unreadable)),
            _most(self._versions),
            frozenset(self._used),
        )


def explain_nameless(row: Row) -> str:
    """Why nothing of the program is known of a crash."""
    if row.missing:
        return f"no symbols for {row.missing[0][0]}"
    return "no call of the program's own on the stack" if row.signature else NO_STACK


def merge_related(triage: Triage, clusters: Iterable[frozenset[GroupKey]]) -> Triage:
    """The same with each cluster's groups made one, named by its most frequent signature."""
    cluster_of = {key: cluster for cluster in clusters for key in cluster}
    together: dict[frozenset[GroupKey], list[Group]] = {}
    for group in triage.groups:
        cluster = cluster_of.get(group.key, frozenset((group.key,)))
        together.setdefault(cluster, []).append(group)
    merged = [_merge(groups) for groups in together.values()]
    return triage._replace(groups=tuple(sorted(merged, key=lambda one: (-one.crashes, one.key))))


def _merge(groups: list[Group]) -> Group:
    """One group of several, which are sorted by size already."""
    largest = groups[0]
    if len(groups) == 1:
        return largest
    firsts = [group.first for group in groups if group.first is not None]
    lasts = [group.last for group in groups if group.last is not None]
    return largest._replace(
        crashes=sum(group.crashes for group in groups),
        first=min(firsts, default=None),
        last=max(lasts, default=None),
        versions=_add([group.versions for group in groups]),
        systems=_add([group.systems for group in groups]),
        days=tuple(sorted(_add([group.days for group in groups]))),
        quality=min((group.quality for group in groups), key=QUALITIES.index),
        related=tuple(group.key for group in groups[1:]),
    )


def _add(counts: Iterable[Iterable[tuple[Key, int]]]) -> tuple[tuple[Key, int], ...]:
    total: Counter[Key] = Counter()
    for one in counts:
        total.update(dict(one))
    return _most(total)


def _most(counts: Counter[Key]) -> tuple[tuple[Key, int], ...]:
    pairs: list[Any] = list(counts.items())
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
