"""Variables that stand at one address all the time: of a unit, looked up by address."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from crashtool.formats.dwarf.constants import DW_AT_location, DW_TAG_namespace, DW_TAG_variable
from crashtool.formats.dwarf.definitions import DeclaredTypes
from crashtool.formats.dwarf.entry_names import Reference, walk_references
from crashtool.formats.dwarf.forms import Cursor
from crashtool.formats.dwarf.tree import walk_children
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crashtool.formats.dwarf.units import Unit
    from crashtool.formats.variables.places import FoundVariable

MAX_ENTRIES = 1 << 17  # of a unit, outside of functions and types
DEEPEST = 16  # namespaces inside one another
DW_OP_addr, INDEXES = 0x03, (0xA1, 0xFB)  # and DW_OP_addrx, DW_OP_GNU_addr_index


class _Static(NamedTuple):
    """A variable, and where it begins, by the file's addresses."""

    start: int
    reference: Reference


class StaticVariables:
    """The variables of units that are in no function. DamagedDwarf where entries make no sense.

    `describe` makes a variable of an entry and those that it refers to. `base`: the module's first
    address in the file.
    """

    def __init__(
        self,
        describe: Callable[[Reference, list[Reference]], FoundVariable | None],
        base: int,
        name_object: Callable[[int], str],
    ) -> None:
        self._describe = describe
        self._base = base
        self._name_object = name_object
        self._units: dict[tuple[int, int], list[_Static]] = {}
        self._others: dict[int, DeclaredTypes] = {}

    def find(self, function: Reference, address: int) -> FoundVariable | None:
        """The variable at an address from the module's base: of a function's unit, or of another,
        which is found by what linkers call it. None without one, and where several share a place.
        """
        near = self._find_in(function, address)
        if near is None and (name := self._name_object(address)):
            number = function.table.number
            if number not in self._others:
                self._others[number] = DeclaredTypes(function.table, lambda _: "")
            units = filter(None, self._others[number].walk_units(name))
            matches = (self._find_in(unit, address) for unit in units)
            return next(filter(None, matches), None)
        return near

    def _find_in(self, owner: Reference, address: int) -> FoundVariable | None:
        """The same, of the unit that an entry is in."""
        key = owner.table.number, owner.entries.unit.header.offset
        if key not in self._units:
            self._units[key] = self._read(owner)
        statics, wanted = self._units[key], address + self._base
        number = bisect_right([static.start for static in statics], wanted) - 1
        if number < 0:
            return None
        start = statics[number].start
        same = [self._name(static) for static in statics if static.start == start]
        chosen = same[0]
        if chosen is None or len({variable and variable.name for variable in same}) != 1:
            return None
        return chosen if wanted < start + (chosen.type.size or 0) else None

    def _name(self, static: _Static) -> FoundVariable | None:
        return self._describe(static.reference, list(walk_references(static.reference)))

    def _read(self, owner: Reference) -> list[_Static]:
        entries = owner.entries
        top = owner._replace(entry=entries.read(entries.first))
        statics: list[_Static] = []
        for number, static in enumerate(_walk(top, DEEPEST)):
            if number >= MAX_ENTRIES:
                return []
            statics.append(static)
        return sorted(statics, key=lambda static: static.start)


def _walk(scope: Reference, left: int) -> Iterator[_Static]:
    unit = scope.entries.unit
    for entry in walk_children(scope.entries, scope.entry):
        reference = scope._replace(entry=entry)
        if entry.shape.tag == DW_TAG_namespace and left:
            yield from _walk(reference, left - 1)
        elif entry.shape.tag == DW_TAG_variable:
            start = _find_address(unit, entry.values.get(DW_AT_location, (0, None))[1])
            if start:  # at zero there is what linkers have dropped
                yield _Static(start, reference)


def _find_address(unit: Unit, expression: object) -> int | None:
    """The address that an expression is; None for all that it has to be computed for."""
    if not isinstance(expression, bytes) or not expression:
        return None
    cursor = Cursor(expression, 1)
    if expression[0] == DW_OP_addr:
        start = cursor.number(unit.sizes.address)
    elif expression[0] in INDEXES:
        start = unit.address_at(cursor.uleb())
    else:
        return None
    return start if cursor.offset == cursor.end else None
