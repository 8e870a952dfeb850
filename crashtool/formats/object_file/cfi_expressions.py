"""DWARF expressions of call frame information, as the postfix text of STACK CFI rules.

Breakpad's language has no comparisons and shifts; procedure linkage tables need them, so that
`formats.breakpad.cfi` knows them by words: `and`, `shl`, `ge` and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAX_TERMS = 64
# DWARF 5, 7.7.1.
DW_OP_lit, DW_OP_breg = range(0x30, 0x50), range(0x70, 0x90)  # lit0 to lit31, breg0 to breg31
DW_OP_addr = 0x03
DW_OP_deref = 0x06
DW_OP_constu = 0x10
DW_OP_consts = 0x11
DW_OP_dup = 0x12
DW_OP_drop = 0x13
DW_OP_over = 0x14
DW_OP_swap = 0x16
DW_OP_plus_uconst = 0x23
DW_OP_bregx = 0x92
DW_OP_nop = 0x96
CONSTANTS = {  # DW_OP_const1u to DW_OP_const8s: size in bytes, and whether it has a sign
    0x08: (1, False),
    0x09: (1, True),
    0x0A: (2, False),
    0x0B: (2, True),
    0x0C: (4, False),
    0x0D: (4, True),
    0x0E: (8, False),
    0x0F: (8, True),
}
OPERATIONS = {  # DW_OP_and to DW_OP_ne: how Breakpad's rules, or ours, write it
    0x1A: "and",
    0x1B: "/",
    0x1C: "-",
    0x1D: "%",
    0x1E: "*",
    0x21: "or",
    0x22: "+",
    0x24: "shl",
    0x25: "shr",
    0x27: "xor",
    0x29: "eq",
    0x2A: "ge",
    0x2B: "gt",
    0x2C: "le",
    0x2D: "lt",
    0x2E: "ne",
}


class UnknownExpression(Exception):
    """An expression that is damaged, or with an operation that unwind tables do not need."""


class Reader:
    """Bytes from `offset` to `end`, read in turn. UnknownExpression when they run out."""

    def __init__(self, data: Content, offset: int = 0, end: int | None = None) -> None:
        self.data = data
        self.offset = offset
        self.end = len(data) if end is None else end

    def fault(self, what: str) -> Exception:
        """What is raised when the bytes are not as they should be."""
        return UnknownExpression(what)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size < 0 or self.offset + size > self.end:
            raise self.fault("cut short")
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def number(self, size: int, *, signed: bool = False) -> int:
        """A little-endian number of `size` bytes."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def uleb(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        if self.offset < self.end and (byte := self.data[self.offset]) < 0x80:  # noqa: PLR2004 (most)
            self.offset += 1
            return byte
        value = shift = 0
        while shift < 70:  # noqa: PLR2004 (ten bytes of seven bits)
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 (the last byte's mark)
                return value
        raise self.fault("damaged (a number without end)")

    def sleb(self) -> int:
        """A signed LEB128 number of at most 64 bits."""
        start = self.offset
        value = self.uleb()
        bits = 7 * (self.offset - start)
        return value - (1 << bits) if value >> bits - 1 else value


class RegisterNames(NamedTuple):
    """What a CPU's DWARF numbers are called, and a pointer's size in bytes."""

    registers: Mapping[int, str]
    width: int


def to_postfix(expression: bytes, names: RegisterNames, *, with_cfa: bool) -> str:
    """An expression as text. `with_cfa`: it starts with the frame's address on its stack.

    UnknownExpression for what cannot be said so.
    """
    stack = [".cfa"] if with_cfa else []
    reader = Reader(expression)
    try:
        while reader.offset < reader.end:
            _take_step(reader, names, stack)
            if len(stack) > MAX_TERMS or sum(map(len, stack)) > MAX_TERMS * MAX_TERMS:
                raise UnknownExpression("too long")
        return stack[-1]
    except IndexError:
        raise UnknownExpression("a stack without values") from None


def _take_step(reader: Reader, names: RegisterNames, stack: list[str]) -> None:
    operation = reader.number(1)
    if operation in DW_OP_lit:
        stack.append(str(operation - DW_OP_lit.start))
    elif operation in DW_OP_breg or operation == DW_OP_bregx:
        number = reader.uleb() if operation == DW_OP_bregx else operation - DW_OP_breg.start
        stack.append(_sum(_name(names, number), reader.sleb()))
    elif operation in CONSTANTS:
        size, signed = CONSTANTS[operation]
        stack.append(str(reader.number(size, signed=signed)))
    elif operation in OPERATIONS:
        right = stack.pop()
        stack.append(f"{stack.pop()} {right} {OPERATIONS[operation]}")
    elif operation in PLAIN:
        PLAIN[operation](reader, stack)
    elif operation == DW_OP_addr:
        stack.append(str(reader.number(names.width)))
    else:
        raise UnknownExpression(f"operation {operation:#x}")


def _name(names: RegisterNames, number: int) -> str:
    if number not in names.registers:
        raise UnknownExpression(f"register {number}")
    return names.registers[number]


def _sum(term: str, number: int) -> str:
    return f"{term} {number} +" if number else term


def _swap(_: Reader, stack: list[str]) -> None:
    stack[-1], stack[-2] = stack[-2], stack[-1]


PLAIN: dict[int, Callable[[Reader, list[str]], None]] = {
    DW_OP_deref: lambda _, stack: stack.append(f"{stack.pop()} ^"),
    DW_OP_constu: lambda reader, stack: stack.append(str(reader.uleb())),
    DW_OP_consts: lambda reader, stack: stack.append(str(reader.sleb())),
    DW_OP_plus_uconst: lambda reader, stack: stack.append(_sum(stack.pop(), reader.uleb())),
    DW_OP_dup: lambda _, stack: stack.append(stack[-1]),
    DW_OP_drop: lambda _, stack: stack.__delitem__(-1),
    DW_OP_over: lambda _, stack: stack.append(stack[-2]),
    DW_OP_swap: _swap,
    DW_OP_nop: lambda _reader, _stack: None,
}
