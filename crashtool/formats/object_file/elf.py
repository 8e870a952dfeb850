"""ELF: executables, libraries, separate debug files, split DWARF."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats import object_kinds
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.identifiers import BuildId, CodeId
from crashtool.formats.mapped_pages import let_go
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.eh_frame import FrameTables, SectionRange
from crashtool.formats.object_file.elf_identity import HASHED_BYTES, hash_page, read_note
from crashtool.formats.object_file.elf_structs import (
    CompressionHeader32,
    CompressionHeader64,
    ElfSection32,
    ElfSection64,
    ElfSegment32,
    ElfSegment64,
    Header32,
    Header64,
    Identification,
    UnitHeader,
)
from crashtool.formats.object_file.elf_symbols import SymbolTable
from crashtool.formats.object_kinds import CodeRange, ObjectFile
from crashtool.formats.record import Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

AnyRecord = TypeVar("AnyRecord", bound=Record)

MAGIC = b"\x7fELF"
# elf.h
CLASS_32, CLASS_64 = 1, 2
LITTLE, BIG = 1, 2
RELOCATABLE, FIXED, SHARED, CORE = 1, 2, 3, 4
SECTION_NOTE, SECTION_NOBITS, SECTION_SYMBOLS = 7, 8, 2
SEGMENT_LOAD, SEGMENT_INTERPRETER, SEGMENT_NOTE, SEGMENT_THREAD = 1, 3, 4, 7
FLAG_WRITABLE, FLAG_LOADED, FLAG_EXECUTABLE, FLAG_COMPRESSED = 0x1, 0x2, 0x4, 0x800
PAGE = 0x1000
EXTENDED_NAMES = 0xFFFF
COMPRESSED_ZLIB = 1
NOTE_BUILD_ID = 3
GNU_OWNER = b"GNU\0"
ARCHITECTURES = {
    2: "sparc", 3: "x86", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 43: "sparc",
    50: "ia64", 62: "x86_64", 183: "arm64", 243: "riscv",
}  # fmt: skip

MAX_SECTIONS = 1_000_000  # the largest -ffunction-sections objects have some 100,000
MAX_UNITS = 4096
MAX_MAPPED = 1 << 24  # bytes of headers' neighbours that the system may have read
MAX_NAME = 256
SECTION_FIELDS = 6  # of a section's row, that are of use: as Section has them
MAX_LINK = 4096
CHECKSUM_SIZE = 4
MAX_BUILD_ID = 64  # sha512; the usual are 16 and 20
DWARF_5, SKELETON_UNIT = 5, 4


HeaderRow: TypeAlias = Header32 | Header64
SectionRow: TypeAlias = ElfSection32 | ElfSection64
SegmentRow: TypeAlias = ElfSegment32 | ElfSegment64


class Section(NamedTuple):
    """A section by name; `present` means that its bytes are in this file."""

    name: str
    section_type: int
    flags: int
    address: int
    offset: int
    size: int
    present: bool


def read_elf(data: Content) -> tuple[ObjectFile, ...]:
    """The one object in an ELF file."""
    return (_ElfReader(data).object_file(),)


def identify_elf(data: Content) -> BuildId | None:
    """The build id of an ELF file, or what Breakpad's client makes up from the code without one."""
    reader = _ElfReader(data)
    return reader.find_build_id() or reader.hash_code()


def find_frame_tables(data: Content) -> FrameTables | None:
    """Where an ELF file's .eh_frame is, and its index if there is one; None without .eh_frame."""
    return _ElfReader(data).frame_tables()


def find_symbol_tables(data: Content) -> tuple[SymbolTable, ...]:
    """Where an ELF file's .symtab is, and .dynsym; none where numbers are big-endian."""
    reader = _ElfReader(data)
    tables = (reader.symbol_table(), reader.symbol_table(".dynsym", ".dynstr"))
    return tuple(table for table in tables if table)


class ThreadImage(NamedTuple):
    """What each thread gets a copy of, as the only PT_TLS segment says; sizes are in bytes."""

    address: int
    size: int
    alignment: int


class ElfLayout(NamedTuple):
    """Where everything in a little-endian ELF file is. `base`: the module's first address."""

    base: int
    wide: bool
    sections: tuple[Section, ...]
    thread_image: ThreadImage | None


def read_layout(data: Content) -> ElfLayout | None:
    """The sections of an ELF file; None where numbers are big-endian."""
    reader = _ElfReader(data)
    if reader.big_endian:
        return None
    return ElfLayout(reader.base(), reader.wide, tuple(reader.rows), reader.thread_image())


