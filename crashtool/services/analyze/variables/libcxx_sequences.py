"""Further containers of LLVM's C++ library: those of nodes and blocks, tuples and variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.services.analyze.variables.aggregates import (
    find_element_size,
    gather,
    read_elements,
)
from crashtool.services.analyze.variables.containers import (
    MAX_ELEMENTS,
    count_elements,
    read_bits,
    read_chosen,
)
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.nodes import (
    find_address,
    read_link,
    read_nodes,
    walk_chain,
)
from crashtool.services.analyze.variables.parts import MemberPart, find_part, find_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashtool.formats.variables.data_type import DataType
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.containers import Shape
    from crashtool.services.analyze.variables.spot import Spot

BLOCK, FEWEST = 4096, 16  # bytes of a deque's block, and how many elements are in it at least
LEAF = "std::__1::__tuple_leaf<", "std::__ndk1::__tuple_leaf<"


def _find_number(kind: DataType, *names: str) -> MemberPart | None:
    """A number that a library keeps under one of some names, or in a pair of that name."""
    for name in names:
        part = find_part(kind, name)
        if part is not None and part.type.kind == "struct":
            part = find_path(kind, name, "__value_")
        if part is not None and part.type.kind == "base":
            return part
    return None


def read_list(at: Spot, value: Value) -> Value | None:
    """std::list: nodes hold a value behind the previous and the next one."""
    end, first = find_part(at.kind, "__end_"), find_path(at.kind, "__end_", "__next_")
    total = _find_number(at.kind, "__size_alloc_", "__size_")
    arguments = at.kind.details.arguments
    if end is None or first is None or total is None or not arguments:
        return None
    width = at.reader.width
    nodes = walk_chain(at, at.read_word(first.offset), find_address(at, end.offset), width)
    return read_nodes(at, value, arguments[0], nodes, at.read_word(total.offset), 2 * width)


def read_forward_list(at: Spot, value: Value) -> Value | None:
    """std::forward_list: nodes hold a value behind the next one; nothing counts them."""
    first, arguments = find_path(at.kind, "__before_begin_", "__next_"), at.kind.details.arguments
    if first is None or not arguments:
        return None
    nodes = walk_chain(at, at.read_word(first.offset))
    return read_nodes(at, value, arguments[0], nodes, None, at.reader.width)


def read_hash_table(at: Spot, value: Value) -> Value | None:
    """std::unordered_map and _set: nodes hold a value behind the next one and its hash."""
    table = find_part(at.kind, "__table_")
    if table is None or not table.type.details.arguments:
        return None
    first = find_path(table.type, "__p1_", "__next_") or find_path(
        table.type, "__first_node_", "__next_"
    )
    total = _find_number(table.type, "__p2_", "__size_")
    if first is None or total is None:
        return None
    nodes = walk_chain(at, at.read_word(table.offset + first.offset))
    count, element = at.read_word(table.offset + total.offset), table.type.details.arguments[0]
    return read_nodes(at, value, element, nodes, count, 2 * at.reader.width)


def read_deque(at: Spot, value: Value) -> Value | None:
    """std::deque: pointers to blocks, and the number of the first element among all in those."""
    table, end = find_path(at.kind, "__map_", "__begin_"), find_path(at.kind, "__map_", "__end_")
    start, total = find_part(at.kind, "__start_"), _find_number(at.kind, "__size_")
    block = table.type.details.target if table else None
    element = block.details.target if block else None
    if table is None or end is None or start is None or total is None or element is None:
        return None
    size, width = find_element_size(element), at.reader.width
    each = FEWEST if size >= BLOCK // FEWEST else BLOCK // size
    skipped, count = at.read_word(start.offset), at.read_word(total.offset)
    blocks = at.read_word(table.offset)
    room = (at.read_word(end.offset) - blocks) // width * each
    if not 0 <= count < MAX_ELEMENTS or skipped + count > max(room, 0):
        lose("how many elements it has makes no sense")

    def walk_spots() -> Iterator[Spot]:
        for number in range(skipped, skipped + count):
            place = read_link(at, blocks, number // each * width)
            yield at.follow(element, place + number % each * size)

    try:
        read = read_elements(at, value, walk_spots(), count)
    except LostValue as lost:
        read = value._replace(state=lost.state)
    return count_elements(read, count, blocks)


def read_vector_of_bits(at: Spot, value: Value) -> Value | None:
    """std::vector of bool: words of bits, and how many there are."""
    first, total = find_part(at.kind, "__begin_"), find_part(at.kind, "__size_")
    if first is None or total is None or total.type.kind != "base":
        return None
    return read_bits(at, value, at.read_word(first.offset), at.read_word(total.offset))


def read_tuple(at: Spot, value: Value) -> Value | None:
    """std::tuple: each element is in a base of its own, in their order."""
    holder = find_part(at.kind, "__base_")
    if holder is None:
        return None
    children: list[Value] = []
    for member in holder.type.details.members:
        held = member.type.details.members
        if not member.type.plain_name.startswith(LEAF) or len(held) != 1:
            return None  # an element that is empty is a base of its leaf
        offset = holder.offset + (member.offset or 0) + (held[0].offset or 0)
        children.append(at.reader.read(at.move(held[0].type, offset), f"[{len(children)}]"))
    return gather(value, children)


def read_variant(at: Spot, value: Value) -> Value | None:
    """std::variant: which of its types it has, and room that begins with a value of that."""
    number, room = find_part(at.kind, "__index"), find_part(at.kind, "__data")
    if number is None or room is None:
        return None
    return read_chosen(at, value, number, room.offset)


SHAPES: dict[str, tuple[Shape, ...]] = {
    "list": (read_list,),
    "forward_list": (read_forward_list,),
    "unordered_map": (read_hash_table,),
    "unordered_multimap": (read_hash_table,),
    "unordered_set": (read_hash_table,),
    "unordered_multiset": (read_hash_table,),
    "deque": (read_deque,),
    "vector": (read_vector_of_bits,),
    "tuple": (read_tuple,),
    "variant": (read_variant,),
}
