"""One unit read whole, in one pass over its entries: functions with code, merged calls, scopes."""

from __future__ import annotations

import struct
from bisect import bisect_left

from crashtool.formats.dwarf.constants import (
    SCOPES,
    DW_AT_abstract_origin,
    DW_AT_call_file,
    DW_AT_call_line,
    DW_AT_declaration,
    DW_AT_high_pc,
    DW_AT_low_pc,
    DW_AT_ranges,
    DW_AT_sibling,
    DW_AT_specification,
    DW_FORM_addr,
    DW_FORM_data1,
    DW_FORM_data2,
    DW_FORM_data4,
    DW_FORM_data8,
    DW_TAG_array_type,
    DW_TAG_call_site,
    DW_TAG_enumeration_type,
    DW_TAG_GNU_call_site,
    DW_TAG_inlined_subroutine,
    DW_TAG_subprogram,
    DW_TAG_subroutine_type,
)
from crashtool.formats.dwarf.entries import DEEPEST, LEB_BLOCK, MORE, TEXT, Entries, Shape
from crashtool.formats.dwarf.forms import ADDRESSED_FROM_UNIT, DamagedDwarf
from crashtool.formats.dwarf.picked_values import Picked, Picker, open_picker
from crashtool.formats.dwarf.range_reader import RangeReader
from crashtool.formats.dwarf.ranges import MAX_READ_OF_ALL
from crashtool.formats.named_tuple import NamedTuple

WANTED = (
    DW_AT_low_pc,
    DW_AT_high_pc,
    DW_AT_ranges,
    DW_AT_abstract_origin,
    DW_AT_specification,
    DW_AT_call_file,
    DW_AT_call_line,
    DW_AT_sibling,
)
# Array and enumeration types, types of functions, call sites: no code is described inside them, nor
# inside declarations of functions.
CODELESS = frozenset(
    {
        DW_TAG_array_type,
        DW_TAG_enumeration_type,
        DW_TAG_subroutine_type,
        DW_TAG_call_site,
        DW_TAG_GNU_call_site,
    }
)
SIBLING_SLOT = 7
MAX_FOUND = 1 << 20  # functions and calls of one unit
# Forms of DW_AT_low_pc and DW_AT_high_pc where the second is a number of bytes, of a fixed size.
WITH_SIZE = frozenset(
    (DW_FORM_addr, form) for form in (DW_FORM_data1, DW_FORM_data2, DW_FORM_data4, DW_FORM_data8)
)
NUMBER = struct.Struct("<I")
PLAIN, SHORT_BLOCK, SHORT_TEXT, VARIED, CLOSED, PARENT, CODE = range(7)


class FoundCall(NamedTuple):
    """A call that was merged; `depth`: how many others of its function it is inside.

    `values` are the attributes `WANTED`, by the `forms`.
    """

    offset: int
    depth: int
    pieces: list[tuple[int, int]]
    values: Picked
    forms: tuple[int, ...]


class FoundCode(NamedTuple):
    """A function with code, and the calls merged into it, each after the one that it is inside."""

    offset: int
    pieces: list[tuple[int, int]]
    calls: list[FoundCall]
    values: Picked
    forms: tuple[int, ...]


