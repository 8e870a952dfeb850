"""Structs of Mach-O files (mach-o/loader.h, mach-o/fat.h)."""

from __future__ import annotations

from crashtool.formats.record import U32, U64, Bytes16, Record


class UniversalHeader(Record):
    """struct fat_header; always big-endian."""

    magic: U32
    architecture_count: U32


class UniversalEntry32(Record):
    """struct fat_arch."""

    cpu: U32
    cpu_subtype: U32
    offset: U32
    size: U32
    alignment: U32


class UniversalEntry64(Record):
    """struct fat_arch_64."""

    cpu: U32
    cpu_subtype: U32
    offset: U64
    size: U64
    alignment: U32
    reserved: U32


class MachHeader(Record):
    """struct mach_header; the 64-bit one has four unused bytes more."""

    magic: U32
    cpu: U32
    cpu_subtype: U32
    file_type: U32
    command_count: U32
    commands_size: U32
    flags: U32


class LoadCommand(Record):
    """struct load_command."""

    command: U32
    size: U32


class UuidCommand(Record):
    """struct uuid_command."""

    command: U32
    size: U32
    uuid: Bytes16


class DataCommand(Record):
    """struct linkedit_data_command."""

    command: U32
    size: U32
    offset: U32
    data_size: U32


class LibraryCommand(Record):
    """struct dylib_command; the name follows."""

    command: U32
    size: U32
    name_offset: U32
    timestamp: U32
    version: U32
    compatible_version: U32


class SymbolsCommand(Record):
    """struct symtab_command."""

    command: U32
    size: U32
    symbols_offset: U32
    symbol_count: U32
    strings_offset: U32
    strings_size: U32


class MachSegment32(Record):
    """struct segment_command."""

    command: U32
    size: U32
    name: Bytes16
    address: U32
    memory_size: U32
    offset: U32
    file_size: U32
    protection: U32
    initial_protection: U32
    section_count: U32
    flags: U32


class MachSegment64(Record):
    """struct segment_command_64."""

    command: U32
    size: U32
    name: Bytes16
    address: U64
    memory_size: U64
    offset: U64
    file_size: U64
    protection: U32
    initial_protection: U32
    section_count: U32
    flags: U32


class MachSection32(Record):
    """struct section."""

    name: Bytes16
    segment: Bytes16
    address: U32
    size: U32
    offset: U32
    alignment: U32
    relocations_offset: U32
    relocation_count: U32
    flags: U32
    reserved: U32
    reserved_too: U32


class MachSection64(Record):
    """struct section_64."""

    name: Bytes16
    segment: Bytes16
    address: U64
    size: U64
    offset: U32
    alignment: U32
    relocations_offset: U32
    relocation_count: U32
    flags: U32
    reserved: U32
    reserved_too: U32
    reserved_last: U32
