"""What libraries' types have in common: letters, spans of elements, nodes, smart pointers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.variables.aggregates import (
    find_element_size,
    gather,
    read_elements,
)
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.parts import MemberPart, find_part
from crashtool.services.analyze.variables.pointers import NULL, read_counted_text, read_target

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.spot import Spot

# What reads a type of a library; None where the members are not those of the library's.
Shape: TypeAlias = Callable[["Spot", "Value"], "Value | None"]
MAX_ELEMENTS = 1 << 40
MAX_STEPS = 1 << 12  # from node to node
DEEPEST = 16  # types inside one another


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


def read_smart(at: Spot, value: Value, pointer: MemberPart) -> Value:
    """A smart pointer, by the pointer in it."""
    address = at.read_word(pointer.offset)
    target = pointer.type.details.target
    value = value._replace(text=f"{address:#x}" if address else NULL)
    if not address or target is None or at.pointers >= at.reader.limits.pointers:
        return value
    return value._replace(pointee=read_target(at, target, address))


def read_held(at: Spot, value: Value, flag: MemberPart, held: MemberPart) -> Value:
    """What is there if a flag says so."""
    state = at.read_word(flag.offset, 1)
    if state not in (0, 1):
        lose("whether it holds a value makes no sense")
    if not state:
        return value._replace(text="nothing")
    return gather(value, [at.reader.read(at.move(held.type, held.offset), "value")])


class TreeLinks(NamedTuple):
    """Which word of a node is the link to another."""

    parent: int
    left: int
    right: int


def read_nodes(
    at: Spot,
    value: Value,
    element: DataType,
    nodes: Iterator[int],
    count: int,
    behind: int,
) -> Value:
    """The values that nodes hold behind `behind` bytes of links, as far as they are aligned."""
    find_element_size(element)
    if not 0 <= count < MAX_ELEMENTS:
        lose("how many elements it has makes no sense")
    alignment = find_alignment(element)
    behind += -behind % alignment
    spots = (at.follow(element, node + behind) for node in islice(nodes, count))
    try:
        read = read_elements(at, value, spots, count)
    except LostValue as lost:
        read = value._replace(state=lost.state)
    words = f"{count} element{'' if count == 1 else 's'}"
    return read._replace(reason=words) if read.state != "value" else read._replace(text=words)


def walk_links(at: Spot, node: int) -> Iterator[int]:
    """Nodes whose first word is the next one."""
    for _ in range(MAX_STEPS):
        yield node
        node = _read_link(at, node, 0)


def walk_tree(at: Spot, node: int, links: TreeLinks) -> Iterator[int]:
    """The nodes of a tree from the leftmost on, in order. LostValue where one is not known."""
    left_steps = MAX_STEPS
    while left_steps:
        yield node
        following = _read_link(at, node, links.right)
        step = links.left
        if not following:  # up to the first whose left side has been
            following, child = _read_link(at, node, links.parent), node
            while left_steps and child == _read_link(at, following, links.right):
                following, child = _read_link(at, following, links.parent), following
                left_steps -= 1
            node = following
        else:
            while following and left_steps:
                node, following = following, _read_link(at, following, step)
                left_steps -= 1
        left_steps = max(0, left_steps - 1)


def _read_link(at: Spot, node: int, number: int) -> int:
    width = at.reader.width
    content = at.reader.frame.read_memory(node + number * width, width)
    if content is None:
        raise LostValue("not_in_dump", f"memory at {node:#x}")
    return int.from_bytes(content, "little")


def find_alignment(kind: DataType, left: int = DEEPEST) -> int:
    """What a type's address is a multiple of, where nobody has asked for more."""
    details = kind.details
    if kind.kind in ("struct", "union") and left:
        members = (member.type for member in details.members if member.offset is not None)
        return max((find_alignment(member, left - 1) for member in members), default=1)
    if kind.kind == "array" and details.target is not None and left:
        return find_alignment(details.target, left - 1)
    size = kind.size or 1
    return min(size & -size, 16)
