"""All functions of a PDB, module by module: what `lookup` says of one address, said of all."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.code_records import CodeRecords, LineRow
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.merged_sites import list_sites, tell_sites
from crashtool.formats.pdb.module_code import CodeSymbol

if TYPE_CHECKING:
    from crashtool.formats.pdb.lookup import OpenModule, PdbLookup

MAX_PROBLEMS = 16


class PdbRecords:
    """The functions of a PDB whose code was not moved since it was linked.

    What is damaged is told in `problems`, and costs the module or the procedure that it is in.
    """

    def __init__(self, lookup: PdbLookup) -> None:
        self._lookup = lookup
        self._starts: list[int] = []  # of procedures, thunks and trampolines
        self.problems = lookup.problems

    def write(self, records: CodeRecords) -> None:
        """Tell `records` of the code of all modules."""
        for number, module in self._lookup.walk_numbered():
            try:
                self._write_module(number, module, records)
            except MalformedFile as error:
                self._note(error)
        self._starts.sort()

    def _note(self, error: MalformedFile) -> None:
        if error.what not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(error.what)

    def _write_module(self, number: int, module: OpenModule, records: CodeRecords) -> None:
        tables = _Tables(self._lookup, module, number, records)
        spans: list[tuple[int, int]] = []
        last = (0, 0, 0)
        for symbol in module.code:
            if symbol[:3] == last:  # folded into the one before, which counts
                continue
            last = symbol[:3]
            contribution = self._lookup.find_contribution(symbol.section, symbol.offset)
            start = self._lookup.find_address(symbol.section, symbol.offset)
            if contribution is None or contribution.module != number or start is None:
                continue  # another module's code was put there, which is the same
            self._starts.append(start)
            spans.append((start, start + symbol.length))
            try:
                self._write_symbol(module, symbol, start, tables, records)
            except MalformedFile as error:
                self._note(error)
        tables.write_rest(spans)

    def _write_symbol(
        self,
        module: OpenModule,
        symbol: CodeSymbol,
        start: int,
        tables: _Tables,
        records: CodeRecords,
    ) -> None:
        name = self._lookup.name_symbol(module, symbol)
        rows = tables.list_rows(start, start + symbol.length)
        if symbol.kind not in cv.PROCEDURES or not rows:
            if name or rows:
                records.add(start, symbol.length, name, [], rows)
            return
        sites = list_sites(module.stream, symbol, start)
        if not sites:
            records.add(start, symbol.length, name, [], rows)
            return
        calls, inner = tell_sites(sites, rows, tables, (start, start + symbol.length))
        records.add(start, symbol.length, name, calls, inner)

    def walk_spans(self) -> Iterator[tuple[int, int]]:
        """First address and end of what public symbols name where nothing else does."""
        publics = sorted(
            (address, section, offset)
            for section, offset in self._lookup.walk_publics()
            if (address := self._lookup.find_address(section, offset)) is not None
        )
        for number, (start, section, offset) in enumerate(publics):
            contribution = self._lookup.find_contribution(section, offset)
            at = bisect_left(self._starts, start)
            limits = [public[0] for public in publics[number + 1 : number + 2]] + self._starts[
                at : at + 1
            ]
            end = (
                start + contribution.offset + contribution.size - offset if contribution else start
            )
            end = min(end, *limits) if limits else end
            if start < end:
                yield start, end

    def name(self, start: int) -> str:
        """The public symbol that begins at an address."""
        return self._lookup.name_public(start)


class _Tables:
    """The lines of one module, by addresses in the image, and its numbers among the records."""

    def __init__(
        self, lookup: PdbLookup, module: OpenModule, number: int, records: CodeRecords
    ) -> None:
        self._lookup = lookup
        self._module = module
        self._records = records
        self._files: dict[int, int] = {}
        self._origins: dict[int, int] = {}
        self._rows: list[LineRow] = []
        for section, offset, rows in module.lines.walk_parts():
            contribution = lookup.find_contribution(section, offset)
            start = lookup.find_address(section, offset)
            if contribution is not None and contribution.module == number and start is not None:
                self._rows += (
                    (start + at, size, line, own)
                    for at, size, line, file in rows
                    if (own := self.number_file(file)) >= 0
                )
        self._rows.sort()
        self._addresses = [row[0] for row in self._rows]

    def number_file(self, number: int) -> int:
        """A source file's number among the records, by that among the checksums; -1 for none."""
        index = self._files.get(number)
        if index is None:
            path = self._module.lines.find_file(number)
            index = self._files[number] = self._records.number_file(path) if path else -1
        return index

    def number_origin(self, inlinee: int) -> int:
        """A merged function's number among the records."""
        origin = self._origins.get(inlinee)
        if origin is None:
            name = self._module.names.name_function(inlinee)
            origin = self._origins[inlinee] = self._records.number_origin(name)
        return origin

    def find_inlinee(self, inlinee: int) -> tuple[int | None, int]:
        """The number of the file, among the checksums, and the line where a function begins."""
        return self._module.lines.find_inlinee(inlinee) or (None, 0)

    def list_rows(self, low: int, high: int) -> list[LineRow]:
        """The rows of some code."""
        first = max(0, bisect_right(self._addresses, low) - 1)
        last = bisect_left(self._addresses, high, first)
        rows: list[LineRow] = []
        for start, size, line, file in self._rows[first:last]:
            begin, end = max(start, low), min(start + size, high)
            if begin < end:
                rows.append((begin, end - begin, line, file))
        return rows

    def write_rest(self, spans: list[tuple[int, int]]) -> None:
        """Tell of rows that are in no procedure: those of assembly."""
        spans.sort()
        ends = [end for _, end in spans]
        starts = [start for start, _ in spans]
        group: list[LineRow] = []
        for row in self._rows:
            at = bisect_right(starts, row[0]) - 1
            if at >= 0 and row[0] < ends[at]:
                continue
            if group and group[-1][0] + group[-1][1] != row[0]:
                self._write_group(group)
                group = []
            group.append(row)
        self._write_group(group)

    def _write_group(self, rows: list[LineRow]) -> None:
        if rows:
            start, end = rows[0][0], rows[-1][0] + rows[-1][1]
            self._records.add(start, end - start, "", [], rows)