class UnitTree:
    """What a walk over all entries of a unit finds; offsets are from the unit's start."""

    def __init__(self, entries: Entries, shapes: dict[int, Shape], code: tuple[range, ...]) -> None:
        """Functions count whose code is in one of the ranges `code`.

        DamagedDwarf when the unit makes no sense.
        """
        self.entries = entries
        self._code = code
        self.shapes = shapes
        self.functions: list[FoundCode] = []
        self._starts: list[int] = []  # of scopes and functions that have children
        self._ends: list[int] = []
        self._parents: list[int] = []
        self._pickers: dict[int, Picker] = {}
        self._ranges = RangeReader(entries.unit)
        self._ranges.begin(MAX_READ_OF_ALL)
        self._left = MAX_FOUND
        try:
            self._walk()
        except (IndexError, KeyError, ValueError, struct.error):
            offset = entries.unit.header.offset
            raise DamagedDwarf("a unit is cut short", offset=offset) from None

    def list_scopes(self, offset: int) -> list[int]:
        """The scopes and functions that an entry is inside, the outermost first."""
        scopes: list[int] = []
        scope = bisect_left(self._starts, offset) - 1
        while scope >= 0:
            if offset < self._ends[scope]:
                scopes.append(self._starts[scope])
                scope = self._parents[scope]
            else:
                scope = self._parents[scope] if self._parents[scope] < scope else -1
        return scopes[::-1]

    def _walk(self) -> None:  # noqa: C901, PLR0912, PLR0915 (one loop, for its speed)
        """Follow the tree. What is of a fixed size, and a leaf, is passed at once: it is most."""
        entries, data, end = self.entries, self.entries.data, self.entries.end
        kinds, steps, rests = self._list_steps()
        read_number = NUMBER.unpack_from
        offset = entries.first
        calls: list[FoundCall] = []
        depth, scope = 0, -1
        outer: list[tuple[list[FoundCall], int, int]] = []
        while offset < end:
            code = data[offset]
            start = offset + 1
            if code >= MORE:
                if (high := data[start]) < MORE:
                    code, start = code + (high << 7) - MORE, start + 1
                else:
                    code, start = entries.open(offset)
            if step := steps[code]:
                offset += step
                continue
            if not code:
                offset = start
                if outer:
                    inner = scope
                    calls, depth, scope = outer.pop()
                    if inner != scope:
                        self._ends[inner] = offset
                if not outer:
                    break
                continue
            kind = kinds[code]
            if kind <= VARIED:
                offset = self._pass_leaf(kind, start, code, rests[code])
                continue
            if kind == CLOSED:
                (following,) = read_number(data, start + rests[code][0])
                if start < following <= end:
                    offset = following
                    continue
            shape = self.shapes[code]
            here = offset
            offset = start + shape.size if shape.size >= 0 else entries.skip(start, shape)
            state = calls, depth, scope
            if kind == CODE:
                calls, depth, following = self._take(here, start, code, calls, depth)
                if offset < following <= end:  # the linker has dropped it, and what is inside
                    offset = following
                    continue
            if not shape.has_children:
                calls, depth, scope = state
                continue
            outer.append(state)
            if len(outer) > DEEPEST:
                raise DamagedDwarf("entries within entries without end", offset=here)
            if shape.tag in SCOPES or shape.tag == DW_TAG_subprogram:
                scope = self._begin_scope(here, scope)
        if offset > end:
            raise ValueError

    def _pass_leaf(self, kind: int, start: int, code: int, around: tuple[int, int]) -> int:
        """Where an entry without children ends whose values begin at `start`."""
        data, offset = self.entries.data, start + around[0]
        if kind == SHORT_TEXT:
            return data.index(0, offset) + 1 + around[1]
        if kind == SHORT_BLOCK and (size := data[offset]) < MORE:
            return offset + 1 + size + around[1]
        return self.entries.skip(start, self.shapes[code])

    def _begin_scope(self, offset: int, parent: int) -> int:
        """The number of a scope inside another; where it ends is not known yet."""
        self._starts.append(offset)
        self._ends.append(self.entries.end)
        self._parents.append(parent)
        return len(self._starts) - 1

    def _take(
        self, offset: int, start: int, code: int, calls: list[FoundCall], depth: int
    ) -> tuple[list[FoundCall], int, int]:
        """Keep a function or a call that has code; the calls and the depth of what is inside it.

        For a function that the program has not, where the next entry is, if that is known.
        """
        picker = self._pickers.get(code) or self._open_picker(code)
        forms = picker.forms
        values = picker.read(self.entries.data, start)
        low, high, ranges, *_ = values
        if ranges is None and forms[:2] in WITH_SIZE and high:
            pieces: list[tuple[int, int]] = [(low, low + high)]  # type: ignore[list-item, operator]
        else:
            try:
                pieces = self._ranges.find(low, high, ranges, forms)
            except DamagedDwarf:
                if self._ranges.is_spent:
                    raise
                pieces = []
        self._left -= 1
        if self._left < 0:
            raise DamagedDwarf("functions without end", offset=offset)
        if picker.tag == DW_TAG_inlined_subroutine:
            if not pieces:
                return calls, depth, 0
            calls.append(FoundCall(offset, depth, pieces, values, forms))
            return calls, depth + 1, 0
        pieces = [piece for piece in pieces if any(piece[0] in span for span in self._code)]
        if not pieces:
            following = values[SIBLING_SLOT] if forms[SIBLING_SLOT] in ADDRESSED_FROM_UNIT else 0
            return [], 0, following if isinstance(following, int) else 0
        new_code = FoundCode(offset, pieces, [], values, forms)
        self.functions.append(new_code)
        return new_code.calls, 0, 0

    def _open_picker(self, code: int) -> Picker:
        picker = self._pickers[code] = open_picker(
            self.shapes[code], WANTED, self.entries.unit.sizes
        )
        return picker

    def _list_steps(self) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        """By code: its kind; the bytes of one that is passed at once, else 0; what is around the
        one value that tells its size.
        """
        count = max(self.shapes, default=0) + 1
        kinds, steps, rests = [PLAIN] * count, [0] * count, [(0, 0)] * count
        for code, shape in self.shapes.items():
            if shape.passing is None:
                shape.passing = describe(shape)
            kind, size, around = shape.passing
            kinds[code] = kind
            rests[code] = around
            if kind == PLAIN:
                steps[code] = size + (1 if code < MORE else 2 if code < MORE * MORE else 3)
        return kinds, steps, rests


def describe(shape: Shape) -> tuple[int, int, tuple[int, int]]:
    """How entries of a shape are passed: their kind, their size, what is around a short value; of
    `CLOSED` ones where the sibling is told.
    """
    nothing = 0, 0
    if shape.is_wanted:
        return CODE, 0, nothing
    if shape.has_children:
        is_declared = any(field[0] == DW_AT_declaration for field in shape.fields)
        is_closed = shape.tag in CODELESS or (shape.tag == DW_TAG_subprogram and is_declared)
        if is_closed and shape.sibling and shape.sibling[1] == NUMBER.size:
            return CLOSED, 0, shape.sibling
        return PARENT, 0, nothing
    if shape.size >= 0:
        return PLAIN, shape.size, nothing
    if len(shape.steps) == 3 and shape.steps[1] in (LEB_BLOCK, TEXT):  # noqa: PLR2004
        kind = SHORT_BLOCK if shape.steps[1] == LEB_BLOCK else SHORT_TEXT
        return kind, 0, (shape.steps[0], shape.steps[2])
    return VARIED, 0, nothing
