"""Entries (DIEs) of one unit: how they lie in its bytes, read one by one or passed."""

from __future__ import annotations

import struct
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

from crashtool.formats.dwarf.abbreviations import Abbreviations, Declaration
from crashtool.formats.dwarf.constants import (
    DW_AT_low_pc,
    DW_AT_ranges,
    DW_AT_sibling,
    DW_FORM_indirect,
    DW_FORM_sdata,
    DW_FORM_string,
    DW_TAG_inlined_subroutine,
    DW_TAG_subprogram,
)
from crashtool.formats.dwarf.forms import (
    ADDRESSED_FROM_UNIT,
    BLOCKS,
    LEB_BLOCKS,
    LEBS,
    Cursor,
    DamagedDwarf,
    Sizes,
    Value,
    find_size,
)
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.dwarf.units import Unit
from crashtool.formats.named_tuple import NamedTuple

Values: TypeAlias = dict[int, tuple[int, Value]]  # by attribute: form and value

MAX_UNIT = 1 << 27  # bytes; 3 MB is large, those of link-time optimization may be 100
MAX_NUMBER = 8  # bytes
MAX_MARKS = 1 << 14  # of one unit
MAX_ENDS = 1 << 17  # of large entries, which are kept
MAX_CODE_BITS = 63
DEEPEST = 1 << 10  # entries within one another
MORE = 0x80  # a LEB128 number's bytes but the last have this bit
# What a value tells of its size, in the place of a number of bytes
LEB, TEXT, LEB_BLOCK, ANY = -1, -2, -3, -4
BLOCK = -8  # and less: the number of bytes of its length is taken off


class Shape:
    """How entries of one abbreviation lie in their unit's bytes, behind the code.

    `fields`: of each attribute its name, form, implicit value, and a step: a number of bytes, or a
    negative one for a value that tells its size. `steps`: the same with what is next to each other
    added up. `size`:
    that of all where it is the same for each entry, else -1. `sibling`: where DW_AT_sibling is and
    its size, where that is the same for each; `has_late_sibling`: there is one elsewhere. `passing`
    and `pickers` are of those who pass and read many such entries, and have worked out how.
    """

    __slots__ = (
        "fields",
        "has_children",
        "has_late_sibling",
        "is_wanted",
        "passing",
        "pickers",
        "sibling",
        "size",
        "steps",
        "tag",
    )

    def __init__(self, declaration: Declaration, sizes: Sizes) -> None:
        self.tag = declaration.tag
        self.has_children = declaration.has_children
        self.fields = [
            (attribute, form, implicit, _find_step(form, sizes))
            for attribute, form, implicit in declaration.attributes
        ]
        names = {attribute for attribute, _, _, _ in self.fields}
        self.is_wanted = self.tag in (DW_TAG_subprogram, DW_TAG_inlined_subroutine) and bool(
            names & {DW_AT_low_pc, DW_AT_ranges}
        )
        self.sibling: tuple[int, int] | None = None
        self.steps: list[int] = []
        self.size = -1
        self.passing: tuple[int, int, tuple[int, int]] | None = None
        self.pickers: dict[tuple[int, ...], Any] = {}
        self._measure()
        self.has_late_sibling = self.sibling is None and DW_AT_sibling in names

    def _measure(self) -> None:
        total = 0  # bytes since the last value that tells its size
        for attribute, form, _, step in self.fields:
            if (
                attribute == DW_AT_sibling
                and form in ADDRESSED_FROM_UNIT
                and step > 0
                and not self.steps
            ):
                self.sibling = total, step
            if step >= 0:
                total += step
                continue
            self.steps += (total, step)
            total = 0
        if not self.steps:
            self.size = total
        self.steps.append(total)


def _find_step(form: int, sizes: Sizes) -> int:
    size = find_size(form, sizes)
    if size is not None:
        return size
    if form in LEBS or form == DW_FORM_sdata:
        return LEB
    if form == DW_FORM_string:
        return TEXT
    if form in LEB_BLOCKS:
        return LEB_BLOCK
    if form in BLOCKS:
        return BLOCK - BLOCKS[form]
    if form == DW_FORM_indirect:
        return ANY
    raise DamagedDwarf(f"debug information of a kind that is not known (form {form:#x})", offset=0)


