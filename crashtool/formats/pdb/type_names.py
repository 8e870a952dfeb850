"""Types and functions as they are spelled in names: `plug::Chain const&`, `(int, char*)`.

The spelling is that of the `pdb-addr2line` that symbolic has, so that pages and signatures are the
same with either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.pdb import codeview as cv

if TYPE_CHECKING:
    from crashtool.formats.pdb.type_records import TypeRecord, TypeStream

FIRST_RECORD = 0x1000  # below are types that need no record
MAX_DEPTH = 64
MAX_NAME = 1 << 14
MAX_PARTS = 1 << 12  # types and ids that one name is made of
SIMPLE_NAMES = {
    0x00: "<NoType>", 0x03: "void", 0x08: "HRESULT",
    0x10: "signed char", 0x20: "unsigned char", 0x70: "char", 0x71: "wchar_t",
    0x7A: "char16_t", 0x7B: "char32_t", 0x7C: "char8_t",
    0x68: "int8_t", 0x69: "uint8_t", 0x11: "short", 0x21: "unsigned short",
    0x72: "int16_t", 0x73: "uint16_t", 0x12: "long", 0x22: "unsigned long",
    0x74: "int", 0x75: "unsigned int", 0x13: "long long", 0x23: "unsigned long long",
    0x76: "int64_t", 0x77: "uint64_t", 0x14: "int128_t", 0x24: "uint128_t",
    0x78: "int128_t", 0x79: "uint128_t", 0x46: "float16_t", 0x40: "float", 0x45: "float",
    0x44: "float48_t", 0x41: "double", 0x42: "long double", 0x43: "long double",
    0x50: "complex<float>", 0x51: "complex<double>",
    0x30: "bool", 0x31: "bool16_t", 0x32: "bool32_t", 0x33: "bool64_t",
}  # fmt: skip
SIMPLE_SIZES = {
    0x08: 4, 0x10: 1, 0x20: 1, 0x70: 1, 0x71: 2, 0x7A: 2, 0x7B: 4, 0x7C: 1, 0x68: 1, 0x69: 1,
    0x11: 2, 0x21: 2, 0x72: 2, 0x73: 2, 0x12: 4, 0x22: 4, 0x74: 4, 0x75: 4, 0x13: 8, 0x23: 8,
    0x76: 8, 0x77: 8, 0x14: 16, 0x24: 16, 0x78: 16, 0x79: 16, 0x46: 2, 0x40: 4, 0x45: 4, 0x44: 6,
    0x41: 8, 0x42: 10, 0x43: 16, 0x50: 8, 0x51: 16, 0x30: 1, 0x31: 2, 0x32: 4, 0x33: 8,
}  # fmt: skip
POINTER_SIZES = {1: 2, 2: 4, 3: 4, 4: 4, 5: 6, 6: 8, 7: 16}
DATA_MEMBER, MEMBER_CLASS = 2, 8  # its mode, and where the class is in the record
POINTER_SIGNS = {0: "*", 1: "&", 2: "::*", 3: "::*", 4: "&&"}
# Where the name stands in a tag type's record: behind a number, at this offset
TAG_NUMBERS = {cv.LF_CLASS: 16, cv.LF_STRUCTURE: 16, cv.LF_INTERFACE: 16, cv.LF_UNION: 8}
ENUM_NAME = 12
SIZE_NUMBERS = {**TAG_NUMBERS, cv.LF_ARRAY: 8}
SIZED_AS = {cv.LF_MODIFIER: 0, cv.LF_BITFIELD: 0, cv.LF_ENUM: 4}  # as the type named there
ANONYMOUS = "?A0x"


class TypeNames:
    """Spells types by their numbers. `resolve` turns a module's own number into everyone's."""

    def __init__(
        self, types: TypeStream, ids: TypeStream, resolve: Callable[[int], int | None]
    ) -> None:
        self._types = types
        self._ids = ids
        self._resolve = resolve
        self._depth = 0
        self._parts = 0

    # -- functions

    def name_function(self, number: int) -> str:
        """A function with its arguments, by its id; "" where it cannot be read."""
        record = self._find_id(number)
        if record is None or record.kind not in (cv.LF_FUNC_ID, cv.LF_MFUNC_ID):
            return ""
        return self._name_id(record) + self.list_arguments(record.read_number(4))

    def list_arguments(self, number: int) -> str:
        """`(int, char*)` of a function's type; "" where it cannot be read."""
        record = self._find_type(number)
        return self._list_arguments(record) if record else ""

    def _list_arguments(self, record: TypeRecord) -> str:
        with self._deeper(record):
            if record.kind == cv.LF_PROCEDURE:
                return f"({self._join(record.read_number(8))})"
            if record.kind == cv.LF_MFUNCTION:
                return self._list_member_arguments(record)
            return ""

    def list_arguments_by_id(self, number: int) -> str:
        """The arguments of a function by its id; "" where it cannot be read."""
        record = self._find_id(number)
        if record is None or record.kind not in (cv.LF_FUNC_ID, cv.LF_MFUNC_ID):
            return ""
        return self.list_arguments(record.read_number(4))

    def _list_member_arguments(self, record: TypeRecord) -> str:
        """Those of a member function, with a `this` that is const, or of another class."""
        owner, this = record.read_number(4), record.read_number(8)
        arguments = record.read_number(16)
        if not this:
            return f"({self._join(arguments)})"
        pointer = self._find_type(this)
        target = pointer.read_number(0) if pointer and pointer.kind == cv.LF_POINTER else None
        if target == owner:
            return f"({self._join(arguments)})"
        modifier = None if target is None else self._find_type(target)
        if modifier and modifier.kind == cv.LF_MODIFIER and modifier.read_number(0) == owner:
            is_const = modifier.read_short(4) & 1
            return f"({self._join(arguments)})" + " const" * is_const
        return f"({self._join(arguments, this)})"

    def _join(self, number: int, *first: int) -> str:
        record = self._find_type(number)
        if record is None or record.kind != cv.LF_ARGLIST:
            return ""
        names = []
        size = 0
        for argument in (*first, *record.read_numbers(0)):
            names.append(self.name_type(argument))
            size += len(names[-1])
            if size > MAX_NAME:
                raise MalformedFile("a list of arguments too long", offset=record.offset)
        return ", ".join(names)

    # -- ids

    def _find_id(self, number: int) -> TypeRecord | None:
        record = self._resolve(number)
        return None if record is None else self._ids.find(record)

    def _name_id(self, record: TypeRecord) -> str:
        with self._deeper(record):
            if record.kind == cv.LF_FUNC_ID:
                scope = self._ids.find(record.read_number(0))
                outer = self._name_id(scope) + "::" if scope else ""
                return outer + record.read_string(8)
            if record.kind == cv.LF_MFUNC_ID:
                return f"{self.name_type(record.read_number(0))}::{record.read_string(8)}"
            if record.kind == cv.LF_STRING_ID:
                return self._read_string(record)
            return ""

    def _read_string(self, record: TypeRecord) -> str:
        parts = self._ids.find(record.read_number(0))
        text = record.read_string(4)
        if parts and parts.kind == cv.LF_SUBSTR_LIST:
            pieces = (self._ids.find(number) for number in parts.read_numbers(0))
            text = "".join(self._name_id(piece) for piece in pieces if piece) + text
        tail = text.removeprefix(ANONYMOUS)
        if tail != text and tail and all(sign in "0123456789abcdefABCDEF" for sign in tail):
            return "`anonymous namespace'"
        return text[:MAX_NAME]

    # -- types

    def _find_type(self, number: int) -> TypeRecord | None:
        record = self._resolve(number)
        return None if record is None else self._types.find(record)

    def name_type(self, number: int, *, is_const: bool = False) -> str:
        """A type as C++ has it; one that cannot be found is named by its number."""
        prefix = "const " if is_const else ""
        if number < FIRST_RECORD:
            name = SIMPLE_NAMES.get(number & 0xFF, f"<simple {number & 0xFF:#x}>")
            is_pointer = bool(number >> 8 & 7)
            return f"{name}{' const' * is_const}*" if is_pointer else prefix + name
        record = self._find_type(number)
        if record is None:
            return f"<missing type {number:#x}>"
        with self._deeper(record):
            if record.kind == cv.LF_MODIFIER:
                constant = is_const or bool(record.read_short(4) & 1)
                return self.name_type(record.read_number(0), is_const=constant)
            if record.kind == cv.LF_POINTER:
                return self._name_pointer(record, is_const=is_const)
            return prefix + self._name_other(record)

    def _name_other(self, record: TypeRecord) -> str:
        """A type whose const stands before it."""
        if record.kind == cv.LF_ARRAY:
            return self._name_array(record)
        if record.kind in (cv.LF_PROCEDURE, cv.LF_MFUNCTION):
            return "()" + self._list_arguments(record)
        if record.kind == cv.LF_BITFIELD:
            return f"{self.name_type(record.read_number(0))}:{record.read_short(4) & 0xFF}"
        return _name_tag(record) or f"<type {record.kind:#x}>"

    def _name_array(self, record: TypeRecord) -> str:
        """The element, then each dimension, the outer ones first."""
        element = record.read_number(0)
        sizes = [record.read_numeric(8)[0]]
        while (inner := self._find_type(element)) and inner.kind == cv.LF_ARRAY:
            element = inner.read_number(0)
            sizes.append(inner.read_numeric(8)[0])
            if len(sizes) > MAX_DEPTH:
                raise MalformedFile("an array without an element", offset=record.offset)
        sizes.append(self.measure(element) or 0)
        dimensions = (f"[{size // part}]" if part else "[]" for size, part in pairwise(sizes))
        return self.name_type(element) + "".join(dimensions)

    def _name_pointer(self, record: TypeRecord, *, is_const: bool) -> str:
        """`T const*&`, or `R (*)(A)` where the innermost is a function."""
        signs = ""
        target: TypeRecord | None = record
        inner = 0
        for _ in range(MAX_DEPTH):
            assert target is not None  # noqa: S101 (the loop ends where it is none)
            inner, flags = target.read_number(0), target.read_number(4)
            constant = " const" if flags >> 10 & 1 or is_const else ""
            signs = self._name_sign(target, flags >> 5 & 7) + constant + signs
            is_const = False
            target = self._find_type(inner) if inner >= FIRST_RECORD else None
            if target and target.kind == cv.LF_MODIFIER:
                is_const = bool(target.read_short(4) & 1)
                inner = target.read_number(0)
                target = self._find_type(inner) if inner >= FIRST_RECORD else None
            if target is None or target.kind != cv.LF_POINTER:
                break
        else:
            raise MalformedFile("a pointer to itself", offset=record.offset)
        if target and target.kind == cv.LF_PROCEDURE:
            arguments = self._list_arguments(target)
            return f"{self.name_type(target.read_number(0))} ({signs}){arguments}"
        if target and target.kind == cv.LF_MFUNCTION:
            arguments = self._list_arguments(target).removesuffix(" const")
            owner = self.name_type(target.read_number(4))
            return f"{self.name_type(target.read_number(0))} ({owner}{signs}){arguments}"
        return self.name_type(inner) + (" const" if is_const else "") + signs

    def _name_sign(self, record: TypeRecord, mode: int) -> str:
        """`*` and the like; ` Class::*` of what leads to a member that is no function."""
        sign = POINTER_SIGNS.get(mode, "*")
        if mode == DATA_MEMBER and len(record.data) > MEMBER_CLASS:
            return f" {self.name_type(record.read_number(MEMBER_CLASS))}{sign}"
        return sign

    def measure(self, number: int) -> int | None:
        """The size of a type in bytes; None where it is not known."""
        if number < FIRST_RECORD:
            mode = number >> 8 & 7
            return POINTER_SIZES.get(mode) if mode else SIMPLE_SIZES.get(number & 0xFF)
        record = self._find_type(number)
        if record is None:
            return None
        if record.kind in SIZED_AS:
            with self._deeper(record):
                return self.measure(record.read_number(SIZED_AS[record.kind]))
        if record.kind == cv.LF_POINTER:
            return record.read_number(4) >> 13 & 0x3F
        numeric = SIZE_NUMBERS.get(record.kind)
        return None if numeric is None else record.read_numeric(numeric)[0]

    @contextmanager
    def _deeper(self, record: TypeRecord) -> Iterator[None]:
        """Types within types end somewhere; those of a damaged file need not."""
        self._parts = self._parts + 1 if self._depth else 0
        if self._depth > MAX_DEPTH or self._parts > MAX_PARTS:
            raise MalformedFile("types within types without end", offset=record.offset)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1


def _name_tag(record: TypeRecord) -> str:
    """The name of a class, structure, union or enumeration; "" for a type that has none."""
    if record.kind == cv.LF_ENUM:
        return record.read_string(ENUM_NAME)
    if record.kind == cv.LF_VTSHAPE:
        return "vtable"
    if record.kind not in TAG_NUMBERS:
        return ""
    return record.read_string(record.read_numeric(TAG_NUMBERS[record.kind])[1])
