"""Types as C++ spells them: `const char*`, `int (*)(long)`, `app::Mesh[3]`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crashtool.formats.dwarf.constants import (
    DW_AT_containing_type,
    DW_AT_name,
    DW_AT_type,
    DW_TAG_array_type,
    DW_TAG_atomic_type,
    DW_TAG_base_type,
    DW_TAG_const_type,
    DW_TAG_enumeration_type,
    DW_TAG_formal_parameter,
    DW_TAG_namespace,
    DW_TAG_pointer_type,
    DW_TAG_ptr_to_member_type,
    DW_TAG_reference_type,
    DW_TAG_restrict_type,
    DW_TAG_rvalue_reference_type,
    DW_TAG_subroutine_type,
    DW_TAG_volatile_type,
)
from crashtool.formats.dwarf.entry_names import (
    ANONYMOUS,
    FLAT_LANGUAGES,
    Reference,
    walk_references,
)
from crashtool.formats.dwarf.tree import ScopeIndex, walk_children

MAX_STEPS = 24  # from type to type
MAX_PARTS = 1 << 9  # types that one spelling names
MAX_PARAMETERS = 32
LONGEST = 1 << 12
SIGNS = {DW_TAG_pointer_type: "*", DW_TAG_reference_type: "&", DW_TAG_rvalue_reference_type: "&&"}
QUALIFIERS = {
    DW_TAG_const_type: "const",
    DW_TAG_volatile_type: "volatile",
    DW_TAG_restrict_type: "__restrict",
    DW_TAG_atomic_type: "_Atomic",
}
NAMELESS = {DW_TAG_enumeration_type: "enum {…}"}
NAMELESS_SCOPE = "struct {…}"
# What gcc calls a type, and everyone else.
LONG_NAMES = {
    "short int": "short",
    "short unsigned int": "unsigned short",
    "long int": "long",
    "long unsigned int": "unsigned long",
    "long long int": "long long",
    "long long unsigned int": "unsigned long long",
}


class TypeSpelling:
    """Spells the types of a file. DamagedDwarf where a reference leads nowhere."""

    def __init__(
        self,
        follow_type: Callable[[Reference, int], Reference | None],
        list_counts: Callable[[Reference], list[int | None]],
    ) -> None:
        """`follow_type` gives the type that an attribute of an entry leads to, None for void;
        `list_counts` the dimensions of an array.
        """
        self._follow = follow_type
        self._list_counts = list_counts
        self._scopes: dict[tuple[int, int], ScopeIndex] = {}
        self._names: dict[tuple[int, int, int], str] = {}
        self._parts = 0  # that may still be named

    def spell(self, reference: Reference | None) -> str:
        """A type's spelling."""
        self._parts = MAX_PARTS
        return self._spell(reference, "", MAX_STEPS)[:LONGEST]

    def _spell(self, reference: Reference | None, inner: str, left: int) -> str:
        """A type around what stands inside its declarator."""
        if reference is None:
            return _join("void", inner)
        self._parts -= 1
        if not left or self._parts < 0:
            return _join("…", inner)
        tag = reference.entry.shape.tag
        if tag in QUALIFIERS:
            return self._qualify(reference, inner, left)
        if tag in SIGNS and self._is_nameless(reference):
            inner = SIGNS[tag] + inner
        elif tag == DW_TAG_array_type:
            inner = _wrap(inner) + self._spell_counts(reference)
        elif tag == DW_TAG_subroutine_type:
            inner = f"{_wrap(inner)}({', '.join(self._walk_parameters(reference, left))})"
        elif tag == DW_TAG_ptr_to_member_type:
            owner = self._spell(self._follow(reference, DW_AT_containing_type), "", left - 1)
            inner = f"{owner}::*{inner}"
        else:
            return _join(self.name(reference), inner)
        return self._spell(self._target(reference), inner, left - 1)

    def _spell_counts(self, reference: Reference) -> str:
        counts = self._list_counts(reference)
        return "".join(f"[{'' if count is None else count}]" for count in counts)

    def _qualify(self, reference: Reference, inner: str, left: int) -> str:
        """`const char`, but `char* const`."""
        word = QUALIFIERS[reference.entry.shape.tag]
        target = self._target(reference)
        if target is not None and target.entry.shape.tag == DW_TAG_pointer_type:
            return self._spell(target, f" {word}{inner and ' '}{inner}", left - 1)
        spelled = self._spell(target, inner, left - 1)
        return spelled if spelled.startswith(f"{word} ") else f"{word} {spelled}"

    def _walk_parameters(self, reference: Reference, left: int) -> Iterator[str]:
        children = walk_children(reference.entries, reference.entry)
        for number, child in enumerate(
            entry for entry in children if entry.shape.tag == DW_TAG_formal_parameter
        ):
            if number >= MAX_PARAMETERS or self._parts <= 0:
                yield "…"
                return
            yield self._spell(self._target(reference._replace(entry=child)), "", left // 2)

    def _target(self, reference: Reference) -> Reference | None:
        return self._follow(reference, DW_AT_type)

    def _is_nameless(self, reference: Reference) -> bool:
        """Rust's pointers have names: `&mut Point`."""
        return DW_AT_name not in reference.entry.values

    def name(self, reference: Reference) -> str:
        """The name of a type with its namespaces."""
        key = (
            reference.table.number,
            reference.entries.unit.header.offset,
            reference.entry.offset,
        )
        if key not in self._names:
            if len(self._names) > 1 << 14:
                self._names.clear()
            self._names[key] = self._name(reference)[:LONGEST]
        return self._names[key]

    def _name(self, reference: Reference) -> str:
        name, last = _read_name(reference)
        if reference.entry.shape.tag == DW_TAG_base_type:
            return LONG_NAMES.get(name, name)
        if not name:
            return NAMELESS.get(reference.entry.shape.tag, NAMELESS_SCOPE)
        if last.entries.unit.language in FLAT_LANGUAGES or name.startswith(("&", "*", "(")):
            return name
        scopes = []
        for offset in self._index(last).list_parents(last.entry.offset):
            scope = last._replace(entry=last.entries.read(offset))
            scope_name, _ = _read_name(scope)
            if not scope_name:
                scope_name = (
                    ANONYMOUS if scope.entry.shape.tag == DW_TAG_namespace else NAMELESS_SCOPE
                )
            scopes.append(scope_name)
        return "::".join((*scopes, name))

    def _index(self, reference: Reference) -> ScopeIndex:
        key = reference.table.number, reference.entries.unit.header.offset
        if key not in self._scopes:
            if len(self._scopes) > 1 << 6:
                self._scopes.clear()
            self._scopes[key] = ScopeIndex(reference.entries)
        return self._scopes[key]


def _read_name(reference: Reference) -> tuple[str, Reference]:
    """The name of an entry, and the entry that declares it: the same, unless it refers."""
    name, last = "", reference
    for last in walk_references(reference):
        attribute = last.entry.values.get(DW_AT_name)
        name = name or ("" if attribute is None else last.entries.unit.text(*attribute))
    return name, last


def _wrap(inner: str) -> str:
    """What stands inside an array or function: in brackets where it is a pointer."""
    return (
        f" ({inner.strip()})" if inner.lstrip().startswith(("*", "&")) or "::*" in inner else inner
    )


def _join(name: str, inner: str) -> str:
    return name + inner if not inner or inner[0] in "*&[ (" else f"{name} {inner}"
