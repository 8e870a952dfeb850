"""Numbers, strings and blocks as attributes and line tables hold them: DWARF's forms.

The formats: DWARF 5, 7.5.6, and GNU's extensions for split DWARF and dwz.
"""

from __future__ import annotations

from typing import TypeAlias

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.cfi_expressions import Reader

Value: TypeAlias = int | bytes

EXTENDED_LENGTH, RESERVED_LENGTH = 0xFFFFFFFF, 0xFFFFFFF0
ADDRESS, STRING, INDIRECT, IMPLICIT = 0x01, 0x08, 0x16, 0x21
STRP, LINE_STRP = 0x0E, 0x1F
REFERENCE, REFERENCE_IS_OFFSET = 0x10, 3  # from this version on; an address before
RANGE_INDEX = 0x23
ADDRESSED_FROM_UNIT = frozenset({0x11, 0x12, 0x13, 0x14, 0x15})  # references within a unit
SUPPLEMENT_REFERENCES = frozenset({0x1C, 0x24, 0x1F20})  # into the file that dwz has made
SUPPLEMENT_STRINGS = frozenset({0x1D, 0x1F21})
STRING_INDEXES = frozenset({0x1A, 0x25, 0x26, 0x27, 0x28, 0x1F02})
ADDRESS_INDEXES = frozenset({0x1B, 0x29, 0x2A, 0x2B, 0x2C, 0x1F01})
SIZES = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x19: 0,
    0x1C: 4, 0x20: 8, 0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3,
    0x2C: 4,
}  # fmt: skip
OFFSETS = frozenset({STRP, 0x17, 0x1D, LINE_STRP, 0x1F20, 0x1F21})  # 4 or 8 bytes
LEBS = frozenset({0x0F, 0x15, 0x1A, 0x1B, 0x22, RANGE_INDEX, 0x1F01, 0x1F02})
SIGNED = 0x0D
BLOCKS = {0x03: 2, 0x04: 4, 0x0A: 1}  # bytes of their length
LEB_BLOCKS = frozenset({0x09, 0x18})
DATA_16 = 0x1E
MAX_INDIRECT = 4


class DamagedDwarf(MalformedFile):
    """Debug information that contradicts itself, or runs out."""


class Sizes(NamedTuple):
    """What the sizes of forms depend on, in bytes: of an address, of an offset; the version."""

    address: int
    offset: int
    version: int


def find_size(form: int, sizes: Sizes) -> int | None:
    """The bytes of a value of a form in a unit; None where the value tells."""
    if form == IMPLICIT:
        return 0
    if form in OFFSETS or (form == REFERENCE and sizes.version >= REFERENCE_IS_OFFSET):
        return sizes.offset
    if form in (ADDRESS, REFERENCE):
        return sizes.address
    return 16 if form == DATA_16 else SIZES.get(form)


class Cursor(Reader):
    """Bytes read in turn. DamagedDwarf when they run out."""

    def fault(self, what: str) -> DamagedDwarf:
        """What is raised; the offset is in the content that is read."""
        return DamagedDwarf(f"debug information is {what}", offset=self.offset)

    def string(self) -> bytes:
        """The bytes up to the next zero, which is passed."""
        end = self.data.find(b"\0", self.offset, self.end)
        if end < 0:
            raise self.fault("cut short")
        text = self.data[self.offset : end]
        self.offset = end + 1
        return text

    def length(self) -> tuple[int, int]:
        """A unit's length, and the size of its offsets: 4, or 8 in 64-bit DWARF."""
        value = self.number(4)
        if value == EXTENDED_LENGTH:
            return self.number(8), 8
        if value >= RESERVED_LENGTH:
            raise self.fault("damaged (a reserved length)")
        return value, 4

    def form(self, form: int, sizes: Sizes, implicit: int = 0) -> Value:
        """A value: a number, or the bytes of a string or block."""
        for _ in range(MAX_INDIRECT):
            if form != INDIRECT:
                return self._value(form, sizes, implicit)
            form = self.uleb()
        raise self.fault("damaged (an endless form)")

    def _value(self, form: int, sizes: Sizes, implicit: int) -> Value:
        if form in LEBS:
            return self.uleb()
        if form == IMPLICIT:
            return implicit
        size = SIZES.get(form)
        if form in OFFSETS or (form == REFERENCE and sizes.version >= REFERENCE_IS_OFFSET):
            size = sizes.offset
        elif form in (ADDRESS, REFERENCE):
            size = sizes.address
        if size is not None:
            return self.number(size) if size else 1
        return self.sleb() if form == SIGNED else self._bytes(form)

    def _bytes(self, form: int) -> bytes:
        if form == STRING:
            return self.string()
        if form in LEB_BLOCKS:
            return self.take(self.uleb())
        if form in BLOCKS:
            return self.take(self.number(BLOCKS[form]))
        if form == DATA_16:
            return self.take(16)
        raise self.fault(f"of a kind that is not known (form {form:#x})")
