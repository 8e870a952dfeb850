"""What an ELF file needs when it is loaded: libraries, versions of symbols, a stack (gabi, LSB)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import (
    SEGMENT_INTERPRETER,
    SEGMENT_LOAD,
    HeaderRow,
    SegmentRow,
    read_segments,
)
from crashtool.formats.object_file.elf_structs import (
    Dynamic32,
    Dynamic64,
    ElfSegment64,
    VersionDefinition,
    VersionName,
    VersionNeed,
    VersionNeedEntry,
)
from crashtool.formats.object_file.elf_symbols import ElfSymbol32, ElfSymbol64

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

SEGMENT_DYNAMIC, SEGMENT_STACK = 2, 0x6474E551
PF_X = 0x1
# Tags of the dynamic section
DT_NEEDED, DT_STRTAB, DT_SYMTAB, DT_RPATH, DT_RUNPATH = 1, 5, 6, 15, 29
DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = (
    0x6FFFFFFC,
    0x6FFFFFFD,
    0x6FFFFFFE,
    0x6FFFFFFF,
)
MAX_DYNAMIC = 4096
MAX_NEEDED = 512
MAX_VERSIONS = 4096
MAX_SYMBOLS = 2_000_000
MAX_NAME = 4096  # bytes


class NeededVersion(NamedTuple):
    """A version of symbols that must be in a library: GLIBC_2.34 of libc.so.6."""

    library: str
    version: str


class Dynamic(NamedTuple):
    """What the dynamic linker reads of a file.

    `is_dynamic`: there is something to read; a static program has nothing. `executable_stack` is
    None where no segment tells. `run_paths`: DT_RUNPATH, or DT_RPATH without one. `imported` and
    `exported`: the names of its dynamic symbols, of those asked for.
    """

    is_dynamic: bool
    is_wide: bool
    machine: int
    interpreter: str = ""
    executable_stack: bool | None = None
    needed: tuple[str, ...] = ()
    run_paths: tuple[str, ...] = ()
    needed_versions: tuple[NeededVersion, ...] = ()
    defined_versions: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()
    exported: frozenset[str] = frozenset()


def read_dynamic(data: Content, names: tuple[str, ...] = ()) -> Dynamic:
    """What an ELF file needs to be loaded, and which of `names` it imports or exports.

    MalformedFile for a file that its dynamic section does not fit.
    """
    header, segments, big_endian = read_segments(data)
    is_wide = bool(segments) and isinstance(segments[0], ElfSegment64)
    stack = next((segment for segment in segments if segment.segment_type == SEGMENT_STACK), None)
    dynamic = Dynamic(
        is_dynamic=False,
        is_wide=is_wide,
        machine=header.machine,
        interpreter=_read_interpreter(data, segments),
        executable_stack=None if stack is None else bool(stack.flags & PF_X),
    )
    dynamic_segment = next(
        (segment for segment in segments if segment.segment_type == SEGMENT_DYNAMIC), None
    )
    if dynamic_segment is None:
        return dynamic
    return _DynamicReader(data, header, segments, big_endian=big_endian).fill(
        dynamic, dynamic_segment, names
    )


def _read_interpreter(data: Content, segments: list[SegmentRow]) -> str:
    for segment in segments:
        if segment.segment_type == SEGMENT_INTERPRETER:
            raw = bytes(data[segment.offset : segment.offset + min(segment.file_size, MAX_NAME)])
            return raw.partition(b"\0")[0].decode("utf-8", "replace")
    return ""


class _DynamicReader:
    """One dynamic section: its entries by tag, and what they lead to."""

    def __init__(
        self, data: Content, header: HeaderRow, segments: list[SegmentRow], *, big_endian: bool
    ) -> None:
        self.data = data
        self.header = header
        self.loads = [segment for segment in segments if segment.segment_type == SEGMENT_LOAD]
        self.big_endian = big_endian
        self.values: dict[int, int] = {}
        self.needed: list[int] = []
        self.strings = 0

    def fill(self, dynamic: Dynamic, segment: SegmentRow, names: tuple[str, ...]) -> Dynamic:
        kind: type[Dynamic32 | Dynamic64] = Dynamic64 if dynamic.is_wide else Dynamic32
        count = min(segment.file_size // kind.SIZE, MAX_DYNAMIC)
        for index in range(count):
            entry = kind.read(
                self.data, segment.offset + index * kind.SIZE, big_endian=self.big_endian
            )
            if not entry.tag:
                break
            if entry.tag == DT_NEEDED and len(self.needed) < MAX_NEEDED:
                self.needed.append(entry.value)
            self.values.setdefault(entry.tag, entry.value)
        if DT_STRTAB not in self.values:
            return dynamic._replace(is_dynamic=True)
        self.strings = self.offset_of(self.values[DT_STRTAB])
        path = self.values.get(DT_RUNPATH, self.values.get(DT_RPATH))
        imported, exported = self.find_symbols(names, wide=dynamic.is_wide)
        return dynamic._replace(
            is_dynamic=True,
            needed=tuple(map(self.text, self.needed)),
            run_paths=tuple(filter(None, self.text(path).split(":"))) if path is not None else (),
            needed_versions=tuple(self.walk_needed_versions()),
            defined_versions=frozenset(self.walk_defined_versions()),
            imported=imported,
            exported=exported,
        )

    def offset_of(self, address: int) -> int:
        for segment in self.loads:
            if segment.address <= address < segment.address + segment.file_size:
                return int(address - segment.address + segment.offset)
        raise MalformedFile("the dynamic section points to what is not in the file", offset=0)

    def text(self, offset: int) -> str:
        start = self.strings + offset
        raw = bytes(self.data[start : start + MAX_NAME])
        return raw.partition(b"\0")[0].decode("utf-8", "replace")

    def walk_needed_versions(self) -> Iterator[NeededVersion]:
        if DT_VERNEED not in self.values:
            return
        offset = self.offset_of(self.values[DT_VERNEED])
        left = MAX_VERSIONS
        for _ in range(min(self.values.get(DT_VERNEEDNUM, 0), MAX_NEEDED)):
            need = VersionNeed.read(self.data, offset, big_endian=self.big_endian)
            entry_place = offset + need.entries
            for _ in range(min(need.entry_count, left)):
                left -= 1
                entry = VersionNeedEntry.read(self.data, entry_place, big_endian=self.big_endian)
                yield NeededVersion(self.text(need.file), self.text(entry.name))
                entry_place += entry.next
            offset += need.next
            if not need.next:
                return

    def walk_defined_versions(self) -> Iterator[str]:
        if DT_VERDEF not in self.values:
            return
        offset = self.offset_of(self.values[DT_VERDEF])
        for _ in range(min(self.values.get(DT_VERDEFNUM, 0), MAX_VERSIONS)):
            definition = VersionDefinition.read(self.data, offset, big_endian=self.big_endian)
            name = VersionName.read(
                self.data, offset + definition.names, big_endian=self.big_endian
            )
            yield self.text(name.name)
            offset += definition.next
            if not definition.next:
                return

    def find_symbols(
        self, names: tuple[str, ...], *, wide: bool
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Which of the names are undefined, and which are defined, among the dynamic symbols.

        Their number stands nowhere but in hash tables: the strings follow them, as linkers do it.
        """
        if not names or DT_SYMTAB not in self.values:
            return frozenset(), frozenset()
        kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if wide else ElfSymbol32
        start = self.offset_of(self.values[DT_SYMTAB])
        end = self.strings if self.strings > start else len(self.data)
        wanted = frozenset(names)
        imported: set[str] = set()
        exported: set[str] = set()
        for index in range(min((end - start) // kind.SIZE, MAX_SYMBOLS)):
            symbol = kind.read(self.data, start + index * kind.SIZE, big_endian=self.big_endian)
            name = self.text_if(symbol.name, wanted)
            if name:
                (exported if symbol.section else imported).add(name)
        return frozenset(imported), frozenset(exported)

    def text_if(self, offset: int, wanted: frozenset[str]) -> str:
        if not offset:
            return ""
        longest = max(map(len, wanted)) + 1
        raw = bytes(self.data[self.strings + offset : self.strings + offset + longest])
        name = raw.partition(b"\0")[0].decode("utf-8", "replace")
        return name if name in wanted else ""
