"""From an address to the units whose code may hold it.

.debug_aranges comes first; clang writes none, and a file linked of both has the gcc units only. So
the units that it does not name are asked themselves.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from heapq import merge

from crashtool.errors import MalformedFile
from crashtool.formats.dwarf.constants import DW_TAG_partial_unit
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.ranges import (
    MAX_READ_OF_ALL,
    RangeBudget,
    find_ranges,
    has_addresses,
)
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.dwarf.unit_table import UnitTable
from crashtool.formats.dwarf.units import Header, Unit
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.code_spans import merge_spans
from crashtool.formats.record import U8, U16, U32, U64, Record

ARANGES_VERSION = 2
EXTENDED = b"\xff" * 4  # the mark of 64-bit DWARF, before a length
LENGTH, LONG_LENGTH = 4, 8  # bytes of a set's length
MAX_ROWS = 1 << 22  # libjvm has 28,536
MAX_OVERLAPPING = 64
MAX_SILENT = 64  # units that do not say where their code is, and so are all tried


class Range32(Record):
    """A piece of code in .debug_aranges, of a 32-bit program."""

    start: U32
    size: U32


class Range64(Record):
    """A piece of code in .debug_aranges."""

    start: U64
    size: U64


class SetHead32(Record):
    """What a set in .debug_aranges begins with: the unit that it is of, the size of addresses."""

    length: U32
    version: U16
    unit: U32
    address_size: U8
    segment_size: U8


class SetHead64(Record):
    """The same in 64-bit DWARF, behind the mark of it."""

    length: U64
    version: U16
    unit: U64
    address_size: U8
    segment_size: U8


PIECES = {4: Range32.LAYOUT, 8: Range64.LAYOUT}  # by the size of addresses


class _UnitRanges:
    """Ranges of addresses, each with the offset of its unit."""

    def __init__(self, rows: list[tuple[int, int, int]]) -> None:
        rows.sort()
        self._rows = rows
        self._starts = array("Q", (low for low, _, _ in rows))

    def walk_pieces(self) -> Iterator[tuple[int, int]]:
        """First address and end of each, in the order of the addresses."""
        return ((low, high) for low, high, _ in self._rows)

    def find(self, address: int) -> list[int]:
        """The units at an address, the range that begins last first: it is the smallest."""
        last = bisect_right(self._starts, address)
        nearest = self._rows[max(0, last - MAX_OVERLAPPING) : last]
        return list(dict.fromkeys(unit for _, high, unit in reversed(nearest) if high > address))


class _Scan(NamedTuple):
    """What the units say themselves: the silent ones are listed."""

    rows: _UnitRanges
    silent: list[int]


class UnitIndex:
    """The units of a file by address. Damage costs what it hits."""

    def __init__(self, sections: DebugSections) -> None:
        self._sections = sections
        self.table = UnitTable(sections)
        self._aranges: _UnitRanges | None = None
        self._named: set[int] = set()
        self._scan: _Scan | None = None

    def walk_units(self, address: int) -> Iterator[Unit]:
        """The units that may hold an address, the likeliest first."""
        tried: set[int] = set()
        for find in (self._find_named, self._find_scanned):
            for offset in find(address):
                if offset not in tried:
                    tried.add(offset)
                    unit = self._open(offset)
                    if unit is not None:
                        yield unit

    def list_code(self) -> list[tuple[int, int]]:
        """First address and end of the code that units say is theirs, in order, without overlaps.

        Also of code that the linker has dropped, whose addresses are those of no section.
        """
        named, scanned = self._list_named(), self._list_scanned().rows
        return merge_spans(merge(named.walk_pieces(), scanned.walk_pieces()))

    def _open(self, offset: int) -> Unit | None:
        try:
            return self.table.open(offset)
        except DamagedDwarf as error:
            self.table.note(error)
            return None

    def _find_named(self, address: int) -> list[int]:
        return self._list_named().find(address)

    def _list_named(self) -> _UnitRanges:
        if self._aranges is None:
            rows: list[tuple[int, int, int]] = []
            with suppress(DamagedDwarf):  # the units that are not named are asked
                _read_aranges(self._sections, rows, self._named)
            self._aranges = _UnitRanges(rows)
        return self._aranges

    def _find_scanned(self, address: int) -> list[int]:
        scan = self._list_scanned()
        return scan.rows.find(address) + scan.silent

    def _list_scanned(self) -> _Scan:
        if self._scan is None:
            rows: list[tuple[int, int, int]] = []
            silent: list[int] = []
            budget = RangeBudget(MAX_READ_OF_ALL)
            for number, header in enumerate(self.table.headers, 1):
                if header.may_have_code and header.offset not in self._named:
                    self._ask(header, rows, silent, budget)
                    self.table.let_go(number)
            self._scan = _Scan(_UnitRanges(rows), silent[:MAX_SILENT])
        return self._scan

    def _ask(
        self,
        header: Header,
        rows: list[tuple[int, int, int]],
        silent: list[int],
        budget: RangeBudget,
    ) -> None:
        try:
            unit = self.table.open(header.offset)
            if unit.tag == DW_TAG_partial_unit or unit.line_program is None:
                return
            ranges = find_ranges(unit, unit.values, budget)
        except DamagedDwarf as error:
            self.table.note(error)
            return
        if not has_addresses(unit.values):
            silent.append(header.offset)
        elif len(rows) < MAX_ROWS:
            rows += ((low, high, header.offset) for low, high in ranges if low and high < 1 << 64)


def _read_aranges(
    sections: DebugSections, rows: list[tuple[int, int, int]], named: set[int]
) -> None:
    """Add what each set tells: the pieces of code, each with its unit's offset, and the units.

    A pair of zeros is padding or an end, so a set ends where its length says. A C library has
    thousands of sets, most of one piece: so the usual ones are read without a call for each.
    """
    data = sections.open("debug_aranges").take(sections.size("debug_aranges"))
    end, offset = len(data), 0
    usual, usual_size = SetHead32.LAYOUT.unpack_from, SetHead32.SIZE
    while offset < end and len(rows) < MAX_ROWS:
        start = offset + usual_size
        if start > end or data.startswith(EXTENDED, offset):
            (length, version, unit, size, segment_size), start = _read_long_head(data, offset)
            stop = start - SetHead64.SIZE + LONG_LENGTH + length
        else:
            length, version, unit, size, segment_size = usual(data, offset)
            stop = offset + LENGTH + length
        if version != ARANGES_VERSION or size not in PIECES or segment_size:
            raise DamagedDwarf("a set of .debug_aranges", offset=offset)
        start += (offset - start) % (2 * size)
        pieces = data[start : min(stop, end)]
        for low, count in PIECES[size].iter_unpack(pieces[: len(pieces) // (2 * size) * 2 * size]):
            if low and count:
                rows.append((low, low + count, unit))
        named.add(unit)
        offset = stop


def _read_long_head(data: bytes, offset: int) -> tuple[SetHead64, int]:
    """The head of a set in 64-bit DWARF, and where it ends."""
    offset += len(EXTENDED)
    try:
        return SetHead64.read(data, offset), offset + SetHead64.SIZE
    except MalformedFile:
        raise DamagedDwarf("a set of .debug_aranges is cut short", offset=offset) from None
