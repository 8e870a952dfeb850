"""Units of .debug_info: their headers, and what a unit's own entry (DIE) says of it."""

from collections.abc import Iterator

from crashtool.formats.dwarf.abbreviations import Abbreviations, Declaration
from crashtool.formats.dwarf.forms import (
    ADDRESS_INDEXES,
    LINE_STRP,
    RANGE_INDEX,
    STRING_INDEXES,
    STRP,
    Cursor,
    DamagedDwarf,
    Sizes,
    Value,
)
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.named_tuple import NamedTuple

# Tags and attributes
PARTIAL_UNIT = 0x3C
NAME, LINES, LOW, HIGH, LANGUAGE, FOLDER, RANGES = 0x03, 0x10, 0x11, 0x12, 0x13, 0x1B, 0x55
STRINGS_BASE, ADDRESSES_BASE, RANGES_BASE, GNU_ADDRESSES_BASE = 0x72, 0x73, 0x74, 0x2133
WANTED = frozenset({
    NAME, LINES, LOW, HIGH, LANGUAGE, FOLDER, RANGES, STRINGS_BASE, ADDRESSES_BASE, RANGES_BASE,
    GNU_ADDRESSES_BASE,
})  # fmt: skip

OLDEST, DWARF_5 = 2, 5
TYPE, PARTIAL, SKELETON, SPLIT, SPLIT_TYPE = 2, 3, 4, 5, 6  # kinds of unit, from DWARF 5 on
ADDRESS_SIZES = (4, 8)
HEADER_BYTES = 64
MOST_UNITS = 1 << 17  # Chromium has 30,000
LONG_TABLE_HEAD = {4: 8, 8: 16}  # of .debug_str_offsets, by the size of an offset


class Header(NamedTuple):
    """A unit's header. `offset` and `end` are where it is in .debug_info, `first` where its own
    entry is, `abbreviations` where its table is.
    """

    offset: int
    end: int
    first: int
    kind: int
    abbreviations: int
    sizes: Sizes

    @property
    def may_have_code(self) -> bool:
        """Whether it is a unit of code: not one of types, or of what others share."""
        return self.kind not in (TYPE, PARTIAL, SPLIT, SPLIT_TYPE)


def read_header(sections: DebugSections, offset: int) -> Header:
    """The header of the unit at an offset of .debug_info. DamagedDwarf when it makes no sense."""
    cursor = sections.open("debug_info", offset, HEADER_BYTES)
    start = cursor.place
    length, offset_size = cursor.length()
    end = offset + cursor.place - start + length
    version = cursor.number(2)
    kind = 0
    if version >= DWARF_5:
        kind, address_size = cursor.number(1), cursor.number(1)
        table = cursor.number(offset_size)
        if kind in (SKELETON, SPLIT):
            cursor.take(8)
        elif kind in (TYPE, SPLIT_TYPE):
            cursor.take(8 + offset_size)
    else:
        table, address_size = cursor.number(offset_size), cursor.number(1)
    if not OLDEST <= version <= DWARF_5 or address_size not in ADDRESS_SIZES:
        raise DamagedDwarf(f"a unit of DWARF {version}", offset=offset)
    sizes = Sizes(address_size, offset_size, version)
    return Header(offset, end, offset + cursor.place - start, kind, table, sizes)


