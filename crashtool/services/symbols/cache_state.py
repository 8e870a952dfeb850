"""The symbol cache seen from outside: figures by sort of file, after making it smaller if asked."""

from __future__ import annotations

from collections.abc import Iterable

from crashtool.model.symbol_cache import CacheGroup, CacheState
from crashtool.services.symbols.cache import PARTIAL, CacheEntry, SymbolCache
from crashtool.services.symbols.server import ABSENT

SORTS = {
    ABSENT: "absences remembered",
    PARTIAL: "unfinished",
}
FETCHED = "fetched from servers"


def tidy_cache(cache: SymbolCache, *, clear: bool, limit: int) -> CacheState:
    """Empty the cache, or make it keep to `limit` bytes; then what there is."""
    removed = cache.clear() if clear else cache.trim(limit)
    groups: dict[str, list[CacheEntry]] = {}
    for entry in cache.walk():
        groups.setdefault(_sort_of(entry.path), []).append(entry)
    rows = [_count(name, groups[name]) for name in sorted(groups)]
    return CacheState(cache.folder, limit, tuple(rows), _count("removed", removed))


def _sort_of(path: str) -> str:
    return next((name for ending, name in SORTS.items() if path.endswith(ending)), FETCHED)


def _count(name: str, entries: Iterable[CacheEntry]) -> CacheGroup:
    sizes = [entry.size for entry in entries]
    return CacheGroup(name, len(sizes), sum(sizes))
