"""Types of Microsoft's C++ library, by its members (xstring, vector, memory, xtree, list, …)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.services.analyze.variables.aggregates import find_element_size, read_elements
from crashtool.services.analyze.variables.containers import (
    Owners,
    Shape,
    count_elements,
    read_held,
    read_letters,
    read_only_member,
    read_smart,
    read_vector_span,
)
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.nodes import (
    TreeLinks,
    read_link,
    read_nodes,
    walk_chain,
    walk_tree,
)
from crashtool.services.analyze.variables.parts import MemberPart, find_part, find_path
from crashtool.services.analyze.variables.scalars import quote

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.spot import Spot

OWNERS = Owners("_Rep", "_Uses")
DEQUE_BLOCK = 16  # bytes of a block, or one element where that is larger (deque, _Block_size)


def read_string(at: Spot, value: Value) -> Value | None:
    """std::string: one that is no longer than its buffer is inside it."""
    store, room = find_part(at.kind, "_Bx"), find_part(at.kind, "_Myres")
    length = find_part(at.kind, "_Mysize")
    buffer = store and find_part(store.type, "_Buf")
    if store is None or buffer is None or room is None or length is None:
        return None
    letter = buffer.type.details.target
    size, most = find_element_size(letter), buffer.type.count or 0
    capacity, count = at.read_word(room.offset), at.read_word(length.offset)
    if count > capacity or capacity < most - 1:
        lose("its length makes no sense")
    if capacity >= most:
        return read_letters(at, value, store.offset, length, letter)
    content = at.read_bytes(store.offset + buffer.offset, count * size)
    return value._replace(text=quote(content, size, is_cut=False))


def read_string_view(at: Spot, value: Value) -> Value | None:
    """std::string_view."""
    pointer, length = find_part(at.kind, "_Mydata"), find_part(at.kind, "_Mysize")
    if pointer is None or length is None:
        return None
    return read_letters(at, value, pointer.offset, length, pointer.type.details.target)


def read_vector(at: Spot, value: Value) -> Value | None:
    """std::vector; that of bool has another one inside it, and is shown by its members."""
    first, last = find_part(at.kind, "_Myfirst"), find_part(at.kind, "_Mylast")
    if first is None or last is None or find_part(at.kind, "_Myvec") is not None:
        return None
    return read_vector_span(at, value, first, last, find_part(at.kind, "_Myend"))


def read_unique_pointer(at: Spot, value: Value) -> Value | None:
    """std::unique_ptr."""
    pointer = find_path(at.kind, "_Mypair", "_Myval2")
    if pointer is None or pointer.type.kind != "pointer":
        return None
    return read_smart(at, value, pointer)


def read_shared_pointer(at: Spot, value: Value) -> Value | None:
    """std::shared_ptr and std::weak_ptr."""
    pointer = find_part(at.kind, "_Ptr")
    if pointer is None or pointer.type.kind != "pointer" or find_part(at.kind, "_Rep") is None:
        return None
    return read_smart(at, value, pointer, OWNERS)


def read_optional(at: Spot, value: Value) -> Value | None:
    """std::optional."""
    flag, held = find_part(at.kind, "_Has_value"), find_part(at.kind, "_Value")
    return None if flag is None or held is None else read_held(at, value, flag, held)


def read_tree(at: Spot, value: Value) -> Value | None:
    """std::map and std::set: a tree whose head, a node without a value, stands for all that ends.

    The head's left one is the first.
    """
    head_node = _find_head(at, MemberPart(at.kind, 0))
    if head_node is None:
        return None
    head, count, node, held = head_node
    names = ("_Parent", "_Left", "_Right")
    offsets = [part.offset for name in names if (part := find_part(node, name)) is not None]
    if len(offsets) != len(names):
        return None
    links = TreeLinks(*offsets)
    nodes = _walk_tree(at, head, links)
    return read_nodes(at, value, held.type, nodes, count, held.offset)


def read_list(at: Spot, value: Value) -> Value | None:
    """std::list: a ring, with a head that has no value."""
    return _read_ring(at, value, MemberPart(at.kind, 0))


def read_hash_table(at: Spot, value: Value) -> Value | None:
    """std::unordered_map and _set: their elements are in a list."""
    ring = find_part(at.kind, "_List")
    return _read_ring(at, value, ring) if ring else None


def _read_ring(at: Spot, value: Value, ring: MemberPart) -> Value | None:
    head_node = _find_head(at, ring)
    following = head_node and find_part(head_node[2], "_Next")
    if head_node is None or following is None or following.offset:
        return None
    head, count, _, held = head_node
    nodes = _walk_ring(at, head)
    return read_nodes(at, value, held.type, nodes, count, held.offset)


def _find_head(at: Spot, holder: MemberPart) -> tuple[int, int, DataType, MemberPart] | None:
    """Of a container of nodes: the head's address, how many there are, a node's type, and where a
    node holds its value.
    """
    head, total = find_part(holder.type, "_Myhead"), find_part(holder.type, "_Mysize")
    node = head.type.details.target if head else None
    held = find_part(node, "_Myval") if node else None
    if head is None or total is None or node is None or held is None:
        return None
    count = at.read_word(holder.offset + total.offset)
    return at.read_word(holder.offset + head.offset), count, node, held


def _walk_tree(at: Spot, head: int, links: TreeLinks) -> Iterator[int]:
    yield from walk_tree(at, read_link(at, head, links.left), links, head, none=head)


def _walk_ring(at: Spot, head: int) -> Iterator[int]:
    yield from walk_chain(at, read_link(at, head), head)


def read_deque(at: Spot, value: Value) -> Value | None:
    """std::deque: blocks, a ring of pointers to them, and where in all that the first one is."""
    blocks, length = find_part(at.kind, "_Map"), find_part(at.kind, "_Mapsize")
    first, total = find_part(at.kind, "_Myoff"), find_part(at.kind, "_Mysize")
    block = blocks.type.details.target if blocks else None
    element = block.details.target if block else None
    if blocks is None or length is None or first is None or total is None or element is None:
        return None
    size = find_element_size(element)
    each = max(1, DEQUE_BLOCK // (1 << (size - 1).bit_length()))
    ring, width = at.read_word(length.offset), at.reader.width
    start, count, table = (at.read_word(part.offset) for part in (first, total, blocks))
    if not ring and count:
        lose("how many elements it has makes no sense")

    def walk_spots() -> Iterator[Spot]:
        for number in range(start, start + count):
            place = read_link(at, table + number // each % ring * width)
            yield at.follow(element, place + number % each * size)

    try:
        read = read_elements(at, value, walk_spots(), count)
    except LostValue as lost:
        read = value._replace(state=lost.state)
    return count_elements(read, count, table)


def read_array(at: Spot, value: Value) -> Value | None:
    """std::array."""
    return read_only_member(at, value, "_Elems")


SHAPES: dict[str, tuple[Shape, ...]] = {
    "basic_string": (read_string,),
    "basic_string_view": (read_string_view,),
    "vector": (read_vector,),
    "unique_ptr": (read_unique_pointer,),
    "shared_ptr": (read_shared_pointer,),
    "weak_ptr": (read_shared_pointer,),
    "optional": (read_optional,),
    "map": (read_tree,),
    "multimap": (read_tree,),
    "set": (read_tree,),
    "multiset": (read_tree,),
    "list": (read_list,),
    "unordered_map": (read_hash_table,),
    "unordered_multimap": (read_hash_table,),
    "unordered_set": (read_hash_table,),
    "unordered_multiset": (read_hash_table,),
    "deque": (read_deque,),
    "array": (read_array,),
}
