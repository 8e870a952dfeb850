"""All debug files of one module as one: each question goes to the file that can answer it best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError
from crashtool.formats import object_kinds
from crashtool.services.symbols.debug_file import DebugFile, open_debug_file
from crashtool.services.symbols.mapped_file import CannotRead

if TYPE_CHECKING:
    from crashtool.formats.breakpad.symbol_file import FunctionHit
    from crashtool.formats.unwind_rules import CfiText, FrameData
    from crashtool.formats.variables.places import FoundScope
    from crashtool.model.module import Module
    from crashtool.model.symbol_lookup import Candidate, LookupStatus
    from crashtool.services.symbols.symbol_source import SymbolSource

MAX_FILES = 16  # of one module; there are four kinds, some stripped and some not
SUFFICIENT_TRIES = 4096
PDB_SUFFIX = ".pdb"


class ModuleSymbols:
    """What the files of a module say. They are looked for when the first question comes.

    Files are taken from the source one by one, until those at hand promise an answer: so a server
    is not asked for what a file on disk has. Addresses are from the module's base.
    """

    def __init__(
        self,
        module: Module,
        architecture: str,
        source: SymbolSource,
        *,
        links: Callable[[Module, str, str], Iterator[Candidate]] | None = None,
    ) -> None:
        """`links` gives the debug files that a program, by its path, names in .gnu_debuglink."""
        self.module = module
        self._architecture = architecture
        self._source = source
        self._rest: Iterator[Candidate] | None = source.walk_candidates(module)
        self._followed = False
        self._links = links
        self._candidates: list[Candidate] = []
        self._files: list[DebugFile] = []
        self._functions: dict[int, FunctionHit | None] = {}

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The places that were looked at so far."""
        return tuple(self._candidates)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of the files that are open."""
        return frozenset(file.kind for file in self._files)

    @property
    def problems(self) -> list[str]:
        """What is wrong with them."""
        return [problem for file in self._files for problem in file.problems]

    @property
    def absent(self) -> list[str]:
        """Which files that go with them are not at hand."""
        return [sentence for file in self._files for sentence in file.absent]

    @property
    def knows_functions(self) -> bool:
        """Whether a place in no function is no code."""
        return any(file.knows_functions(self.module.size) for file in self._files)

    @property
    def knows_unwind(self) -> bool:
        """Whether some file has unwind rules."""
        return any(file.has_unwind for file in self._files)

    def find_function(self, address: int) -> FunctionHit | None:
        """The function at an address: with a line if any file has one, else with a name."""
        if address not in self._functions:
            if len(self._functions) > SUFFICIENT_TRIES:
                self._functions.clear()
            self._functions[address] = self._find_function(address)
        return self._functions[address]

    def _find_function(self, address: int) -> FunctionHit | None:
        """A file without lines is asked when no other has one: its symbol table is read whole."""
        best: FunctionHit | None = None
        lineless: list[DebugFile] = []
        for file in self._walk_files(_promises_lines):
            if file.read_code(address, 1) == b"":
                return None  # data behind the last function
            if not file.has_lines:
                lineless.append(file)
                continue
            hit = file.find_function(address)
            if hit is not None and hit.line:
                return hit
            best = best or hit
        named = next(filter(None, (file.find_function(address) for file in lineless)), None)
        return named or best

    def find_variables(self, address: int) -> list[FoundScope]:
        """The variables at an address, of the file that had its function and line.

        Only what `find_function` has opened is asked: no further file is looked for.
        """
        for file in self._files:
            if file.has_lines and (scopes := file.find_variables(address)):
                return scopes
        return []

    def find_cfi(self, address: int) -> CfiText | None:
        """The unwind rules at an address, from the first file that has some for it."""
        for file in self._walk_files(lambda file: file.has_unwind):
            if rules := file.find_cfi(address):
                return rules
        return None

    def find_frame_data(self, address: int) -> FrameData | None:
        """The frame data of 32-bit Windows code at an address."""
        for file in self._walk_files(lambda file: file.has_unwind):
            if frame := file.find_frame_data(address):
                return frame
        return None

    def read_code(self, address: int, size: int) -> bytes | None:
        """Code bytes; b"" where the module has no code, None when no file has it.

        The program of a debug file is looked for, but what has a .sym file is not asked for more.
        """
        for file in self._walk_files(lambda file: file.has_code or file.kind == object_kinds.SYM):
            code = file.read_code(address, size)
            if code is not None:
                return code
        return None

    def read_constants(self, address: int, size: int) -> bytes | None:
        """Bytes that the module never writes to, as its file has them; None when none has.

        Only files that are open are asked: a pointer may lead to any module of the process.
        """
        for file in self._files:
            content = file.read_constants(address, size)
            if content is not None:
                return content
        return None

    def find_program(self) -> str:
        """The path of the module's own file, with its code; "" when it is not there.

        What was unpacked from an archive will not be there for long, and does not count.
        """
        for index, file in enumerate(self._walk_files(lambda file: file.has_code)):
            opened = [candidate for candidate in self._candidates if candidate.status == "found"]
            lasts = opened[index].place == opened[index].path or "://" in opened[index].place
            if file.has_code and lasts:
                return opened[index].path
        return ""

    def _walk_files(self, is_wanted: Callable[[DebugFile], bool]) -> Iterator[DebugFile]:
        """The open files; then, as long as none of them promises to know, further ones."""
        index = 0
        while True:
            while index < len(self._files):
                yield self._files[index]
                index += 1
            if any(is_wanted(file) for file in self._files) or not self._open_next():
                return

    def _open_next(self) -> bool:
        """Take the next candidate that can be opened; False when there is none."""
        while self._rest is not None and len(self._files) < MAX_FILES:
            candidate = next(self._rest, None)
            if candidate is None:
                break
            if candidate.status != "found":
                self._candidates.append(candidate)
            elif self._open(candidate):
                return True
        self._rest = None
        return False

    def _open(self, candidate: Candidate) -> bool:
        try:
            file = open_debug_file(candidate.path, candidate.kind, self._architecture)
        except CrashtoolError as error:
            status: LookupStatus = "failed" if isinstance(error, CannotRead) else "malformed"
            failure = candidate._replace(status=status, note=error.what)
            self._candidates.append(failure)
            return False
        self._files.append(file)
        self._candidates.append(candidate)
        self._follow_image(file)
        self._follow_link(file, candidate.path)
        return True

    def _follow_image(self, file: DebugFile) -> None:
        """Look for the PDB that an image names, when the dump itself does not name it."""
        if self.module.debug_id is not None or self._followed:
            return
        for object_file in file.objects:
            if (
                object_file.kind == object_kinds.PE
                and object_file.debug_id
                and not object_file.debug_id.is_nil
            ):
                self._followed = True
                named = self.module._replace(
                    debug_id=object_file.debug_id, debug_file=object_file.debug_file
                )
                self._rest = chain(self._rest or (), self._source.walk_candidates(named))
                return

    def _follow_link(self, file: DebugFile, path: str) -> None:
        """Look for the debug file that a program names, before others are asked."""
        for object_file in file.objects:
            if object_file.debug_link and self._links is not None:
                linked = self._links(self.module, path, object_file.debug_link)
                self._rest = chain(linked, self._rest or ())
                return


def _promises_lines(file: DebugFile) -> bool:
    """Whether it has lines, and names no file that has those of more code.

    clang's `-gcodeview` for MinGW leaves an image with a PDB and with the C runtime's DWARF.
    """
    return file.has_lines and not any(
        object_file.kind == object_kinds.PE and object_file.debug_file.lower().endswith(PDB_SUFFIX)
        for object_file in file.objects
    )
