"""A function whose first address is known, found in its unit's bytes without a walk through it.

An address stands in few places of a unit: in the function's entry, and in those of calls and blocks
with which it begins. Of these the function's is the one that a code of functions comes before, and
the right size behind. Where what is found may as well be of another kind, nothing is found.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from crashtool.formats.dwarf.constants import (
    DW_AT_high_pc,
    DW_AT_low_pc,
    DW_FORM_addr,
    DW_TAG_subprogram,
)
from crashtool.formats.dwarf.entries import MORE, Entries, Heads, Shapes
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.picked_values import Picker
from crashtool.formats.dwarf.range_reader import PLACES, RangeReader

LEAST_UNIT = 1 << 13  # bytes; a smaller one is walked as fast
MAX_PLACES = 64  # of a unit, that hold an address
MAX_CODE = 1 << 14  # in two bytes


class FunctionSearch:
    """The functions of one unit, each by where its code begins and ends."""

    def __init__(self, entries: Entries, ranges: RangeReader) -> None:
        self._entries = entries
        self._ranges = ranges
        self._offsets: dict[tuple[int, int], int] = {}

    def is_possible(self) -> bool:
        """Whether functions of this unit can be found so, and it is worth it."""
        return self._entries.end >= LEAST_UNIT and bool(self._list_heads())

    def find(self, low: int, high: int) -> int:
        """The entry of the function that has the code from one address up to another; of several,
        which were folded into one, the last. 0 when it cannot be found so.
        """
        if (low, high) not in self._offsets:
            self._offsets[low, high] = self._find(low, high)
        return self._offsets[low, high]

    def _list_heads(self) -> Heads:
        shapes = self._entries.shapes
        if shapes.heads is None:
            root, _ = self._entries.open(self._entries.first)
            shapes.heads = list_heads(shapes, root)
        return shapes.heads

    def _find(self, low: int, high: int) -> int:
        data, first = self._entries.data, self._entries.read(self._entries.first).end
        wanted = low.to_bytes(8, "little")[: self._entries.unit.sizes.address]
        place = data.find(wanted, first)
        last = 0
        self._ranges.begin()
        for _ in range(MAX_PLACES):
            if place < 0:
                return last
            entries = list(self._walk_entries(place, low, high))
            functions = [offset for offset, is_function in entries if is_function]
            if functions and (len(entries) > 1 or functions[0] < first):
                return 0  # it may be the one or the other
            last = functions[0] if functions else last
            place = data.find(wanted, place + 1)
        return 0

    def _walk_entries(self, place: int, low: int, high: int) -> Iterator[tuple[int, bool]]:
        """What entries with that code an address at a place may be of, and whether of functions."""
        data = self._entries.data
        for (distance, size), heads in self._list_heads().items():
            offset = place - distance
            head = heads.get(data[offset : offset + size]) if offset >= 0 else None
            if head is None:
                continue
            is_function, picker = head
            try:
                values = picker.read(data, offset + size)
                pieces = self._ranges.find(values[0], values[1], values[2], picker.forms)
            except (DamagedDwarf, IndexError, ValueError, struct.error):  # it is no entry
                continue
            if pieces == [(low, high)]:
                yield offset, is_function


def list_heads(shapes: Shapes, root: int) -> Heads:
    """How entries with code from one address to another begin, but for the unit's own, whose code
    is `root`; empty where one of them cannot be told by the bytes before its first address.
    """
    heads: Heads = {}
    for code, shape in shapes.read_all().items():
        names = [name for name, _, _, _ in shape.fields]
        if code == root or DW_AT_low_pc not in names or DW_AT_high_pc not in names:
            continue
        before = shape.fields[: names.index(DW_AT_low_pc)]
        is_address = (
            shape.fields[len(before)][1] == DW_FORM_addr
        )  # an index is too short to look for
        if not is_address or code >= MAX_CODE or any(step < 0 for _, _, _, step in before):
            return {}
        raw = _encode(code)
        distance = len(raw) + sum(step for _, _, _, step in before)
        picker = shapes.pickers.get(code) or Picker(shape, PLACES, shapes.sizes)
        shapes.pickers[code] = picker
        heads.setdefault((distance, len(raw)), {})[raw] = shape.tag == DW_TAG_subprogram, picker
    return heads


def _encode(code: int) -> bytes:
    """A number as LEB128 in as few bytes as can be."""
    return bytes([code]) if code < MORE else bytes([code % MORE | MORE, code // MORE])
