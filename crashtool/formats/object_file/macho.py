"""Mach-O: Apple's executables, libraries and dSYM files, thin and universal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats import object_kinds
from crashtool.formats.identifiers import CodeId, DebugId
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.macho_structs import (
    DataCommand,
    LibraryCommand,
    LoadCommand,
    MachHeader,
    MachSection32,
    MachSection64,
    MachSegment32,
    MachSegment64,
    SymbolsCommand,
    UniversalEntry32,
    UniversalEntry64,
    UniversalHeader,
    UuidCommand,
)
from crashtool.formats.object_kinds import ObjectFile
from crashtool.formats.record import Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

AnyRecord = TypeVar("AnyRecord", bound=Record)

# mach-o/loader.h, mach-o/fat.h
MAGICS = {
    b"\xce\xfa\xed\xfe": (False, False),
    b"\xcf\xfa\xed\xfe": (True, False),
    b"\xfe\xed\xfa\xce": (False, True),
    b"\xfe\xed\xfa\xcf": (True, True),
}
UNIVERSAL_32, UNIVERSAL_64 = b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"
COMMAND_SYMBOLS, COMMAND_UUID = 0x2, 0x1B
COMMAND_SEGMENT_32, COMMAND_SEGMENT_64 = 0x1, 0x19
COMMAND_SIGNATURE = 0x1D
LOAD_LIBRARY = (0xC, 0x80000018, 0x8000001F, 0x80000023)  # LC_LOAD_DYLIB, weak, re-export, upward
CODE_SEGMENT = b"__TEXT"
HAS_INSTRUCTIONS = 0x80000400  # S_ATTR_PURE_INSTRUCTIONS, S_ATTR_SOME_INSTRUCTIONS
NO_DATA = ("__DWARF", "__LINKEDIT")  # segments that the program does not read
ROLES = {
    1: object_kinds.OBJECT,
    2: object_kinds.EXECUTABLE,
    6: object_kinds.LIBRARY,
    7: object_kinds.LIBRARY,
    8: object_kinds.LIBRARY,
    10: object_kinds.DEBUG,
    11: object_kinds.LIBRARY,
}
ARCHITECTURES = {
    7: "x86",
    0x1000007: "x86_64",
    12: "arm",
    0x100000C: "arm64",
    0x200000C: "arm64",
    18: "ppc",
    0x1000012: "ppc64",
}
MAX_ARCHITECTURES = (
    30  # a Java class has the universal magic too, and its version, 45 or more, here
)
MAX_COMMANDS = 20_000
UNWIND_SECTIONS = ("__unwind_info", "__eh_frame", "__debug_frame")


class _Slice(NamedTuple):
    """One architecture's part of a file, from `start` to `end`."""

    data: Content
    start: int
    end: int
    big_endian: bool

    def read(self, kind: type[AnyRecord], offset: int) -> AnyRecord:
        return kind.read(self.data, offset, big_endian=self.big_endian)


class _Commands(NamedTuple):
    """What the load commands say."""

    uuid: bytes | None
    symbol_count: int
    sections: frozenset[str]


def read_macho(data: Content) -> tuple[ObjectFile, ...]:
    """The objects in a Mach-O file: one, or one for each architecture of a universal file."""
    return tuple(_read_thin(data, start, end) for start, end in _walk_architectures(data))


def read_section_names(data: Content) -> frozenset[str]:
    """The names of the sections of all architectures that have bytes in this file."""
    names = frozenset[str]()
    for start, end in _walk_architectures(data):
        names |= _read_commands(*_open_thin(data, start, end)).sections
    return names


def list_segments(data: Content, *, without: tuple[str, ...] = ()) -> list[tuple[int, int]]:
    """Where the segments of all architectures begin and end in the file, but those so called."""
    bounds = []
    for start, end in _walk_architectures(data):
        part, header, first = _open_thin(data, start, end)
        for offset, command in _walk_commands(part, header, first):
            if command.command not in (COMMAND_SEGMENT_32, COMMAND_SEGMENT_64):
                continue
            wide = command.command == COMMAND_SEGMENT_64
            kind: type[MachSegment32 | MachSegment64] = MachSegment64 if wide else MachSegment32
            segment = part.read(kind, offset)
            name = segment.name.rstrip(b"\0").decode("ascii", "replace")
            begin = start + segment.offset
            if name not in without and segment.file_size and begin + segment.file_size <= end:
                bounds.append((begin, begin + segment.file_size))
    return bounds


