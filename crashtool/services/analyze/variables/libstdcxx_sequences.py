"""Sequences of GNU's C++ library other than vectors and lists (stl_deque.h, stl_bvector.h, …)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.services.analyze.variables.aggregates import find_element_size, read_elements
from crashtool.services.analyze.variables.containers import (
    MAX_ELEMENTS,
    count_elements,
    read_bits,
    read_only_member,
    read_span,
)
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.nodes import read_link, read_nodes, walk_chain
from crashtool.services.analyze.variables.parts import find_part, find_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.containers import Shape
    from crashtool.services.analyze.variables.spot import Spot

DEQUE_BLOCK = 512  # bytes of a block, or one element where that is larger (stl_deque.h)
BITS = 8
NO_EXTENT = (1 << 64) - 1, (1 << 32) - 1  # std::dynamic_extent


def read_deque(at: Spot, value: Value) -> Value | None:
    """std::deque: pointers to blocks, and of the first and the last element which block it is in
    and where.
    """
    table, length = find_part(at.kind, "_M_map"), find_part(at.kind, "_M_map_size")
    start, finish = find_part(at.kind, "_M_start"), find_part(at.kind, "_M_finish")
    names = ("_M_cur", "_M_first", "_M_last", "_M_node")
    if table is None or length is None or start is None or finish is None:
        return None
    parts = [part for name in names if (part := find_part(start.type, name)) is not None]
    element = parts[0].type.details.target if len(parts) == len(names) else None
    if element is None:
        return None
    current, first, last, block = (at.read_word(start.offset + part.offset) for part in parts)
    end, end_first, _, end_block = (at.read_word(finish.offset + part.offset) for part in parts)
    size, width = find_element_size(element), at.reader.width
    each = max(1, DEQUE_BLOCK // size)
    blocks, rest = divmod(end_block - block, width)
    map_start = at.read_word(table.offset)
    map_end = map_start + width * at.read_word(length.offset)
    count, odd = divmod((end - end_first) - (current - first) + blocks * each * size, size)
    if (
        rest
        or odd
        or not 0 <= count < MAX_ELEMENTS
        or last - first != each * size
        or not first <= current <= last
        or not map_start <= block <= end_block < map_end
    ):
        lose("where it begins and ends makes no sense")
    skipped = (current - first) // size

    def walk_spots() -> Iterator[Spot]:
        for number in range(skipped, skipped + count):
            steps, inner = divmod(number, each)
            place = read_link(at, block, steps * width) if steps else first
            yield at.follow(element, place + inner * size)

    try:
        read = read_elements(at, value, walk_spots(), count)
    except LostValue as lost:
        read = value._replace(state=lost.state)
    return count_elements(read, count, current)


def read_forward_list(at: Spot, value: Value) -> Value | None:
    """std::forward_list: nodes hold a value behind the next one; nothing counts them."""
    first = find_path(at.kind, "_M_head", "_M_next")
    arguments = at.kind.details.arguments
    if first is None or not arguments:
        return None
    nodes = walk_chain(at, at.read_word(first.offset))
    return read_nodes(at, value, arguments[0], nodes, None, at.reader.width)


def read_vector_of_bits(at: Spot, value: Value) -> Value | None:
    """std::vector of bool: words of bits, and in which word and bit it begins and ends."""
    ends = [part for name in ("_M_start", "_M_finish") if (part := find_part(at.kind, name))]
    pointer, offset = (
        find_part(ends[0].type, name) if ends else None for name in ("_M_p", "_M_offset")
    )
    if len(ends) != 2 or pointer is None or offset is None:  # noqa: PLR2004 (where it begins, and ends)
        return None
    first, end = (at.read_word(part.offset + pointer.offset) for part in ends)
    skipped, beyond = (at.read_word(at_part.offset + offset.offset, 4) for at_part in ends)
    if skipped:
        lose("where it begins and ends makes no sense")
    return read_bits(at, value, first, BITS * (end - first) + beyond)


def read_adaptor(at: Spot, value: Value) -> Value | None:
    """std::stack, queue and priority_queue: a container, the first element at its bottom."""
    return read_only_member(at, value, "c")


def read_bitset(at: Spot, value: Value) -> Value | None:
    """std::bitset: its bits as digits, the highest first, as its to_string has them."""
    words = find_part(at.kind, "_M_w")
    digits = at.kind.plain_name.rpartition("<")[2].strip(" >ulUL")
    if words is None or not digits.isdecimal() or not words.type.size:
        return None
    count = int(digits)
    if not 0 < count <= min(BITS * words.type.size, at.reader.limits.text):
        return None
    number = int.from_bytes(at.read_bytes(words.offset, words.type.size), "little")
    if number >> count:
        lose("it has more bits than its type")
    return value._replace(text=f"{number:0{count}b}")


def read_initializer_list(at: Spot, value: Value) -> Value | None:
    """std::initializer_list."""
    pointer, length = find_part(at.kind, "_M_array"), find_part(at.kind, "_M_len")
    if pointer is None or length is None:
        return None
    element, start = pointer.type.details.target, at.read_word(pointer.offset)
    count = at.read_word(length.offset)
    return read_span(at, value, element, start, start + count * find_element_size(element))


def read_a_span(at: Spot, value: Value) -> Value | None:
    """std::span: how many elements it has is in it, or in its type."""
    pointer, length = find_part(at.kind, "_M_ptr"), find_part(at.kind, "_M_extent_value")
    if pointer is None or pointer.type.kind != "pointer":
        return None
    digits = at.kind.plain_name.rpartition(",")[2].strip(" >ulUL")
    fixed = int(digits) if digits.isdecimal() else None
    if length is None and (fixed is None or fixed in NO_EXTENT):
        return None
    count = fixed if length is None else at.read_word(length.offset)
    element, start = pointer.type.details.target, at.read_word(pointer.offset)
    size = find_element_size(element)
    return read_span(at, value, element, start, start + (count or 0) * size)


SHAPES: dict[str, tuple[Shape, ...]] = {
    "bitset": (read_bitset,),
    "deque": (read_deque,),
    "forward_list": (read_forward_list,),
    "vector": (read_vector_of_bits,),
    "stack": (read_adaptor,),
    "queue": (read_adaptor,),
    "priority_queue": (read_adaptor,),
    "initializer_list": (read_initializer_list,),
    "span": (read_a_span,),
}