def read_segments(data: Content) -> tuple[HeaderRow, list[SegmentRow], bool]:
    """The header and the segments of an ELF file, and whether numbers are big-endian."""
    reader = _ElfReader(data)
    return reader.header, reader.segments(), reader.big_endian


def read_link_checksum(data: Content) -> int | None:
    """The CRC32 of the debug file that .gnu_debuglink names; None when it names none.

    It stands behind the name, at the next multiple of four (gdb, "Separate Debug Files").
    """
    reader = _ElfReader(data)
    content = reader.content(".gnu_debuglink", MAX_LINK)
    name, end, _ = content.partition(b"\0")
    offset = (len(name) + len(end) + CHECKSUM_SIZE - 1) // CHECKSUM_SIZE * CHECKSUM_SIZE
    checksum = content[offset : offset + CHECKSUM_SIZE]
    if not end or len(checksum) < CHECKSUM_SIZE:
        return None
    return int.from_bytes(checksum, "big" if reader.big_endian else "little")


def find_fixed_image(data: Content) -> range | None:
    """Where a program is loaded that can be nowhere else, by its segments; None for all others."""
    reader = _ElfReader(data)
    loads = [segment for segment in reader.segments() if segment.segment_type == SEGMENT_LOAD]
    if reader.header.file_type != FIXED or not loads:
        return None
    return range(reader.base(), max(segment.address + segment.memory_size for segment in loads))


def find_note(data: Content, owner: bytes, note_type: int) -> bytes | None:
    """What a note of an ELF file holds, by its owner (with its NUL) and type; None without one."""
    return _ElfReader(data).find_note(owner, note_type)


def find_elf_code(data: Content) -> tuple[CodeRange, ...]:
    """Where an ELF file's executable code is, be its bytes in another file."""
    return _ElfReader(data).code()


def find_elf_constants(data: Content) -> tuple[CodeRange, ...]:
    """Where an ELF file holds what is loaded and never written to; none of a debug file's."""
    reader = _ElfReader(data)
    is_debug = reader.big_endian or not any(code.present for code in reader.code())
    return () if is_debug else reader.constants()