class PlaceReader(Protocol):
    """Reads where the code of entries of one shape is: values of attributes with such `forms`."""

    forms: tuple[int, ...]
    read: Callable[[bytes, int], tuple[Value | None, ...]]


# By how many bytes before their first address entries begin, and the bytes of their code: those
# with code from one address to another, by their code; whether they are functions.
Heads: TypeAlias = dict[tuple[int, int], dict[bytes, tuple[bool, PlaceReader]]]


class ReadShapes(Protocol):
    """Reads a whole table of abbreviations at once, up to where it is damaged."""

    def read(self, table: int, sizes: Sizes) -> dict[int, Shape]: ...  # noqa: D102


class Shapes:
    """The shapes of one table of abbreviations, for units of the same sizes.

    `known`: those that were read, by code. `steps`: of those whose entries nobody asks for, which
    have one size, that size with the code; 0 of others. `runs`: what passes many entries at once,
    by the tags of those that it stops at, `pickers`: what reads the places of code of entries, by
    code, and `heads`: how entries with code begin, all for those who make them.
    """

    def __init__(
        self, abbreviations: Abbreviations, tables: ReadShapes, table: int, sizes: Sizes
    ) -> None:
        self.sizes = sizes
        self._abbreviations = abbreviations
        self._tables = tables
        self._table = table
        self._is_read = False
        self.known: dict[int, Shape] = {}
        self.steps = bytearray(1 << 8)
        self.runs: dict[frozenset[int], Callable[[bytes, int], int]] = {}
        self.pickers: dict[int, PlaceReader] = {}
        self.heads: Heads | None = None

    def find(self, code: int) -> Shape:
        """What a code means. DamagedDwarf when it is not there."""
        shape = self.read_all().get(code)
        if shape is None:  # damage is told by who reads declarations one by one
            declaration = self._abbreviations.find(self._table, code)
            shape = self.known[code] = Shape(declaration, self.sizes)
        return shape

    def read_all(self) -> dict[int, Shape]:
        """All of the table, by code."""
        if not self._is_read:
            self._is_read = True
            self.known.update(self._tables.read(self._table, self.sizes))
            for code, shape in self.known.items():
                if code < MORE and not shape.is_wanted and not shape.sibling:
                    self.steps[code] = shape.size + 1 if 0 <= shape.size < MORE else 0
        return self.known


class Entry(NamedTuple):
    """One entry that was read: `offset` and `end` are its bytes in the unit."""

    offset: int
    shape: Shape
    values: Values
    end: int

    @property
    def next(self) -> int:
        """Where its sibling begins; 0 where it does not say."""
        form, value = self.values.get(DW_AT_sibling, (0, 0))
        is_place = form in ADDRESSED_FROM_UNIT and isinstance(value, int) and value > self.offset
        return value if is_place and isinstance(value, int) else 0


class Marks:
    """Entries that a walk has passed, each with those that it is inside: later ones begin there."""

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._parents: dict[int, tuple[int, ...]] = {}

    def add(self, offset: int, parents: list[int]) -> None:
        """Keep an entry, with the offsets of those that it is inside."""
        if offset not in self._parents and len(self._offsets) < MAX_MARKS:
            insort(self._offsets, offset)
            self._parents[offset] = tuple(parents)

    def find(self, offset: int) -> tuple[int, list[int]] | None:
        """The last one at an offset or before it."""
        number = bisect_right(self._offsets, offset) - 1
        if number < 0:
            return None
        mark = self._offsets[number]
        return mark, list(self._parents[mark])


