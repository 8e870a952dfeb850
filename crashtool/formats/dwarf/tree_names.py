"""Names of all functions of a file, as `entry_names` finds that of one.

An entry with code has seldom a name of its own: it leads to the one that declares it, where many
others lead to. So what was found there is kept, and scopes are told by a unit's tree.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.dwarf.constants import (
    DW_AT_abstract_origin,
    DW_AT_linkage_name,
    DW_AT_MIPS_linkage_name,
    DW_AT_name,
    DW_AT_specification,
    DW_FORM_ref_addr,
    DW_FORM_strp,
    DW_TAG_namespace,
)
from crashtool.formats.dwarf.entry_names import (
    ANONYMOUS,
    FLAT_LANGUAGES,
    MANGLED,
    MAX_REFERENCES,
    MAX_SCOPES,
    SECOND_PART,
    FunctionName,
)
from crashtool.formats.dwarf.forms import (
    ADDRESSED_FROM_UNIT,
    SUPPLEMENT_REFERENCES,
    DamagedDwarf,
    Value,
)
from crashtool.formats.dwarf.picked_values import Picker, open_picker
from crashtool.formats.dwarf.shape_tables import ShapeTables
from crashtool.formats.dwarf.unit_tree import UnitTree
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.dwarf.unit_table import UnitTable
    from crashtool.formats.dwarf.units import Unit

WANTED = (
    DW_AT_linkage_name,
    DW_AT_MIPS_linkage_name,
    DW_AT_name,
    DW_AT_abstract_origin,
    DW_AT_specification,
)
MAX_KEPT = 1 << 18  # names, and texts
MAX_TREES = 1 << 26  # bytes of units whose trees are kept
SMALLEST_TREE = 1 << 13  # what a unit counts, at least


class _Links(NamedTuple):
    """What an entry says of its name: texts, and where it leads to (form and value)."""

    linkage: str
    name: str
    target: tuple[int, Value] | None


class NamedTree:
    """A unit's tree, and what is needed to read names in it."""

    def __init__(self, table: UnitTable, tree: UnitTree, texts: dict[int, str]) -> None:
        self.table = table
        self.tree = tree
        self.entries = tree.entries
        self.unit = tree.entries.unit
        self._texts = texts
        self._pickers: dict[int, Picker] = {}
        self.names: dict[Value, FunctionName] = {}

    def read(self, offset: int) -> _Links:
        """What the entry at an offset says. DamagedDwarf when there is none."""
        entries = self.entries
        try:
            code, start = entries.open(offset)
            picker = self._pickers.get(code)
            if picker is None:
                shape = self.tree.shapes[code]
                picker = self._pickers[code] = open_picker(shape, WANTED, self.unit.sizes)
            linkage, old, name, origin, specification = picker.read(entries.data, start)
        except (IndexError, KeyError, struct.error):
            unit = self.unit.header.offset
            raise DamagedDwarf("a reference leads to no entry", offset=unit) from None
        forms = picker.forms
        target = None
        if origin is not None:
            target = forms[3], origin
        elif specification is not None:
            target = forms[4], specification
        if linkage is not None:
            return _Links(self.text(forms[0], linkage), "", target)
        if old is not None:
            return _Links(self.text(forms[1], old), "", target)
        return _Links("", "" if name is None else self.text(forms[2], name), target)

    def name_of(self, offset: int) -> str:
        """The name that an entry has itself, also beside one for linkers."""
        code, start = self.entries.open(offset)
        picker = self._pickers[code]
        name = picker.read(self.entries.data, start)[2]
        return "" if name is None else self.text(picker.forms[2], name)

    def find_tag(self, offset: int) -> int:
        """The tag of the entry at an offset where there is one."""
        return self.tree.shapes[self.entries.open(offset)[0]].tag

    def text(self, form: int, value: Value) -> str:
        """A string's value."""
        if form != DW_FORM_strp or not isinstance(value, int):
            return self.unit.text(form, value)
        text = self._texts.get(value)
        if text is None:
            if len(self._texts) >= MAX_KEPT:
                self._texts.clear()
            text = self._texts[value] = self.unit.text(form, value)
        return text


