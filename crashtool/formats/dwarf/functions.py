"""From an address to the function of a unit that holds it, and the calls merged into it there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from crashtool.formats.dwarf.constants import (
    DW_LANG_C,
    DW_LANG_C11,
    DW_LANG_C17,
    DW_LANG_C89,
    DW_LANG_C99,
    SCOPES,
    DW_AT_high_pc,
    DW_AT_low_pc,
    DW_AT_ranges,
    DW_AT_sibling,
    DW_LANG_C_plus_plus,
    DW_LANG_C_plus_plus_03,
    DW_LANG_C_plus_plus_11,
    DW_LANG_C_plus_plus_14,
    DW_LANG_C_plus_plus_17,
    DW_LANG_C_plus_plus_20,
    DW_LANG_Go,
    DW_LANG_Mips_Assembler,
    DW_LANG_ObjC,
    DW_LANG_ObjC_plus_plus,
    DW_LANG_Rust,
    DW_TAG_inlined_subroutine,
    DW_TAG_subprogram,
)
from crashtool.formats.dwarf.entries import MORE, Entries, Entry, Shape, as_damage
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.picked_values import Picker
from crashtool.formats.dwarf.range_reader import RangeReader
from crashtool.formats.dwarf.skipping import compile_run
from crashtool.formats.named_tuple import NamedTuple

FUNCTIONS, WITH_CALLS = (
    frozenset({DW_TAG_subprogram}),
    frozenset({DW_TAG_subprogram, DW_TAG_inlined_subroutine}),
)
# Languages whose functions hold no others that have code.
UNNESTED = frozenset(
    {
        DW_LANG_C89,
        DW_LANG_C,
        DW_LANG_C99,
        DW_LANG_C11,
        DW_LANG_C17,
        DW_LANG_C_plus_plus,
        DW_LANG_C_plus_plus_03,
        DW_LANG_C_plus_plus_11,
        DW_LANG_C_plus_plus_14,
        DW_LANG_C_plus_plus_17,
        DW_LANG_C_plus_plus_20,
        DW_LANG_ObjC,
        DW_LANG_ObjC_plus_plus,
        DW_LANG_Rust,
        DW_LANG_Go,
        DW_LANG_Mips_Assembler,
    }
)
PLACES = (DW_AT_low_pc, DW_AT_high_pc, DW_AT_ranges)
MAX_FUNCTIONS = 1 << 18  # pieces of functions of one unit
MAX_OVERLAPPING = 16  # nested functions, and those that were folded into one
ENOUGH_PASSED = 1 << 13  # entries that are passed one by one before a pattern is made
DEEPEST_CALL = 512  # calls merged into one another


class Scopes(NamedTuple):
    """A function at an address, the piece of its code that holds it, and the calls merged into it,
    the outermost first.
    """

    function: Entry
    start: int
    calls: list[Entry]


class UnitFunctions:
    """The functions of one unit that have code in one of the ranges `code`."""

    def __init__(self, entries: Entries, code: tuple[range, ...]) -> None:
        self._entries = entries
        self._code = code
        self._ranges = RangeReader(entries.unit)
        self._pickers: dict[int, Picker] = {}
        self._tops: _Pieces | None = None
        self._all: _Pieces | None = None
        self._passed = 0

    def find(self, address: int) -> Scopes | None:
        """The function that has an address. DamagedDwarf when the unit makes no sense.

        Those at the top of the tree, then those inside others: nested ones, lambdas, OpenMP's.
        """
        with as_damage(self._entries.unit.header.offset):
            if self._tops is None:
                self._tops = self._list_tops()
            subprogram = self._tops.find(address)
            if subprogram is None and self._all is None:
                self._all = self._list_pieces(self._walk_functions())
            if subprogram is None and self._all is not None:
                subprogram = self._all.find(address)
            if subprogram is None:
                return None
            start, offset = subprogram
            function = self._entries.read(offset)
            return Scopes(function, start, list(self._walk_calls(function, address)))

    def _list_tops(self) -> _Pieces:
        """The functions at the top; all of them where no entry says where its sibling is."""
        shapes = self._entries.shapes.read_all()
        if any(shape.sibling for shape in shapes.values()):
            return self._list_pieces(self._walk_tops())
        self._all = self._list_pieces(self._walk_functions())
        return self._all

    def _list_pieces(self, offsets: Iterator[int]) -> _Pieces:
        rows: list[tuple[int, int, int]] = []
        self._ranges.begin()
        for offset in offsets:
            try:
                pieces = self._find_pieces(offset)
            except DamagedDwarf:
                if self._ranges.is_spent:
                    raise
                continue
            rows += ((low, high, offset) for low, high in pieces if self._is_code(low))
            if len(rows) > MAX_FUNCTIONS:
                break
        return _Pieces(rows)

    def _find_pieces(self, offset: int) -> list[tuple[int, int]]:
        """First address and end of each piece of a function's code."""
        entries = self._entries
        code, start = entries.open(offset)
        picker = self._pickers.get(code)
        if picker is None:
            shape = entries.shapes.find(code)
            picker = self._pickers[code] = Picker(shape, PLACES, entries.shapes.sizes)
        low, high, ranges = picker.read(entries.data, start)
        return self._ranges.find(low, high, ranges, picker.forms)

    def _is_code(self, low: int) -> bool:
        """Whether a piece was kept: linkers set dropped ones to 0, 1 or a little more."""
        return any(low in span for span in self._code)

    def _walk_tops(self) -> Iterator[int]:
        """The functions that are in no other, from sibling to sibling where these are told."""
        entries = self._entries
        data, shapes, find_shape = entries.data, entries.shapes.known, entries.shapes.find
        offset, end = entries.read(entries.first).end, entries.end
        steps, from_bytes = entries.shapes.steps, int.from_bytes
        while offset < end:
            code = data[offset]
            if steps[code]:
                offset += steps[code]
                continue
            start = offset + 1
            if code >= MORE:
                code, start = entries.open(offset)
            if not code:
                offset = start
                continue
            shape = shapes.get(code) or find_shape(code)
            if shape.is_wanted and shape.tag == DW_TAG_subprogram:
                yield offset
            if shape.sibling is not None and shape.tag not in SCOPES:
                before, size = shape.sibling
                following = from_bytes(data[start + before : start + before + size], "little")
                offset = following if start < following <= end else entries.skip(start, shape)
            elif shape.size >= 0:
                offset = start + shape.size
            else:
                offset = entries.skip(start, shape)

    def _walk_functions(self) -> Iterator[int]:
        """All functions, also those inside others."""
        entries = self._entries
        offset = entries.first
        while wanted := self._find_wanted(offset, entries.end, FUNCTIONS):
            offset, shape = wanted
            yield offset
            offset = entries.skip(entries.open(offset)[1], shape)

    def _walk_calls(self, function: Entry, address: int) -> Iterator[Entry]:
        """The merged calls that hold an address.

        One that holds it and stands behind another that does is inside that one, as neighbours
        share no code: so the tree need not be followed.
        """
        if not function.shape.has_children:
            return
        entries = self._entries
        self._ranges.begin()
        stop = min(function.next, entries.end)
        offset, count = function.end, 0
        at, depth = function.end, 1  # how far the tree was followed, where no entry tells its end
        is_nested = not stop and entries.unit.language not in UNNESTED
        while (
            wanted := self._find_wanted(offset, stop or entries.end, WITH_CALLS)
        ) and count < DEEPEST_CALL:
            offset, shape = wanted
            if shape.tag != DW_TAG_inlined_subroutine:
                if is_nested:
                    at, depth = self._follow_tree(at, offset, depth)
                if not stop and not (is_nested and depth):
                    return
                offset = entries.skip(entries.open(offset)[1], shape)
                continue
            pieces = self._find_pieces(offset)
            if any(low <= address < high for low, high in pieces):
                call = entries.read(offset)
                yield call
                count += 1
                offset = call.end
            else:
                offset = self._pass_call(offset, shape)

    def _follow_tree(self, at: int, end: int, depth: int) -> tuple[int, int]:
        """From an entry to another one: where that is and how deep, 0 behind the whole tree."""
        entries = self._entries
        while at < end and depth:
            code, start = entries.open(at)
            shape = entries.shapes.find(code) if code else None
            depth += -1 if shape is None else int(shape.has_children)
            at = start if shape is None else entries.skip(start, shape)
        return at, depth

    def _pass_call(self, offset: int, shape: Shape) -> int:
        """Where what is behind a call, and what is inside it if its end is told, begins."""
        entries = self._entries
        if shape.sibling is None and any(field[0] == DW_AT_sibling for field in shape.fields):
            call = entries.read(offset)
            return call.next or call.end
        start = entries.open(offset)[1]
        return entries.find_next(start, shape) or entries.skip(start, shape)

    def _find_wanted(self, offset: int, end: int, tags: frozenset[int]) -> tuple[int, Shape] | None:
        """The next entry with code of one of the tags, as they stand in the unit."""
        entries = self._entries
        data, shapes, find_shape = entries.data, entries.shapes.known, entries.shapes.find
        run = entries.shapes.runs.get(tags)
        while offset < end:
            if run is not None:
                offset = run(data, offset)
                if offset >= end:
                    return None
            elif self._passed > ENOUGH_PASSED:
                run = entries.shapes.runs[tags] = compile_run(entries.shapes.read_all(), tags)
                continue
            code = data[offset]
            start = offset + 1
            if code >= MORE:
                code, start = entries.open(offset)
            if code:
                shape = shapes.get(code) or find_shape(code)
                if shape.is_wanted and shape.tag in tags:
                    return offset, shape
                start = entries.skip(start, shape)
            self._passed += 1
            offset = start
        return None


class _Pieces:
    """Pieces of code by address: each with its end and the offset of its function."""

    def __init__(self, rows: list[tuple[int, int, int]]) -> None:
        rows.sort()
        self._rows = rows
        self._starts = [low for low, _, _ in rows]

    def find(self, address: int) -> tuple[int, int] | None:
        """Where the piece begins that has an address, and its function; the last one that begins
        counts, as nested functions are smaller.
        """
        last = bisect_right(self._starts, address)
        for low, high, offset in reversed(self._rows[max(0, last - MAX_OVERLAPPING) : last]):
            if address < high:
                return low, offset
        return None