class _ElfReader:
    """One ELF file: its header, and its sections by name."""

    def __init__(self, data: Content) -> None:
        self.data = data
        identification = Identification.read(data)
        if identification.word_class not in (CLASS_32, CLASS_64):
            raise MalformedFile("an ELF file that is neither 32-bit nor 64-bit", offset=4)
        if identification.encoding not in (LITTLE, BIG):
            raise MalformedFile("an ELF file of unknown byte order", offset=5)
        self.wide = identification.word_class == CLASS_64
        self.big_endian = identification.encoding == BIG
        kind: type[HeaderRow] = Header64 if self.wide else Header32
        self.header = self.read(kind, 0)
        self.rows = self.read_sections()
        self.sections = {
            section.name: section for section in reversed(self.rows)
        }  # of one name, the first

    def read(self, kind: type[AnyRecord], offset: int) -> AnyRecord:
        return kind.read(self.data, offset, big_endian=self.big_endian)

    def read_sections(self) -> list[Section]:
        offset, count, index = (
            self.header.sections_offset,
            self.header.section_count,
            self.header.names_index,
        )
        if not offset:
            return []
        kind: type[SectionRow] = ElfSection64 if self.wide else ElfSection32
        stride = max(kind.SIZE, self.header.section_size)
        first = self.read(kind, offset)
        count = count or first.size
        index = first.link if index == EXTENDED_NAMES else index
        if count > MAX_SECTIONS or offset + count * stride > len(self.data):
            raise MalformedFile(f"{count} ELF sections do not fit", offset=offset)
        if self.big_endian:
            sections = [self.read(kind, offset + position * stride) for position in range(count)]
        else:
            sections = list(kind.read_array(self.data, offset, count, stride=stride))
        return self.name_sections(sections, sections[index] if index < count else None)

    def name_sections(self, rows: list[SectionRow], names: SectionRow | None) -> list[Section]:
        """Without a call for each: a folder of symbols has thousands, which are read to no use."""
        data, total = self.data, len(self.data)
        first, last = (names.offset, names.offset + names.size) if names is not None else (0, 0)
        sections = []
        for section in rows:
            place, section_type, flags, address, offset, size = section[:SECTION_FIELDS]
            start = first + place
            name = ""
            if start < last:
                end = min(start + MAX_NAME, last)
                name = data[start:end].partition(b"\0")[0].decode("ascii", "replace")
            present = (
                section_type not in (0, SECTION_NOBITS) and size > 0 and offset + size <= total
            )
            sections.append(Section(name, section_type, flags, address, offset, size, present))
        return sections

    def object_file(self) -> ObjectFile:
        build_id = self.find_build_id()
        hashed = None if build_id else self.hash_code()
        traits = {object_kinds.SPLIT} if self.is_split() else set()
        if self.has(".gnu_debugdata"):
            traits.add(object_kinds.MINI_DEBUG)
        return ObjectFile(
            object_kinds.ELF,
            self.role(),
            self.architecture(),
            debug_id=build_id.debug_id if build_id else None,
            code_id=CodeId(build_id.hex) if build_id else None,
            build_id=build_id,
            hashed_id=hashed.debug_id if hashed else None,
            debug_link=self.file_name(".gnu_debuglink"),
            alt_link=self.file_name(".gnu_debugaltlink"),
            features=self.features(split=object_kinds.SPLIT in traits),
            traits=frozenset(traits),
        )

    def has(self, *names: str) -> bool:
        return any(name in self.sections and self.sections[name].present for name in names)

    def architecture(self) -> str:
        name = ARCHITECTURES.get(self.header.machine, "unknown")
        return "mips64" if name == "mips" and self.wide else name

    def role(self) -> str:
        file_type = self.header.file_type
        if file_type == CORE:
            raise InputUnusable("an ELF core dump", hint="it holds no symbols: leave it out")
        if self.has(".debug_cu_index", ".debug_tu_index"):
            return object_kinds.PACKAGE
        if self.has(".debug_info.dwo", ".zdebug_info.dwo"):
            return object_kinds.FRAGMENT
        code = [section for section in self.rows if section.flags & FLAG_EXECUTABLE]
        if file_type == RELOCATABLE:
            described = self.has(".debug_info", ".debug_str") and self.has(".note.gnu.build-id")
            return object_kinds.SUPPLEMENT if described and not code else object_kinds.OBJECT
        if self.has(".debug_info", ".zdebug_info", ".symtab") and not any(
            section.present for section in code
        ):
            return object_kinds.DEBUG
        interpreter = any(
            segment.segment_type == SEGMENT_INTERPRETER for segment in self.segments()
        )
        return (
            object_kinds.EXECUTABLE if file_type == FIXED or interpreter else object_kinds.LIBRARY
        )

    def segments(self) -> list[SegmentRow]:
        offset, count = self.header.segments_offset, self.header.segment_count
        kind: type[SegmentRow] = ElfSegment64 if self.wide else ElfSegment32
        stride = max(kind.SIZE, self.header.segment_size)
        if not offset or offset + count * stride > len(self.data):
            return []  # as in a core of a stripped file, or a cut file: sections tell the rest
        return [self.read(kind, offset + position * stride) for position in range(count)]

    def base(self) -> int:
        loads = [
            segment.address for segment in self.segments() if segment.segment_type == SEGMENT_LOAD
        ]
        return min(loads, default=0) & -PAGE

    def thread_image(self) -> ThreadImage | None:
        images = [
            ThreadImage(segment.address, segment.memory_size, segment.alignment)
            for segment in self.segments()
            if segment.segment_type == SEGMENT_THREAD
        ]
        return images[0] if len(images) == 1 else None

    def frame_tables(self) -> FrameTables | None:
        is_unlinked = self.header.file_type == RELOCATABLE
        if not self.has(".eh_frame") or self.big_endian or is_unlinked:
            return None
        frames = self.section_range(".eh_frame")
        index = self.section_range(".eh_frame_hdr") if self.has(".eh_frame_hdr") else None
        return FrameTables(self.base(), frames, index)

    def section_range(self, name: str) -> SectionRange:
        section = self.sections[name]
        return SectionRange(section.offset, section.address, section.size)

    def symbol_table(self, table: str = ".symtab", names_of: str = ".strtab") -> SymbolTable | None:
        if not self.has(table) or not self.has(names_of) or self.big_endian:
            return None
        symbols, names = self.sections[table], self.sections[names_of]
        code = (n for n, section in enumerate(self.rows) if section.flags & FLAG_EXECUTABLE)
        return SymbolTable(
            self.base(),
            self.wide,
            symbols.offset,
            symbols.size,
            names.offset,
            names.size,
            frozenset(code),
        )

    def code(self) -> tuple[CodeRange, ...]:
        base = self.base()
        return tuple(
            CodeRange(section.address - base, section.offset, section.size, section.present)
            for section in self.rows
            if section.flags & FLAG_EXECUTABLE and section.address >= base
        )

    def constants(self) -> tuple[CodeRange, ...]:
        """What is loaded and never written to."""
        base = self.base()
        return tuple(
            CodeRange(section.address - base, section.offset, section.size, section.present)
            for section in self.rows
            if section.flags & FLAG_LOADED
            and not section.flags & (FLAG_WRITABLE | FLAG_COMPRESSED)
            and section.present
            and section.address >= base
        )

    def features(self, *, split: bool) -> frozenset[str]:
        symbols = self.sections.get(".symtab")
        features = set()
        if symbols and symbols.present and symbols.size > (24 if self.wide else 16):
            features.add(object_kinds.SYMBOLS)
        if self.has(".debug_info", ".zdebug_info"):
            if not split:  # else the names of functions are in a .dwo file; the lines are not
                features.add(object_kinds.SYMBOLS)
            if self.has(".debug_line", ".zdebug_line"):
                features.add(object_kinds.LINES)
        if self.has(".debug_info.dwo", ".zdebug_info.dwo"):
            features.add(object_kinds.SYMBOLS)
        if self.has(".eh_frame", ".debug_frame", ".zdebug_frame", ".ARM.exidx"):
            features.add(object_kinds.UNWIND)
        return frozenset(features)

    def find_build_id(self) -> BuildId | None:
        content = self.find_note(GNU_OWNER, NOTE_BUILD_ID)
        return BuildId(content[:MAX_BUILD_ID]) if content else None

    def find_note(self, owner: bytes, note_type: int) -> bytes | None:
        """The content of the first note of a type that is not empty."""
        places = [
            (section.offset, section.size)
            for section in self.rows
            if section.section_type == SECTION_NOTE and section.present
        ] + [
            (segment.offset, segment.file_size)
            for segment in self.segments()
            if segment.segment_type == SEGMENT_NOTE
        ]
        for offset, size in places:
            end = min(offset + size, len(self.data))
            if content := read_note(
                self.data, range(offset, end), owner, note_type, big_endian=self.big_endian
            ):
                return content
        return None

    def hash_code(self) -> BuildId | None:
        text = self.sections.get(".text")
        if text is None or not text.present:
            return None
        return hash_page(self.data[text.offset : text.offset + min(text.size, HASHED_BYTES)])

    def file_name(self, section: str) -> str:
        head = self.content(section, MAX_NAME * 4)
        return base_name(head.partition(b"\0")[0].decode("utf-8", "replace"))

    def content(self, name: str, limit: int) -> bytes:
        """The first `limit` bytes of a section, inflated where need be; b"" when unreadable."""
        section = self.sections.get(name)
        if section is None or not section.present:
            return b""
        start, end = section.offset, section.offset + section.size
        if not section.flags & FLAG_COMPRESSED:
            return bytes(self.data[start : min(end, start + limit)])
        kind: type[CompressionHeader32 | CompressionHeader64] = (
            CompressionHeader64 if self.wide else CompressionHeader32
        )
        if section.size < kind.SIZE or self.read(kind, start).method != COMPRESSED_ZLIB:
            return b""
        packed = bytes(self.data[start + kind.SIZE : min(end, start + kind.SIZE + limit)])
        try:
            return zlib.decompressobj().decompress(packed, limit)
        except zlib.error:
            return b""

    def is_split(self) -> bool:
        """Whether a unit's DWARF is a skeleton: by its header, or DWARF 4 with .debug_addr."""
        if not self.has(".debug_info"):
            return False
        compressed = self.sections[".debug_info"].flags & FLAG_COMPRESSED
        size = 1 << 16 if compressed else self.sections[".debug_info"].size
        head: Content = self.content(".debug_info", 1 << 16) if compressed else self.data
        offset = 0 if compressed else self.sections[".debug_info"].offset
        end = min(len(head), offset + size)
        passed = offset
        for _ in range(MAX_UNITS):
            if offset + UnitHeader.SIZE > end:
                break
            if offset - passed > MAX_MAPPED:
                let_go(head, passed, offset)
                passed = offset
            unit = UnitHeader.read(head, offset, big_endian=self.big_endian)
            if unit.version >= DWARF_5 and unit.unit_type == SKELETON_UNIT:
                return True
            if unit.version < DWARF_5 and self.has(".debug_addr"):
                return True
            offset += 4 + unit.length
        return False
