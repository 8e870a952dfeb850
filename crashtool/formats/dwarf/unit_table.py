"""The units of one file by where they are in .debug_info: opened once, found by what they hold."""

from __future__ import annotations

from bisect import bisect_right
from itertools import count

from crashtool.formats.dwarf.abbreviations import Abbreviations
from crashtool.formats.dwarf.entries import Entries, Shapes
from crashtool.formats.dwarf.forms import DamagedDwarf, Sizes
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.dwarf.shape_tables import ShapeTables
from crashtool.formats.dwarf.units import Header, Unit, read_header, walk_headers

MAX_UNITS = 1 << 12  # that are kept
MAX_PROBLEMS = 16
UNITS_AT_ONCE = 64  # that are passed until the memory for them is given back
MAX_BYTES = 1 << 26  # of the units whose entries are kept


_numbers = count()


class UnitTable:
    """The units of one file, which no other has the `number` of. DamagedDwarf from all that opens
    one.
    """

    def __init__(self, sections: DebugSections) -> None:
        self.sections = sections
        self.number = next(_numbers)
        self._abbreviations = Abbreviations(sections)
        self._shape_tables = ShapeTables(sections)
        self._units: dict[int, Unit] = {}
        self._headers: list[Header] | None = None
        self._starts: list[int] = []
        self._shapes: dict[tuple[int, Sizes], Shapes] = {}
        self._entries: dict[int, Entries] = {}
        self._kept = 0
        self._supplement: UnitTable | None = None
        self.problems: list[str] = []

    @property
    def headers(self) -> list[Header]:
        """The headers of all units, up to the first that is damaged, which `problems` tells."""
        if self._headers is None:
            self._headers = []
            try:
                for header in walk_headers(self.sections):
                    self._headers.append(header)
                    self.let_go(len(self._headers))
            except DamagedDwarf as error:
                self.note(error)
            self._starts = [header.offset for header in self._headers]
        return self._headers

    @property
    def supplement(self) -> UnitTable | None:
        """The units of the file that dwz has moved what is shared to, if it is at hand."""
        if self._supplement is None and self.sections.supplement is not None:
            self._supplement = UnitTable(self.sections.supplement)
        return self._supplement

    def open(self, offset: int, skeleton: Unit | None = None) -> Unit:
        """The unit that begins at an offset; `skeleton` when it is a split one."""
        unit = self._units.get(offset)
        if unit is None or unit.skeleton is not skeleton:
            header = read_header(self.sections, offset)
            unit = Unit(self.sections, header, self._abbreviations, skeleton)
            if len(self._units) >= MAX_UNITS:
                self._units.clear()
            self._units[offset] = unit
        return unit

    def let_go(self, passed: int) -> None:
        """Give back memory where so many units were passed: the system reads far more than they ask
        for.
        """
        headers = self._headers or []
        if passed % UNITS_AT_ONCE == 0 and passed:
            first = headers[passed - UNITS_AT_ONCE].offset
            self.sections.let_go("debug_info", first, headers[passed - 1].end - first)

    def note(self, error: DamagedDwarf) -> None:
        """Add what is damaged to `problems`."""
        if error.what not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(error.what)

    def find(self, offset: int) -> Unit:
        """The unit that an offset lies in."""
        headers = self.headers
        number = bisect_right(self._starts, offset) - 1
        if number < 0 or offset >= headers[number].end:
            raise DamagedDwarf("a reference leads to no unit", offset=offset)
        return self.open(headers[number].offset)

    def open_entries(self, unit: Unit) -> Entries:
        """The entries of one of these units."""
        offset = unit.header.offset
        entries = self._entries.get(offset)
        if entries is None or entries.unit is not unit:
            key = unit.header.abbreviations, unit.sizes
            if key not in self._shapes:
                self._shapes[key] = Shapes(self._abbreviations, self._shape_tables, *key)
            entries = Entries(self.sections, unit, self._shapes[key])
            self._make_room(entries.end)
            self._entries[offset] = entries
        return entries

    def _make_room(self, size: int) -> None:
        self._kept += size
        if self._kept > MAX_BYTES:
            self._entries.clear()
            self._kept = size
