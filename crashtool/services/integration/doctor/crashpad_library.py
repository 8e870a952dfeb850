"""What a static library asks of those who link it, by the objects in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.crashpad.client.linking import NOTE_SYMBOL
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file import elf
from crashtool.formats.object_file.coff import is_coff, read_coff
from crashtool.formats.object_file.elf_relocations import find_symbol, read_bindings
from crashtool.formats.regular_file import open_regular
from crashtool.formats.static_library import walk_objects

KEPT, DROPPED, UNKNOWN = "kept", "dropped", ""
LTO_SECTION = b".gnu.lto_"  # of GCC's -flto: its objects show no symbols
HEAD_BYTES = 64
MAX_EXAMPLES = 3
MAX_OBJECT = 64 << 20  # bytes


class LibraryFacts(NamedTuple):
    """Of COFF libraries all but the last two; of ELF ones those.

    `runtimes` and `iterator_levels`: what the objects say, nothing for those that say nothing.
    `whole_program`: how many of the `objects` are for link-time code generation.
    `fixed`: symbols for which the library cannot go into a shared library, a few.
    `knows_fixed`: the machine is one of which that can be told. `note`: whether what links the
    library gets the note that a handler finds annotations by (KEPT), or must ask for it (DROPPED);
    UNKNOWN without it.
    """

    objects: int = 0
    architectures: frozenset[str] = frozenset()
    runtimes: frozenset[str] = frozenset()
    iterator_levels: frozenset[str] = frozenset()
    whole_program: int = 0
    stl_calls: frozenset[str] = frozenset()
    fixed: tuple[str, ...] = ()
    knows_fixed: bool = False
    note: str = ""


def read_library(path: str) -> LibraryFacts:
    """The facts of a library. InputUnusable for one without objects, or a damaged one; OSError."""
    facts = _Facts()
    with open_regular(path) as file:
        for member in walk_objects(file, partial(_read_beside, str(Path(path).parent))):
            head = member.content[:HEAD_BYTES]
            if head.startswith(elf.MAGIC):
                facts.add_elf(member.content)
            elif is_coff(head):
                facts.add_coff(member.content)
    return facts.finish()


def _read_beside(folder: str, name: str) -> bytes:
    """An object that a thin archive names; b"" for one that is not there, or is none."""
    try:
        with open_regular(Path(folder, name)) as file:
            content = file.read(MAX_OBJECT + 1)
    except (OSError, InputUnusable, ValueError):
        return b""
    return content if len(content) <= MAX_OBJECT else b""


def read_object_runtime(path: str) -> str:
    """The C runtime that an object was compiled for; "" when it does not say, or is none."""
    try:
        with open_regular(path) as file:
            read = read_coff(file.read(MAX_OBJECT))
    except (InputUnusable, OSError):
        return ""
    return read.directives.runtime if read else ""


class _Facts:
    """The facts while objects come."""

    def __init__(self) -> None:
        self._count = self._whole_program = 0
        self._architectures: set[str] = set()
        self._runtimes: set[str] = set()
        self._levels: set[str] = set()
        self._stl: set[str] = set()
        self._fixed: set[str] = set()
        self._hidden: set[str] = set()
        self._knows = True
        self._is_elf = False
        self._note: set[bool] = (
            set()
        )  # whether the symbol of the note is defined, where it is named
        self._has_intermediate_code = False

    def add_coff(self, content: bytes) -> None:
        try:
            read = read_coff(content)
        except InputUnusable:  # one kind more of object does not make the others unknown
            return
        if read is None:
            return
        self._count += 1
        self._whole_program += read.is_whole_program
        self._architectures.add(read.architecture)
        self._runtimes.add(read.directives.runtime)
        self._levels.add(read.directives.iterator_debug_level)
        self._stl |= read.stl_calls

    def add_elf(self, content: bytes) -> None:
        self._count += 1
        self._is_elf = True
        bindings = read_bindings(content)
        self._knows &= bindings.is_known
        self._fixed |= bindings.fixed
        self._hidden |= bindings.hidden
        self._has_intermediate_code |= LTO_SECTION in content
        if NOTE_SYMBOL.encode() in content:
            self._note |= find_symbol(content, NOTE_SYMBOL)

    def finish(self) -> LibraryFacts:
        return LibraryFacts(
            self._count,
            frozenset(self._architectures - {""}),
            frozenset(self._runtimes - {""}),
            frozenset(self._levels - {""}),
            self._whole_program,
            frozenset(self._stl),
            tuple(sorted(self._fixed - self._hidden)[:MAX_EXAMPLES]),
            self._is_elf and self._knows,
            self._assess_note(),
        )

    def _assess_note(self) -> str:
        """The note's object is pulled by another that names its symbol, which GCC may drop."""
        if False in self._note:
            return KEPT
        return DROPPED if self._note and not self._has_intermediate_code else UNKNOWN
