"""Types of LLVM's C++ library, by its members (string, vector, __tree, optional)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crashtool.services.analyze.variables.aggregates import find_element_size
from crashtool.services.analyze.variables.containers import (
    Owners,
    Shape,
    read_held,
    read_letters,
    read_only_member,
    read_smart,
    read_vector_span,
)
from crashtool.services.analyze.variables.content import lose
from crashtool.services.analyze.variables.nodes import (
    TreeLinks,
    find_address,
    read_nodes,
    walk_tree,
)
from crashtool.services.analyze.variables.parts import MemberPart, find_part, find_path
from crashtool.services.analyze.variables.scalars import quote

if TYPE_CHECKING:
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.spot import Spot

EMPTY = re.compile(r", 0(?:ul|UL)?>$")
OWNERS = Owners("__cntrl_", "__shared_owners_", 1)
IS_LONG, IS_LONG_ALTERNATE = 0x01, 0x80  # marks in the byte that has a short string's length


def read_string(at: Spot, value: Value) -> Value | None:
    """std::string: a short one is inside it, with its length in the first byte; or in the last,
    with _LIBCPP_ABI_ALTERNATE_STRING_LAYOUT, where a long one's pointer comes first.
    """
    far, near = find_part(at.kind, "__l"), find_part(at.kind, "__s")
    pointer, length = find_path(at.kind, "__l", "__data_"), find_path(at.kind, "__l", "__size_")
    inner = find_path(at.kind, "__s", "__data_")
    if far is None or near is None or pointer is None or length is None or inner is None:
        return None
    is_alternate = pointer.offset < length.offset
    mark = at.read_word(at.size - 1 if is_alternate else 0, 1)
    if mark & (IS_LONG_ALTERNATE if is_alternate else IS_LONG):
        return read_letters(at, value, pointer.offset, length, pointer.type.details.target)
    size = find_element_size(pointer.type.details.target)
    count = mark if is_alternate else mark >> 1
    if count * size > at.size - size:
        lose("its length makes no sense")
    content = at.read_bytes(inner.offset, count * size)
    return value._replace(text=quote(content, size, is_cut=False))


def read_string_view(at: Spot, value: Value) -> Value | None:
    """std::string_view."""
    pointer = find_part(at.kind, "__data_") or find_part(at.kind, "__data")
    length = find_part(at.kind, "__size_") or find_part(at.kind, "__size")
    if pointer is None or length is None:
        return None
    return read_letters(at, value, pointer.offset, length, pointer.type.details.target)


def read_vector(at: Spot, value: Value) -> Value | None:
    """std::vector; that of bool has a size of its own, and is shown by its members."""
    first, last = find_part(at.kind, "__begin_"), find_part(at.kind, "__end_")
    if first is None or last is None or first.type.kind != "pointer":
        return None
    end = _find_value(at, "__end_cap_") or find_part(at.kind, "__cap_")
    return read_vector_span(at, value, first, last, end)


def _find_value(at: Spot, name: str) -> MemberPart | None:
    """A member, or what is held in the pair that an older library has in its place."""
    part = find_part(at.kind, name)
    if part is not None and part.type.kind == "struct":
        return find_path(at.kind, name, "__value_")
    return part


def read_smart_pointer(at: Spot, value: Value) -> Value | None:
    """std::unique_ptr, std::shared_ptr and std::weak_ptr."""
    pointer = _find_value(at, "__ptr_")
    if pointer is None or pointer.type.kind != "pointer":
        return None
    return read_smart(at, value, pointer, OWNERS)


def read_optional(at: Spot, value: Value) -> Value | None:
    """std::optional."""
    flag, held = find_part(at.kind, "__engaged_"), find_part(at.kind, "__val_")
    return None if flag is None or held is None else read_held(at, value, flag, held)


def read_tree(at: Spot, value: Value) -> Value | None:
    """std::map and std::set: nodes of a tree hold a value behind the left, the right and the
    parent, and whether they are black.
    """
    tree = find_part(at.kind, "__tree_")
    first = tree and find_part(tree.type, "__begin_node_")
    if tree is None or first is None or not tree.type.details.arguments:
        return None
    total = find_part(tree.type, "__size_") or find_path(tree.type, "__pair3_", "__value_")
    if total is None or total.type.kind != "base":
        return None
    count = at.read_word(tree.offset + total.offset)
    top = find_part(tree.type, "__pair1_") or find_part(tree.type, "__end_node_")
    if top is None:
        return None
    width, end = at.reader.width, find_address(at, tree.offset + top.offset)
    links = TreeLinks(parent=2 * width, left=0, right=width)
    nodes = walk_tree(at, at.read_word(tree.offset + first.offset), links, end)
    element = tree.type.details.arguments[0]
    return read_nodes(at, value, element, nodes, count, 3 * width + 1)


def read_map_value(at: Spot, value: Value) -> Value | None:
    """What a node of std::map holds: a pair, within a type of the library's own."""
    pair = find_part(at.kind, "__cc") or find_part(at.kind, "__cc_")
    if pair is None:
        return None
    return at.reader.read(at.move(pair.type, pair.offset)._replace(depth=at.depth), value.name)


def read_array(at: Spot, value: Value) -> Value | None:
    """std::array."""
    if EMPTY.search(at.kind.plain_name):  # it has room for one, which is none
        return value
    return read_only_member(at, value, "__elems_")


SHAPES: dict[str, tuple[Shape, ...]] = {
    "basic_string": (read_string,),
    "basic_string_view": (read_string_view,),
    "vector": (read_vector,),
    "unique_ptr": (read_smart_pointer,),
    "shared_ptr": (read_smart_pointer,),
    "weak_ptr": (read_smart_pointer,),
    "optional": (read_optional,),
    "map": (read_tree,),
    "multimap": (read_tree,),
    "set": (read_tree,),
    "multiset": (read_tree,),
    "array": (read_array,),
    "__value_type": (read_map_value,),
    "__hash_value_type": (read_map_value,),
}
