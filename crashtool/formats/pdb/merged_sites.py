"""All calls that were merged into one procedure: what `inline_sites` finds at one address."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from crashtool.errors import MalformedFile
from crashtool.formats.code_records import LineRow, MergedCall
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.inline_sites import (
    COUNT_SIZE,
    MAX_DEPTH,
    read_procedure,
    walk_annotations,
    walk_records,
)
from crashtool.formats.pdb.structs import InlineSiteSym

if TYPE_CHECKING:
    from crashtool.formats.pdb.module_code import CodeSymbol
    from crashtool.formats.pdb.msf import MsfStream

MAX_SITES = 1 << 16


class SiteTables(Protocol):
    """What a module's tables say of sites."""

    def number_file(self, number: int) -> int: ...  # noqa: D102
    def number_origin(self, inlinee: int) -> int: ...  # noqa: D102
    def find_inlinee(self, inlinee: int) -> tuple[int | None, int]: ...  # noqa: D102


class SiteCode(NamedTuple):
    """A piece of a site's code: addresses in the image; file and line as annotations give them."""

    start: int
    end: int
    file: int | None
    line: int


class MergedSite(NamedTuple):
    """A merged call: whom, inside which other site (by number; -1: none), how deep, its code."""

    inlinee: int
    parent: int
    depth: int
    code: list[SiteCode]

    def find(self, address: int) -> SiteCode | None:
        """The first piece that has an address."""
        return next((span for span in self.code if span.start <= address < span.end), None)


def list_sites(stream: MsfStream, symbol: CodeSymbol, base: int) -> list[MergedSite]:
    """The sites of a procedure that begins at the address `base`, each after its parent."""
    data = read_procedure(stream, symbol)
    sites: list[MergedSite] = []
    chain: list[int] = []
    for record, head in walk_records(data):
        if head.kind in (cv.S_INLINESITE, cv.S_INLINESITE2):
            start = InlineSiteSym.SIZE + COUNT_SIZE * (head.kind == cv.S_INLINESITE2)
            annotations = data[record + start : record + 2 + head.size]
            code = [
                SiteCode(
                    base + annotation.start, base + annotation.end, annotation.file, annotation.line
                )
                for annotation in walk_annotations(annotations)
                if annotation.end is not None and annotation.start < annotation.end
            ]
            inlinee = InlineSiteSym.read(data, record).inlinee
            sites.append(MergedSite(inlinee, chain[-1] if chain else -1, len(chain), code))
            chain.append(len(sites) - 1)
            if len(chain) > MAX_DEPTH or len(sites) > MAX_SITES:
                raise MalformedFile("inlined calls without end", offset=symbol.record)
        elif head.kind == cv.S_INLINESITE_END and chain:
            chain.pop()
    return sites


def tell_sites(
    sites: list[MergedSite], rows: list[LineRow], tables: SiteTables, span: tuple[int, int]
) -> tuple[list[MergedCall], list[LineRow]]:
    """Calls and rows of a procedure, whose own rows are `rows`; a row says where the innermost is.

    At each address the deepest site that has it counts, with all that it is inside.
    """
    low, high = span
    edges = (
        {low, high}
        | {stretch[0] for stretch in rows}
        | {stretch[0] + stretch[1] for stretch in rows}
    )
    edges |= {edge for site in sites for code in site.code for edge in (code.start, code.end)}
    places = sorted(edge for edge in edges if low <= edge <= high)
    owners = [-1] * len(places)
    for number in sorted(range(len(sites)), key=lambda number: (sites[number].depth, -number)):
        for stretch in sites[number].code:
            first, last = bisect_left(places, stretch.start), bisect_left(places, stretch.end)
            owners[first:last] = [number] * (last - first)
    telling = _Telling(sites, tables)
    starts = [stretch[0] for stretch in rows]
    for at, (address, following) in enumerate(pairwise(places)):
        index = bisect_right(starts, address) - 1
        own = rows[index] if index >= 0 and address < sum(rows[index][:2]) else None
        if own is not None:  # without a line of its own a procedure tells nothing of its calls
            telling.take(address, following - address, owners[at], own)
    return telling.list_calls(), telling.rows


class _Telling:
    """Puts together what neighbouring pieces of code have in common."""

    def __init__(self, sites: list[MergedSite], tables: SiteTables) -> None:
        self._sites = sites
        self._tables = tables
        self._calls: dict[tuple[int, int, int, int], list[tuple[int, int]]] = {}
        self.rows: list[LineRow] = []

    def take(self, address: int, size: int, site: int, own: LineRow) -> None:
        """Code that is all in one site (-1 for none), with the procedure's own row."""
        chain: list[int] = []
        while site >= 0:
            chain.append(site)
            site = self._sites[site].parent
        line, file = own[2], own[3]
        for number in reversed(chain):
            pieces = self._calls.setdefault((self._sites[number].depth, number, line, file), [])
            if pieces and sum(pieces[-1]) == address:
                pieces[-1] = pieces[-1][0], pieces[-1][1] + size
            else:
                pieces.append((address, size))
            line, file = self._locate(number, address)
        if not line or file < 0:
            return
        if self.rows:
            start, before, *where = self.rows[-1]
            if start + before == address and where == [line, file]:
                self.rows[-1] = start, before + size, line, file
                return
        self.rows.append((address, size, line, file))

    def _locate(self, number: int, address: int) -> tuple[int, int]:
        """Line and file where a site is at an address; line 0 where the compiler gave none."""
        site = self._sites[number]
        own_file, first = self._tables.find_inlinee(site.inlinee)
        code = site.find(address)
        file = code.file if code and code.file is not None else own_file or 0
        return (first + code.line if code else 0), self._tables.number_file(file)

    def list_calls(self) -> list[MergedCall]:
        """The calls, outer ones first."""
        calls = [
            MergedCall(
                depth,
                line,
                max(0, file),
                self._tables.number_origin(self._sites[number].inlinee),
                pieces,
            )
            for (depth, number, line, file), pieces in self._calls.items()
        ]
        return sorted(calls, key=lambda call: (call.depth, call.pieces))
