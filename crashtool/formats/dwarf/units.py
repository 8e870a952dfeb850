"""Units of .debug_info: their headers, and what a unit's own entry (DIE) says of it."""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.formats.dwarf.abbreviations import Abbreviations, Declaration
from crashtool.formats.dwarf.constants import (
    DW_AT_addr_base,
    DW_AT_comp_dir,
    DW_AT_dwo_name,
    DW_AT_GNU_addr_base,
    DW_AT_GNU_dwo_id,
    DW_AT_GNU_dwo_name,
    DW_AT_GNU_ranges_base,
    DW_AT_high_pc,
    DW_AT_language,
    DW_AT_loclists_base,
    DW_AT_low_pc,
    DW_AT_name,
    DW_AT_ranges,
    DW_AT_rnglists_base,
    DW_AT_stmt_list,
    DW_AT_str_offsets_base,
    DW_FORM_addr,
    DW_FORM_line_strp,
    DW_FORM_strp,
    DW_UT_partial,
    DW_UT_skeleton,
    DW_UT_split_compile,
    DW_UT_split_type,
    DW_UT_type,
)
from crashtool.formats.dwarf.forms import (
    ADDRESS_INDEXES,
    STRING_INDEXES,
    SUPPLEMENT_STRINGS,
    Cursor,
    DamagedDwarf,
    Sizes,
    Value,
)
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.named_tuple import NamedTuple

WANTED = frozenset(
    {
        DW_AT_name,
        DW_AT_stmt_list,
        DW_AT_low_pc,
        DW_AT_high_pc,
        DW_AT_language,
        DW_AT_comp_dir,
        DW_AT_ranges,
        DW_AT_str_offsets_base,
        DW_AT_addr_base,
        DW_AT_rnglists_base,
        DW_AT_loclists_base,
        DW_AT_GNU_addr_base,
        DW_AT_GNU_ranges_base,
        DW_AT_dwo_name,
        DW_AT_GNU_dwo_name,
        DW_AT_GNU_dwo_id,
    }
)

OLDEST, DWARF_5 = 2, 5
ADDRESS_SIZES = (4, 8)
HEADER_BYTES = 64
ENTRY_BYTES = 1 << 10  # of a unit's own entry: few are longer
LENGTH_SIZE = 4
MAX_UNITS = 1 << 17  # Chromium has 30,000
LONG_TABLE_HEAD = {4: 8, 8: 16}  # of .debug_str_offsets, by the size of an offset


class Header(NamedTuple):
    """A unit's header. `offset` and `end` are where it is in .debug_info, `first` where its own
    entry is, `abbreviations` where its table is. `identifier` ties a skeleton to its split unit,
    or is the signature of a type, whose entry is at `type_place` in the unit.
    """

    offset: int
    end: int
    first: int
    kind: int
    abbreviations: int
    sizes: Sizes
    identifier: int = 0
    type_place: int = 0

    @property
    def may_have_code(self) -> bool:
        """Whether it is a unit of code: not one of types, or of what others share."""
        return self.kind not in (DW_UT_type, DW_UT_partial, DW_UT_split_compile, DW_UT_split_type)


def read_header(sections: DebugSections, offset: int) -> Header:
    """The header of the unit at an offset of .debug_info. DamagedDwarf when it makes no sense."""
    cursor = sections.open("debug_info", offset, HEADER_BYTES)
    start = cursor.offset
    length, offset_size = cursor.length()
    end = offset + cursor.offset - start + length
    version = cursor.number(2)
    kind = identifier = type_place = 0
    if version >= DWARF_5:
        kind, address_size = cursor.number(1), cursor.number(1)
        table = cursor.number(offset_size)
        if kind in (DW_UT_skeleton, DW_UT_split_compile):
            identifier = cursor.number(8)
    else:
        table, address_size = cursor.number(offset_size), cursor.number(1)
        kind = DW_UT_type if sections.has_old_types else 0
    if kind in (DW_UT_type, DW_UT_split_type):
        identifier, type_place = cursor.number(8), cursor.number(offset_size)
    if not OLDEST <= version <= DWARF_5 or address_size not in ADDRESS_SIZES:
        raise DamagedDwarf(f"a unit of DWARF {version}", offset=offset)
    sizes = Sizes(address_size, offset_size, version)
    first = offset + cursor.offset - start
    return Header(offset, end, first, kind, table, sizes, identifier, type_place)


def walk_headers(sections: DebugSections) -> Iterator[Header]:
    """The headers in turn. DamagedDwarf from the first that is damaged."""
    offset, end = 0, sections.size("debug_info")
    for _ in range(MAX_UNITS):
        left = end - offset
        if left <= 0 or (
            left < LENGTH_SIZE and not any(sections.open("debug_info", offset).take(left))
        ):
            return  # the end, or what aligns it
        header = read_header(sections, offset)
        yield header
        offset = header.end


