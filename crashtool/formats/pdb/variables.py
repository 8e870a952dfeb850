"""From an address to the variables that a PDB has there, in the words that all formats share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.pdb.data_types import DataTypes
from crashtool.formats.pdb.definition_ranges import InSection, LocalPart
from crashtool.formats.pdb.inline_sites import read_procedure
from crashtool.formats.pdb.local_symbols import (
    LocalSymbol,
    read_compiler,
    read_frame,
    read_locals,
)
from crashtool.formats.pdb.registers import FRAME_BASES, I386, NO_BASES
from crashtool.formats.pdb.static_data import StaticData, bare_name
from crashtool.formats.pdb.type_hash import TypeDefinitions
from crashtool.formats.pdb.variable_places import CodePoint, find_place
from crashtool.formats.variables.data_type import DataType
from crashtool.formats.variables.places import FoundScope, FoundVariable, Place

if TYPE_CHECKING:
    from crashtool.formats.pdb.lookup import FoundProcedure, OpenModule, PdbLookup
    from crashtool.formats.variables.frame_view import FrameView

OWN_PREFIX = "__$"  # of what MSVC puts into a frame: __$ArrayPad$, __$ReturnUdt
ORDER = ("argument", "local", "static")


class PdbVariables:
    """The variables of one PDB."""

    def __init__(self, lookup: PdbLookup) -> None:
        self._lookup = lookup
        self._definitions = TypeDefinitions(lookup.types)
        self._types: dict[OpenModule, DataTypes] = {}
        self._statics: StaticData | None = None

    def find(self, address: int) -> list[FoundScope]:
        """Those of each merged call, innermost first, then of the function; as many as
        `find_locations` finds. None when there are no records of them.

        What is damaged is noted in the PDB's `problems`.
        """
        try:
            procedure = self._lookup.find_procedure(address)
            return self._find(procedure, address) if procedure else []
        except MalformedFile as error:
            self._lookup.note(error)
            return []

    def _find(self, procedure: FoundProcedure, address: int) -> list[FoundScope]:
        module, symbol, position, sites = procedure
        data = read_procedure(module.stream, symbol)
        if not data:
            return []
        machine = self._lookup.machine
        bases = FRAME_BASES.get(machine, NO_BASES)
        compiler = read_compiler(module.stream)
        inner = position[1] - symbol.offset
        frame = read_frame(data, inner, bases, compiler)
        owners = [0, *(site.record for site in sites)]
        point = CodePoint(self._lookup, machine, address, frame, self._find_named)
        scopes: dict[int, list[FoundVariable]] = {owner: [] for owner in owners}
        for local in read_locals(data, position, frozenset(owners), frame):
            if local.owner in scopes and not local.name.startswith(OWN_PREFIX):
                scopes[local.owner].append(self._describe(module, local, point))
        code: tuple[tuple[int, int], ...] = ()
        if not frame.has_parts:
            start = address - inner
            code = ((start, start + symbol.length),)
        found_scopes = [
            FoundScope(
                tuple(sorted(scopes[owner], key=lambda variable: ORDER.index(variable.kind))),
                () if owner else code,
                (symbol.offset, owner),
            )
            for owner in reversed(owners)
        ]
        found_scopes[-1] = found_scopes[-1]._replace(
            find_static=lambda place: self._find_static(module, place, point)
        )
        return found_scopes

    def _find_static(
        self, module: OpenModule, address: int, point: CodePoint
    ) -> FoundVariable | None:
        """The variable in no function that an address is in, with the type that it has there."""
        datum = self._open_statics().find(address)
        if datum is None:
            return None
        place = InSection(datum.section, datum.offset)
        symbol = LocalSymbol(bare_name(datum.name), "static", datum.type, 0, (LocalPart(place),))
        variable = self._describe(module, symbol, point)
        start = self._lookup.find_address(datum.section, datum.offset)
        is_inside = start is not None and 0 <= address - start < (variable.type.size or 0)
        return variable if is_inside else None

    def _find_named(self, name: str, public: str) -> int | None:
        return self._open_statics().find_named(name, public)

    def _open_statics(self) -> StaticData:
        if self._statics is None:
            self._statics = StaticData(self._lookup)
        return self._statics

    def _describe(self, module: OpenModule, symbol: LocalSymbol, point: CodePoint) -> FoundVariable:
        try:
            type_ = self._open_types(module).get(symbol.type)
        except MalformedFile as error:
            self._lookup.note(error)
            type_ = DataType("unknown", f"<damaged type {symbol.type:#x}>", None)

        def locate(frame: FrameView) -> Place:
            return find_place(symbol, type_, point, frame)

        name = bare_name(symbol.name) if symbol.kind == "static" else symbol.name
        return FoundVariable(name, symbol.kind, type_, locate)

    def _open_types(self, module: OpenModule) -> DataTypes:
        if module not in self._types:
            width = 4 if self._lookup.machine == I386 else 8
            self._types[module] = DataTypes(
                self._lookup.types, module.names, self._definitions, module.resolve, width
            )
        return self._types[module]
