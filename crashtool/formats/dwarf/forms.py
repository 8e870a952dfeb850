"""Numbers, strings and blocks as attributes and line tables hold them: DWARF's forms.

The formats: DWARF 5, 7.5.6, and GNU's extensions for split DWARF and dwz.
"""

from __future__ import annotations

from typing import TypeAlias

from crashtool.errors import MalformedFile
from crashtool.formats.dwarf.constants import (
    DW_FORM_addr,
    DW_FORM_addrx,
    DW_FORM_addrx1,
    DW_FORM_addrx2,
    DW_FORM_addrx3,
    DW_FORM_addrx4,
    DW_FORM_block,
    DW_FORM_block1,
    DW_FORM_block2,
    DW_FORM_block4,
    DW_FORM_data1,
    DW_FORM_data2,
    DW_FORM_data4,
    DW_FORM_data8,
    DW_FORM_data16,
    DW_FORM_exprloc,
    DW_FORM_flag,
    DW_FORM_flag_present,
    DW_FORM_GNU_addr_index,
    DW_FORM_GNU_ref_alt,
    DW_FORM_GNU_str_index,
    DW_FORM_GNU_strp_alt,
    DW_FORM_implicit_const,
    DW_FORM_indirect,
    DW_FORM_line_strp,
    DW_FORM_loclistx,
    DW_FORM_ref1,
    DW_FORM_ref2,
    DW_FORM_ref4,
    DW_FORM_ref8,
    DW_FORM_ref_addr,
    DW_FORM_ref_sig8,
    DW_FORM_ref_sup4,
    DW_FORM_ref_sup8,
    DW_FORM_ref_udata,
    DW_FORM_rnglistx,
    DW_FORM_sdata,
    DW_FORM_sec_offset,
    DW_FORM_string,
    DW_FORM_strp,
    DW_FORM_strp_sup,
    DW_FORM_strx,
    DW_FORM_strx1,
    DW_FORM_strx2,
    DW_FORM_strx3,
    DW_FORM_strx4,
    DW_FORM_udata,
)
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.cfi_expressions import Reader

Value: TypeAlias = int | bytes

EXTENDED_LENGTH, RESERVED_LENGTH = 0xFFFFFFFF, 0xFFFFFFF0
REFERENCE_IS_OFFSET = 3  # the version from which on DW_FORM_ref_addr is one; an address before
ADDRESSED_FROM_UNIT = frozenset(
    {DW_FORM_ref1, DW_FORM_ref2, DW_FORM_ref4, DW_FORM_ref8, DW_FORM_ref_udata}
)
SUPPLEMENT_REFERENCES = frozenset({DW_FORM_ref_sup4, DW_FORM_ref_sup8, DW_FORM_GNU_ref_alt})
SUPPLEMENT_STRINGS = frozenset({DW_FORM_strp_sup, DW_FORM_GNU_strp_alt})
STRING_INDEXES = frozenset(
    {
        DW_FORM_strx,
        DW_FORM_strx1,
        DW_FORM_strx2,
        DW_FORM_strx3,
        DW_FORM_strx4,
        DW_FORM_GNU_str_index,
    }
)
ADDRESS_INDEXES = frozenset(
    {
        DW_FORM_addrx,
        DW_FORM_addrx1,
        DW_FORM_addrx2,
        DW_FORM_addrx3,
        DW_FORM_addrx4,
        DW_FORM_GNU_addr_index,
    }
)
SIZES = {  # in bytes, of what is as large in all units
    DW_FORM_data1: 1,
    DW_FORM_data2: 2,
    DW_FORM_data4: 4,
    DW_FORM_data8: 8,
    DW_FORM_flag: 1,
    DW_FORM_flag_present: 0,
    DW_FORM_ref1: 1,
    DW_FORM_ref2: 2,
    DW_FORM_ref4: 4,
    DW_FORM_ref8: 8,
    DW_FORM_ref_sig8: 8,
    DW_FORM_ref_sup4: 4,
    DW_FORM_ref_sup8: 8,
    DW_FORM_strx1: 1,
    DW_FORM_strx2: 2,
    DW_FORM_strx3: 3,
    DW_FORM_strx4: 4,
    DW_FORM_addrx1: 1,
    DW_FORM_addrx2: 2,
    DW_FORM_addrx3: 3,
    DW_FORM_addrx4: 4,
}
OFFSETS = frozenset(  # 4 or 8 bytes
    {
        DW_FORM_strp,
        DW_FORM_sec_offset,
        DW_FORM_strp_sup,
        DW_FORM_line_strp,
        DW_FORM_GNU_ref_alt,
        DW_FORM_GNU_strp_alt,
    }
)
LEBS = frozenset(  # unsigned LEB128 numbers
    {
        DW_FORM_udata,
        DW_FORM_ref_udata,
        DW_FORM_strx,
        DW_FORM_addrx,
        DW_FORM_loclistx,
        DW_FORM_rnglistx,
        DW_FORM_GNU_addr_index,
        DW_FORM_GNU_str_index,
    }
)
COUNTS = frozenset(  # numbers without a sign
    {DW_FORM_data1, DW_FORM_data2, DW_FORM_data4, DW_FORM_data8, DW_FORM_udata}
)
BLOCKS = {DW_FORM_block1: 1, DW_FORM_block2: 2, DW_FORM_block4: 4}  # bytes of their length
LEB_BLOCKS = frozenset({DW_FORM_block, DW_FORM_exprloc})
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
    if form == DW_FORM_implicit_const:
        return 0
    if form in OFFSETS or (form == DW_FORM_ref_addr and sizes.version >= REFERENCE_IS_OFFSET):
        return sizes.offset
    if form in (DW_FORM_addr, DW_FORM_ref_addr):
        return sizes.address
    return 16 if form == DW_FORM_data16 else SIZES.get(form)


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
            if form != DW_FORM_indirect:
                return self._value(form, sizes, implicit)
            form = self.uleb()
        raise self.fault("damaged (an endless form)")

    def _value(self, form: int, sizes: Sizes, implicit: int) -> Value:
        if form in LEBS:
            return self.uleb()
        if form == DW_FORM_implicit_const:
            return implicit
        size = SIZES.get(form)
        if form in OFFSETS or (form == DW_FORM_ref_addr and sizes.version >= REFERENCE_IS_OFFSET):
            size = sizes.offset
        elif form in (DW_FORM_addr, DW_FORM_ref_addr):
            size = sizes.address
        if size is not None:
            return self.number(size) if size else 1
        return self.sleb() if form == DW_FORM_sdata else self._bytes(form)

    def _bytes(self, form: int) -> bytes:
        if form == DW_FORM_string:
            return self.string()
        if form in LEB_BLOCKS:
            return self.take(self.uleb())
        if form in BLOCKS:
            return self.take(self.number(BLOCKS[form]))
        if form == DW_FORM_data16:
            return self.take(16)
        raise self.fault(f"of a kind that is not known (form {form:#x})")
