"""Groups of the inbox that are like another: nearly the same calls, and the same class of crash.

The measure is that of `triage`, on the signature that both have.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.triage.similarity import LEAST, similarity

MAX_GROUPS = 5000  # with the newest reports, that one is compared with: some 50 ms
MAX_RELATED = 20


class RelatedGroup(NamedTuple):
    """A group that is like another: how much, from 0 to 1, and how many reports it has."""

    name: str
    total: int
    likeness: float


def pack_calls(calls: Sequence[str], quality: str) -> str:
    """The calls that a signature is made of, as they are kept; "" for what is no lasting name."""
    return json.dumps(list(calls)) if quality in ("named", "guess") else ""


def list_related(database: sqlite3.Connection, name: str) -> list[RelatedGroup]:
    """The groups that are like the one of this signature, the most like first."""
    rows = database.execute(
        "SELECT signature, calls, count(*), max(id) FROM reports WHERE signature != ''"
        " GROUP BY signature ORDER BY 4 DESC LIMIT ?",
        (MAX_GROUPS,),
    ).fetchall()
    own = database.execute(
        "SELECT calls FROM reports WHERE signature = ? ORDER BY id DESC LIMIT 1", (name,)
    ).fetchone()
    calls, kind = _unpack(own[0]) if own else (), _find_kind(name)
    if not calls:
        return []
    groups = [
        RelatedGroup(other, total, similarity(calls, others))
        for other, packed, total, _ in rows
        if other != name and _find_kind(other) == kind and (others := _unpack(packed))
    ]
    like = [group for group in groups if group.likeness >= LEAST]
    return sorted(like, key=lambda group: (-group.likeness, group.name))[:MAX_RELATED]


def _find_kind(signature: str) -> str:
    """The class of crash at a signature's end."""
    return signature.rpartition(" [")[2]


def _unpack(packed: str) -> tuple[str, ...]:
    return tuple(json.loads(packed)) if packed else ()
