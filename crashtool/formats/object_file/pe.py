"""PE: Windows executables and libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats import object_kinds
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.identifiers import CodeId, DebugId
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.pe_structs import (
    CvInfoPdb70,
    DataDirectory,
    DebugEntry,
    DosHeader,
    FileHeader,
    OptionalHeader32,
    OptionalHeader64,
    SectionHeader,
)
from crashtool.formats.object_kinds import CodeRange, ObjectFile

if TYPE_CHECKING:
    from crashtool.formats.object_file.arm64_exception_tables import Arm64ExceptionTables
    from crashtool.formats.object_file.exception_tables import Bytes, ExceptionTables, Tables
    from crashtool.formats.object_kinds import Content

MAGIC = b"MZ"
# winnt.h
SIGNATURE = b"PE\0\0"
MAGIC_32, MAGIC_64 = 0x10B, 0x20B
IS_LIBRARY = 0x2000
CONTAINS_CODE = 0x20000020  # IMAGE_SCN_MEM_EXECUTE or IMAGE_SCN_CNT_CODE
DIRECTORY_EXCEPTION, DIRECTORY_DEBUG, DIRECTORY_CLR = 3, 6, 14
MAX_DIRECTORIES = 16
DEBUG_CODEVIEW = 2
CODEVIEW_PDB_70 = b"RSDS"
ARCHITECTURES = {
    0x14C: "x86", 0x8664: "x86_64", 0xAA64: "arm64", 0xA641: "arm64", 0x1C0: "arm", 0x1C2: "arm",
    0x1C4: "arm", 0x200: "ia64", 0x5064: "riscv", 0x166: "mips",
}  # fmt: skip
# .NET's precompiled images have the target system mixed into the machine (corecompiler pedecoder.h)
READY_TO_RUN_SYSTEMS = (0x7B79, 0x4644, 0xADC4, 0x1993, 0x1992)

MAX_SECTIONS = 96  # the loader's limit; MinGW objects have more, but they are not images
MAX_DEBUG_ENTRIES = 64
MAX_NAME = 1024
SYMBOL_SIZE = 18  # of a row of the symbol table, behind which the strings stand
BASE_64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class PeImage(NamedTuple):
    """The headers of an image; `rows` are its sections as symbols number them, from 1 on."""

    header: FileHeader
    optional: OptionalHeader32 | OptionalHeader64
    directories: list[DataDirectory]
    sections: dict[str, SectionHeader]
    rows: tuple[SectionHeader, ...]


def read_pe(data: Content) -> tuple[ObjectFile, ...]:
    """The one object in a PE file."""
    image = read_image(data)
    codeview = _find_codeview(data, image)
    traits = {object_kinds.MANAGED} if _size(image, DIRECTORY_CLR) else set()
    if not any(section.characteristics & CONTAINS_CODE for section in image.sections.values()):
        traits.add(object_kinds.CODE_FREE)
    debug_id, debug_file = None, ""
    if codeview:
        record, path = codeview
        traits.add(object_kinds.CODEVIEW)
        debug_id = DebugId.from_guid(record.guid, record.age)
        debug_file = base_name(path)
    is_library = image.header.characteristics & IS_LIBRARY
    object_file = ObjectFile(
        object_kinds.PE,
        object_kinds.LIBRARY if is_library else object_kinds.EXECUTABLE,
        _architecture(image.header.machine),
        debug_id=debug_id,
        code_id=CodeId(f"{image.header.timestamp:08x}{image.optional.image_size:x}"),
        debug_file=debug_file,
        features=_features(image),
        traits=frozenset(traits),
    )
    return (object_file,)


def find_pe_code(data: Content) -> tuple[CodeRange, ...]:
    """Where a PE file's executable code is."""
    return tuple(
        CodeRange(
            section.address, section.offset, min(section.size, section.virtual_size or section.size)
        )
        for section in read_image(data).sections.values()
        if section.characteristics & CONTAINS_CODE
    )


def read_section_names(data: Content) -> frozenset[str]:
    """The names of an image's sections."""
    return frozenset(_read_headers(data).sections)


ENTRY_SIZES = {"x86_64": 12, "arm64": 8}  # bytes of RuntimeFunction and FunctionEntry


def find_image_end(head: bytes) -> int:
    """Where the last section of an image ends in its file, by its first bytes; 0 when unknown."""
    try:
        sections = _read_headers(head).sections
    except InputUnusable:
        return 0
    return max((section.offset + section.size for section in sections.values()), default=0)


def find_exception_tables(data: Content) -> Tables | None:
    """Where an x86-64 or ARM64 image has its function table; None for others, or without one."""
    image = read_image(data)
    size = _size(image, DIRECTORY_EXCEPTION)
    architecture = _architecture(image.header.machine)
    entry = ENTRY_SIZES.get(architecture)
    if not size or not entry:
        return None
    offset = find_file_offset(image, image.directories[DIRECTORY_EXCEPTION].address)
    if offset is None:
        return None
    count = min(size, len(data) - offset) // entry
    sections = tuple(
        CodeRange(section.address, section.offset, section.size)
        for section in image.sections.values()
    )
    from crashtool.formats.object_file.exception_tables import Tables

    return Tables(offset, count, sections, architecture)