class Unit:
    """One unit, by its own entry. DamagedDwarf from all that reads more of it.

    `skeleton` is what the program has of a split unit: its addresses, lines and bases are there.
    """

    def __init__(
        self,
        sections: DebugSections,
        header: Header,
        abbreviations: Abbreviations,
        skeleton: Unit | None = None,
    ) -> None:
        self.header = header
        self.skeleton = skeleton
        self.sizes = header.sizes
        self.sections = sections
        self.tag = 0  # as it stays where nothing follows the header
        self.values: dict[int, tuple[int, Value]] = {}
        size = header.end - header.first
        try:
            self._read_entry(abbreviations, min(size, ENTRY_BYTES))
        except DamagedDwarf:
            if size <= ENTRY_BYTES:
                raise
            self._read_entry(abbreviations, size)

    def _read_entry(self, abbreviations: Abbreviations, size: int) -> None:
        """Its own entry, which is in the first `size` bytes."""
        header = self.header
        cursor = self.sections.open("debug_info", header.first, size)
        code = cursor.uleb() if size else 0
        if code:
            declaration = abbreviations.find(header.abbreviations, code)
            self.tag = declaration.tag
            self.values = dict(_walk_values(cursor, declaration, header.sizes))

    @property
    def line_program(self) -> int | None:
        """Where its line program is in .debug_line."""
        if self.skeleton is not None:
            return self.skeleton.line_program
        _, value = self.values.get(DW_AT_stmt_list, (0, None))
        return value if isinstance(value, int) else None

    @property
    def name(self) -> str:
        """The source file."""
        return self.string(DW_AT_name)

    @property
    def language(self) -> int:
        """What it was written in, as DWARF numbers languages; 0 when it does not say."""
        return self.base(DW_AT_language)

    @property
    def folder(self) -> str:
        """Where it was compiled."""
        if self.skeleton is not None:
            return self.skeleton.folder
        return self.string(DW_AT_comp_dir)

    @property
    def low(self) -> int:
        """Its first address; what lists of ranges count from."""
        if self.skeleton is not None:
            return self.skeleton.low
        return self.address(*self.values.get(DW_AT_low_pc, (0, 0))) or 0

    def base(self, *attributes: int) -> int:
        """The first of these attributes that it has, else 0."""
        for attribute in attributes:
            value = self.values.get(attribute, (0, None))[1]
            if isinstance(value, int):
                return value
        return 0

    def address_at(self, index: int) -> int:
        """An address by its index in .debug_addr."""
        if self.skeleton is not None:
            return self.skeleton.address_at(index)
        offset = self.base(DW_AT_addr_base, DW_AT_GNU_addr_base) + index * self.sizes.address
        return self.sections.open("debug_addr", offset).number(self.sizes.address)

    def text(self, form: int, value: Value) -> str:
        """A string's value; "" where it is in a file beside this one."""
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if form == DW_FORM_strp:
            return self.sections.string("debug_str", value)
        if form == DW_FORM_line_strp:
            return self.sections.string("debug_line_str", value)
        if form in SUPPLEMENT_STRINGS and self.sections.supplement is not None:
            return self.sections.supplement.string("debug_str", value)
        if form in STRING_INDEXES:
            offset_size = self.sizes.offset
            base = self._find_strings()
            cursor = self.sections.open("debug_str_offsets", base + value * offset_size)
            return self.sections.string("debug_str", cursor.number(offset_size))
        return ""

    def _find_strings(self) -> int:
        """Where its part of .debug_str_offsets begins; of split units before DWARF 5: at once."""
        if self.skeleton is not None and self.sizes.version < DWARF_5:
            return 0
        return self.base(DW_AT_str_offsets_base) or LONG_TABLE_HEAD[self.sizes.offset]

    def string(self, attribute: int) -> str:
        """A text of the unit's own entry; "" without."""
        value = self.values.get(attribute)
        return "" if value is None else self.text(*value)

    def address(self, form: int, value: Value) -> int | None:
        """An attribute's value as an address; None when it is of another kind."""
        if not isinstance(value, int):
            return None
        if form in ADDRESS_INDEXES:
            return self.address_at(value)
        return value if form == DW_FORM_addr else None


def is_skeleton(unit: Unit) -> bool:
    """Whether a unit stands for one in another file; before DWARF 5 it has that file's name."""
    if unit.sizes.version >= DWARF_5:
        return unit.header.kind == DW_UT_skeleton
    return DW_AT_GNU_dwo_name in unit.values


def _walk_values(
    cursor: Cursor, declaration: Declaration, sizes: Sizes
) -> Iterator[tuple[int, tuple[int, Value]]]:
    """The attributes that are of use here, with their forms and values."""
    for attribute, form, implicit in declaration.attributes:
        value = cursor.form(form, sizes, implicit)
        if attribute in WANTED:
            yield attribute, (form, value)
