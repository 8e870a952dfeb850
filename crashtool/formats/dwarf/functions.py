"""From an address to the function of a unit that holds it, and the calls merged into it there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from crashtool.formats.dwarf.constants import (
    DW_LANG_C,
    DW_LANG_C11,
    DW_LANG_C17,
    DW_LANG_C89,
    DW_LANG_C99,
    SCOPES,
    DW_FORM_addr,
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
from crashtool.formats.dwarf.entries import MORE, Entries, Entry, PlaceReader, Shape, as_damage
from crashtool.formats.dwarf.forms import COUNTS, DamagedDwarf
from crashtool.formats.dwarf.function_search import FunctionSearch
from crashtool.formats.dwarf.picked_values import Picker
from crashtool.formats.dwarf.range_reader import PLACES, RangeReader
from crashtool.formats.dwarf.skipping import compile_run
from crashtool.formats.named_tuple import NamedTuple

FindSpan: TypeAlias = Callable[[int, int], "tuple[int, int] | None"]

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
MAX_FUNCTIONS = 1 << 18  # pieces of functions of one unit
MAX_OVERLAPPING = 16  # nested functions, and those that were folded into one
ENOUGH_PASSED = 1 << 13  # entries that are passed one by one before a pattern is made
MAX_SCOPES = 64  # that are kept: a frame's variables are asked for after its name
MAX_SEARCHES = 64  # for single functions of a unit; then it is walked once for all
DEEPEST_CALL = 512  # calls merged into one another


class Scopes(NamedTuple):
    """A function at an address, the piece of its code that holds it, and the calls merged into it,
    the outermost first.
    """

    function: Entry
    start: int
    end: int
    calls: list[Entry]


class _CallShape(NamedTuple):
    """What is to be known of merged calls of one shape.

    `read` gives first address, end or size, and list of ranges; `has_size`: the first two are an
    address and a size. `head`: the bytes of the code; `step`: those up to the next entry, 0 where
    they are not the same for each.
    """

    shape: Shape
    read: Callable[[bytes, int], tuple[Any, ...]]
    has_size: bool
    head: int
    step: int


class _Followed:
    """How far, and how deep there, the tree of a function was followed; whether its language has
    functions inside others.
    """

    def __init__(self, at: int, is_nested: bool) -> None:
        self.at = at
        self.depth = 1
        self.is_nested = is_nested


class UnitFunctions:
    """The functions of one unit that have code in one of the ranges `code`."""

    def __init__(self, entries: Entries, code: tuple[range, ...]) -> None:
        self._entries = entries
        self._code = code
        self._ranges = RangeReader(entries.unit)
        self._search = FunctionSearch(entries, self._ranges)
        self._searches = 0
        self._pickers = entries.shapes.pickers
        self._calls: dict[int, _CallShape] = {}  # by codes of one byte
        self._tops: _Pieces | None = None
        self._all: _Pieces | None = None
        self._passed = 0
        self._scopes: dict[int, Scopes | None] = {}

    def find(self, address: int, find_span: FindSpan | None = None) -> Scopes | None:
        """The function that has an address. DamagedDwarf when the unit makes no sense.

        `find_span` tells where a function begins and ends by other means, for an address and the
        bytes that need not be walked then.
        """
        if address not in self._scopes:
            if len(self._scopes) >= MAX_SCOPES:
                self._scopes.clear()
            with as_damage(self._entries.unit.header.offset):
                self._scopes[address] = self._find(address, find_span)
        return self._scopes[address]

    def _find(self, address: int, find_span: FindSpan | None) -> Scopes | None:
        subprogram = self._find_piece(address, find_span)
        if subprogram is None:
            return None
        start, end, offset = subprogram
        function = self._entries.read(offset)
        return Scopes(function, start, end, list(self._walk_calls(function, address)))

    def _find_piece(self, address: int, find_span: FindSpan | None) -> tuple[int, int, int] | None:
        """Where a function's code begins and ends around an address, and its entry.

        Those at the top of the tree, then those inside others: nested ones, lambdas, OpenMP's.
        """
        if self._tops is None and find_span is not None and self._searches < MAX_SEARCHES:
            self._searches += 1
            span = find_span(address, self._entries.end) if self._search.is_possible() else None
            offset = self._search.find(*span) if span and self._is_code(span[0]) else 0
            if span and offset:
                return *span, offset
        if self._tops is None:
            self._tops = self._list_tops()
        subprogram = self._tops.find(address)
        if subprogram is None and self._all is None:
            self._all = self._list_pieces(self._walk_functions())
        return subprogram or (self._all.find(address) if self._all is not None else None)

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
        picker = self._pickers.get(code) or self._pick(code)
        low, high, ranges = picker.read(entries.data, start)
        return self._ranges.find(low, high, ranges, picker.forms)

    def _pick(self, code: int) -> PlaceReader:
        shapes = self._entries.shapes
        picker = self._pickers[code] = Picker(shapes.find(code), PLACES, shapes.sizes)
        return picker

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
        data, short_codes = entries.data, self._calls
        self._ranges.begin()
        stop = min(function.next, entries.end)
        offset, end, count = function.end, stop or entries.end, 0
        followed = None if stop else _Followed(function.end, entries.unit.language not in UNNESTED)
        while offset < end and count < DEEPEST_CALL:
            call = short_codes.get(data[offset])
            if call is None:  # most of what stands between two calls is passed at once
                offset = self._find_call(offset, end, followed)
                if not offset:
                    return
                call = self._describe_call(offset)
            if call.has_size:
                low, size, _ = call.read(data, offset + call.head)
                is_inside = low <= address < low + size
            else:
                is_inside = any(low <= address < high for low, high in self._find_pieces(offset))
            if is_inside:
                entry = entries.read(offset)
                yield entry
                count += 1
                offset = entry.end
            else:
                offset = offset + call.step if call.step else self._pass_call(offset, call.shape)

    def _find_call(self, offset: int, end: int, followed: _Followed | None) -> int:
        """The next merged call; 0 when there is none before the end, or before the next function
        that is not inside this one. `followed`: how far its tree was, where its end is not told.
        """
        entries = self._entries
        while wanted := self._find_wanted(offset, end, WITH_CALLS):
            offset, shape = wanted
            if shape.tag == DW_TAG_inlined_subroutine:
                return offset
            if followed and not self._is_inside(followed, offset):
                return 0
            offset = entries.skip(entries.open(offset)[1], shape)
        return 0

    def _describe_call(self, offset: int) -> _CallShape:
        """What is to be known of the calls of the shape of one, which is kept by a short code."""
        code, start = self._entries.open(offset)
        shape = self._entries.shapes.find(code)
        picker = self._pickers.get(code) or self._pick(code)
        is_fixed = shape.size >= 0 and shape.sibling is None and not shape.has_late_sibling
        head = start - offset
        step = head + shape.size if is_fixed else 0
        low, high, ranges = picker.forms
        has_size = low == DW_FORM_addr and high in COUNTS and not ranges
        call = _CallShape(shape, picker.read, has_size, head, step)
        if head == 1:
            self._calls[code] = call
        return call

    def _is_inside(self, followed: _Followed, end: int) -> bool:
        """Whether an entry is inside the function whose tree was followed so far."""
        if not followed.is_nested:
            return False
        entries, at, depth = self._entries, followed.at, followed.depth
        while at < end and depth:
            code, start = entries.open(at)
            shape = entries.shapes.find(code) if code else None
            depth += -1 if shape is None else int(shape.has_children)
            at = start if shape is None else entries.skip(start, shape)
        followed.at, followed.depth = at, depth
        return bool(depth)

    def _pass_call(self, offset: int, shape: Shape) -> int:
        """Where what is behind a call, and what is inside it if its end is told, begins."""
        entries = self._entries
        if shape.has_late_sibling:
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

    def find(self, address: int) -> tuple[int, int, int] | None:
        """Where the piece begins and ends that has an address, and its function; the last one that
        begins counts, as nested functions are smaller.
        """
        last = bisect_right(self._starts, address)
        for low, high, offset in reversed(self._rows[max(0, last - MAX_OVERLAPPING) : last]):
            if address < high:
                return low, high, offset
        return None
