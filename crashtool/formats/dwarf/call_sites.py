"""What a function was called with, by what its caller says of the call.

A compiler that loses an argument leaves a rule behind at the call: the value in a register as the
caller computes it (DWARF 5, 3.4; GNU's tags before). It holds only where this very call is known
to have led here: no function may have jumped on in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import (
    DW_AT_abstract_origin,
    DW_AT_call_origin,
    DW_AT_call_parameter,
    DW_AT_call_return_pc,
    DW_AT_call_tail_call,
    DW_AT_call_target,
    DW_AT_call_value,
    DW_AT_external,
    DW_AT_GNU_call_site_target,
    DW_AT_GNU_call_site_value,
    DW_AT_GNU_tail_call,
    DW_AT_linkage_name,
    DW_AT_location,
    DW_AT_low_pc,
    DW_AT_MIPS_linkage_name,
    DW_AT_name,
    DW_TAG_call_site,
    DW_TAG_call_site_parameter,
    DW_TAG_GNU_call_site,
    DW_TAG_GNU_call_site_parameter,
    DW_TAG_inlined_subroutine,
    DW_TAG_lexical_block,
)
from crashtool.formats.dwarf.entry_names import Reference, follow, walk_references
from crashtool.formats.dwarf.forms import Cursor
from crashtool.formats.dwarf.ranges import find_ranges, has_addresses
from crashtool.formats.dwarf.tree import walk_children
from crashtool.formats.variables.frame_view import CalledFunction

if TYPE_CHECKING:
    from crashtool.formats.dwarf.entries import Entry

MAX_NESTED = 128
MAX_JUMPED = 64  # functions that one may jump to, one after the other
DW_OP_reg0, DW_OP_reg31, DW_OP_regx, TYPED_REGISTER = 0x50, 0x6F, 0x90, (0xA5, 0xF5)
INSIDE = frozenset({DW_TAG_lexical_block, DW_TAG_inlined_subroutine})


def find_call(function: Reference, return_address: int) -> Reference | None:
    """The entry of the call in a function that returns to an address of the file."""
    for reference in _walk_calls(function, MAX_NESTED):
        values = reference.entry.values
        is_new = reference.entry.shape.tag == DW_TAG_call_site
        following = values.get(DW_AT_call_return_pc if is_new else DW_AT_low_pc)
        if following and reference.entries.unit.address(*following) == return_address:
            return reference
    return None


def _walk_calls(reference: Reference, left: int) -> Iterator[Reference]:
    for entry in walk_children(reference.entries, reference.entry):
        if entry.shape.tag in (DW_TAG_call_site, DW_TAG_GNU_call_site):
            yield reference._replace(entry=entry)
        elif entry.shape.tag in INSIDE and left:
            yield from _walk_calls(reference._replace(entry=entry), left - 1)


def may_return_to_itself(function: Reference) -> bool:
    """Whether a function jumps to others at its end, which could jump back: it would then stand
    there with other arguments than its caller gave.
    """
    wanted = set(map(_identify, walk_references(function)))
    waiting, seen = [function], {_identify(function)}
    while waiting:
        for call in _walk_calls(waiting.pop(), MAX_NESTED):
            if not _is_jump(call):
                continue
            jumped = _follow_jump(call)
            if jumped is None or _identify(jumped) in wanted or len(seen) > MAX_JUMPED:
                return True
            if has_addresses(jumped.entry.values) and _identify(jumped) not in seen:
                seen.add(_identify(jumped))
                waiting.append(jumped)
    return False


def _is_jump(call: Reference) -> bool:
    """Whether a call is the last thing that a function did: its frame is gone."""
    is_new = call.entry.shape.tag == DW_TAG_call_site
    return (DW_AT_call_tail_call if is_new else DW_AT_GNU_tail_call) in call.entry.values


def _follow_jump(call: Reference) -> Reference | None:
    """The function with the code that a jump leads to; one without code for what cannot come back,
    as it is in no file here; None for all that is not known.
    """
    attribute = (
        DW_AT_call_origin if call.entry.shape.tag == DW_TAG_call_site else DW_AT_abstract_origin
    )
    called = follow(call, attribute) if attribute in call.entry.values else None
    if called is None:
        return None
    chain = list(walk_references(called))
    for reference in chain:
        if has_addresses(reference.entry.values):
            return reference
    if any(reference.entry.shape.has_children for reference in chain):
        return None
    return called


def leads_to(call: Reference, function: CalledFunction, base: int) -> bool:
    """Whether a call in the module at `base` is one of a function, and not the last thing that its
    own did. A function of another unit or file is known by the name that linkers know it by.
    """
    attribute = (
        DW_AT_call_origin if call.entry.shape.tag == DW_TAG_call_site else DW_AT_abstract_origin
    )
    if _is_jump(call) or attribute not in call.entry.values:
        return False  # a call through a pointer has no entry
    called = follow(call, attribute)
    if called is None:
        return False
    chain = list(walk_references(called))
    is_near = function.base == base
    if is_near and not function.keys.isdisjoint(map(_identify, chain)):
        return True
    if not is_near and any(has_addresses(reference.entry.values) for reference in chain):
        return False
    return bool(function.name) and function.name == _find_linked_name(called)


def describe_function(function: Reference, base: int, file_base: int) -> CalledFunction:
    """A function of the module at `base`, as calls may name it; `file_base` is that in the file."""
    pieces = find_ranges(function.entries.unit, function.entry.values)
    keys = frozenset[object](map(_identify, walk_references(function)))
    starts = tuple(low - file_base + base for low, _ in pieces)
    return CalledFunction(base, keys, _find_linked_name(function), starts)


def _find_linked_name(function: Reference) -> str:
    """What a function is for other units; "" for one that is of its own unit alone."""
    name, is_external = "", False
    for reference in walk_references(function):
        values = reference.entry.values
        is_external = is_external or DW_AT_external in values
        for attribute in (DW_AT_linkage_name, DW_AT_MIPS_linkage_name):
            if attribute in values:
                return reference.entries.unit.text(*values[attribute]) if is_external else ""
        if DW_AT_name in values and not name:
            name = reference.entries.unit.text(*values[DW_AT_name])
    return name if is_external else ""


def find_target(call: Reference) -> bytes | None:
    """How the address that was called through a pointer is computed; None: not told."""
    is_new = call.entry.shape.tag == DW_TAG_call_site
    if _is_jump(call):
        return None
    _, target = call.entry.values.get(
        DW_AT_call_target if is_new else DW_AT_GNU_call_site_target, (0, None)
    )
    return target if isinstance(target, bytes) and target else None


def _identify(reference: Reference) -> tuple[int, int]:
    offset = reference.entries.unit.header.offset + reference.entry.offset
    return reference.table.number, offset


def find_rule(call: Reference, expression: bytes) -> bytes | None:
    """How the caller computes what was in a place, described by an expression; None: not told."""
    register = find_register(expression)
    for entry in walk_children(call.entries, call.entry):
        if entry.shape.tag not in (DW_TAG_call_site_parameter, DW_TAG_GNU_call_site_parameter):
            continue
        _, place = entry.values.get(DW_AT_location, (0, None))
        is_it = place == expression
        if not is_it and register is not None and isinstance(place, bytes):
            is_it = find_register(place) == register
        if is_it:
            return _read_rule(entry)
    return None


def find_parameter_rule(call: Reference, parameter: Reference) -> bytes | None:
    """How the caller computes a parameter that is handed over in no place: a function that the
    compiler has made for its callers knows it. None: not told.
    """
    wanted = set(map(_identify, walk_references(parameter)))
    for entry in walk_children(call.entries, call.entry):
        tag = entry.shape.tag
        if tag not in (DW_TAG_call_site_parameter, DW_TAG_GNU_call_site_parameter):
            continue
        is_new = tag == DW_TAG_call_site_parameter
        attribute = DW_AT_call_parameter if is_new else DW_AT_abstract_origin
        given = call._replace(entry=entry)
        target = follow(given, attribute) if attribute in entry.values else None
        if target and not wanted.isdisjoint(map(_identify, walk_references(target))):
            return _read_rule(entry)
    return None


def find_register(expression: bytes) -> int | None:
    """The number of the register that an expression is, whatever its type; None for others."""
    if not expression:
        return None
    operation = expression[0]
    if DW_OP_reg0 <= operation <= DW_OP_reg31 and len(expression) == 1:
        return operation - DW_OP_reg0
    if operation != DW_OP_regx and operation not in TYPED_REGISTER:
        return None
    cursor = Cursor(expression, 1)
    number = cursor.uleb()
    if operation in TYPED_REGISTER:
        cursor.uleb()
    return number if cursor.offset == cursor.end else None


def _read_rule(entry: Entry) -> bytes | None:
    is_new = entry.shape.tag == DW_TAG_call_site_parameter
    _, rule = entry.values.get(DW_AT_call_value if is_new else DW_AT_GNU_call_site_value, (0, None))
    return rule if isinstance(rule, bytes) and rule else None
