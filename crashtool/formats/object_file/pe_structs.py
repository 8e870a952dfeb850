"""The structs of a PE file, with Microsoft's names for what they are (winnt.h)."""

from __future__ import annotations

from typing import Annotated

from crashtool.formats.record import U8, U16, U32, U64, Bytes4, Bytes8, Bytes16, Record

Bytes2 = Annotated[bytes, "2s"]
Bytes58 = Annotated[bytes, "58s"]


class DosHeader(Record):
    """IMAGE_DOS_HEADER, of which only the place of the real header matters."""

    magic: Bytes2
    program: Bytes58
    header_offset: U32


class FileHeader(Record):
    """IMAGE_FILE_HEADER after its signature."""

    signature: Bytes4
    machine: U16
    section_count: U16
    timestamp: U32
    symbols_offset: U32
    symbol_count: U32
    optional_size: U16
    characteristics: U16


class OptionalHeader32(Record):
    """IMAGE_OPTIONAL_HEADER32 up to the data directories."""

    magic: U16
    linker_major: U8
    linker_minor: U8
    code_size: U32
    data_size: U32
    zeroed_size: U32
    entry: U32
    code_base: U32
    data_base: U32
    image_base: U32
    section_alignment: U32
    file_alignment: U32
    versions: Bytes16
    image_size: U32
    headers_size: U32
    checksum: U32
    subsystem: U16
    dll_characteristics: U16
    stack_reserve: U32
    stack_commit: U32
    heap_reserve: U32
    heap_commit: U32
    loader_flags: U32
    directory_count: U32


class OptionalHeader64(Record):
    """IMAGE_OPTIONAL_HEADER64 up to the data directories."""

    magic: U16
    linker_major: U8
    linker_minor: U8
    code_size: U32
    data_size: U32
    zeroed_size: U32
    entry: U32
    code_base: U32
    image_base: U64
    section_alignment: U32
    file_alignment: U32
    versions: Bytes16
    image_size: U32
    headers_size: U32
    checksum: U32
    subsystem: U16
    dll_characteristics: U16
    stack_reserve: U64
    stack_commit: U64
    heap_reserve: U64
    heap_commit: U64
    loader_flags: U32
    directory_count: U32


class DataDirectory(Record):
    """IMAGE_DATA_DIRECTORY."""

    address: U32
    size: U32


class SectionHeader(Record):
    """IMAGE_SECTION_HEADER."""

    name: Bytes8
    virtual_size: U32
    address: U32
    size: U32
    offset: U32
    relocations_offset: U32
    lines_offset: U32
    relocation_count: U16
    line_count: U16
    characteristics: U32


class DebugEntry(Record):
    """IMAGE_DEBUG_DIRECTORY."""

    characteristics: U32
    timestamp: U32
    major: U16
    minor: U16
    entry_type: U32
    size: U32
    address: U32
    offset: U32


class CvInfoPdb70(Record):
    """CV_INFO_PDB70 up to the PDB's path."""

    signature: Bytes4
    guid: Bytes16
    age: U32
