"""A PDB as a debug file of a module: functions, lines and inlined calls, read where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats import object_kinds
from crashtool.formats.breakpad.symbol_file import FunctionHit
from crashtool.formats.object_file.pdb_identity import read_pdb
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.services.symbols.function_hits import to_hit

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content
    from crashtool.formats.pdb.variables import PdbVariables
    from crashtool.formats.unwind_rules import CfiText, FrameData
    from crashtool.formats.variables.places import FoundScope


# Why a PDB that is the right one may have nothing of a program's code.
WITHOUT = {
    object_kinds.FASTLINK: "made with /DEBUG:FASTLINK: functions and lines are in the .obj files",
    object_kinds.MANAGED: "of managed code (.NET), which has no functions for native addresses",
    object_kinds.TYPES_ALONE: "of types alone, as the compiler writes: the linker's has functions",
}


class PdbDebugFile:
    """A PDB. It has no code, and unwind rules for 32-bit code alone: images have the others."""

    kind = object_kinds.PDB
    has_lines = True
    has_code = False

    def __init__(self, data: Content, architecture: str) -> None:
        """MalformedFile when it has no debug information, or damaged one."""
        self.objects = read_pdb(data)
        self.has_unwind = architecture == "x86"
        self._lookup = PdbLookup(data)
        self._variables: PdbVariables | None = None
        self.problems = self._lookup.problems
        traits = self.objects[0].traits
        self.absent = [sentence for trait, sentence in WITHOUT.items() if trait in traits]

    def knows_functions(self, size: int) -> bool:  # noqa: ARG002 (of text alone)
        """True: a place in no function is no code."""
        return True

    def find_function(self, address: int) -> FunctionHit | None:
        """The function at an address, with the calls merged into it."""
        locations = self._lookup.find_locations(address)
        return to_hit(locations, address) if locations else None

    def find_variables(self, address: int) -> list[FoundScope]:
        """The variables at an address: those of merged calls first, then the function's."""
        if self._variables is None:
            from crashtool.formats.pdb.variables import PdbVariables  # of frames that are shown

            self._variables = PdbVariables(self._lookup)
        return self._variables.find(address)

    def find_cfi(self, address: int) -> CfiText | None:  # noqa: ARG002
        """None: programs of 32-bit code are of another kind, others have none here."""
        return None

    def find_frame_data(self, address: int) -> FrameData | None:
        """The frame data of 32-bit Windows code at an address."""
        return self._lookup.find_frame_data(address)

    def read_code(self, address: int, size: int) -> bytes | None:  # noqa: ARG002
        """None: a PDB has no code."""
        return None

    def read_constants(self, address: int, size: int) -> bytes | None:  # noqa: ARG002
        """None: nor data."""
        return None