class Entries:
    """The entries of one unit, by where they begin, in bytes from the unit's start."""

    def __init__(self, sections: DebugSections, unit: Unit, shapes: Shapes) -> None:
        """DamagedDwarf when the unit does not lie in its section."""
        header = unit.header
        self.unit = unit
        self.shapes = shapes
        self.marks = Marks()
        self.ends: dict[int, int] = {}  # of entries that do not say where their sibling is
        size = header.end - header.offset
        if size > MAX_UNIT:
            raise DamagedDwarf(f"a unit of {size} bytes is too large", offset=header.offset)
        self.data = sections.open("debug_info", header.offset).take(size)
        sections.let_go("debug_info", header.offset, size)
        self.first = header.first - header.offset
        self.end = len(self.data)

    def read(self, offset: int) -> Entry:
        """The entry that begins at an offset. DamagedDwarf when there is none."""
        if not self.first <= offset < self.end:
            raise DamagedDwarf("a reference leads out of its unit", offset=self.unit.header.offset)
        try:
            code, end = self.open(offset)
            if not code:
                raise DamagedDwarf("a reference leads to no entry", offset=self.unit.header.offset)
            shape = self.shapes.known.get(code) or self.shapes.find(code)
            values, end = self._read_values(shape, end)
        except (IndexError, ValueError):
            raise DamagedDwarf("a unit is cut short", offset=self.unit.header.offset) from None
        if end > self.end:
            raise DamagedDwarf("a unit is cut short", offset=self.unit.header.offset)
        return Entry(offset, shape, values, end)

    def _read_values(self, shape: Shape, offset: int) -> tuple[Values, int]:
        """What is of a fixed size is read here, for that is most; the rest by its form."""
        data, cursor, sizes = self.data, None, self.shapes.sizes
        values: Values = {}
        for attribute, form, implicit, step in shape.fields:
            if 0 < step <= MAX_NUMBER:
                values[attribute] = form, int.from_bytes(data[offset : offset + step], "little")
                offset += step
                continue
            if step == LEB and form != DW_FORM_sdata and data[offset] < MORE:
                values[attribute] = form, data[offset]
                offset += 1
                continue
            cursor = cursor or Cursor(data, offset, self.end)
            cursor.offset = offset
            values[attribute] = form, cursor.form(form, sizes, implicit)
            offset = cursor.offset
        return values, offset

    def open(self, offset: int) -> tuple[int, int]:
        """The code at an offset and where what follows it begins; 0 ends the children of one.

        For walks over many entries: IndexError where the unit runs out, ValueError where it makes
        no sense.
        """
        data = self.data
        code = data[offset]
        offset += 1
        if code < MORE:
            return code, offset
        code &= MORE - 1
        shift = 7
        while data[offset] >= MORE:
            code |= (data[offset] & MORE - 1) << shift
            shift += 7
            offset += 1
            if shift > MAX_CODE_BITS:
                raise ValueError
        return code | data[offset] << shift, offset + 1

    def skip(self, offset: int, shape: Shape) -> int:
        """The end of an entry whose values begin at an offset. As `open`, where the unit ends."""
        if shape.size >= 0:
            return offset + shape.size
        data = self.data
        for step in shape.steps:
            if step >= 0:
                offset += step
            elif step == LEB:
                while data[offset] >= MORE:
                    offset += 1
                offset += 1
            elif step == TEXT:
                offset = data.index(0, offset) + 1
            else:
                offset = self._skip_block(offset, step)
        return offset

    def _skip_block(self, offset: int, step: int) -> int:
        if step <= BLOCK:
            size = BLOCK - step
            return offset + size + int.from_bytes(self.data[offset : offset + size], "little")
        cursor = Cursor(self.data, offset, self.end)
        if step == LEB_BLOCK:
            size = cursor.uleb()
            return cursor.offset + size
        cursor.form(DW_FORM_indirect, self.shapes.sizes)
        return cursor.offset

    def find_next(self, offset: int, shape: Shape) -> int:
        """Where the sibling of an entry begins whose values begin at `offset`; 0: not said."""
        if shape.sibling is None:
            return 0
        start, size = shape.sibling
        following = int.from_bytes(self.data[offset + start : offset + start + size], "little")
        return following if offset < following <= self.end else 0


@contextmanager
def as_damage(offset: int) -> Iterator[None]:
    """What runs out of its bytes in here is damaged: the unit at an offset."""
    try:
        yield
    except (IndexError, ValueError, struct.error):
        raise DamagedDwarf("a unit is cut short", offset=offset) from None
