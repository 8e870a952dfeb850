"""The structs inside minidumps, as tables.

Names and sizes are those of minidumpapiset.h (Windows SDK) and minidump_extensions.h (Crashpad);
all are little-endian and packed to 4 bytes. Breakpad's own are in breakpad_structs.
"""

from __future__ import annotations

from typing import Annotated

from crashtool.formats.record import I32, U8, U16, U32, U64, Bytes4, Bytes16, Bytes512, Record

Bytes12 = Annotated[bytes, "12s"]
Bytes24 = Annotated[bytes, "24s"]
Bytes64 = Annotated[bytes, "64s"]
Bytes80 = Annotated[bytes, "80s"]
Bytes120 = Annotated[bytes, "120s"]
Bytes520 = Annotated[bytes, "520s"]

SIGNATURE = b"MDMP"
VERSION = 0xA793
"""The low word of the header's version; dbghelp puts its own build into the high word."""


class MinidumpHeader(Record):
    """MINIDUMP_HEADER."""

    signature: Bytes4
    version: U32
    stream_count: U32
    directory_rva: U32
    checksum: U32
    timestamp: U32
    flags: U64


class Directory(Record):
    """MINIDUMP_DIRECTORY: one stream's type and place."""

    stream_type: U32
    size: U32
    rva: U32


class Count(Record):
    """The 32-bit count that opens most lists."""

    entry_count: U32


class Rva(Record):
    """A reference: where something is in the file, in bytes from its start."""

    rva: U32


class Rva64(Record):
    """RVA64: a 64-bit reference."""

    rva: U64


class LocationRecord(Record):
    """MINIDUMP_LOCATION_DESCRIPTOR."""

    size: U32
    rva: U32


class SystemInfoRecord(Record):
    """MINIDUMP_SYSTEM_INFO; `cpu` is a union, see the two CpuInformation structs."""

    architecture: U16
    level: U16
    revision: U16
    cpu_count: U8
    product_type: U8
    major: U32
    minor: U32
    build: U32
    platform: U32
    csd_rva: U32
    suite_mask: U16
    reserved: U16
    cpu: Bytes24


class X86CpuInformation(Record):
    """CPU_INFORMATION.X86CpuInfo."""

    vendor: Bytes12
    version: U32
    features: U32
    amd_features: U32


class ArmCpuInformation(Record):
    """MDCPUInformation.arm_cpu_info (Breakpad): CPUID register and ELF hardware capabilities."""

    cpuid: U32
    hardware_capabilities: U32


class MiscInfo1(Record):
    """MINIDUMP_MISC_INFO."""

    size: U32
    flags: U32
    process_id: U32
    process_create_time: U32
    process_user_time: U32
    process_kernel_time: U32


class MiscInfo2(Record):
    """What MINIDUMP_MISC_INFO_2 adds: MHz, and idle states."""

    processor_max_mhz: U32
    processor_current_mhz: U32
    processor_mhz_limit: U32
    processor_max_idle_state: U32
    processor_current_idle_state: U32


class MiscInfo3(Record):
    """What MINIDUMP_MISC_INFO_3 adds; the time zone is a TIME_ZONE_INFORMATION, flattened."""

    integrity_level: U32
    execute_flags: U32
    protected_process: U32
    time_zone_id: U32
    time_zone_bias: I32
    standard_name: Bytes64
    standard_date: Bytes16
    standard_bias: I32
    daylight_name: Bytes64
    daylight_date: Bytes16
    daylight_bias: I32


class MiscInfo4(Record):
    """What MINIDUMP_MISC_INFO_4 adds: two UTF-16 buffers."""

    build_string: Bytes520
    debug_build_string: Bytes80


class MiscInfo5(Record):
    """What MINIDUMP_MISC_INFO_5 adds: XSTATE_CONFIG_FEATURE_MSC_INFO and the process cookie."""

    xstate_size: U32
    xstate_context_size: U32
    xstate_features: U64
    xstate_places: Bytes512
    process_cookie: U32


class ThreadRecord(Record):
    """MINIDUMP_THREAD."""

    id: U32
    suspend_count: U32
    priority_class: U32
    priority: U32
    teb: U64
    stack_start: U64
    stack_size: U32
    stack_rva: U32
    context_size: U32
    context_rva: U32


class ThreadExRecord(Record):
    """MINIDUMP_THREAD_EX: as MINIDUMP_THREAD, and Itanium's backing store."""

    id: U32
    suspend_count: U32
    priority_class: U32
    priority: U32
    teb: U64
    stack_start: U64
    stack_size: U32
    stack_rva: U32
    context_size: U32
    context_rva: U32
    backing_store_start: U64
    backing_store_size: U32
    backing_store_rva: U32


class ThreadNameRecord(Record):
    """MINIDUMP_THREAD_NAME."""

    thread_id: U32
    name_rva: U64