class TreeNames:
    """The names of one file's functions; those of units beside it, too.

    `code` is where the file's code is.
    """

    def __init__(self, code: tuple[range, ...]) -> None:
        self._code = code
        self._trees: dict[tuple[int, int], NamedTree] = {}
        self._tables: dict[int, ShapeTables] = {}
        self._texts: dict[int, dict[int, str]] = {}
        self._kept = 0

    def open(self, table: UnitTable, unit: Unit) -> NamedTree:
        """A unit with its tree. DamagedDwarf when it makes no sense."""
        key = table.number, unit.header.offset
        named = self._trees.get(key)
        if named is None or named.unit is not unit:
            size = max(SMALLEST_TREE, unit.header.end - unit.header.offset)
            self._kept += size
            if self._kept > MAX_TREES:
                self._trees.clear()
                self._kept = size
            shapes = self._tables.setdefault(table.number, ShapeTables(table.sections))
            entries = table.open_entries(unit)
            declared = shapes.read(unit.header.abbreviations, unit.sizes)
            tree = UnitTree(entries, declared, self._code)
            texts = self._texts.setdefault(table.number, {})
            named = self._trees[key] = NamedTree(table, tree, texts)
        return named

    def find(self, tree: NamedTree, offset: int, target: tuple[int, Value] | None) -> FunctionName:
        """The name of a function by the offset of its entry, and what that leads to."""
        if target is None or target[0] not in ADDRESSED_FROM_UNIT:
            return self._find(tree, offset)
        name = tree.names.get(target[1])
        if name is None:
            own = tree.read(offset)
            if own.linkage or own.name or not isinstance(target[1], int):
                return self._find(tree, offset)
            name = tree.names[target[1]] = self._find(tree, target[1])
        return name

    def _find(self, tree: NamedTree, offset: int) -> FunctionName:
        name = ""
        last = tree, offset
        for last, links in self._walk(tree, offset):  # noqa: B007 (used behind the loop)
            if links.linkage:
                return FunctionName(links.linkage, links.linkage, is_linkage=True)
            name = name or links.name
        name = name.removeprefix(SECOND_PART)
        if MANGLED.match(name):
            return FunctionName(name, name, is_linkage=True)
        flat = not name or last[0].unit.language in FLAT_LANGUAGES
        return FunctionName(name if flat else self._qualify(last, name), name, is_linkage=False)

    def _walk(self, tree: NamedTree, offset: int) -> Iterator[tuple[tuple[NamedTree, int], _Links]]:
        """An entry, then what it is an instance or a definition of, and so on."""
        for _ in range(MAX_REFERENCES):
            links = tree.read(offset)
            yield (tree, offset), links
            target = None if links.target is None else self._follow(tree, *links.target)
            if target is None:
                return
            tree, offset = target

    def _follow(self, tree: NamedTree, form: int, value: Value) -> tuple[NamedTree, int] | None:
        """Where a reference leads to; None for what is in a file that is not at hand."""
        if not isinstance(value, int):
            return None
        if form in ADDRESSED_FROM_UNIT:
            return tree, value
        table = tree.table
        if form in SUPPLEMENT_REFERENCES:
            if table.supplement is None:
                return None
            table = table.supplement
        elif form != DW_FORM_ref_addr:
            return None
        header = tree.unit.header
        if table is not tree.table or not header.offset <= value < header.end:
            tree = self.open(table, table.find(value))
        return tree, value - tree.unit.header.offset

    def _qualify(self, entry: tuple[NamedTree, int], name: str) -> str:
        """A name with its scopes; the name alone where one of them is nameless."""
        scopes: list[str] = []
        try:
            parents = self._list_scopes(*entry)
            while parents and len(scopes) < MAX_SCOPES:
                tree, scope = parents.pop()
                scope_name, last = self._name_scope(tree, scope)
                scopes.append(scope_name)
                if last != (tree, scope):  # it is declared elsewhere
                    parents = self._list_scopes(*last)
        except MalformedFile:
            return name
        return "::".join((*reversed(scopes), name)) if all(scopes) else name

    @staticmethod
    def _list_scopes(tree: NamedTree, offset: int) -> list[tuple[NamedTree, int]]:
        return [(tree, scope) for scope in tree.tree.list_scopes(offset)]

    def _name_scope(self, tree: NamedTree, offset: int) -> tuple[str, tuple[NamedTree, int]]:
        """The name of a scope, and the entry that it is declared by."""
        name, last = "", (tree, offset)
        for last, _ in self._walk(tree, offset):
            name = name or last[0].name_of(last[1])
        if not name and tree.find_tag(offset) == DW_TAG_namespace:
            name = ANONYMOUS
        return name, last