class Architecture(NamedTuple):
    """One architecture of a file, with little-endian numbers, from `start` to `end` in it.

    `base`: the module's first address, that of __TEXT. `sections` in their order, which symbols
    number from 1 on; `symbols` is None without a symbol table.
    """

    start: int
    end: int
    wide: bool
    base: int
    sections: tuple[MachSection32 | MachSection64, ...]
    symbols: SymbolsCommand | None


def find_architecture(data: Content, architecture: str = "") -> Architecture | None:
    """The part of a file for an architecture, named as in a crash report; a file's only one.

    None when the file has several others, and where numbers are big-endian.
    """
    parts = [_open_thin(data, start, end) for start, end in _walk_architectures(data)]
    wanted = [part for part in parts if ARCHITECTURES.get(part[1].cpu) == architecture]
    if not wanted and len(parts) == 1:
        wanted = parts
    return _read_architecture(*wanted[0]) if wanted and not wanted[0][0].big_endian else None


def list_code(architecture: Architecture) -> list[range]:
    """The addresses of the sections of code.

    Dsymutil of 2008 wrote sections without sizes: these end where the next begins.
    """
    starts = sorted({section.address for section in architecture.sections})
    return [
        range(
            section.address,
            section.address + section.size
            if section.size
            else next((start for start in starts if start > section.address), section.address),
        )
        for section in architecture.sections
        if section.flags & HAS_INSTRUCTIONS
    ]


def _read_architecture(part: _Slice, header: MachHeader, first: int) -> Architecture:
    base, symbols = 0, None
    sections: list[MachSection32 | MachSection64] = []
    for offset, command in _walk_commands(part, header, first):
        if command.command == COMMAND_SYMBOLS:
            symbols = part.read(SymbolsCommand, offset)
        elif command.command in (COMMAND_SEGMENT_32, COMMAND_SEGMENT_64):
            segment, segment_sections = _read_segment(part, offset, command)
            sections += segment_sections
            if segment.name.rstrip(b"\0") == CODE_SEGMENT:
                base = segment.address
    wide = MAGICS[bytes(part.data[part.start : part.start + 4])][0]
    return Architecture(part.start, part.end, wide, base, tuple(sections), symbols)


def find_signature(data: Content) -> tuple[int, int] | None:
    """Where the code signature of the first architecture that is signed begins and ends."""
    for start, end in _walk_architectures(data):
        part, header, first = _open_thin(data, start, end)
        for offset, command in _walk_commands(part, header, first):
            if command.command == COMMAND_SIGNATURE:
                blob = part.read(DataCommand, offset)
                begin = start + blob.offset
                if begin + blob.data_size > end:
                    raise MalformedFile("a code signature beyond the end", offset=offset)
                return begin, begin + blob.data_size
    return None


def read_libraries(data: Content) -> tuple[str, ...]:
    """The paths of the libraries that a file is linked with, of all architectures, each once."""
    names: dict[str, None] = {}
    for start, end in _walk_architectures(data):
        part, header, first = _open_thin(data, start, end)
        for offset, command in _walk_commands(part, header, first):
            if command.command in LOAD_LIBRARY:
                begin = offset + part.read(LibraryCommand, offset).name_offset
                raw = bytes(data[begin : max(begin, offset + command.size)]).partition(b"\0")[0]
                names[raw.decode("utf-8", "replace")] = None
    return tuple(names)


def _walk_architectures(data: Content) -> Iterator[tuple[int, int]]:
    """Where each architecture begins and ends in a thin or universal file."""
    magic = bytes(data[:4])
    if magic not in (UNIVERSAL_32, UNIVERSAL_64):
        yield 0, len(data)
        return
    count = UniversalHeader.read(data, big_endian=True).architecture_count
    if not 0 < count <= MAX_ARCHITECTURES:
        raise MalformedFile(f"a universal file of {count} architectures", offset=4)
    kind: type[UniversalEntry32 | UniversalEntry64] = (
        UniversalEntry64 if magic == UNIVERSAL_64 else UniversalEntry32
    )
    for index in range(count):
        offset = UniversalHeader.SIZE + index * kind.SIZE
        entry = kind.read(data, offset, big_endian=True)
        if entry.offset + entry.size > len(data):
            raise MalformedFile("an architecture lies beyond the end of the file", offset=offset)
        yield entry.offset, entry.offset + entry.size


