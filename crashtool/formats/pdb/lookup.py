"""From an address to what a PDB says of it: function, source line, inlined calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.code_location import CodeLocation
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.dbi import NO_STREAM, Contribution, DbiModule, DebugInformation
from crashtool.formats.pdb.frame_data import FrameTable
from crashtool.formats.pdb.info import NAMES, STRINGS_START, read_info
from crashtool.formats.pdb.inline_sites import InlineSite, find_inline_sites
from crashtool.formats.pdb.line_tables import LineTables, PdbLine
from crashtool.formats.pdb.module_code import SIGNATURE_SIZE, CodeSymbol, ModuleCode
from crashtool.formats.pdb.msf import MultiStreamFile
from crashtool.formats.pdb.publics import Publics, undecorate
from crashtool.formats.pdb.section_map import AddressMap
from crashtool.formats.pdb.structs import ProcSym, ThunkSym
from crashtool.formats.pdb.type_names import TypeNames
from crashtool.formats.pdb.type_records import IPI_STREAM, TPI_STREAM, TypeStream

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content
    from crashtool.formats.unwind_rules import FrameData

IMPORTED = 0x80000000  # a number of another module's, link-time code generation's
MODULE_SHIFT, MODULE_MASK, LOCAL_MASK = 20, 0x7FF, 0xFFFFF
MANAGED = 0xC0EE  # the machine of .NET, whose addresses are none of code
MAX_PROBLEMS = 16
NO_LINE = PdbLine("", 0)


class FoundProcedure(NamedTuple):
    """A procedure at an address: a section and the offset in it, the calls merged into it that are
    under way there, the outermost first.
    """

    module: OpenModule
    symbol: CodeSymbol
    position: tuple[int, int]
    sites: list[InlineSite]


class OpenModule:
    """One module's stream: what is read of it is kept for the next address in it."""

    def __init__(self, lookup: PdbLookup, module: DbiModule) -> None:
        self.stream = lookup.file.open_stream(module.stream)
        self.symbols_size = min(module.symbols_size, len(self.stream))
        self.code = ModuleCode(self.stream, module.symbols_size)
        start = module.symbols_size + module.old_lines_size
        self.lines = LineTables(self.stream, start, module.lines_size, lookup.read_name)
        self.names = TypeNames(lookup.types, lookup.ids, self.resolve)
        self._lookup = lookup
        self._imports = list(self.lines.walk_imports())

    def resolve(self, number: int) -> int | None:
        """Everyone's number of a type or id; None where the module that has it is not found."""
        if not number & IMPORTED:
            return number
        module, local = number >> MODULE_SHIFT & MODULE_MASK, number & LOCAL_MASK
        if module >= len(self._imports) or local >= len(self._imports[module].numbers):
            return None
        imports = self._imports[module]
        return self._lookup.find_export(imports.module, imports.numbers[local])


