"""The symbol cache as a page and as a JSON document."""

from __future__ import annotations

from typing import Any

from crashtool.model.symbol_cache import CacheGroup, CacheState
from crashtool.render.page import Page


def render_cache(state: CacheState) -> Page:
    """Where the cache is, how full it is, what it holds, and what was removed from it."""
    page = Page()
    page.field("cache", state.folder)
    page.field("holds", f"{_amount(state.files, state.size)}, of at most {state.limit:,} bytes")
    if state.removed.files:
        page.field("removed", _amount(state.removed.files, state.removed.size))
    rows = [(group.name, f"{group.files:,}", f"{group.size:,} bytes") for group in state.groups]
    return page.table(rows, right=" rr")


def _amount(files: int, size: int) -> str:
    return f"{files:,} file{'' if files == 1 else 's'}, {size:,} bytes"


def cache_document(state: CacheState) -> dict[str, Any]:
    """The same as a JSON document; sizes in bytes."""
    return {
        "cache": {
            "folder": state.folder,
            "limit": state.limit,
            "files": state.files,
            "size": state.size,
            "groups": [{"name": group.name} | _figures(group) for group in state.groups],
        },
        "removed": _figures(state.removed),
    }


def _figures(group: CacheGroup) -> dict[str, int]:
    return {"files": group.files, "size": group.size}
