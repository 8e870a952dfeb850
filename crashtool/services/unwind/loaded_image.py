"""Images that are in the dump themselves, as full-memory dumps have them: their unwind tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.object_file.pe import (
    MAGIC,
    find_loaded_exception_tables,
    open_exception_tables,
)

if TYPE_CHECKING:
    from crashtool.formats.breakpad.symbol_file import FunctionHit
    from crashtool.formats.minidump.memory import Memory
    from crashtool.formats.unwind_rules import CfiText, FrameData, UnwindTables
    from crashtool.formats.variables.places import FoundScope
    from crashtool.model.module import Module
    from crashtool.services.unwind.unwind_context import CodeTables

HEAD = 0x1000  # bytes: what a loader maps as headers


class LoadedImage:
    """What files know of a module's code; for unwind rules, besides, what its image in memory does.

    Addresses are from the module's base.
    """

    def __init__(self, tables: CodeTables, own: UnwindTables) -> None:
        self._tables = tables
        self._own = own

    @property
    def knows_functions(self) -> bool:
        """Whether a place in no function is no code."""
        return self._tables.knows_functions

    @property
    def knows_unwind(self) -> bool:
        """True: the image has its own tables."""
        return True

    def find_function(self, address: int) -> FunctionHit | None:
        """The function at an address."""
        return self._tables.find_function(address)

    def find_cfi(self, address: int) -> CfiText | None:
        """The unwind rules at an address, from a file or else from memory."""
        return self._tables.find_cfi(address) or self._own.find_cfi(address)

    def find_frame_data(self, address: int) -> FrameData | None:
        """The frame data of 32-bit code at an address."""
        return self._tables.find_frame_data(address)

    def read_code(self, address: int, size: int) -> bytes | None:
        """Code bytes as files have them."""
        return self._tables.read_code(address, size)

    def find_program(self) -> str:
        """The path of the module's own file; "" when it is not there."""
        return self._tables.find_program()

    def find_variables(self, address: int) -> list[FoundScope]:
        """The variables at an address, as files tell them."""
        return self._tables.find_variables(address)

    def read_constants(self, address: int, size: int) -> bytes | None:
        """Bytes that the module never writes to, as files have them."""
        return self._tables.read_constants(address, size)


class _ImageBytes:
    """A module's bytes in the process's memory."""

    def __init__(self, memory: Memory, base: int) -> None:
        self._memory = memory
        self._base = base

    def __getitem__(self, part: slice, /) -> bytes:
        return self._memory.read(self._base + part.start, part.stop - part.start) or b""


def find_loaded_image(memory: Memory, module: Module, tables: CodeTables) -> LoadedImage | None:
    """The module with its image's own tables; None when the dump does not hold them."""
    head = memory.read(module.base, HEAD)
    if head is None or not head.startswith(MAGIC):
        return None
    try:
        exception_tables = find_loaded_exception_tables(head)
    except InputUnusable:
        return None
    if exception_tables is None or memory.read(module.base + exception_tables.offset, 1) is None:
        return None
    return LoadedImage(
        tables, open_exception_tables(_ImageBytes(memory, module.base), exception_tables)
    )
