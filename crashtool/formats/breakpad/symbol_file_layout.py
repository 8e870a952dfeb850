"""Where a .sym file has records of which kind: the sections that its writers make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

SAMPLES = 64
SMALL = 1 << 14  # bytes: a text that is quickly looked through as a whole
WORD_ROOM = 16  # bytes of a line that tell its kind
NEAR = 1 << 16
HEAD, ORIGINS, BODY, STACK = range(4)  # ranks of lines: those of a section have its rank


class SymbolFileLayout(NamedTuple):
    """Offsets of sections. Each ends where the next begins.

    From 0 on there are MODULE, INFO and FILE records, then `origins`: INLINE_ORIGIN records, then
    `body`: FUNC records with theirs and, in Mozilla's files, PUBLIC records between them, then
    `publics`: PUBLIC records in Breakpad's files, then `stack`: STACK records.

    Without `is_known` any record may be anywhere.
    """

    is_known: bool
    origins: int
    body: int
    publics: int
    stack: int


def read_layout(data: Content) -> SymbolFileLayout:
    """The sections, from some hundred lines."""
    size = len(data)
    stack = _find_edge(data, 0, size, lambda line: line.startswith(b"STACK "))
    body = _find_body(data, stack)
    origins = _find_edge(data, 0, body, lambda line: line.startswith(b"INLINE_ORIGIN "))
    publics = _find_edge(data, body, stack, lambda line: line.startswith(b"PUBLIC "))
    layout = SymbolFileLayout(True, origins, body, publics, stack)
    if size > SMALL and _is_kept(data, layout):
        return layout
    return SymbolFileLayout(False, 0, 0, 0, size)


def _find_body(data: Content, end: int) -> int:
    body = _find_edge(data, 0, end, lambda line: _rank(line) >= BODY)
    if data.find(b"\nFUNC ", max(0, body - NEAR), body) >= 0:
        # Writers of another age put INLINE_ORIGIN records between FUNC records.
        body = data.find(b"\nFUNC ", 0, body) + 1
    return body


def _find_edge(data: Content, start: int, end: int, is_behind: Callable[[bytes], bool]) -> int:
    """The first line from `start` on that is behind the edge, as are all behind it; else `end`."""
    low, high, edge = start, end, end
    while low < high:
        middle = (low + high) // 2
        line = _find_line(data, middle, high)
        if line < 0:
            high = middle
        elif is_behind(data[line : line + WORD_ROOM]):
            edge, high = line, middle
        else:
            low = line + 1
    return edge


def _find_line(data: Content, start: int, end: int) -> int:
    """The first line that begins from `start` to before `end`; -1 for none."""
    if start == 0:
        return 0
    newline = data.find(b"\n", start - 1, end - 1)
    return -1 if newline < 0 or newline + 1 >= len(data) else newline + 1


def _rank(line: bytes) -> int:
    if line.startswith(b"STACK "):
        return STACK
    if line.startswith(b"INLINE_ORIGIN "):
        return ORIGINS
    return HEAD if line.startswith((b"FILE ", b"INFO ", b"MODULE ")) else BODY


def _is_kept(data: Content, layout: SymbolFileLayout) -> bool:
    """Whether samples of lines are in the sections where they belong."""
    _, origins, body, _, stack = layout
    for number in range(SAMPLES):
        line = _find_line(data, number * len(data) // SAMPLES, len(data))
        if line < 0:
            continue
        rank = _rank(data[line : line + WORD_ROOM])
        section = (line >= origins) + (line >= body) + (line >= stack)
        if rank != section and not (rank == ORIGINS and section == BODY):
            return False
    return True