def walk_headers(sections: DebugSections) -> Iterator[Header]:
    """The headers in turn, up to the first that is damaged."""
    offset, end = 0, sections.size("debug_info")
    for _ in range(MOST_UNITS):
        if offset + 4 >= end:
            return
        try:
            header = read_header(sections, offset)
        except DamagedDwarf:
            return
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
        skeleton: "Unit | None" = None,
    ) -> None:
        self.header = header
        self.skeleton = skeleton
        self.sizes = header.sizes
        self._sections = sections
        size = header.end - header.first
        cursor = sections.open("debug_info", header.first, size)
        declaration = abbreviations.find(header.abbreviations, cursor.uleb())
        self.tag = declaration.tag
        self._values = dict(_walk_values(cursor, declaration, header.sizes))

    @property
    def line_program(self) -> int | None:
        """Where its line program is in .debug_line."""
        if self.skeleton is not None:
            return self.skeleton.line_program
        _, value = self._values.get(LINES, (0, None))
        return value if isinstance(value, int) else None

    @property
    def name(self) -> str:
        """The source file."""
        return self._text(NAME)

    @property
    def language(self) -> int:
        """What it was written in, as DWARF numbers languages; 0 when it does not say."""
        return self.base(LANGUAGE)

    @property
    def folder(self) -> str:
        """Where it was compiled."""
        if self.skeleton is not None:
            return self.skeleton.folder
        return self._text(FOLDER)

    @property
    def has_addresses(self) -> bool:
        """Whether it says where its code is."""
        return RANGES in self._values or (LOW in self._values and HIGH in self._values)

    @property
    def low(self) -> int:
        """Its first address; what lists of ranges count from."""
        if self.skeleton is not None:
            return self.skeleton.low
        return self._address(LOW)

    @property
    def high(self) -> int:
        """The address behind its code, where there is one range."""
        form, value = self._values.get(HIGH, (0, 0))
        is_address = form == 1 or form in ADDRESS_INDEXES
        number = value if isinstance(value, int) else 0
        return self._address(HIGH) if is_address else self.low + number

    @property
    def ranges(self) -> tuple[int, bool] | None:
        """DW_AT_ranges: an offset, and whether it counts in the index of .debug_rnglists."""
        form, value = self._values.get(RANGES, (0, None))
        return (value, form == RANGE_INDEX) if isinstance(value, int) else None

    def base(self, *attributes: int) -> int:
        """The first of these attributes that it has, else 0."""
        for attribute in attributes:
            value = self._values.get(attribute, (0, None))[1]
            if isinstance(value, int):
                return value
        return 0

    def address_at(self, index: int) -> int:
        """An address by its index in .debug_addr."""
        if self.skeleton is not None:
            return self.skeleton.address_at(index)
        place = self.base(ADDRESSES_BASE, GNU_ADDRESSES_BASE) + index * self.sizes.address
        return self._sections.open("debug_addr", place).number(self.sizes.address)

    def text(self, form: int, value: Value) -> str:
        """A string's value; "" where it is in a file beside this one."""
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if form == STRP:
            return self._sections.string("debug_str", value)
        if form == LINE_STRP:
            return self._sections.string("debug_line_str", value)
        if form in STRING_INDEXES:
            offset_size = self.sizes.offset
            place = self._find_strings()
            cursor = self._sections.open("debug_str_offsets", place + value * offset_size)
            return self._sections.string("debug_str", cursor.number(offset_size))
        return ""

    def _find_strings(self) -> int:
        """Where its part of .debug_str_offsets begins; of split units before DWARF 5: at once."""
        if self.skeleton is not None and self.sizes.version < DWARF_5:
            return 0
        return self.base(STRINGS_BASE) or LONG_TABLE_HEAD[self.sizes.offset]

    def _text(self, attribute: int) -> str:
        found = self._values.get(attribute)
        return "" if found is None else self.text(*found)

    def _address(self, attribute: int) -> int:
        form, value = self._values.get(attribute, (0, 0))
        if not isinstance(value, int):
            return 0
        return self.address_at(value) if form in ADDRESS_INDEXES else value


def _walk_values(
    cursor: Cursor, declaration: Declaration, sizes: Sizes
) -> Iterator[tuple[int, tuple[int, Value]]]:
    """The attributes that are of use here, with their forms and values."""
    for attribute, form, implicit in declaration.attributes:
        value = cursor.form(form, sizes, implicit)
        if attribute in WANTED:
            yield attribute, (form, value)
