"""How much a PDB has of the program: what can be looked up in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv

if TYPE_CHECKING:
    from crashtool.formats.pdb.lookup import PdbLookup


class PdbCoverage(NamedTuple):
    """Counts of functions and of bytes of their code; `spans` are those of their addresses.

    `lined_bytes`: of code with lines. `has_inlines`: calls are known to have been merged.
    """

    functions: int
    code_bytes: int
    lined_bytes: int
    has_inlines: bool
    spans: tuple[tuple[int, int], ...]


def measure_coverage(lookup: PdbLookup) -> PdbCoverage:
    """What all modules of a PDB have.

    A public symbol of code counts as a function, unless a procedure begins there; its size is not
    known.
    """
    spans: list[tuple[int, int]] = []
    lined = 0
    has_inlines = False
    for module in lookup.walk_modules():
        has_inlines = has_inlines or module.lines.has_inlinees
        for symbol in module.code:
            start = lookup.find_address(symbol.section, symbol.offset)
            if symbol.kind in cv.PROCEDURES and start is not None:
                spans.append((start, start + symbol.length))
                lined += symbol.length * module.lines.covers(symbol.section, symbol.offset)
    starts = {start for start, _ in spans}
    spans += [(start, start + 1) for start in lookup.walk_public_code() if start not in starts]
    size = sum(end - start for start, end in spans)
    return PdbCoverage(len(spans), size, lined, has_inlines, tuple(sorted(spans)))
