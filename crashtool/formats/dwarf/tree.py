"""The tree of a unit's entries: children of one, and the named scopes that one is inside."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from math import inf

from crashtool.formats.dwarf.constants import SCOPES
from crashtool.formats.dwarf.entries import DEEPEST, MAX_ENDS, MORE, Entries, Entry, as_damage
from crashtool.formats.dwarf.forms import DamagedDwarf

MAX_CHILDREN = 1 << 16
MAX_SCOPES = 64
LARGE = 1 << 10  # bytes of an entry with all inside it, whose end is worth to be kept
TO_A_KEPT_ONE = 16  # entries within one another, of which one's end is kept


def walk_children(entries: Entries, entry: Entry) -> Iterator[Entry]:
    """The entries right inside one. DamagedDwarf when the unit runs out."""
    if not entry.shape.has_children:
        return
    offset = entry.end
    for _ in range(MAX_CHILDREN):
        with as_damage(entries.unit.header.offset):
            code, _ = entries.open(offset)
        if not code:
            return
        child = entries.read(offset)
        yield child
        offset = find_end(entries, child)


def find_end(entries: Entries, entry: Entry) -> int:
    """Where what is behind an entry and all inside it begins."""
    if not entry.shape.has_children:
        return entry.end
    end = entry.next or entries.ends.get(entry.offset, 0)
    if end:
        return end
    with as_damage(entries.unit.header.offset):
        return _pass_children(entries, entry)


def _pass_children(entries: Entries, entry: Entry) -> int:
    """The same by a walk over all that is inside. The ends of some large ones are kept: what is
    inside them is asked next, and has ends of its own.
    """
    offset, depth = entry.end, 1
    ends, inside = entries.ends, [entry.offset]  # of those whose depth is 1, 17, 33 …
    while depth:
        code, start = entries.open(offset)
        if not code:
            offset = start
            if depth % TO_A_KEPT_ONE == 1:
                begin = inside.pop()
                if offset - begin >= LARGE and len(ends) < MAX_ENDS:
                    ends[begin] = offset
            depth -= 1
            continue
        shape = entries.shapes.known.get(code) or entries.shapes.find(code)
        following = 0
        if shape.has_children:
            following = entries.find_next(start, shape) or ends.get(offset, 0)
            if not following:
                depth += 1
                if depth % TO_A_KEPT_ONE == 1:
                    inside.append(offset)
        offset = following or entries.skip(start, shape)
    return offset


class _Scope:
    """A namespace or a type: where it is, and what it is inside."""

    __slots__ = ("end", "offset", "parent")

    def __init__(self, offset: int, parent: _Scope | None) -> None:
        self.offset = offset
        self.parent = parent
        self.end: float = inf


class ScopeIndex:
    """Which namespaces and types the entries of one unit are inside.

    The unit is walked once, as far as it is asked for. What is inside a function is not told.
    """

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._place = entries.first
        self._open: list[_Scope | None] = []  # None for what is no scope
        self._scopes: list[_Scope] = []
        self._starts: list[int] = []
        # By code: the bytes of entries that have one size and nothing inside them.
        self._leaves = bytearray(1 << 8)
        for code, shape in entries.shapes.read_all().items():
            if code < MORE and not shape.has_children and 0 <= shape.size < MORE:
                self._leaves[code] = shape.size + 1

    def list_parents(self, wanted: int) -> list[int]:
        """The offsets of the scopes that an entry is inside, from the outermost on.

        DamagedDwarf when the unit runs out before.
        """
        with as_damage(self._entries.unit.header.offset):
            if self._place < wanted:
                self._advance(wanted)
        number = bisect_right(self._starts, wanted - 1) - 1
        scope = self._scopes[number] if number >= 0 else None
        parents: list[int] = []
        while scope is not None and len(parents) < MAX_SCOPES:
            if wanted < scope.end:
                parents.append(scope.offset)
            scope = scope.parent
        return parents[::-1]

    def _advance(self, wanted: int) -> None:
        """Walk on, up to an entry or beyond it: in one loop, for its speed."""
        entries, place = self._entries, self._place
        data, shapes, find_shape = entries.data, entries.shapes.known, entries.shapes.find
        enclosing, leaves = self._open, self._leaves
        try:
            while place < wanted:
                code, start = data[place], place + 1
                if leaves[code]:
                    place += leaves[code]
                    continue
                if code >= MORE:
                    code, start = entries.open(place)
                if not code:
                    ended = enclosing.pop() if enclosing else None
                    if ended is not None:
                        ended.end = place
                    place = start
                    continue
                shape = shapes.get(code) or find_shape(code)
                if shape.has_children:
                    following = 0 if shape.tag in SCOPES else entries.find_next(start, shape)
                    if following:
                        place = following
                        continue
                    if len(enclosing) > DEEPEST:
                        raise DamagedDwarf("entries within entries without end", offset=place)
                    enclosing.append(self._add(place) if shape.tag in SCOPES else None)
                place = start + shape.size if shape.size >= 0 else entries.skip(start, shape)
        finally:
            self._place = place

    def _add(self, offset: int) -> _Scope:
        """A scope that begins at an offset, inside the innermost one that is open."""
        parent = next((scope for scope in reversed(self._open) if scope is not None), None)
        scope = _Scope(offset, parent)
        self._scopes.append(scope)
        self._starts.append(offset)
        return scope
