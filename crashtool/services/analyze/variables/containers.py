"""What libraries' types have in common: letters, spans of elements, smart pointers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.variables import Value
from crashtool.services.analyze.variables.aggregates import (
    find_element_size,
    gather,
    read_elements,
)
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.parts import find_part
from crashtool.services.analyze.variables.pointers import NULL, read_counted_text, read_target

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.services.analyze.variables.parts import MemberPart
    from crashtool.services.analyze.variables.spot import Spot

# What reads a type of a library; None where the members are not those of the library's.
Shape: TypeAlias = Callable[["Spot", "Value"], "Value | None"]
MAX_ELEMENTS = 1 << 40
BITS = 8
NOTHING = "nothing"


def read_letters(
    at: Spot, value: Value, pointer: int, length: MemberPart, letter: DataType | None
) -> Value:
    """Letters that a pointer, a byte of it, leads to, and how many they are."""
    address, count = at.read_word(pointer), at.read_word(length.offset)
    size = find_element_size(letter)
    return value._replace(text=read_counted_text(at, address, count, size) if count else '""')


def read_span(at: Spot, value: Value, element: DataType | None, start: int, end: int) -> Value:
    """Elements from one address to before another."""
    size = find_element_size(element)
    count, rest = divmod(end - start, size)
    if rest or not 0 <= count < MAX_ELEMENTS or element is None:
        lose("where it begins and ends makes no sense")
    spots = (at.follow(element, start + number * size) for number in range(count))
    return count_elements(read_elements(at, value, spots, count), count, start)


def read_vector_span(
    at: Spot, value: Value, first: MemberPart, last: MemberPart, end: MemberPart | None
) -> Value:
    """Elements between two pointers; `end`: that behind the room that there is for them.

    Room is there or none is: memory that was never set hardly agrees with that.
    """
    element = first.type.details.target
    start, stop = at.read_word(first.offset), at.read_word(last.offset)
    room = _find_room(at, end)
    if room is not None and (room < stop or (room == start) != (start == 0)):
        lose("where it begins and ends makes no sense")
    return read_span(at, value, element, start, stop)


def _find_room(at: Spot, end: MemberPart | None) -> int | None:
    """Where a vector's room ends; None where that is not known, as of one that is in registers."""
    try:
        return None if end is None else at.read_word(end.offset)
    except LostValue:
        return None


def count_elements(value: Value, count: int, address: int) -> Value:
    """A container with how many elements it has, also where the dump holds none of them."""
    words = f"{count} element{'' if count == 1 else 's'}"
    if value.state != "value":
        return value._replace(reason=f"{words} at {address:#x}")
    return value._replace(text=words)


def read_only_member(at: Spot, value: Value, name: str) -> Value | None:
    """What is shown as its one member is, as std::array."""
    member = find_part(at.kind, name)
    if member is None:
        return None
    content = at.reader.read(at.move(member.type, member.offset)._replace(depth=at.depth))
    return content._replace(type=value.type, name=value.name)


class Owners(NamedTuple):
    """Where a shared pointer's owners are counted: the members that lead there, and by how many the
    number is less than they are.
    """

    block: str
    number: str
    less: int = 0


def read_smart(at: Spot, value: Value, pointer: MemberPart, owners: Owners | None = None) -> Value:
    """A smart pointer, by the pointer in it. Nothing is behind one that nobody owns any more."""
    address = at.read_word(pointer.offset)
    count = _count_owners(at, owners) if owners else None
    if count is not None and count < 1:
        return value._replace(text="expired")
    target = pointer.type.details.target
    words = "" if count is None else f" ({count} owner{'' if count == 1 else 's'})"
    value = value._replace(text=f"{address:#x}{words}" if address else NULL)
    if not address or target is None or at.pointers >= at.reader.limits.pointers:
        return value
    return value._replace(pointee=read_target(at, target, address))


def _count_owners(at: Spot, owners: Owners) -> int | None:
    """How many own what a pointer leads to; None where the dump does not hold their number."""
    block = find_part(at.kind, owners.block)
    target = block.type.details.target if block and block.type.kind == "pointer" else None
    count = find_part(target, owners.number) if target else None
    if block is None or count is None or not (address := at.read_word(block.offset)):
        return None
    size = count.type.size or 0
    content = at.reader.frame.read_memory(address + count.offset, size) if size else None
    if content is None:
        return None
    return int.from_bytes(content, "little", signed=True) + owners.less


def read_held(at: Spot, value: Value, flag: MemberPart, held: MemberPart) -> Value:
    """What is there if a flag says so."""
    state = at.read_word(flag.offset, 1)
    if state not in (0, 1):
        lose("whether it holds a value makes no sense")
    if not state:
        return value._replace(text=NOTHING)
    return gather(value, [at.reader.read(at.move(held.type, held.offset), "value")])


def read_chosen(at: Spot, value: Value, number: MemberPart, offset: int) -> Value | None:
    """A std::variant: the one of its types that a number says, at `offset`."""
    arguments, size = at.kind.details.arguments, number.type.size
    if not size or not arguments:
        return None
    chosen = at.read_word(number.offset, size)
    if chosen == (1 << BITS * size) - 1:
        return value._replace(text=NOTHING)
    if chosen >= len(arguments):
        lose(f"{chosen} is none of its alternatives")
    held = at.reader.read(at.move(arguments[chosen], offset), "value")
    return gather(value._replace(text=f"alternative {chosen}"), [held])


def read_bits(at: Spot, value: Value, start: int, count: int) -> Value:
    """A std::vector of bool: bits from the lowest of the first byte on."""
    if not 0 <= count < MAX_ELEMENTS:
        lose("where it begins and ends makes no sense")
    most = min(count, at.reader.limits.length)
    content = at.reader.frame.read_memory(start, (most + BITS - 1) // BITS) if most else b""
    if content is None:
        return count_elements(value._replace(state="not_in_dump"), count, start)
    children = [
        Value(
            "bool",
            text=("false", "true")[content[place // BITS] >> place % BITS & 1],
            name=f"[{place}]",
        )
        for place in range(most)
    ]
    return count_elements(gather(value, children, count - most), count, start)
