"""Types of GNU's C++ library, by its members (bits/basic_string.h, stl_vector.h, stl_tree.h, …)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.variables.places import MemoryPlace
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
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.nodes import (
    TreeLinks,
    find_address,
    read_nodes,
    walk_chain,
    walk_tree,
)
from crashtool.services.analyze.variables.parts import MemberPart, find_part, find_path
from crashtool.services.analyze.variables.pointers import read_counted_text

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.spot import Spot

OWNERS = Owners("_M_pi", "_M_use_count")


def read_string(at: Spot, value: Value) -> Value | None:
    """std::string: a pointer to its letters, which may be inside it, and their number."""
    holder, length = find_part(at.kind, "_M_dataplus"), find_part(at.kind, "_M_string_length")
    if holder is not None and length is None:
        return _read_shared_string(at, value)
    if holder is None or length is None:
        return None
    _check_room(at, holder, length)
    arguments = at.kind.details.arguments
    if holder.type.is_incomplete and arguments:  # of clang, which leaves it to the library's own
        return read_letters(at, value, holder.offset, length, arguments[0])
    pointer = find_path(at.kind, "_M_dataplus", "_M_p")
    if pointer is None:
        return None
    return read_letters(at, value, pointer.offset, length, pointer.type.details.target)


def _check_room(at: Spot, holder: MemberPart, length: MemberPart) -> None:
    """LostValue where a string has more letters than room for them: in itself, or elsewhere."""
    inner, room = find_part(at.kind, "_M_local_buf"), find_part(at.kind, "_M_allocated_capacity")
    if inner is None or room is None or not isinstance(at.place, MemoryPlace):
        return
    is_inside = at.read_word(holder.offset) == find_address(at, inner.offset)
    most = (inner.type.count or 1) - 1 if is_inside else at.read_word(room.offset)
    if at.read_word(length.offset) > most:
        lose("its length makes no sense")


def _read_shared_string(at: Spot, value: Value) -> Value | None:
    """A std::string of before C++11: three words stand before its letters, which strings may share:
    their number, how many there is room for, and who has them.
    """
    pointer = find_path(at.kind, "_M_dataplus", "_M_p")
    if pointer is None or pointer.type.kind != "pointer":
        return None
    address, width = at.read_word(pointer.offset), at.reader.width
    head = at.reader.frame.read_memory(address - 3 * width, 2 * width)
    if head is None:
        raise LostValue("not_in_dump", f"memory at {address - 3 * width:#x}")
    count, room = (int.from_bytes(part, "little") for part in (head[:width], head[width:]))
    if count > room:
        lose("its length makes no sense")
    size = find_element_size(pointer.type.details.target)
    return value._replace(text=read_counted_text(at, address, count, size) if count else '""')


def read_string_view(at: Spot, value: Value) -> Value | None:
    """std::string_view."""
    pointer, length = find_part(at.kind, "_M_str"), find_part(at.kind, "_M_len")
    if pointer is None or length is None:
        return None
    return read_letters(at, value, pointer.offset, length, pointer.type.details.target)


def read_vector(at: Spot, value: Value) -> Value | None:
    """std::vector: where its elements begin and end; of bool it is another."""
    first, last = find_part(at.kind, "_M_start"), find_part(at.kind, "_M_finish")
    if first is None or last is None or first.type.kind != "pointer":
        return None
    return read_vector_span(at, value, first, last, find_part(at.kind, "_M_end_of_storage"))


def read_unique_pointer(at: Spot, value: Value) -> Value | None:
    """std::unique_ptr: its pointer is the head of a tuple, whose deleter may be a head, too."""
    tuple_part = find_part(at.kind, "_M_t")
    pointer = tuple_part and _find_pointer(at.kind, "_M_head_impl")
    return read_smart(at, value, pointer) if pointer else None


def read_shared_pointer(at: Spot, value: Value) -> Value | None:
    """std::shared_ptr and std::weak_ptr."""
    pointer = find_part(at.kind, "_M_ptr")
    if pointer is None or pointer.type.kind != "pointer":
        return None
    return read_smart(at, value, pointer, OWNERS)


def _find_pointer(kind: DataType, name: str) -> MemberPart | None:
    """The first pointer of a name, in a tuple."""
    part = find_part(kind, name)
    if part is not None and part.type.kind != "pointer":  # a deleter with state stands first
        return None
    return part


def read_optional(at: Spot, value: Value) -> Value | None:
    """std::optional."""
    flag, payload = find_part(at.kind, "_M_engaged"), find_part(at.kind, "_M_payload")
    if flag is None or payload is None:
        return None
    held = find_part(at.kind, "_M_value")
    if held is None:
        return None
    return read_held(at, value, flag, held)


def read_tree(at: Spot, value: Value) -> Value | None:
    """std::map and std::set: nodes of a red-black tree hold a value behind four words: the color,
    the parent, the left and the right one.
    """
    tree = find_part(at.kind, "_M_t")
    header = tree and find_part(tree.type, "_M_header")
    total = tree and find_part(tree.type, "_M_node_count")
    if tree is None or header is None or total is None:
        return None
    arguments = tree.type.details.arguments
    if len(arguments) < 2 or not arguments[1].size:  # noqa: PLR2004 (a key, then what is held)
        return None
    count = at.read_word(tree.offset + total.offset)
    width = at.reader.width
    first = at.read_word(tree.offset + header.offset + 2 * width)
    end = find_address(at, tree.offset + header.offset)
    nodes = walk_tree(at, first, TreeLinks(width, 2 * width, 3 * width), end)
    return read_nodes(at, value, arguments[1], nodes, count, 4 * width)


def read_list(at: Spot, value: Value) -> Value | None:
    """std::list: nodes hold a value behind the next and the previous one."""
    head = find_path(at.kind, "_M_impl", "_M_node")
    next_part, total = find_path(at.kind, "_M_node", "_M_next"), find_part(at.kind, "_M_size")
    arguments = at.kind.details.arguments
    if head is None or next_part is None or not arguments:
        return None
    first = at.read_word(next_part.offset)
    count = at.read_word(total.offset) if total else None  # before C++11 it was not kept
    nodes = walk_chain(at, first, find_address(at, next_part.offset))
    return read_nodes(at, value, arguments[0], nodes, count, 2 * at.reader.width)


def read_hash_table(at: Spot, value: Value) -> Value | None:
    """std::unordered_map and _set: nodes hold a value behind the next one."""
    table = find_part(at.kind, "_M_h")
    first = table and find_path(table.type, "_M_before_begin", "_M_nxt")
    total = table and find_part(table.type, "_M_element_count")
    if table is None or first is None or total is None:
        return None
    arguments = table.type.details.arguments
    if len(arguments) < 2 or not arguments[1].size:  # noqa: PLR2004 (a key, then what is held)
        return None
    count = at.read_word(table.offset + total.offset)
    nodes = walk_chain(at, at.read_word(table.offset + first.offset))
    return read_nodes(at, value, arguments[1], nodes, count, at.reader.width)


def read_array(at: Spot, value: Value) -> Value | None:
    """std::array."""
    return read_only_member(at, value, "_M_elems")


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
    "array": (read_array,),
}
