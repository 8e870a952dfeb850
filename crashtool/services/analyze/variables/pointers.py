"""Pointers and references: addresses, and what they lead to where the dump has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.variables.places import MemoryPlace, PointeePlace
from crashtool.model.variables import Value
from crashtool.services.analyze.variables.content import LostValue, lose
from crashtool.services.analyze.variables.scalars import is_letter, quote

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType
    from crashtool.services.analyze.variables.spot import Spot

NULL = "null"
STEPS = (1 << 8, 1 << 6, 1 << 4, 1 << 2, 1)  # letters that are looked for at once
LARGEST_VTABLE = 1 << 16  # bytes
NO_VALUE = ("void", "function", "unknown")


def read_pointer(at: Spot, value: Value) -> Value:
    """A pointer or reference."""
    if isinstance(at.place, PointeePlace):
        return _read_implicit(at, at.place, value)
    address = at.read_word(0, at.size)
    value = value._replace(text=f"{address:#x}" if address else NULL)
    target = at.kind.details.target
    if target is None or not address:
        return value
    if target.kind == "function":
        name = at.reader.name_code(address)
        return value._replace(text=f"{value.text} {name}") if name else value
    if at.reader.limits.is_plain or target.kind in NO_VALUE or target.is_incomplete:
        return value
    if at.kind.kind == "pointer" and at.pointers >= at.reader.limits.pointers:
        return value
    return value._replace(pointee=read_target(at, target, address))


def read_target(at: Spot, target: DataType, address: int) -> Value:
    """What is at an address: a text for letters."""
    if is_letter(target):
        text = Value(target.name)
        try:
            content, is_cut = read_text(at, address, target.size or 1)
        except LostValue as lost:
            return text._replace(state=lost.state, reason=lost.reason)
        return text._replace(text=quote(content, target.size or 1, is_cut=is_cut))
    spot = at.follow(target, address)
    return at.reader.read(spot._replace(pointers=at.pointers + 1))


def read_member_pointer(at: Spot, value: Value, *, is_arm: bool) -> Value:
    """A pointer to a member: how far into an object it leads, or to which function.

    Of functions Itanium's ABI has two words, an address and what is added to `this`. For a virtual
    one the first is where it is in the vtable, which a set lowest bit tells: of the first word, on
    ARM of the second, whose other bits count for `this`. Microsoft's begins with an address, too.
    """
    content, width = at.read_bytes(0, at.size), at.reader.width
    number, target = int.from_bytes(content, "little", signed=True), at.kind.details.target
    if at.reader.limits.is_plain:
        return value._replace(text=str(number))
    if target is None or target.kind != "function":
        return value._replace(text=NULL if number == -1 else str(number))
    address = int.from_bytes(content[:width], "little")
    added = int.from_bytes(content[width : width + 4], "little", signed=True)
    has_words = len(content) == 2 * width
    is_virtual = has_words and bool((added if is_arm else address) & 1)
    if not address and not is_virtual:
        return value._replace(text=NULL)
    entry = address if is_arm else address - 1
    name = at.reader.name_code(address)
    if is_virtual and not name and entry < LARGEST_VTABLE and not entry % width:
        text = f"virtual, at {entry:#x} of the vtable"
    else:
        text = f"{address:#x} {name}".rstrip()
    moved = added >> 1 if is_arm and has_words else added
    return value._replace(text=f"{text}, this + {moved}" if moved else text)


def _read_implicit(at: Spot, place: PointeePlace, value: Value) -> Value:
    """A pointer that the compiler has removed, with what it led to."""
    target = at.kind.details.target
    if at.offset or target is None or target.kind in NO_VALUE:
        lose("it has no address")
    spot = at._replace(kind=target, place=place.place, offset=place.offset, depth=at.depth + 1)
    pointee = at.reader.read(spot)
    if pointee.state != "value":
        return value._replace(state=pointee.state, reason=pointee.reason)
    return value._replace(pointee=pointee, reason="what it leads to has no address")


def read_text(at: Spot, address: int, size: int) -> tuple[bytes, bool]:
    """The bytes of a text up to its zero, in letters of `size` bytes, and whether it goes on.

    LostValue when the dump holds neither its end nor as much as is shown.
    """
    most = at.reader.limits.text * size
    text, zero = bytearray(), bytes(size)
    while len(text) < most:
        part = _read_part(at, address + len(text), size)
        for start in range(0, len(part), size):
            if part[start : start + size] == zero:
                return bytes(text[:most]), len(text) > most
            text += part[start : start + size]
    return bytes(text[:most]), True


def _read_part(at: Spot, address: int, size: int) -> bytes:
    for step in STEPS:
        if content := at.reader.frame.read_memory(address, step * size):
            return content
    raise LostValue("not_in_dump", f"memory at {address:#x}")


def read_counted_text(at: Spot, address: int, count: int, size: int = 1) -> str:
    """A text of so many letters, in quotes. LostValue where the dump does not hold it."""
    if not 0 <= count < 1 << 40:
        lose("its length makes no sense")
    most = min(count, at.reader.limits.text)
    spot = at._replace(place=MemoryPlace(address), offset=0)
    try:
        content = spot.read_bytes(0, most * size)
    except LostValue as lost:
        raise LostValue(lost.state, f"{count} letters at {address:#x}") from None
    return quote(content, size, is_cut=most < count)