class ThreadInfo(Record):
    """MINIDUMP_THREAD_INFO: times in 100 ns units, absolute ones from 1601 on."""

    thread_id: U32
    dump_flags: U32
    dump_error: U32
    exit_status: U32
    create_time: U64
    exit_time: U64
    kernel_time: U64
    user_time: U64
    start_address: U64
    affinity: U64


class ListHeader(Record):
    """What opens the thread info and unloaded module lists: entries may grow over time."""

    header_size: U32
    entry_size: U32
    entry_count: U32


class ListHeader64(Record):
    """What opens the memory info list."""

    header_size: U32
    entry_size: U32
    entry_count: U64


class ExceptionStream(Record):
    """MINIDUMP_EXCEPTION_STREAM up to its parameters; 15 64-bit parameters come between."""

    thread_id: U32
    alignment: U32
    code: U32
    flags: U32
    record: U64
    address: U64
    parameter_count: U32
    parameter_alignment: U32
    parameters: Bytes120
    context_size: U32
    context_rva: U32


class ExceptionParameter(Record):
    """One element of EXCEPTION_RECORD64's ExceptionInformation."""

    value: U64


class ModuleRecord(Record):
    """MINIDUMP_MODULE, its VS_FIXEDFILEINFO flattened."""

    base: U64
    size: U32
    checksum: U32
    timestamp: U32
    name_rva: U32
    version_signature: U32
    version_struct: U32
    file_version_high: U32
    file_version_low: U32
    product_version_high: U32
    product_version_low: U32
    file_flags_mask: U32
    file_flags: U32
    file_os: U32
    file_type: U32
    file_subtype: U32
    file_date_high: U32
    file_date_low: U32
    codeview_size: U32
    codeview_rva: U32
    misc_size: U32
    misc_rva: U32
    reserved0: U64
    reserved1: U64


class CodeViewRsds(Record):
    """CV_INFO_PDB70 up to its file name."""

    signature: Bytes4
    guid: Bytes16
    age: U32


class CodeViewNb10(Record):
    """CV_INFO_PDB20 up to its file name; its signature is a time."""

    signature: Bytes4
    offset: U32
    timestamp: U32
    age: U32


class UnloadedModuleRecord(Record):
    """MINIDUMP_UNLOADED_MODULE."""

    base: U64
    size: U32
    checksum: U32
    timestamp: U32
    name_rva: U32


class MemoryDescriptor(Record):
    """MINIDUMP_MEMORY_DESCRIPTOR."""

    start: U64
    size: U32
    rva: U32


class Memory64Header(Record):
    """MINIDUMP_MEMORY64_LIST up to its ranges: their bytes follow one another from `rva` on."""

    entry_count: U64
    rva: U64


class MemoryDescriptor64(Record):
    """MINIDUMP_MEMORY_DESCRIPTOR64."""

    start: U64
    size: U64


class MemoryInfo(Record):
    """MINIDUMP_MEMORY_INFO: protection, state and type are Windows' numbers (winnt.h)."""

    base: U64
    allocation_base: U64
    allocation_protection: U32
    alignment1: U32
    size: U64
    state: U32
    protection: U32
    type: U32
    alignment2: U32


class HandleHeader(Record):
    """MINIDUMP_HANDLE_DATA_STREAM."""

    header_size: U32
    entry_size: U32
    entry_count: U32
    reserved: U32


class HandleDescriptor(Record):
    """MINIDUMP_HANDLE_DESCRIPTOR; the _2 form adds an object info RVA and 4 reserved bytes."""

    handle: U64
    type_name_rva: U32
    object_name_rva: U32
    attributes: U32
    granted_access: U32
    handle_count: U32
    pointer_count: U32


class CrashpadInfoRecord(Record):
    """MinidumpCrashpadInfo as written until 2023; later ones go on with CrashpadInfoTail."""

    version: U32
    report_id: Bytes16
    client_id: Bytes16
    simple_annotations_size: U32
    simple_annotations_rva: U32
    module_list_size: U32
    module_list_rva: U32


class CrashpadInfoTail(Record):
    """What MinidumpCrashpadInfo got in 2023."""

    reserved: U32
    address_mask: U64


class StringPair(Record):
    """MinidumpSimpleStringDictionaryEntry."""

    key_rva: U32
    value_rva: U32


class ModuleLink(Record):
    """MinidumpModuleCrashpadInfoLink."""

    module_index: U32
    size: U32
    rva: U32


class ModuleCrashpadInfo(Record):
    """MinidumpModuleCrashpadInfo as written until 2017; later ones end with a location more."""

    version: U32
    list_annotations_size: U32
    list_annotations_rva: U32
    simple_annotations_size: U32
    simple_annotations_rva: U32


class AnnotationRecord(Record):
    """MinidumpAnnotation."""

    name_rva: U32
    type: U16
    reserved: U16
    value_rva: U32