class PdbLookup:
    """The functions, lines and frame data of one PDB; addresses are from the image's base."""

    def __init__(self, data: Content) -> None:
        """MalformedFile when it has no debug information, or damaged one."""
        self.file = MultiStreamFile(data)
        self.dbi = DebugInformation(self.file)
        self._named = read_info(self.file).named
        self._strings = self.file.open_stream(self._named.get(NAMES, NO_STREAM))
        self._map = AddressMap(self.dbi)
        self.publics = Publics(self.file, self.dbi)
        self.problems: list[str] = []
        self.types = self._open_types(TPI_STREAM)
        self.ids = self._open_types(IPI_STREAM)
        self._frames = None if self._map.is_rewritten else FrameTable(self.dbi, self.read_name)
        self._modules: dict[int, OpenModule | None] = {}
        self._exports: dict[str, dict[int, int]] = {}

    def _open_types(self, stream: int) -> TypeStream:
        """Without its types a function still has its name."""
        try:
            return TypeStream(self.file, stream)
        except MalformedFile as error:
            self.note(error)
            return TypeStream(self.file, None)

    def read_name(self, offset: int) -> str:
        """A text of /names; "" where there is none."""
        return self._strings.read_string(STRINGS_START + offset) if len(self._strings) else ""

    def find_export(self, module: str, number: int) -> int | None:
        """Everyone's number of what a module exports under its own; None where there is none."""
        key = module.lower()
        if key not in self._exports:
            names = [module_info.name.lower() for module_info in self.dbi.modules]
            opened = self._open_module(names.index(key)) if key in names else None
            self._exports[key] = opened.lines.read_exports() if opened else {}
        return self._exports[key].get(number)

    def _open_module(self, index: int) -> OpenModule | None:
        """A module with a stream; None without, or when it is damaged, which is noted."""
        if index not in self._modules:
            self._modules[index] = None  # also while it is being opened
            modules = self.dbi.modules
            if index < len(modules) and self.file.get_size(modules[index].stream) > SIGNATURE_SIZE:
                try:
                    self._modules[index] = OpenModule(self, modules[index])
                except MalformedFile as error:
                    self.problems.append(f"{error.what} (module {modules[index].name})")
        return self._modules[index]

    def open_module_at(self, section: int, offset: int) -> OpenModule | None:
        """The module that code or data are from; None for padding, and where it has no symbols."""
        contribution = self.dbi.find_contribution(section, offset)
        return self._open_module(contribution.module) if contribution else None

    def walk_modules(self) -> Iterator[OpenModule]:
        """The modules that have symbols and are sound, one after the other; none is kept."""
        for _, module in self.walk_numbered():
            yield module

    def walk_numbered(self) -> Iterator[tuple[int, OpenModule]]:
        """The same, each with the number that contributions have for it."""
        seen: set[int] = set()
        for index, described in enumerate(self.dbi.modules):
            if described.stream in seen and described.stream != NO_STREAM:
                self.note(MalformedFile("several modules of a PDB have one stream", offset=0))
                continue
            seen.add(described.stream)
            module = self._open_module(index)
            self._modules.pop(index, None)
            if module is not None:
                yield index, module

    def find_contribution(self, section: int, offset: int) -> Contribution | None:
        """What lies at an offset of a section; for those who ask often."""
        self.dbi.sort_contributions()
        return self.dbi.find_contribution(section, offset)

    def list_sections(self) -> list[tuple[int, int]]:
        """Start and size of each section, of the program as it was linked."""
        return self._map.sections

    def find_section(self, address: int) -> tuple[int, int] | None:
        """The section of an address, and the offset in it; None where none is."""
        return self._map.find_section(address)

    def find_address(self, section: int, offset: int) -> int | None:
        """The address of an offset in a section; None where it is nowhere in the image."""
        return self._map.find_address(section, offset)

    def walk_public_code(self) -> Iterator[int]:
        """The addresses of public symbols that are functions."""
        for public in self.publics.walk_code():
            address = self._map.find_address(*public)
            if address is not None:
                yield address

    def walk_publics(self) -> Iterator[tuple[int, int]]:
        """Section and offset of each public symbol of code, none twice."""
        return (public for public in self.publics.walk_positions() if self._map.has_code(public[0]))

    def name_public(self, address: int) -> str:
        """The last public symbol at an address of the image, or before it; "" without."""
        position = self._map.find_section(address)
        public = self.publics.find(*position) if position else None
        return public.name if public else ""

    def walk_frame_data(self) -> Iterator[FrameData]:
        """All frame data, in order; nothing for a program whose code was moved."""
        if self._frames is not None:
            yield from self._frames.walk()

    def find_frame_data(self, address: int) -> FrameData | None:
        """How 32-bit code at an address gets back to its caller.

        None also for a program whose code was moved: its frame data were not.
        """
        if self._frames is None:
            return None
        try:
            return self._frames.find(address)
        except MalformedFile as error:
            self.note(error)
            return None

    def find_locations(self, address: int) -> list[CodeLocation]:
        """The functions at an address, innermost first; empty when there is none.

        What is damaged is noted in `problems`, and as good as not there.
        """
        try:
            return self._find_locations(address)
        except MalformedFile as error:
            self.note(error)
            return []

    def find_procedure(self, address: int) -> FoundProcedure | None:
        """The procedure and the merged calls that `find_locations` names.

        None for other code. MalformedFile when it is damaged.
        """
        position = self._map.find_section(address)
        if position is None or self.dbi.head.machine == MANAGED:
            return None
        contribution = self.dbi.find_contribution(*position)
        module = self._open_module(contribution.module) if contribution else None
        symbol = module.code.find(*position) if module else None
        if module is None or symbol is None or symbol.kind not in cv.PROCEDURES:
            return None
        line = None if self._map.is_inserted(address) else module.lines.find_line(*position)
        sites = find_inline_sites(module.stream, symbol, position[1]) if line is not None else []
        return FoundProcedure(module, symbol, position, sites)

    @property
    def machine(self) -> int:
        """The machine that the code is for (winnt.h, IMAGE_FILE_MACHINE_*)."""
        return self.dbi.head.machine

    def note(self, error: MalformedFile) -> None:
        """Damage that costs an answer goes to `problems`."""
        if error.what not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(error.what)

    def _find_locations(self, address: int) -> list[CodeLocation]:
        position = self._map.find_section(address)
        if position is None or self.dbi.head.machine == MANAGED:
            return []
        contribution = self.dbi.find_contribution(*position)
        module = self._open_module(contribution.module) if contribution else None
        line = module.lines.find_line(*position) if module else None
        if self._map.is_inserted(address):
            line = None
        symbol = module.code.find(*position) if module else None
        if module is None or symbol is None:
            return self._find_public(position, contribution, module, line)
        name = self.name_symbol(module, symbol)
        if not name and line is None:  # a trampoline
            return []
        locations = [self._locate(name, symbol, line)]
        if symbol.kind in cv.PROCEDURES and line is not None:
            locations += self._find_inlined(module, symbol, position[1])
        return locations[::-1]

    def _locate(self, name: str, symbol: CodeSymbol, line: PdbLine | None) -> CodeLocation:
        start = self._map.find_address(symbol.section, symbol.offset)
        return CodeLocation(name, start, *(line or NO_LINE))

    def name_symbol(self, module: OpenModule, symbol: CodeSymbol) -> str:
        """The name of a procedure or thunk, with arguments where their types tell; "" of others."""
        if symbol.kind == cv.S_THUNK32:
            return module.stream.read_string(symbol.record + ThunkSym.SIZE)
        if symbol.kind not in cv.PROCEDURES:
            return ""
        record = ProcSym.read(module.stream.read(symbol.record, ProcSym.SIZE))
        name = module.stream.read_string(symbol.record + ProcSym.SIZE)
        if name.startswith("@"):  # an assembler's
            name = undecorate(name, self.dbi.head.machine)
        try:
            if symbol.kind in cv.ID_PROCEDURES:
                return name + module.names.list_arguments_by_id(record.type)
            return name + module.names.list_arguments(record.type)
        except MalformedFile:  # the name is sound, its types are not
            return name

    @staticmethod
    def _find_inlined(module: OpenModule, symbol: CodeSymbol, offset: int) -> list[CodeLocation]:
        """The calls that were merged into a procedure at an offset, the outermost first."""
        calls = []
        for site in find_inline_sites(module.stream, symbol, offset):
            file, first = module.lines.find_inlinee(site.inlinee) or (None, 0)
            path = module.lines.find_file(site.file if site.file is not None else file or 0)
            line = 0 if site.line is None else first + site.line
            name = module.names.name_function(site.inlinee)
            calls.append(CodeLocation(name, None, path, line))
        return calls

    def _find_public(
        self,
        position: tuple[int, int],
        contribution: Contribution | None,
        module: OpenModule | None,
        line: PdbLine | None,
    ) -> list[CodeLocation]:
        """A public symbol, where it can be meant: it begins in the same piece of the program.

        Behind a procedure that begins later there is padding, and in another piece a function
        whose name is not known.
        """
        section, offset = position
        public = self.publics.find(section, offset) if contribution else None
        start = module.code.find_last_start(section, offset) if module else None
        if (
            public is None
            or contribution is None
            or public.offset < contribution.offset
            or (start is not None and start >= public.offset)
        ):
            address = self._map.find_address(section, offset)
            return [CodeLocation("", address, *line)] if line else []
        address = self._map.find_address(section, public.offset)
        return [CodeLocation(public.name, address, *(line or NO_LINE))]
