"""What a function was called with, by what its caller says of the call.

A compiler that loses an argument leaves a rule behind at the call: the value in a register as the
caller computes it (DWARF 5, 3.4; GNU's tags before). It holds only where this very call is known
to have led here: no function may have jumped on in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import (
    ABSTRACT_ORIGIN,
    CALL_ORIGIN,
    CALL_PARAMETER,
    CALL_RETURN,
    CALL_SITE,
    CALL_TAIL,
    CALL_VALUE,
    GNU_CALL_PARAMETER,
    GNU_CALL_SITE,
    GNU_CALL_VALUE,
    GNU_TAIL_CALL,
    INLINED,
    LEXICAL_BLOCK,
    LOCATION,
    LOW,
)
from crashtool.formats.dwarf.entry_names import Reference, follow, walk_references
from crashtool.formats.dwarf.tree import walk_children

if TYPE_CHECKING:
    from crashtool.formats.dwarf.entries import Entry

MAX_NESTED = 128
INSIDE = frozenset({LEXICAL_BLOCK, INLINED})


def find_call(function: Reference, return_address: int) -> Reference | None:
    """The entry of the call in a function that returns to an address of the file."""
    for reference in _walk_calls(function, MAX_NESTED):
        values = reference.entry.values
        is_new = reference.entry.shape.tag == CALL_SITE
        following = values.get(CALL_RETURN if is_new else LOW)
        if following and reference.entries.unit.address(*following) == return_address:
            return reference
    return None


def _walk_calls(reference: Reference, left: int) -> Iterator[Reference]:
    for entry in walk_children(reference.entries, reference.entry):
        if entry.shape.tag in (CALL_SITE, GNU_CALL_SITE):
            yield reference._replace(entry=entry)
        elif entry.shape.tag in INSIDE and left:
            yield from _walk_calls(reference._replace(entry=entry), left - 1)


def may_return_to_itself(function: Reference) -> bool:
    """Whether a function jumps to others at its end, which could jump back: it would then stand
    there with other arguments than its caller gave.
    """
    for call in _walk_calls(function, MAX_NESTED):
        is_new = call.entry.shape.tag == CALL_SITE
        if (CALL_TAIL if is_new else GNU_TAIL_CALL) in call.entry.values and _may_come_back(call):
            return True
    return False


def _may_come_back(call: Reference) -> bool:
    """Whether a jump to another function could lead back: only what is in no file here cannot."""
    attribute = CALL_ORIGIN if call.entry.shape.tag == CALL_SITE else ABSTRACT_ORIGIN
    called = follow(call, attribute) if attribute in call.entry.values else None
    if called is None:
        return True
    return any(
        reference.entry.shape.has_children or LOW in reference.entry.values
        for reference in walk_references(called)
    )


def leads_to(call: Reference, function: Reference) -> bool:
    """Whether a call is one of a function, and not the last thing that its own did."""
    values = call.entry.values
    is_new = call.entry.shape.tag == CALL_SITE
    if (CALL_TAIL if is_new else GNU_TAIL_CALL) in values:
        return False
    attribute = CALL_ORIGIN if is_new else ABSTRACT_ORIGIN
    if attribute not in values:
        return False  # a call through a pointer
    called = follow(call, attribute)
    if called is None:
        return False
    names = set(map(_identify, walk_references(called)))
    return any(_identify(reference) in names for reference in walk_references(function))


def _identify(reference: Reference) -> tuple[int, int]:
    offset = reference.entries.unit.header.offset + reference.entry.offset
    return reference.table.number, offset


def find_rule(call: Reference, expression: bytes) -> bytes | None:
    """How the caller computes what was in a place, described by an expression; None: not told."""
    for entry in walk_children(call.entries, call.entry):
        is_rule = entry.shape.tag in (CALL_PARAMETER, GNU_CALL_PARAMETER)
        if is_rule and entry.values.get(LOCATION, (0, None))[1] == expression:
            return _read_rule(entry)
    return None


def _read_rule(entry: Entry) -> bytes | None:
    is_new = entry.shape.tag == CALL_PARAMETER
    _, rule = entry.values.get(CALL_VALUE if is_new else GNU_CALL_VALUE, (0, None))
    return rule if isinstance(rule, bytes) and rule else None
