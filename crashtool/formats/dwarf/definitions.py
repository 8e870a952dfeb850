"""Where a type is described that a unit only declares: clang leaves out what other units have.

Found by its name among the file's strings, so that only units are walked that have the name. A
name alone does not tell types apart: what several units describe differently is not found.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import (
    SCOPES,
    DW_AT_byte_size,
    DW_AT_declaration,
    DW_AT_name,
    DW_AT_str_offsets_base,
    DW_TAG_class_type,
    DW_TAG_structure_type,
    DW_TAG_union_type,
)
from crashtool.formats.dwarf.entry_names import ANONYMOUS, Reference
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.tree import walk_children
from crashtool.formats.dwarf.units import DWARF_5, Header

if TYPE_CHECKING:
    from crashtool.formats.dwarf.unit_table import UnitTable

MAX_STRINGS = 16  # of one text: linkers share the ends of strings
MAX_UNITS = 8  # that are walked for one type
MAX_HEADERS = 1 << 11  # of a file that definitions are looked for in
MAX_BYTES = 1 << 24  # of units that are walked, for all types
MAX_SEARCHED = 1 << 28  # of sections that are searched, for all types
OFFSET = 4  # bytes of an offset in 32-bit DWARF
DEEPEST = 16


class DeclaredTypes:
    """The definitions of one file's types. None where one is not found for sure."""

    def __init__(self, table: UnitTable, name_type: Callable[[Reference], str]) -> None:
        """`name_type` gives a type's name with its scopes."""
        self._table = table
        self._name_type = name_type
        self._left = MAX_BYTES
        self._searched = 0
        self._bases: list[tuple[int, int]] | None = None  # of parts of .debug_str_offsets, by unit
        self._found: dict[str, Reference | None] = {}

    def find(self, declared: Reference) -> Reference | None:
        """The entry that describes a type that another one declares."""
        name = self._name_type(declared)
        if name not in self._found:
            self._found[name] = None
            with suppress(DamagedDwarf):
                self._found[name] = self._find(declared, name)
        return self._found[name]

    def _find(self, declared: Reference, name: str) -> Reference | None:
        text = declared.entry.values.get(DW_AT_name)
        if text is None or ANONYMOUS in name or len(self._table.headers) > MAX_HEADERS:
            return None
        bare = declared.entries.unit.text(*text)
        references: list[Reference] = []
        for top in self.walk_units(bare):
            if top is None:
                return None
            references += (
                reference
                for reference in _walk_types(top, bare, DEEPEST)
                if self._is(reference, name)
            )
        sizes = {reference.entry.values[DW_AT_byte_size][1] for reference in references}
        return references[0] if len(sizes) == 1 else None

    def walk_units(self, text: str) -> Iterator[Reference | None]:
        """The entries of the first units that have a text; None where too much was walked before.

        DamagedDwarf.
        """
        for header in self._list_units(text.encode()):
            size = header.end - header.offset
            if size > self._left:
                yield None
                return
            self._left -= size
            unit = self._table.open(header.offset)
            entries = self._table.open_entries(unit)
            yield Reference(self._table, entries, entries.read(entries.first))

    def _is(self, reference: Reference, name: str) -> bool:
        return self._name_type(reference) == name

    def _list_units(self, text: bytes) -> list[Header]:
        """The first units that refer to a text."""
        offsets = list(self._walk_strings(text))
        units: dict[int, Header] = {}
        for offset in self._walk_offsets("debug_info", offsets):
            self._add(units, offset, later=False)
        for offset in self._walk_offsets("debug_str_offsets", offsets):
            bases = self._list_bases()
            number = bisect_right(bases, (offset, 1 << 64)) - 1
            if number >= 0:
                self._add(units, bases[number][1], later=True)
        return list(units.values())[:MAX_UNITS]

    def _add(self, units: dict[int, Header], offset: int, *, later: bool) -> None:
        """Take the unit at an offset in, if it is of a version that has its strings so."""
        with suppress(DamagedDwarf):
            header = self._table.find(offset).header
            if (not later or header.sizes.version >= DWARF_5) and header.may_have_code:
                units.setdefault(header.offset, header)

    def _list_bases(self) -> list[tuple[int, int]]:
        if self._bases is None:
            self._bases = []
            for header in self._table.headers:
                with suppress(DamagedDwarf):
                    unit = self._table.open(header.offset)
                    if base := unit.base(DW_AT_str_offsets_base):
                        self._bases.append((base, header.offset))
            self._bases.sort()
        return self._bases

    def _walk_strings(self, text: bytes) -> Iterator[int]:
        """Where a text is among the strings; also at the end of longer ones."""
        return self._search("debug_str", text + b"\0", MAX_STRINGS)

    def _walk_offsets(self, section: str, offsets: list[int]) -> Iterator[int]:
        for offset in offsets:
            yield from self._search(section, offset.to_bytes(OFFSET, "little"), 4 * MAX_UNITS)

    def _search(self, section: str, wanted: bytes, most: int) -> Iterator[int]:
        cursor = self._table.sections.open(section)
        offset = cursor.offset
        self._searched += cursor.end - offset
        if self._searched > MAX_SEARCHED:
            return
        for _ in range(most):
            position = cursor.data.find(wanted, offset, cursor.end)
            if position < 0:
                return
            yield position - cursor.offset
            offset = position + 1


def _walk_types(reference: Reference, bare: str, left: int) -> Iterator[Reference]:
    """The types of a name that are described in a scope, and in scopes in it; not in functions."""
    for entry in walk_children(reference.entries, reference.entry):
        if entry.shape.tag not in SCOPES:
            continue
        inner = reference._replace(entry=entry)
        if entry.shape.tag in (DW_TAG_class_type, DW_TAG_structure_type, DW_TAG_union_type):
            values = entry.values
            is_whole = (
                DW_AT_declaration not in values
                and DW_AT_byte_size in values
                and DW_AT_name in values
            )
            if is_whole and reference.entries.unit.text(*values[DW_AT_name]) == bare:
                yield inner
        if left:
            yield from _walk_types(inner, bare, left - 1)
