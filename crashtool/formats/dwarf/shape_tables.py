"""Tables of abbreviations read at once, for those who walk all entries of all units.

Compilers give each unit a table of its own, with declarations that other tables have, too: a shape
is made of each kind of declaration once.
"""

from __future__ import annotations

from contextlib import suppress

from crashtool.formats.dwarf.abbreviations import DECLARATION, MAX_DECLARATIONS, read_declaration
from crashtool.formats.dwarf.entries import Shape
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf, Sizes
from crashtool.formats.dwarf.sections import DebugSections

PORTION = 1 << 14  # bytes of a table that are looked at together
MAX_TABLE = 1 << 22
MAX_SHAPES = 1 << 16  # that are kept
MAX_CODE = 1 << 16  # compilers count codes; one beyond is damage


class ShapeTables:
    """The shapes of one file's entries, by tables of abbreviations."""

    def __init__(self, sections: DebugSections) -> None:
        self._sections = sections
        self._shapes: dict[tuple[Sizes, bytes], Shape | None] = {}
        self._last: tuple[int, Sizes] | None = None  # what was read last: units may share a table
        self._last_shapes: dict[int, Shape] = {}

    def read(self, table: int, sizes: Sizes) -> dict[int, Shape]:
        """The shapes of the table at an offset by code, up to where it is damaged.

        Left out are those of forms that are not known.
        """
        if self._last != (table, sizes):
            self._last_shapes = self._read_table(table, sizes)
            self._last = table, sizes
        return self._last_shapes

    def _read_table(self, table: int, sizes: Sizes) -> dict[int, Shape]:
        shapes: dict[int, Shape] = {}
        size = PORTION
        while True:
            data, is_whole = self._take(table, size)
            shapes.clear()
            if self._read(data, sizes, shapes) or is_whole:
                return shapes
            size *= 4

    def _take(self, table: int, size: int) -> tuple[bytes, bool]:
        cursor = self._sections.open("debug_abbrev", table, size)
        left = self._sections.size("debug_abbrev") - table
        return cursor.take(cursor.end - cursor.offset), size >= min(left, MAX_TABLE)

    def _read(self, data: bytes, sizes: Sizes, declared: dict[int, Shape]) -> bool:
        """Add what a table has; whether its end was reached."""
        shapes = self._shapes
        offset = 0
        match = DECLARATION.match
        while offset < len(data) and data[offset] and len(declared) < MAX_DECLARATIONS:
            declaration = match(data, offset)
            if declaration is None:
                return False
            raw_code, raw = declaration.groups()
            code = raw_code[0] if len(raw_code) == 1 else Cursor(raw_code).uleb()
            key = sizes, raw
            if key not in shapes:
                self._add(key)
            shape = shapes[key]
            if shape is not None and code < MAX_CODE:
                declared.setdefault(code, shape)
            offset = declaration.end()
        return offset < len(data)

    def _add(self, key: tuple[Sizes, bytes]) -> None:
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        self._shapes[key] = None
        with suppress(DamagedDwarf):  # of a form that is not known: it hurts where it is met
            self._shapes[key] = Shape(read_declaration(Cursor(key[1])), key[0])
