"""ELF structs as tables: headers, sections, segments, notes (elf.h)."""

from __future__ import annotations

from crashtool.formats.record import U8, U16, U32, U64, Bytes4, Bytes8, Bytes16, Record


class Identification(Record):
    """e_ident: what is needed to read everything else."""

    magic: Bytes4
    word_class: U8
    encoding: U8
    version: U8
    system: U8
    padding: Bytes8


class Header32(Record):
    """Elf32_Ehdr."""

    identification: Bytes16
    file_type: U16
    machine: U16
    version: U32
    entry: U32
    segments_offset: U32
    sections_offset: U32
    flags: U32
    header_size: U16
    segment_size: U16
    segment_count: U16
    section_size: U16
    section_count: U16
    names_index: U16


class Header64(Record):
    """Elf64_Ehdr."""

    identification: Bytes16
    file_type: U16
    machine: U16
    version: U32
    entry: U64
    segments_offset: U64
    sections_offset: U64
    flags: U32
    header_size: U16
    segment_size: U16
    segment_count: U16
    section_size: U16
    section_count: U16
    names_index: U16


class ElfSection32(Record):
    """Elf32_Shdr."""

    name: U32
    section_type: U32
    flags: U32
    address: U32
    offset: U32
    size: U32
    link: U32
    info: U32
    alignment: U32
    entry_size: U32


class ElfSection64(Record):
    """Elf64_Shdr."""

    name: U32
    section_type: U32
    flags: U64
    address: U64
    offset: U64
    size: U64
    link: U32
    info: U32
    alignment: U64
    entry_size: U64


class ElfSegment32(Record):
    """Elf32_Phdr."""

    segment_type: U32
    offset: U32
    address: U32
    physical_address: U32
    file_size: U32
    memory_size: U32
    flags: U32
    alignment: U32


class ElfSegment64(Record):
    """Elf64_Phdr."""

    segment_type: U32
    flags: U32
    offset: U64
    address: U64
    physical_address: U64
    file_size: U64
    memory_size: U64
    alignment: U64


class Note(Record):
    """Elf_Nhdr; name and content follow, each padded to four bytes."""

    name_size: U32
    content_size: U32
    note_type: U32


class CompressionHeader32(Record):
    """Elf32_Chdr."""

    method: U32
    size: U32
    alignment: U32


class CompressionHeader64(Record):
    """Elf64_Chdr."""

    method: U32
    reserved: U32
    size: U64
    alignment: U64


class UnitHeader(Record):
    """The first bytes of a unit in .debug_info (32-bit DWARF); `unit_type` only from DWARF 5 on."""

    length: U32
    version: U16
    unit_type: U8


class Dynamic32(Record):
    """Elf32_Dyn."""

    tag: U32
    value: U32


class Dynamic64(Record):
    """Elf64_Dyn."""

    tag: U64
    value: U64


class VersionNeed(Record):
    """Elf_Verneed: a library of which versions are needed."""

    version: U16
    entry_count: U16
    file: U32
    entries: U32
    next: U32


class VersionNeedEntry(Record):
    """Elf_Vernaux."""

    hash: U32
    flags: U16
    other: U16
    name: U32
    next: U32


class VersionDefinition(Record):
    """Elf_Verdef: a version that a library has."""

    version: U16
    flags: U16
    version_index: U16
    name_count: U16
    hash: U32
    names: U32
    next: U32


class VersionName(Record):
    """Elf_Verdaux."""

    name: U32
    next: U32
