"""What a native debug file says of callers: its own sorted tables, else records made of it."""

from typing import TYPE_CHECKING, Protocol

from crashtool.errors import CrashtoolError, InputUnusable
from crashtool.formats import object_kinds
from crashtool.formats.breakpad.stack_records import StackRecords
from crashtool.services.symbols.derive import UNWIND

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content
    from crashtool.formats.unwind_rules import CfiText, UnwindTables
    from crashtool.services.symbols.derive import Derived, Product


class UnwindMaker(Protocol):
    """What makes records of a file that has no sorted tables; see `services.symbols.derive`."""

    def find(  # noqa: D102
        self, product: "Product", path: str, architecture: str, *, afresh: bool = False
    ) -> "Derived": ...


class UnwindInformation:
    """That of one ELF, PE or Mach-O file; addresses are from the module's base.

    Records that must be made of the file are left to `deriver`. What is damaged goes to `problems`;
    `fault` is what keeps this machine from making records of a sound file.
    """

    def __init__(
        self, data: "Content", path: str, kind: str, architecture: str, deriver: "UnwindMaker",
        problems: list[str],
    ) -> None:  # fmt: skip
        self._data = data
        self._path = path
        self._kind = kind
        self._architecture = architecture
        self._deriver = deriver
        self._problems = problems
        self._records: StackRecords | None = None
        self.fault: CrashtoolError | None = None
        self._tables: UnwindTables | None = None
        self._tried_tables = False
        self._has_debug_frame: bool | None = None

    def find_cfi(self, address: int) -> "CfiText | None":
        """The unwind rules at an address: by the sorted tables, else of all that there are."""
        tables = self._open_tables()
        found = tables.find_cfi(address) if tables else None
        if found is None and self._has_unsorted():
            return self._stack_records().find_cfi(address)
        return found

    def covers(self, address: int) -> bool:
        """Whether a caller can be found from an address: by either of the two, but cheaper."""
        tables = self._open_tables()
        if tables and tables.covers(address):
            return True
        return self._has_unsorted() and self._stack_records().find_cfi(address) is not None

    def _has_unsorted(self) -> bool:
        """Whether there may be rules besides those of the sorted tables."""
        if self._tables is None:
            return True
        if self._has_debug_frame is None:
            self._has_debug_frame = self._kind == object_kinds.ELF and _has_debug_frame(self._data)
        return self._has_debug_frame

    def _open_tables(self) -> "UnwindTables | None":
        if not self._tried_tables:
            self._tried_tables = True
            try:
                self._tables = open_unwind_tables(self._data, self._kind, self._architecture)
            except InputUnusable as error:
                self._problems.append(error.what)
        return self._tables

    def _stack_records(self) -> StackRecords:
        if self._records is None:
            try:
                found = self._deriver.find(UNWIND, self._path, self._architecture)
                self._records = StackRecords(found.content)
            except InputUnusable as error:
                self._problems.append(error.what)
                self._records = StackRecords(b"")
            except CrashtoolError as error:
                self.fault = error
                self._records = StackRecords(b"")
        return self._records


def _has_debug_frame(data: "Content") -> bool:
    from crashtool.formats.object_file.elf import has_debug_frame

    return has_debug_frame(data)


def open_unwind_tables(data: "Content", kind: str, architecture: str) -> "UnwindTables | None":
    """The unwind tables that can be read where they are: sorted ones, of ELF and 64-bit PE files.

    None where there are none; InputUnusable when they are damaged.
    """
    if kind == object_kinds.ELF:
        from crashtool.formats.object_file.eh_frame import EhFrame
        from crashtool.formats.object_file.elf import find_frame_tables

        places = find_frame_tables(data)
        return EhFrame(data, places, architecture) if places else None
    if kind == object_kinds.PE:
        from crashtool.formats.object_file.pe import find_exception_tables, open_exception_tables

        tables = find_exception_tables(data)
        return open_exception_tables(data, tables) if tables else None
    return None
