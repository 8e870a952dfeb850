"""Texts, vectors and slices of Rust, by their members (core, alloc::string, alloc::vec)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.services.analyze.variables.containers import Shape, read_letters, read_span
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.parts import MemberPart, find_part, find_path

if TYPE_CHECKING:
    from crashtool.model.variables import Value
    from crashtool.services.analyze.variables.spot import Spot

TEXTS = ("&str", "&mut str")
SLICES = ("&[", "&mut [")
STRING, VECTOR = "alloc::string::String", "alloc::vec::Vec<"


def find_shape(name: str) -> Shape | None:
    """What reads a type of that name; None for all others."""
    if name in TEXTS:
        return read_text_slice
    if name.startswith(SLICES):
        return read_slice
    if name == STRING:
        return read_string
    return read_vector if name.startswith(VECTOR) else None


def read_text_slice(at: Spot, value: Value) -> Value | None:
    """&str: a pointer to its letters, in UTF-8, and how many bytes they are."""
    pointer, length = find_part(at.kind, "data_ptr"), find_part(at.kind, "length")
    if pointer is None or length is None or pointer.type.kind != "pointer":
        return None
    return read_letters(at, value, pointer.offset, length, pointer.type.details.target)


def read_slice(at: Spot, value: Value) -> Value | None:
    """&[T]: a pointer to its first element, and how many there are."""
    pointer, length = find_part(at.kind, "data_ptr"), find_part(at.kind, "length")
    if pointer is None or length is None or pointer.type.kind != "pointer":
        return None
    element = pointer.type.details.target
    if element is None or not element.size:
        return None
    start, count = at.read_word(pointer.offset), at.read_word(length.offset)
    return read_span(at, value, element, start, start + count * element.size)


def read_string(at: Spot, value: Value) -> Value | None:
    """String: a vector of bytes in UTF-8."""
    held = find_part(at.kind, "vec")
    pointer = held and _find_start(held)
    if held is None or pointer is None:
        return None
    length = _find_length(at, held)
    return read_letters(at, value, pointer.offset, length, pointer.type.details.target)


def read_vector(at: Spot, value: Value) -> Value | None:
    """Vec<T>: where its elements begin, how many there are, and for how many there is room."""
    held, arguments = MemberPart(at.kind, 0), at.kind.details.arguments
    pointer = _find_start(held)
    if pointer is None or not arguments or not arguments[0].size:
        return None
    length, element = _find_length(at, held), arguments[0]
    start, count = at.read_word(pointer.offset), at.read_word(length.offset)
    return read_span(at, value, element, start, start + count * (element.size or 0))


def _find_start(held: MemberPart) -> MemberPart | None:
    """The pointer to a vector's elements."""
    pointer = find_path(held.type, "buf", "ptr", "pointer", "pointer")
    if pointer is None or pointer.type.kind != "pointer":
        return None
    return MemberPart(pointer.type, held.offset + pointer.offset)


def _find_length(at: Spot, held: MemberPart) -> MemberPart:
    """How many elements a vector has. LostValue where there is no room for them."""
    length, room = find_part(held.type, "len"), find_path(held.type, "buf", "cap")
    if length is None:
        lose("how many elements it has is not known")
    length = MemberPart(length.type, held.offset + length.offset)
    try:
        most = None if room is None else at.read_word(held.offset + room.offset)
    except LostValue:  # in a register that is not known, or optimized out
        most = None
    if most is not None and at.read_word(length.offset) > most:
        lose("its length makes no sense")
    return length
