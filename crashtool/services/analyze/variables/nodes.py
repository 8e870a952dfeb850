"""Containers of nodes: chains and trees, followed by links and held against their lengths.

A crash may have come in the middle of a change, or because of what overwrote them: what does not
fit together is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.variables.places import MemoryPlace
from crashtool.services.analyze.variables.aggregates import find_element_size, read_elements
from crashtool.services.analyze.variables.content import LostValue, lose

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.spot import Spot

MAX_ELEMENTS = 1 << 40
MAX_NODES = 1 << 10  # of one container that are followed
TALLEST = 128  # nodes from the root of a balanced tree of all memory to its leaves
CIRCLE = "its links lead in a circle"
DEEPEST = 16  # types inside one another


class TreeLinks(NamedTuple):
    """Where in a node the links to others are, in bytes."""

    parent: int
    left: int
    right: int


def find_address(at: Spot, offset: int) -> int:
    """The address of a byte of a value, which others link to. LostValue where it has none."""
    if not isinstance(at.place, MemoryPlace):
        lose("it has no address")
    return at.place.address + at.offset + offset


def read_nodes(
    at: Spot,
    value: Value,
    element: DataType,
    nodes: Iterator[int],
    count: int | None,
    behind: int,
) -> Value:
    """The values that nodes hold behind `behind` bytes of links, as far as they are aligned.

    `nodes` ends where the container does; `count`: how many it says that there are, None if it does
    not. LostValue where the two do not agree.
    """
    find_element_size(element)
    if count is not None and not 0 <= count < MAX_ELEMENTS:
        lose("how many elements it has makes no sense")
    addresses, is_whole = _collect(nodes, count)
    total = len(addresses) if count is None else count
    alignment = find_alignment(element)
    behind += -behind % alignment
    spots = (at.follow(element, node + behind) for node in addresses)
    if addresses or is_whole:
        read = read_elements(at, value, spots, total)
    else:
        read = value._replace(state="not_in_dump")
    words = f"{total} element{'' if total == 1 else 's'}"
    if count is None and not is_whole:
        words += " or more"
    return read._replace(reason=words) if read.state != "value" else read._replace(text=words)


def _collect(nodes: Iterator[int], count: int | None) -> tuple[list[int], bool]:
    """The addresses of nodes, as far as the dump has them, and whether that is all."""
    addresses: dict[int, None] = {}
    try:
        for node in islice(nodes, MAX_NODES):
            if node in addresses:
                lose(CIRCLE)
            if len(addresses) == count:
                lose("its length and its links do not agree")
            addresses[node] = None
    except LostValue as lost:
        if lost.state != "not_in_dump":
            raise
        return list(addresses), False
    is_whole = len(addresses) < MAX_NODES
    if is_whole and count is not None and len(addresses) != count:
        lose("its length and its links do not agree")
    return list(addresses), is_whole


def walk_chain(at: Spot, node: int, end: int = 0, link: int = 0) -> Iterator[int]:
    """Nodes up to an end; the next one stands at byte `link` of each."""
    while node != end:
        yield node
        node = read_link(at, node, link)


def walk_tree(at: Spot, node: int, links: TreeLinks, end: int, none: int = 0) -> Iterator[int]:
    """The nodes of a tree in order, from the leftmost on; `end`: what the root is a child of.

    `none`: what a node that has no child there links to. LostValue where one is not known.
    """
    while node != end:
        yield node
        following = read_link(at, node, links.right)
        if following != none:
            node = _find_leftmost(at, following, links, none)
        else:
            node = _find_parent(at, node, links, end)


def _find_leftmost(at: Spot, node: int, links: TreeLinks, none: int) -> int:
    for _ in range(TALLEST):
        following = read_link(at, node, links.left)
        if following == none:
            return node
        node = following
    raise LostValue("unknown", CIRCLE)


def _find_parent(at: Spot, node: int, links: TreeLinks, end: int) -> int:
    """The first above a node whose left side it is on."""
    for _ in range(TALLEST):
        parent = read_link(at, node, links.parent)
        if parent == end or node != read_link(at, parent, links.right):
            return parent
        node = parent
    raise LostValue("unknown", CIRCLE)


def read_link(at: Spot, node: int, offset: int = 0) -> int:
    """What a node links to by a word of it. LostValue where that is not known."""
    if not node:
        lose("its links lead nowhere")
    at.reader.take_step()
    content = at.reader.frame.read_memory(node + offset, at.reader.width)
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
