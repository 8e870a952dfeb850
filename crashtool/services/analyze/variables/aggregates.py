"""Structs, unions and arrays: their members and elements, each of which may be lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crashtool.formats.variables.places import MemoryPlace
from crashtool.model.variables import Value
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.scalars import (
    LARGEST,
    format_scalar,
    is_letter,
    is_signed,
    quote,
    read_number,
)

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType, Member
    from crashtool.services.analyze.variables.spot import Spot

BITS = 8
MAX_ELEMENTS = 1 << 40
MAX_OBJECT = 1 << 24  # bytes


def read_members(at: Spot, value: Value) -> Value:
    """A struct, class or union by its members."""
    if at.kind.is_incomplete:
        lose("its type is only declared in the available files")
    details = at.kind.details
    members = details.members
    if details.variants is not None:
        members = (*members, *_choose_variant(at))
    if not at.reader.limits.is_plain:
        members = tuple(member for member in members if not _is_empty_base(member))
    if at.depth >= at.reader.limits.depth:
        return value._replace(left_out=len(members))
    children: list[Value] = []
    for member in members:
        if not at.reader.take_room():
            break
        children.append(_read_member(at, member))
    return gather(value, children, len(members) - len(children))


def _is_empty_base(member: Member) -> bool:
    """Whether a base has nothing in it, as many of a library's have."""
    kind = member.type
    if not member.is_base or kind.kind != "struct" or kind.is_incomplete or kind.size != 1:
        return False
    details = kind.details
    return details.variants is None and all(map(_is_empty_base, details.members))


def gather(value: Value, children: list[Value], left_out: int = 0) -> Value:
    """What is made of its parts: lost where nothing of them is known."""
    lost = [child for child in children if child.state != "value"]
    if lost and not any(map(_is_told, children)):
        return value._replace(state=lost[0].state, reason=lost[0].reason)
    return value._replace(children=tuple(children), left_out=left_out)


def _is_told(value: Value) -> bool:
    """Whether anything of a value is known."""
    is_read = bool(value.text or value.pointee or any(map(_is_told, value.children)))
    return value.state == "value" and is_read


def _choose_variant(at: Spot) -> tuple[Member, ...]:
    """What is there of the alternatives of a type that knows which it is."""
    variants = at.kind.details.variants
    cases = variants.cases if variants else ()
    discriminant = variants.discriminant if variants else None
    if len(cases) == 1 and discriminant is None:
        return cases[0].members
    size = discriminant.type.size if discriminant else 0
    if not discriminant or not cases or not size or size > LARGEST or discriminant.bit_size:
        lose("which of its alternatives it is cannot be read")
    number = read_number(discriminant.type, at.read_bytes(discriminant.offset or 0, size))
    for case in cases:
        if number in case.values:
            return case.members
    others = [case for case in cases if not case.values]
    if len(others) != 1:
        lose(f"{number} is none of its alternatives")
    return others[0].members


def _read_member(at: Spot, member: Member) -> Value:
    offset = _find_virtual_base(at, member) if member.offset is None else member.offset
    if offset is None:
        reason = "where it begins is known to the running program alone"
        return Value(member.type.name, "unknown", reason=reason, name=member.name)
    if not member.bit_size:
        return at.reader.read(at.move(member.type, offset), member.name)
    value = Value(member.type.name, name=member.name)
    size = (member.bit_offset + member.bit_size + BITS - 1) // BITS
    try:
        number = int.from_bytes(at.read_bytes(offset, size), "little") >> member.bit_offset
        number &= (1 << member.bit_size) - 1
        if is_signed(member.type) and number >> member.bit_size - 1:
            number -= 1 << member.bit_size
        is_plain = at.reader.limits.is_plain
        return value._replace(text=str(number) if is_plain else format_scalar(member.type, number))
    except LostValue as lost:
        return value._replace(state=lost.state, reason=lost.reason)


def _find_virtual_base(at: Spot, member: Member) -> int | None:
    """Where a virtual base begins, by the tables that its object leads to; None if not known."""
    if member.find_offset is None or not isinstance(at.place, MemoryPlace):
        return None
    offset = member.find_offset(at.reader.frame, at.place.address + at.offset)
    return offset if offset is not None and abs(offset) < MAX_OBJECT else None


def read_array(at: Spot, value: Value) -> Value:
    """An array by its elements, or as a text."""
    details = at.kind.details
    element, count = details.target, at.kind.count
    if count is None and details.find_count is not None:
        count = details.find_count(at.reader.frame)
    if element is None or count is None or not 0 <= count < MAX_ELEMENTS:
        lose("how many elements it has is not known")
    size = element.size
    if size is None:
        lose("the size of its elements is not known")
    if is_letter(element) and not at.reader.limits.is_plain:
        return value._replace(text=_read_text(at, size, count))
    if at.depth >= at.reader.limits.depth:
        return value._replace(left_out=count)
    spots = (at.move(element, number * size) for number in range(count))
    return read_elements(at, value, spots, count)


def read_elements(at: Spot, value: Value, spots: Iterable[Spot], count: int) -> Value:
    """The first of `count` elements that are at spots."""
    children: list[Value] = []
    for number, spot in enumerate(spots):
        if number >= at.reader.limits.length or not at.reader.take_room():
            break
        children.append(at.reader.read(spot, f"[{number}]"))
    return gather(value, children, max(0, count - len(children)))


def _read_text(at: Spot, size: int, count: int) -> str:
    """The letters of an array up to a zero."""
    most = min(count, at.reader.limits.text)
    content = at.read_bytes(0, most * size)
    zero = bytes(size)
    for start in range(0, len(content), size):
        if content[start : start + size] == zero:
            return quote(content[:start], size, is_cut=False)
    return quote(content, size, is_cut=most < count)


def find_element_size(kind: DataType | None) -> int:
    """The size of what a container holds. LostValue where that is not known."""
    if kind is None or not kind.size:
        lose("the size of its elements is not known")
    return kind.size
