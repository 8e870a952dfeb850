"""All functions of a file, unit by unit: what `lookup` says of one address, said of all."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from crashtool.formats.code_records import CodeRecords, LineRow, MergedCall
from crashtool.formats.dwarf.constants import DW_TAG_partial_unit
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.line_program import Rows, run_program
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
        self._files: dict[int, int] = {}
        code = sections.code
        self.sequences = sorted(
            (
                _Sequence(rows.addresses[0], rows)
                for rows in run_program(*table.open_program())
                if any(rows.addresses[0] in span for span in code)
            ),
            key=lambda sequence: sequence.start,
        )
        self._starts = [sequence.start for sequence in self.sequences]

    def number_file(self, number: int) -> int:
        """A source file's number among the records; NO_FILE when there is no such file."""
        index = self._files.get(number)
        if index is None:
            path = self._table.path(number)
            index = self._files[number] = self._records.number_file(path) if path else NO_FILE
        return index

    def walk(self, low: int, high: int, base: int) -> Iterator[LineRow]:
        """The rows of a piece of code; those of several sequences where it is in several."""
        at = max(0, bisect_right(self._starts, low) - 1)
        for sequence in islice(self.sequences, at, None):
            if sequence.start >= high:
                return
            yield from self._walk_rows(sequence.rows, low, high, base)

    def _walk_rows(self, rows: Rows, low: int, high: int, base: int) -> Iterator[LineRow]:
        addresses, files, lines = rows
        first = max(0, bisect_right(addresses, low) - 1)
        last = bisect_left(addresses, high, first)
        number_file = self._files
        for index in range(first, min(last, len(lines))):
            line = lines[index]
            start, end = addresses[index], addresses[index + 1]
            if index == first:
                start = max(start, low)
            end = min(end, high)
            if not line or start >= end:
                continue
            file = number_file.get(files[index])
            if file is None:
                file = self.number_file(files[index])
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
            tree = self._names.open(table, inner)
            for function in tree.tree.functions:
                spans += self._write_function(tree, function, lines, records)
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

    def _write_function(
        self, tree: NamedTree, function: FoundCode, lines: _UnitLines | None, records: CodeRecords
    ) -> list[tuple[int, int]]:
        """Tell of the pieces of a function that linkers have kept; which those are."""
        base = self._sections.base
        calls = [self._describe(tree, call, lines, records) for call in function.calls]
        name = self._names.find(tree, function.offset, _target(function))
        for low, high in function.pieces:
            start = low - base
            text = name.text
            if not name.is_linkage and self._symbols is not None:
                text = choose_symbol(name, self._symbols.list_names(start))
            merged = [cut for call in calls if (cut := _cut(call, start, high - base))]
            rows = lines.walk(low, high, base) if lines else ()
            records.add(start, high - low, text, merged, rows)
        return function.pieces

    def _describe(
        self, tree: NamedTree, call: FoundCall, lines: _UnitLines | None, records: CodeRecords
    ) -> MergedCall:
        base = self._sections.base
        name = self._names.find(tree, call.offset, _target(call)).text
        number, line = call.values[5], call.values[6]
        file = NO_FILE
        if lines is not None and isinstance(number, int) and number >= 0:
            file = lines.number_file(number)
        if file == NO_FILE or not isinstance(line, int) or not 0 < line < MAX_LINE:
            line = 0
        pieces = [(low - base, high - low) for low, high in sorted(call.pieces)]
        return MergedCall(call.depth, line, max(0, file), records.number_origin(name), pieces)

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
                rows = list(lines.walk(start, high, base))
                if rows:
                    records.add(start - base, high - start, "", [], rows)


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _target(scope: FoundCall | FoundCode) -> tuple[int, int] | None:
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
