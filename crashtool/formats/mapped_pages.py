"""Memory that a mapped file takes: a system maps far more of it than is asked for."""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content


def let_go(data: Content, start: int, end: int) -> None:
    """Give back the memory for bytes that were read; whoever reads them again gets them again."""
    advise = getattr(data, "madvise", None)  # of a mapped file
    advice = getattr(mmap, "MADV_DONTNEED", None)  # Windows has none
    first = start // mmap.PAGESIZE * mmap.PAGESIZE
    if advise is not None and advice is not None and end - first >= mmap.PAGESIZE:
        with suppress(OSError, ValueError):
            advise(advice, first, end - first)
