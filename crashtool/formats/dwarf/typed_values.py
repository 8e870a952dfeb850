"""Values on the stack of a location expression: numbers as wide as an address, or of a type.

DWARF 5, 2.5.1: a generic value has the size of an address and no sign of its own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from struct import error as struct_error
from struct import pack, unpack
from typing import Literal, TypeAlias

from crashtool.formats.named_tuple import NamedTuple

BITS = 8
LARGEST = 16  # bytes of a typed number
FLOATS = {2: "<e", 4: "<f", 8: "<d"}


class StackType(NamedTuple):
    """A base type; generic ones have size 0."""

    kind: Literal["signed", "unsigned", "float", "generic"]
    size: int

    def unpack(self, content: bytes) -> Item | None:
        """The value that bytes are, the lowest first; None for a type that cannot be read."""
        if len(content) < self.size or not 0 < self.size <= LARGEST:
            return None
        content = content[: self.size]
        if self.kind == "float":
            form = FLOATS.get(self.size)
            return Item(unpack(form, content)[0], self) if form else None
        return Item(int.from_bytes(content, "little", signed=self.kind == "signed"), self)


GENERIC = StackType("generic", 0)


class Item(NamedTuple):
    """A value and its type. Generic and unsigned ones are not negative."""

    value: int | float
    type: StackType

    def pack(self, width: int) -> bytes | None:
        """Its bytes; generic ones have `width`."""
        size = self.type.size or width
        if isinstance(self.value, float):
            form = FLOATS.get(size)
            try:
                return pack(form, self.value) if form else None
            except (OverflowError, struct_error):
                return None
        return (self.value & (1 << BITS * size) - 1).to_bytes(size, "little")

    def convert(self, kind: StackType, width: int) -> Item | None:
        """The same number as of another type."""
        if kind.kind == "float":
            return _wrap(float(self.value), kind, width)
        if isinstance(self.value, float):
            if self.value - self.value:  # infinite, or no number
                return None
            return _wrap(int(self.value), kind, width)
        return _wrap(self.value, kind, width)

    def reinterpret(self, kind: StackType, width: int) -> Item | None:
        """The same bytes as of another type of that size."""
        content = self.pack(width)
        if content is None or len(content) != (kind.size or width):
            return None
        if kind is GENERIC:
            return Item(int.from_bytes(content, "little"), GENERIC)
        return kind.unpack(content)

    def change(self, operation: Literal["abs", "neg", "not"], width: int) -> Item | None:
        """The value alone in an operation; a generic one has a sign there."""
        value = _signed(self, width)
        if operation == "abs":
            return _wrap(abs(value), self.type, width)
        if operation == "neg":
            return _wrap(-value, self.type, width)
        return _wrap(~value, self.type, width) if isinstance(value, int) else None


def _wrap(value: float, kind: StackType, width: int) -> Item | None:
    """A value cut to its type."""
    if kind.kind == "float":
        if isinstance(value, int) or kind.size not in FLOATS:
            return None
        try:
            return Item(unpack(FLOATS[kind.size], pack(FLOATS[kind.size], value))[0], kind)
        except OverflowError:
            return None
    if not isinstance(value, int):
        return None
    size = kind.size or width
    if not 0 < size <= LARGEST:
        return None
    value &= (1 << BITS * size) - 1
    if kind.kind == "signed" and value >> BITS * size - 1:
        value -= 1 << BITS * size
    return Item(value, kind)


def _signed(item: Item, width: int) -> int | float:
    value = item.value
    if item.type.kind == "generic" and isinstance(value, int) and value >> BITS * width - 1:
        value -= 1 << BITS * width
    return value


def calculate(operation: str, left: Item, right: Item, width: int) -> Item | None:
    """Two values in an operation of DWARF 5, 2.5.1.4; None where it is not defined."""
    if operation in SHIFTS:
        return _shift(operation, left, right, width)
    if left.type != right.type:
        return None
    if operation == "div":
        return _divide(left, right, width)
    a, b = left.value, right.value
    if operation in SUMS:
        return _wrap(SUMS[operation](a, b), left.type, width)
    if not isinstance(a, int) or not isinstance(b, int) or (operation == "mod" and not b):
        return None
    return _wrap(WHOLE[operation](a, b), left.type, width)


def _rest(a: int, b: int) -> int:
    """What is left of a division that rounds to zero."""
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


Sum: TypeAlias = Callable[[int | float, int | float], int | float]
SHIFTS = ("shl", "shr", "shra")
SUMS: dict[str, Sum] = {"plus": operator.add, "minus": operator.sub, "mul": operator.mul}
WHOLE: dict[str, Callable[[int, int], int]] = {
    "mod": _rest,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
}


def _divide(left: Item, right: Item, width: int) -> Item | None:
    a, b = _signed(left, width), _signed(right, width)
    if not b:
        return None
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)
        return _wrap(-quotient if (a < 0) != (b < 0) else quotient, left.type, width)
    return _wrap(a / b, left.type, width)


def _shift(operation: str, left: Item, right: Item, width: int) -> Item | None:
    value, count = left.value, right.value
    size = left.type.size or width
    if not isinstance(value, int) or not isinstance(count, int) or count < 0:
        return None
    count = min(count, BITS * LARGEST)
    if operation == "shl":
        return _wrap(value << count, left.type, width)
    if operation == "shra":
        signed = _signed(left, width)
        return _wrap(signed >> count, left.type, width) if isinstance(signed, int) else None
    return _wrap((value & (1 << BITS * size) - 1) >> count, left.type, width)


def compare(operation: str, left: Item, right: Item, width: int) -> int:
    """1 where two values stand so to one another, else 0; generic ones are compared with signs."""
    a, b = _signed(left, width), _signed(right, width)
    answers = {"eq": a == b, "ge": a >= b, "gt": a > b, "le": a <= b, "lt": a < b, "ne": a != b}
    return int(answers[operation])