def _open_thin(data: Content, start: int, end: int) -> tuple[_Slice, MachHeader, int]:
    """One architecture's part, its header, and where its load commands begin."""
    magic = bytes(data[start : start + 4])
    if magic not in MAGICS:
        raise MalformedFile("an architecture that is not Mach-O", offset=start)
    wide, big_endian = MAGICS[magic]
    part = _Slice(data, start, end, big_endian)
    header = part.read(MachHeader, start)
    if header.file_type not in ROLES:
        raise InputUnusable(f"Mach-O of type {header.file_type}, which is not a program")
    first = start + MachHeader.SIZE + (4 if wide else 0)
    if first + header.commands_size > end or header.command_count > MAX_COMMANDS:
        raise MalformedFile("Mach-O load commands do not fit", offset=start + 16)
    return part, header, first


def _read_thin(data: Content, start: int, end: int) -> ObjectFile:
    part, header, first = _open_thin(data, start, end)
    commands = _read_commands(part, header, first)
    debug_id = DebugId.from_uuid(commands.uuid) if commands.uuid else None
    return ObjectFile(
        object_kinds.MACHO,
        ROLES[header.file_type],
        ARCHITECTURES.get(header.cpu, "unknown"),
        debug_id=debug_id,
        code_id=CodeId(commands.uuid.hex()) if commands.uuid else None,
        features=_features(commands),
    )


def _walk_commands(
    part: _Slice, header: MachHeader, first: int
) -> Iterator[tuple[int, LoadCommand]]:
    """Each load command and where it is."""
    offset, end = first, first + header.commands_size
    for _ in range(header.command_count):
        if offset + LoadCommand.SIZE > end:
            raise MalformedFile("Mach-O load command cut short", offset=offset)
        command = part.read(LoadCommand, offset)
        if command.size < LoadCommand.SIZE or offset + command.size > end:
            raise MalformedFile("Mach-O load command of impossible size", offset=offset)
        yield offset, command
        offset += command.size


def _read_commands(part: _Slice, header: MachHeader, first: int) -> _Commands:
    uuid, symbol_count, sections = None, 0, set()
    for offset, command in _walk_commands(part, header, first):
        if command.command == COMMAND_UUID:
            uuid = bytes(part.read(UuidCommand, offset).uuid)
        elif command.command == COMMAND_SYMBOLS:
            symbol_count = part.read(SymbolsCommand, offset).symbol_count
        elif command.command in (COMMAND_SEGMENT_32, COMMAND_SEGMENT_64):
            sections |= _section_names(part, offset, command)
    return _Commands(uuid, symbol_count, frozenset(sections))


def _section_names(part: _Slice, offset: int, command: LoadCommand) -> set[str]:
    """The sections of a segment that have bytes in this file (a dSYM's code has none)."""
    segment, sections = _read_segment(part, offset, command)
    return {
        section.name.rstrip(b"\0").decode("ascii", "replace")
        for section in sections
        if section.size and section.offset and segment.file_size
    }


def _read_segment(
    part: _Slice, offset: int, command: LoadCommand
) -> tuple[MachSegment32 | MachSegment64, list[MachSection32 | MachSection64]]:
    """A segment and its sections. MalformedFile when they do not fit the file."""
    wide = command.command == COMMAND_SEGMENT_64
    kind: type[MachSegment32 | MachSegment64] = MachSegment64 if wide else MachSegment32
    section_kind: type[MachSection32 | MachSection64] = MachSection64 if wide else MachSection32
    segment = part.read(kind, offset)
    if part.start + segment.offset + segment.file_size > part.end:
        raise MalformedFile("a Mach-O file cut short: a segment ends after it", offset=offset)
    if kind.SIZE + segment.section_count * section_kind.SIZE > command.size:
        raise MalformedFile("Mach-O sections do not fit their segment", offset=offset)
    sections = [
        part.read(section_kind, offset + kind.SIZE + index * section_kind.SIZE)
        for index in range(segment.section_count)
    ]
    return segment, sections


def _features(commands: _Commands) -> frozenset[str]:
    features = set()
    if commands.symbol_count:
        features.add(object_kinds.SYMBOLS)
    if {"__debug_info", "__zdebug_info"} & commands.sections:
        features.add(object_kinds.SYMBOLS)
        if {"__debug_line", "__zdebug_line"} & commands.sections:
            features.add(object_kinds.LINES)
    if commands.sections.intersection(UNWIND_SECTIONS):
        features.add(object_kinds.UNWIND)
    return frozenset(features)
