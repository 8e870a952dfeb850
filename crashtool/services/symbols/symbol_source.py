"""Where the debug files of a module come from: one source, or several asked in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from crashtool.model.module import Module
    from crashtool.model.symbol_lookup import Candidate


class SymbolSource(Protocol):
    """A place that may have debug files."""

    def walk_candidates(self, module: Module) -> Iterator[Candidate]:
        """Every place where a file of the module was looked for, best first.

        Nothing is searched or fetched before the iterator gets there: who asks stops when there is
        enough. Those that are "found" have a `path` and a `kind`.
        """


class ChainedSource:
    """Several sources, asked in order; a file found by two is given once."""

    def __init__(self, sources: Sequence[SymbolSource]) -> None:
        self._sources = tuple(sources)

    def walk_candidates(self, module: Module) -> Iterator[Candidate]:
        """The candidates of each source in turn."""
        seen: set[str] = set()
        for source in self._sources:
            for candidate in source.walk_candidates(module):
                if candidate.path and candidate.path in seen:
                    continue
                seen.add(candidate.path)
                yield candidate
