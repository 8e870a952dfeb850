"""The structs that Breakpad and its heirs add to minidumps, as tables.

Names and sizes are those of minidump_format.h (Breakpad, and Mozilla's for macOS) and of elf.h.
"""

from __future__ import annotations

from typing import Annotated

from crashtool.formats.record import U32, U64, Record

Bytes256 = Annotated[bytes, "256s"]


class BreakpadInfoRecord(Record):
    """MDRawBreakpadInfo."""

    validity: U32
    dump_thread_id: U32
    requesting_thread_id: U32


class AssertionRecord(Record):
    """MDRawAssertionInfo: three UTF-16 buffers."""

    expression: Bytes256
    function: Bytes256
    file: Bytes256
    line: U32
    type: U32


class MdRawDebug32(Record):
    """MDRawDebug32: the dynamic linker's r_debug."""

    version: U32
    map_rva: U32
    entry_count: U32
    brk: U32
    linker_base: U32
    dynamic: U32


class MdRawDebug64(Record):
    """MDRawDebug64, aligned to 8 bytes: these structs stand outside the header's packing."""

    version: U32
    map_rva: U32
    entry_count: U32
    alignment: U32
    brk: U64
    linker_base: U64
    dynamic: U64


class MdRawLinkMap32(Record):
    """MDRawLinkMap32: one loaded shared object."""

    address: U32
    name_rva: U32
    dynamic: U32


class MdRawLinkMap64(Record):
    """MDRawLinkMap64, aligned to 8 bytes; the gap holds whatever was in the writer's memory."""

    address: U64
    name_rva: U32
    alignment: U32
    dynamic: U64


class AuxiliaryValue32(Record):
    """Elf32_auxv_t."""

    type: U32
    value: U32


class AuxiliaryValue64(Record):
    """Elf64_auxv_t."""

    type: U64
    value: U64


class MacCrashInfoHeader(Record):
    """MINIDUMP_MAC_CRASH_INFO up to its locations (Mozilla)."""

    stream_type: U32
    entry_count: U32
    strings_offset: U32


class MacCrashInfoRecord(Record):
    """MINIDUMP_MAC_CRASH_INFO_RECORD_5; shorter versions end earlier."""

    stream_type: U64
    version: U64
    thread: U64
    dialog_mode: U64
    abort_cause: U64
