"""All functions of a file, unit by unit: what `lookup` says of one address, said of all."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from crashtool.formats.code_records import CodeRecords, LineRow, MergedCall
from crashtool.formats.dwarf.constants import DW_TAG_partial_unit
from crashtool.formats.dwarf.forms import ADDRESSED_FROM_UNIT, DamagedDwarf, Value
from crashtool.formats.dwarf.line_program import Rows
from crashtool.formats.dwarf.line_sequences import run_kept
from crashtool.formats.dwarf.lines import LineTable
from crashtool.formats.dwarf.lookup import MAX_LINE, MAX_PROBLEMS, SplitUnit, choose_symbol
from crashtool.formats.dwarf.tree_names import NamedTree, TreeNames
from crashtool.formats.dwarf.unit_table import UnitTable
from crashtool.formats.dwarf.unit_tree import FoundCall, FoundCode
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.symbol_spans import walk_gaps

if TYPE_CHECKING:
    from crashtool.formats.dwarf.sections import DebugSections
    from crashtool.formats.dwarf.units import Header, Unit

MAX_TABLES = 1 << 16  # whose rows were told
NO_FILE = -1


class SymbolNames(Protocol):
    """What a file's symbol table says of functions; addresses are from the module's base."""

    def list_names(self, start: int) -> list[str]: ...  # noqa: D102


class _Sequence(NamedTuple):
    """Rows of one sequence, and where their code begins."""

    start: int
    rows: Rows


class _UnitLines:
    """The line table of one unit, run; files by the numbers that `records` has for them."""

    def __init__(self, table: LineTable, sections: DebugSections, records: CodeRecords) -> None:
        """DamagedDwarf where it makes no sense."""
        self._table = table
        self._records = records
        self.files: dict[int, int] = {}
        self.sequences = sorted(
            (
                _Sequence(rows.addresses[0], rows)
                for rows in run_kept(*table.open_program(), sections.code)
            ),
            key=lambda sequence: sequence.start,
        )
        self._starts = [sequence.start for sequence in self.sequences]

    def number_file(self, number: int) -> int:
        """A source file's number among the records; NO_FILE when there is no such file."""
        index = self.files.get(number)
        if index is None:
            path = self._table.path(number)
            index = self.files[number] = self._records.number_file(path) if path else NO_FILE
        return index

    def list_rows(self, low: int, high: int, base: int) -> list[LineRow]:
        """The rows of a piece of code; those of several sequences where it is in several."""
        at = max(0, bisect_right(self._starts, low) - 1)
        rows: list[LineRow] = []
        for sequence in islice(self.sequences, at, None):
            if sequence.start >= high:
                break
            rows += self._walk_rows(sequence.rows, low, high, base)
        return rows

    def _walk_rows(self, rows: Rows, low: int, high: int, base: int) -> Iterator[LineRow]:
        first = max(0, bisect_right(rows.addresses, low) - 1)
        last = min(bisect_left(rows.addresses, high, first), len(rows.lines))
        if first >= last:
            return
        edges = rows.addresses[first : last + 1]
        edges[0], edges[-1] = max(edges[0], low), min(edges[-1], high)
        numbers = self.files
        for start, end, line, number in zip(
            edges, edges[1:], rows.lines[first:last], rows.files[first:last], strict=False
        ):
            if not line or start >= end:
                continue
            file = numbers.get(number)
            if file is None:
                file = self.number_file(number)
            if file >= 0:
                yield start - base, end - start, line, file


class DwarfRecords:
    """The functions of one file's units; damage costs the unit that it is in.

    `find_split` is that of `DwarfLookup`. What is damaged is told in `problems`.
    """

    def __init__(
        self,
        sections: DebugSections,
        symbols: SymbolNames | None = None,
        find_split: Callable[[Unit], SplitUnit | None] | None = None,
    ) -> None:
        self._sections = sections
        self._symbols = symbols
        self._find_split = find_split
        self._table = UnitTable(sections)
        self._names = TreeNames(sections.code)
        self._told: set[int] = set()
        self.problems: list[str] = []

    def list_units(self) -> list[Header]:
        """The units that may have code, by their headers."""
        return [header for header in self._table.headers if header.may_have_code]

    def write(self, units: Iterable[Header], records: CodeRecords) -> None:
        """Tell `records` of all functions of some units."""
        for header in units:
            try:
                unit = self._table.open(header.offset)
                if unit.tag != DW_TAG_partial_unit:
                    self._write_unit(unit, records)
            except DamagedDwarf as error:
                if error.what not in self.problems and len(self.problems) < MAX_PROBLEMS:
                    self.problems.append(error.what)

    def _write_unit(self, unit: Unit, records: CodeRecords) -> None:
        lines = self._open_lines(unit, records)
        spans: list[tuple[int, int]] = []
        try:
            split = self._find_split(unit) if self._find_split else None
            table, inner = split or (self._table, unit)
            writer = _UnitWriter(self._names, self._names.open(table, inner), lines, records)
            for function in writer.tree.tree.functions:
                spans += writer.write(function, self._sections.base, self._symbols)
            tree = writer.tree
            tree.tree.functions.clear()
        finally:
            if lines is not None and unit.line_program not in self._told:
                self._write_rest(lines, spans, records)
                if len(self._told) < MAX_TABLES and unit.line_program is not None:
                    self._told.add(unit.line_program)

    def _open_lines(self, unit: Unit, records: CodeRecords) -> _UnitLines | None:
        """A unit's lines; None without, or when they are damaged."""
        offset = unit.line_program
        try:
            if offset is not None:
                return _UnitLines(LineTable(self._sections, unit, offset), self._sections, records)
        except DamagedDwarf as error:
            if error.what not in self.problems and len(self.problems) < MAX_PROBLEMS:
                self.problems.append(error.what)
        return None

    def _write_rest(
        self, lines: _UnitLines, spans: list[tuple[int, int]], records: CodeRecords
    ) -> None:
        """Tell of rows that begin in no function: of assembly, and of code that no entry describes.

        A row that has begun in a function goes on over the padding behind it.
        """
        covered = _merge(spans)
        base = self._sections.base
        for sequence in lines.sequences:
            addresses = sequence.rows.addresses
            for low, high in walk_gaps(covered, addresses[0], addresses[-1]):
                first = bisect_left(addresses, low)
                if addresses[first] >= high:
                    continue
                start = addresses[first]
                rows = lines.list_rows(start, high, base)
                if rows:
                    records.add(start - base, high - start, "", [], rows)


