"""One debug file of a module, whatever its kind: functions, unwind rules and code by address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from crashtool.errors import InputUnusable
from crashtool.formats import object_kinds
from crashtool.formats.breakpad.symbol_file import BreakpadFile, FunctionHit
from crashtool.services.symbols.demangle import demangle
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.unwind_information import UnwindInformation

if TYPE_CHECKING:
    from crashtool.formats.object_file.pe_constants import PeConstants
    from crashtool.formats.object_file.relro_constants import RelroConstants
    from crashtool.formats.object_kinds import Content, ObjectFile
    from crashtool.formats.unwind_rules import CfiText, FrameData
    from crashtool.formats.variables.places import FoundScope
    from crashtool.services.symbols.dwarf_functions import DwarfFunctions


BIG_ENDIAN = "its big-endian debug information is not read here"
LEAST_CODE = 8  # a module is code to an eighth, at least; else its .sym file describes a part


class DebugFile(Protocol):
    """What a debug file can be asked; addresses are from the module's base.

    `has_lines`, `has_unwind` and `has_code` say what the file promises; its answers may be poorer.
    `absent`: which files that go with it are not at hand, a sentence each.
    """

    kind: str
    has_lines: bool
    has_unwind: bool
    has_code: bool
    problems: list[str]
    absent: list[str]
    objects: tuple[ObjectFile, ...]

    def knows_functions(self, size: int) -> bool:
        """Whether a place in no function of a module of `size` bytes is no code."""

    def find_function(self, address: int) -> FunctionHit | None:
        """The function at an address, its source line, and the calls merged into it there; None
        where there is none. Names are readable.
        """

    def find_variables(self, address: int) -> list[FoundScope]:
        """The variables at an address: of each merged call, innermost first, then of the function.

        As many scopes as `find_function` finds calls; none when nothing is known.
        """

    def find_cfi(self, address: int) -> CfiText | None:
        """The rules that lead from an address to its caller, by call frame information."""

    def find_frame_data(self, address: int) -> FrameData | None:
        """How 32-bit Windows code at an address gets back to its caller."""

    def read_code(self, address: int, size: int) -> bytes | None:
        """Bytes of code; None where the file has none there, or not so many."""

    def read_constants(self, address: int, size: int) -> bytes | None:
        """Bytes that the program never writes to; None where the file has none there."""


def open_debug_file(path: str, kind: str, architecture: str) -> DebugFile:
    """A debug file that is known to be of `kind`. InputUnusable when it cannot be read."""
    if kind == object_kinds.SYM:
        return TextDebugFile(map_file(path))
    if kind == object_kinds.PDB:
        from crashtool.services.symbols.pdb_file import PdbDebugFile

        return PdbDebugFile(map_file(path), architecture)
    return NativeDebugFile(path, kind, architecture)


class TextDebugFile:
    """A Breakpad .sym file."""

    kind = object_kinds.SYM

    def __init__(self, data: Content) -> None:
        """MalformedFile when it does not begin as a .sym file does."""
        self._file = BreakpadFile(data)
        self.has_lines = self._file.has_lines
        self.has_unwind = self._file.has_unwind
        self.has_code = False
        self.problems = self._file.problems
        self.absent: list[str] = []
        self.objects: tuple[ObjectFile, ...] = ()
        self._code: range | None = None

    def knows_functions(self, size: int) -> bool:
        """Whether a place in no function of a module of `size` bytes is no code."""
        if self._code is None:
            self._code = self._file.measure_code() or range(0)
        return self.has_lines and len(self._code) * LEAST_CODE >= size

    def find_function(self, address: int) -> FunctionHit | None:
        """The function at an address, names readable."""
        hit = self._file.find_function(address)
        return None if hit is None else _readable(hit)

    def find_variables(self, address: int) -> list[FoundScope]:  # noqa: ARG002
        """None: a .sym file has no variables."""
        return []

    def find_cfi(self, address: int) -> CfiText | None:
        """The STACK CFI rules at an address."""
        return self._file.find_cfi(address)

    def find_frame_data(self, address: int) -> FrameData | None:
        """The STACK WIN record at an address."""
        return self._file.find_frame_data(address)

    def read_code(self, address: int, size: int) -> bytes | None:  # noqa: ARG002
        """None: a .sym file has no code."""
        return None

    def read_constants(self, address: int, size: int) -> bytes | None:  # noqa: ARG002
        """None: nor data."""
        return None


class NativeDebugFile:
    """An ELF, PE or Mach-O file."""

    def __init__(self, path: str, kind: str, architecture: str) -> None:
        self.kind = kind
        self.path = path
        self._architecture = architecture
        self._functions: DwarfFunctions | None = None
        self._tried_functions = False
        self._data: Content = b""
        self._constants: tuple[object_kinds.CodeRange, ...] | None = None
        self._image_constants: PeConstants | None = None
        self._relro_constants: RelroConstants | None = None
        self.problems: list[str] = []
        self.absent: list[str] = []
        self.has_lines, self.has_unwind = self._read_headers()
        self.unwind = UnwindInformation(self._data, kind, architecture, self.problems)
        self.code, self.spans = self._find_code()
        self.has_code = bool(self.code)

    def _read_headers(self) -> tuple[bool, bool]:
        from crashtool.formats.object_file.identify import read_object_files

        self._data = map_file(self.path)
        self.objects = read_object_files(self._data)
        features = frozenset[str]().union(*(object_file.features for object_file in self.objects))
        return object_kinds.LINES in features, object_kinds.UNWIND in features

    def knows_functions(self, size: int) -> bool:  # noqa: ARG002 (of text alone)
        """Whether a place in no function is no code."""
        own = self._own_functions()
        return self.has_lines and own is not None and own.is_sound

    def find_function(self, address: int) -> FunctionHit | None:
        """The function at an address, with the calls merged into it."""
        own = self._own_functions()
        hit = own.find_function(address) if own else None
        is_export = self.kind == object_kinds.PE and not self.has_lines
        return hit and hit._replace(is_public=is_export)

    def find_variables(self, address: int) -> list[FoundScope]:
        """The variables at an address, by the file's own DWARF."""
        own = self._own_functions()
        return own.find_variables(address) if own else []

    def _own_functions(self) -> DwarfFunctions | None:
        """What reads the file; None where numbers are big-endian, which is told."""
        if not self._tried_functions:
            self._tried_functions = True
            from crashtool.services.symbols.dwarf_functions import open_functions

            self._functions = open_functions(
                self._data, self.path, self._architecture, self.problems, self.absent
            )
            if self._functions is None:
                self.problems.append(BIG_ENDIAN)
        return self._functions

    def find_cfi(self, address: int) -> CfiText | None:
        """The unwind rules at an address."""
        return self.unwind.find_cfi(address)

    def find_frame_data(self, address: int) -> None:
        """None: frame data of 32-bit Windows code are in PDBs and .sym files."""

    def read_code(self, address: int, size: int) -> bytes | None:
        """Code bytes; b"" where the module has no code, None where the file does not hold it."""
        if not self.code:
            return b"" if self.spans and not any(address in span for span in self.spans) else None
        for code in self.code:
            if code.address <= address and address + size <= code.address + code.size:
                start = code.offset + address - code.address
                return bytes(self._data[start : start + size])
        return b""

    def read_constants(self, address: int, size: int) -> bytes | None:
        """Bytes that the program never writes to; None where the file has none there."""
        if self.kind == object_kinds.PE:
            return self._read_image_constants(address, size)
        if self._constants is None:
            from crashtool.formats.object_file.identify import find_constants  # for values alone

            self._constants = find_constants(self._data)
        for code in self._constants:
            if code.address <= address and address + size <= code.address + code.size:
                start = code.offset + address - code.address
                content = bytes(self._data[start : start + size])
                return content if len(content) == size else None
        return self._read_relro_constants(address, size)

    def _read_relro_constants(self, address: int, size: int) -> bytes | None:
        if self._relro_constants is None:
            from crashtool.formats.object_file.relro_constants import RelroConstants  # as above

            self._relro_constants = RelroConstants(self._data)
        return self._relro_constants.read(address, size)

    def _read_image_constants(self, address: int, size: int) -> bytes | None:
        if self._image_constants is None:
            from crashtool.formats.object_file.pe_constants import PeConstants  # for values alone

            self._image_constants = PeConstants(self._data)
        return self._image_constants.read(address, size)

    def _find_code(self) -> tuple[list[object_kinds.CodeRange], list[range]]:
        """Where the file holds code, and where the module has some, be it in another file."""
        from crashtool.formats.object_file.identify import find_code

        try:
            rows = list(find_code(self._data))
        except InputUnusable as error:
            self.problems.append(error.what)
            return [], []
        spans = [range(code.address, code.address + code.size) for code in rows]
        return [code for code in rows if code.present], spans


def _readable(hit: FunctionHit) -> FunctionHit:
    return hit._replace(
        name=demangle(hit.name),
        inlines=tuple(call._replace(name=demangle(call.name)) for call in hit.inlines),
    )
