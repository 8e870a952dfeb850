"""What a function's entry is called: its linkage name, or its own with the scopes that it is in.

Compilers give no linkage name to functions of internal linkage, lambdas and parts of functions. An
entry with code refers to the one that declares it, which may be in another unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashtool.formats.dwarf.constants import (
    DW_LANG_C,
    DW_LANG_C11,
    DW_LANG_C17,
    DW_LANG_C89,
    DW_LANG_C99,
    SCOPES,
    DW_AT_abstract_origin,
    DW_AT_linkage_name,
    DW_AT_MIPS_linkage_name,
    DW_AT_name,
    DW_AT_specification,
    DW_FORM_ref_addr,
    DW_LANG_Ada83,
    DW_LANG_Ada95,
    DW_LANG_Ada2005,
    DW_LANG_Ada2012,
    DW_LANG_Mips_Assembler,
    DW_TAG_namespace,
    DW_TAG_subprogram,
)
from crashtool.formats.dwarf.entries import DEEPEST, Entries, Entry, as_damage
from crashtool.formats.dwarf.forms import ADDRESSED_FROM_UNIT, SUPPLEMENT_REFERENCES, DamagedDwarf
from crashtool.formats.dwarf.unit_table import UnitTable
from crashtool.formats.named_tuple import NamedTuple

ANONYMOUS = "(anonymous namespace)"
# C and assembly, which have no scopes; Ada, whose names have theirs in them.
FLAT_LANGUAGES = frozenset(
    {
        DW_LANG_C89,
        DW_LANG_C,
        DW_LANG_C99,
        DW_LANG_C11,
        DW_LANG_C17,
        DW_LANG_Mips_Assembler,
        DW_LANG_Ada83,
        DW_LANG_Ada95,
        DW_LANG_Ada2005,
        DW_LANG_Ada2012,
    }
)
SECOND_PART = "__second_sect_of_"  # gcc's of DWARF 2, for what is elsewhere of a function
# What gcc calls the parts of functions that it makes for OpenMP: Itanium C++ ABI, 5.1. Names of the
# standard library that begin like it go on in small letters.
MANGLED = re.compile(r"_Z(?:[A-Z0-9]|[a-z][a-zA-Z][^a-z])")
MAX_REFERENCES = 16  # from entry to entry; three happen
MAX_SCOPES = 64
ENTRIES_TO_A_MARK = 16
MAX_NAMES = 1 << 14
MAX_SCOPE_BYTES = 1 << 26  # of units that are walked from their start to an entry


class Reference(NamedTuple):
    """An entry, of whichever unit."""

    table: UnitTable
    entries: Entries
    entry: Entry


class LocatedFunctions(NamedTuple):
    """The function at an address, and the calls merged into it, the outermost first."""

    function: Reference
    calls: list[Reference]


class FunctionName(NamedTuple):
    """A function's name, "" when it has none; `bare`: the same without scopes.

    `is_linkage`: it is what linkers know it by.
    """

    text: str
    bare: str
    is_linkage: bool


class EntryNames:
    """The names of the entries of one file. DamagedDwarf where a reference leads nowhere."""

    def __init__(self) -> None:
        self._left = MAX_SCOPE_BYTES
        self._names: dict[tuple[int, int, int, int], FunctionName] = {}

    def find(self, table: UnitTable, entries: Entries, entry: Entry) -> FunctionName:
        """The name of a function, or of one that a call of was merged."""
        form, origin = entry.values.get(DW_AT_abstract_origin, (0, entry.offset))
        number = origin if isinstance(origin, int) else 0  # it counts from what the form says
        key = table.number, entries.unit.header.offset, form, number
        if key not in self._names:
            if len(self._names) > MAX_NAMES:
                self._names.clear()
            self._names[key] = self._find(table, entries, entry)
        return self._names[key]

    def _find(self, table: UnitTable, entries: Entries, entry: Entry) -> FunctionName:
        name = ""
        first = last = Reference(table, entries, entry)
        for last in walk_references(first):
            for attribute in (DW_AT_linkage_name, DW_AT_MIPS_linkage_name):
                if text := _text(last, attribute):
                    return FunctionName(text, text, is_linkage=True)
            name = name or _text(last, DW_AT_name)
        name = name.removeprefix(SECOND_PART)
        if MANGLED.match(name):
            return FunctionName(name, name, is_linkage=True)
        whole = name
        if name and last.entries.unit.language not in FLAT_LANGUAGES:
            whole = self._qualify(last, name)
        return FunctionName(whole, name, is_linkage=False)

    def _qualify(self, reference: Reference, name: str) -> str:
        """A name with its scopes; the name alone where one of them is nameless."""
        scopes: list[str] = []
        parents = self._list_scopes(reference)
        while parents and len(scopes) < MAX_SCOPES:
            scope = parents.pop()
            scope_name, last = _name_scope(scope)
            scopes.append(scope_name)
            if last is not scope:  # it is declared elsewhere
                parents = self._list_scopes(last)
        return "::".join((*reversed(scopes), name)) if all(scopes) else name

    def _list_scopes(self, reference: Reference) -> list[Reference]:
        """The scopes and functions that an entry is in, from the outermost on."""
        self._left -= reference.entry.offset
        if self._left < 0:
            return []
        entries = reference.entries
        parents = map(entries.read, find_parents(entries, reference.entry.offset))
        return [
            Reference(reference.table, entries, entry)
            for entry in parents
            if entry.shape.tag in SCOPES or entry.shape.tag == DW_TAG_subprogram
        ]


def _name_scope(scope: Reference) -> tuple[str, Reference]:
    """The name of a scope, and the entry that it is declared by: the same, unless it refers."""
    name, last = "", scope
    for last in walk_references(scope):
        name = name or _text(last, DW_AT_name)
    if not name and scope.entry.shape.tag == DW_TAG_namespace:
        name = ANONYMOUS
    return name, last


def find_parents(entries: Entries, wanted: int) -> list[int]:
    """The offsets of the entries that one is inside, from the unit's own on.

    DamagedDwarf when no entry begins at the place.
    """
    offset, parents = entries.marks.find(wanted) or (entries.first, [])
    with as_damage(entries.unit.header.offset):
        passed = 0
        while offset < wanted:
            code, start = entries.open(offset)
            if not code:
                if parents:
                    parents.pop()
                offset = start
                continue
            passed += 1
            if passed % ENTRIES_TO_A_MARK == 0:
                entries.marks.add(offset, parents)
            shape = entries.shapes.known.get(code) or entries.shapes.find(code)
            following = 0
            if shape.has_children:
                following = entries.find_next(start, shape)
                if not 0 < following <= wanted:
                    following = 0
                    parents.append(offset)
                    if len(parents) > DEEPEST:
                        raise DamagedDwarf("entries within entries without end", offset=offset)
            offset = following or entries.skip(start, shape)
    if offset != wanted:
        raise DamagedDwarf("a reference leads into an entry", offset=entries.unit.header.offset)
    return parents[1:]


def walk_references(reference: Reference) -> Iterator[Reference]:
    """An entry, then what it is an instance or a definition of, and so on."""
    for _ in range(MAX_REFERENCES):
        yield reference
        for attribute in (DW_AT_abstract_origin, DW_AT_specification):
            if attribute in reference.entry.values:
                target = follow(reference, attribute)
                break
        else:
            return
        if target is None:
            return
        reference = target


def follow(reference: Reference, attribute: int) -> Reference | None:
    """The entry that an attribute leads to; None for what is in a file that is not at hand."""
    form, value = reference.entry.values[attribute]
    table, entries = reference.table, reference.entries
    if not isinstance(value, int):
        return None
    if form in ADDRESSED_FROM_UNIT:
        return Reference(table, entries, entries.read(value))
    if form in SUPPLEMENT_REFERENCES:
        if table.supplement is None:
            return None
        table = table.supplement
    elif form != DW_FORM_ref_addr:
        return None
    header = entries.unit.header
    if table is not reference.table or not header.offset <= value < header.end:
        entries = table.open_entries(table.find(value))
    return Reference(table, entries, entries.read(value - entries.unit.header.offset))


def _text(reference: Reference, attribute: int) -> str:
    """A text of an entry; "" without."""
    value = reference.entry.values.get(attribute)
    return "" if value is None else reference.entries.unit.text(*value)