def find_loaded_exception_tables(head: bytes) -> Tables | None:
    """As `find_exception_tables`, of an image as it is in memory; `head` are its first bytes.

    Offsets are addresses from the image's base. InputUnusable when the headers are none.
    """
    image = _read_headers(head)
    size = _size(image, DIRECTORY_EXCEPTION)
    architecture = _architecture(image.header.machine)
    entry = ENTRY_SIZES.get(architecture)
    if not size or not entry:
        return None
    whole = CodeRange(0, 0, image.optional.image_size)
    offset = image.directories[DIRECTORY_EXCEPTION].address
    from crashtool.formats.object_file.exception_tables import Tables

    return Tables(offset, size // entry, (whole,), architecture)


def open_exception_tables(data: Bytes, tables: Tables) -> ExceptionTables | Arm64ExceptionTables:
    """The unwind rules of an image, by the machine that it is for."""
    if tables.architecture == "arm64":
        from crashtool.formats.object_file.arm64_exception_tables import Arm64ExceptionTables

        return Arm64ExceptionTables(data, tables)
    from crashtool.formats.object_file.exception_tables import ExceptionTables

    return ExceptionTables(data, tables)


def read_image(data: Content) -> PeImage:
    """The headers of an image. MalformedFile when a section ends after the file."""
    image = _read_headers(data)
    for section in image.sections.values():
        if section.virtual_size and section.offset + section.size > len(data):
            raise MalformedFile(
                "a PE file cut short: a section ends after it", offset=section.offset
            )
    return image


def _read_headers(data: Content) -> PeImage:
    offset = DosHeader.read(data).header_offset if len(data) >= DosHeader.SIZE else len(data)
    if bytes(data[offset : offset + 4]) != SIGNATURE:
        raise InputUnusable("a DOS program, or a text: it begins with MZ, but has no PE header")
    header = FileHeader.read(data, offset)
    start = offset + FileHeader.SIZE
    optional: OptionalHeader32 | OptionalHeader64 = OptionalHeader32.read(data, start)
    if optional.magic == MAGIC_64:
        optional = OptionalHeader64.read(data, start)
    elif optional.magic != MAGIC_32:
        raise MalformedFile("a PE file with an unknown optional header", offset=start)
    position = start + optional.SIZE
    count = min(optional.directory_count, MAX_DIRECTORIES)
    directories = list(DataDirectory.read_array(data, position, count))
    position = start + header.optional_size
    rows = tuple(SectionHeader.read_array(data, position, header.section_count))
    sections = {_section_name(data, header, section): section for section in rows}
    return PeImage(header, optional, directories, sections, rows)


def _section_name(data: Content, header: FileHeader, section: SectionHeader) -> str:
    """A section's name; long ones are written as "/123", a place in the string table, and from
    ten millions on as "//AAmJaA", the same in six digits of base 64.
    """
    name = bytes(section.name).rstrip(b"\0")
    offset = _find_long_name(name)
    if offset is not None:
        start = header.symbols_offset + header.symbol_count * SYMBOL_SIZE + offset
        name = bytes(data[start : start + 64]).partition(b"\0")[0]
    return name.decode("ascii", "replace")


def _find_long_name(name: bytes) -> int | None:
    if name[:1] != b"/":
        return None
    if name[1:].isdigit():
        return int(name[1:])
    digits = [BASE_64.find(digit) for digit in name[2:]]
    if name[1:2] != b"/" or not digits or -1 in digits:
        return None
    return sum(digit << 6 * offset for offset, digit in enumerate(reversed(digits)))


def _size(image: PeImage, directory: int) -> int:
    inside = directory < len(image.directories)
    return int(image.directories[directory].size) if inside else 0


def _architecture(machine: int) -> str:
    for system in (0, *READY_TO_RUN_SYSTEMS):
        if machine ^ system in ARCHITECTURES:
            return ARCHITECTURES[machine ^ system]
    return "unknown"


def _features(image: PeImage) -> frozenset[str]:
    features = set()
    if image.header.symbol_count:
        features.add(object_kinds.SYMBOLS)
    if ".debug_info" in image.sections:
        features.add(object_kinds.SYMBOLS)
        if ".debug_line" in image.sections:
            features.add(object_kinds.LINES)
    if _size(image, DIRECTORY_EXCEPTION) or ".eh_frame" in image.sections:
        features.add(object_kinds.UNWIND)
    return frozenset(features)


def _find_codeview(data: Content, image: PeImage) -> tuple[CvInfoPdb70, str] | None:
    """The first CodeView record of PDB 7.0, as Crashpad takes it, and the PDB's path in it."""
    size = _size(image, DIRECTORY_DEBUG)
    offset = find_file_offset(image, image.directories[DIRECTORY_DEBUG].address) if size else None
    if offset is None:
        return None
    count = min(size // DebugEntry.SIZE, MAX_DEBUG_ENTRIES)
    for entry in DebugEntry.read_array(data, offset, count):
        inside = entry.size >= CvInfoPdb70.SIZE and entry.offset + entry.size <= len(data)
        if entry.entry_type != DEBUG_CODEVIEW or not inside:
            continue
        record = CvInfoPdb70.read(data, entry.offset)
        if record.signature == CODEVIEW_PDB_70:
            start = entry.offset + CvInfoPdb70.SIZE
            path = bytes(data[start : entry.offset + min(entry.size, MAX_NAME)])
            return record, path.partition(b"\0")[0].decode("utf-8", "replace")
    return None


def find_directory(image: PeImage, directory: int) -> int:
    """The address of a data directory from the image's base; 0 without one."""
    return int(image.directories[directory].address) if _size(image, directory) else 0


def find_file_offset(image: PeImage, address: int) -> int | None:
    """Where in the file the byte is that stands at an address from the image's base."""
    for section in image.sections.values():
        if section.address <= address < section.address + max(section.size, section.virtual_size):
            return int(address - section.address + section.offset)
    return None
