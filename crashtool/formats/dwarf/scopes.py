"""Names of functions with the namespaces and classes that they are in.

Compilers give no linkage name to functions of internal linkage; inlined calls of them have their
bare name alone, and the scope is told by where the entry (DIE) stands in its unit's tree.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.abbreviations import Abbreviations, Declaration
from crashtool.formats.dwarf.addresses import UnitIndex
from crashtool.formats.dwarf.elf_sections import open_sections
from crashtool.formats.dwarf.forms import ADDRESSED_FROM_UNIT, DamagedDwarf, find_size
from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.dwarf.forms import Cursor, Sizes, Value
    from crashtool.formats.dwarf.units import Unit
    from crashtool.formats.object_kinds import Content

# Tags and attributes
CLASS, STRUCTURE, UNION, SUBPROGRAM, NAMESPACE = 0x02, 0x13, 0x17, 0x2E, 0x39
SIBLING, NAME, SPECIFICATION, ABSTRACT_ORIGIN = 0x01, 0x03, 0x47, 0x31
WANTED = frozenset({SIBLING, NAME, SPECIFICATION, ABSTRACT_ORIGIN})
UNNAMED = {NAMESPACE: "(anonymous namespace)"}
SCOPES = (CLASS, STRUCTURE, UNION, NAMESPACE)
FLAT_LANGUAGES = frozenset({0x01, 0x02, 0x0C, 0x1D, 0x2C, 0x8001})  # C and assembly: no scopes
MOST_UNIT = 1 << 19  # bytes of a unit that is looked through
MOST_FILE = 1 << 21  # bytes of such units of one file
DEEPEST = 256


class _Entry(NamedTuple):
    """One DIE of a function or a scope. `next`: where its sibling is in the unit; 0: not told."""

    tag: int
    name: str
    has_children: bool
    next: int
    refers: bool


class ScopeLookup:
    """The qualified names of one ELF file's functions; addresses are from the module's base."""

    def __init__(self, sections: DebugSections) -> None:
        self._sections = sections
        self._abbreviations = Abbreviations(sections)
        self._units = UnitIndex(sections)
        self._names: dict[int, dict[str, set[str]]] = {}
        self._left = MOST_FILE

    def qualify(self, name: str, address: int) -> str:
        """A bare name with its scopes, by the unit whose code is at an address.

        The name itself where it is in no scope, or in several: which of them is not known then.
        InputUnusable when the file's sections cannot be unpacked.
        """
        try:
            for unit in self._units.walk_units(self._sections.base + address):
                found = self._open(unit).get(name, ())
                if found:
                    return next(iter(found)) if len(found) == 1 else name
        except DamagedDwarf:  # a section that all units need
            return name
        return name

    def _open(self, unit: "Unit") -> dict[str, set[str]]:
        offset = unit.header.offset
        if offset not in self._names:
            size = unit.header.end - offset
            if size > min(MOST_UNIT, self._left) or unit.language in FLAT_LANGUAGES:
                return {}
            self._left -= size
            try:
                self._names[offset] = self._read(unit)
            except DamagedDwarf:
                self._names[offset] = {}
        return self._names[offset]

    def _read(self, unit: "Unit") -> dict[str, set[str]]:
        names: dict[str, set[str]] = {}
        scopes: list[tuple[str, ...] | None] = [()]  # None: what is in there has no known name
        for entry in self._walk_entries(unit):
            if entry is None:
                scopes.pop()
                if not scopes:
                    break
                continue
            scope = scopes[-1]
            if entry.tag == SUBPROGRAM and entry.name and not entry.refers and scope is not None:
                names.setdefault(entry.name, set()).add("::".join((*scope, entry.name)))
            if entry.has_children:
                name = entry.name or UNNAMED.get(entry.tag)
                is_open = entry.tag in SCOPES and scope is not None and name
                scopes.append((*scope, name) if is_open and scope is not None and name else None)
                if len(scopes) > DEEPEST:
                    break
        return names

    def _walk_entries(self, unit: "Unit") -> Iterator[_Entry | None]:
        """The unit's entries in turn, but for what is inside functions where that can be passed;
        None ends the children of one.
        """
        header = unit.header
        cursor = self._sections.open("debug_info", header.offset, header.end - header.offset)
        start = cursor.place - header.offset
        cursor.place = start + header.first
        self._read_entry(
            unit, cursor, self._abbreviations.find(header.abbreviations, cursor.uleb())
        )
        passed: dict[int, int] = {}  # sizes of entries that say nothing here, by their code
        while cursor.place < cursor.end:
            code = cursor.uleb()
            if not code:
                yield None
                continue
            if code in passed:
                cursor.take(passed[code])
                continue
            declaration = self._abbreviations.find(header.abbreviations, code)
            if (size := _measure_passed(declaration, unit.sizes)) is not None:
                passed[code] = size
            entry = self._read_entry(unit, cursor, declaration)
            place = start + header.offset + entry.next
            if entry.has_children and entry.tag not in SCOPES and cursor.place < place < cursor.end:
                cursor.place = place
                entry = entry._replace(has_children=False)
            yield entry

    def _read_entry(self, unit: "Unit", cursor: "Cursor", declaration: Declaration) -> _Entry:
        values: dict[int, tuple[int, Value]] = {}
        for attribute, form, implicit in declaration.attributes:
            value = cursor.form(form, unit.sizes, implicit)
            if attribute in WANTED:
                values[attribute] = form, value
        is_named = declaration.tag == SUBPROGRAM or declaration.tag in SCOPES
        name = unit.text(*values[NAME]) if is_named and NAME in values else ""
        form, sibling = values.get(SIBLING, (0, 0))
        following = sibling if form in ADDRESSED_FROM_UNIT and isinstance(sibling, int) else 0
        refers = SPECIFICATION in values or ABSTRACT_ORIGIN in values
        return _Entry(declaration.tag, name, declaration.has_children, following, refers)


def _measure_passed(declaration: Declaration, sizes: "Sizes") -> int | None:
    """The size of each entry of a kind that is neither function nor scope and has no children.

    None for other kinds, and where it is not the same for all.
    """
    if declaration.has_children or declaration.tag == SUBPROGRAM or declaration.tag in SCOPES:
        return None
    size = 0
    for _, form, _ in declaration.attributes:
        known = find_size(form, sizes)
        if known is None:
            return None
        size += known
    return size


def open_scope_lookup(data: "Content") -> ScopeLookup | None:
    """The scopes of an ELF file; None when it has no line tables, and where it is big-endian.

    MalformedFile when it is no ELF file.
    """
    sections = open_sections(data)
    return None if sections is None else ScopeLookup(sections)