class _UnitWriter:
    """Tells `records` of the functions of one unit."""

    def __init__(
        self, names: TreeNames, tree: NamedTree, lines: _UnitLines | None, records: CodeRecords
    ) -> None:
        self.tree = tree
        self._names = names
        self._lines = lines
        self._records = records
        self._origins: dict[
            Value | None, int
        ] = {}  # numbers of merged functions, by entries of this unit

    def write(
        self, function: FoundCode, base: int, symbols: SymbolNames | None
    ) -> list[tuple[int, int]]:
        """Tell of the pieces of a function that linkers have kept; which those are."""
        lines, pieces = self._lines, function.pieces
        calls = self._describe(function.calls, base)
        name = self._names.find(self.tree, function.offset, _target(function))
        for low, high in pieces:
            start, end = low - base, high - base
            text = name.text
            if not name.is_linkage and symbols is not None:
                text = choose_symbol(name, symbols.list_names(start))
            merged = [cut for call in calls if (cut := _cut(call, start, end))]
            rows = lines.list_rows(low, high, base) if lines else ()
            self._records.add(start, high - low, text, merged, rows)
        return pieces

    def _describe(self, calls: list[FoundCall], base: int) -> list[MergedCall]:
        """Calls as records have them: there are a million in a large file."""
        origins: dict[Value | None, int] = self._origins
        files: dict[Any, int] = {} if self._lines is None else self._lines.files
        described = []
        for call in calls:
            _, depth, places, values, forms = call
            _, _, _, target, _, number, line, _ = values
            file = files.get(number)
            if file is None:
                file = self._number_file(number)
            if file == NO_FILE or not isinstance(line, int) or not 0 < line < MAX_LINE:
                line = 0
            origin = origins.get(target) if forms[3] in ADDRESSED_FROM_UNIT else None
            if origin is None:
                origin = self._number_origin(call)
            if len(places) == 1:
                ((low, high),) = places
                pieces = [(low - base, high - low)]
            else:
                places.sort()
                pieces = [(low - base, high - low) for low, high in places]
            described.append(MergedCall(depth, line, max(0, file), origin, pieces))
        return described

    def _number_file(self, number: Value | None) -> int:
        if self._lines is None or not isinstance(number, int) or number < 0:
            return NO_FILE
        return self._lines.number_file(number)

    def _number_origin(self, call: FoundCall) -> int:
        target = _target(call)
        name = self._names.find(self.tree, call.offset, target)
        origin = self._records.number_origin(name.text)
        if (
            target is not None
            and target[0] in ADDRESSED_FROM_UNIT
            and isinstance(target[1], int)
            and target[1] in self.tree.names  # else the call has a name of its own
        ):
            self._origins[target[1]] = origin
        return origin


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _target(scope: FoundCall | FoundCode) -> tuple[int, Value] | None:
    """What an entry leads to: the form and the value of the reference."""
    origin, specification = scope.values[3], scope.values[4]
    if isinstance(origin, int):
        return scope.forms[3], origin
    return (scope.forms[4], specification) if isinstance(specification, int) else None


def _cut(call: MergedCall, start: int, end: int) -> MergedCall | None:
    """What a piece of a function has of a call; None where that is elsewhere."""
    pieces = call.pieces
    if start <= pieces[0][0] and pieces[-1][0] + pieces[-1][1] <= end:
        return call
    parts = []
    for low, size in pieces:
        first, last = max(low, start), min(low + size, end)
        if first < last:
            parts.append((first, last - first))
    return call._replace(pieces=parts) if parts else None
