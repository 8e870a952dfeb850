"""The streams that describe machine and process: SystemInfo, MiscInfo, Breakpad's, comments."""

from __future__ import annotations

from crashtool.formats.minidump.breakpad_structs import (
    AssertionRecord,
    BreakpadInfoRecord,
    MacCrashInfoHeader,
    MacCrashInfoRecord,
)
from crashtool.formats.minidump.dump_source import AnyRecord, DumpSource, Location, decode_buffer
from crashtool.formats.minidump.structs import (
    ArmCpuInformation,
    LocationRecord,
    MiscInfo1,
    MiscInfo2,
    MiscInfo3,
    MiscInfo4,
    MiscInfo5,
    SystemInfoRecord,
    X86CpuInformation,
)
from crashtool.formats.named_tuple import NamedTuple

PLATFORMS = {
    0: "windows",
    1: "windows",
    2: "windows",
    3: "windows",
    0x8000: "unknown",
    0x8101: "macos",
    0x8102: "ios",
    0x8201: "linux",
    0x8202: "solaris",
    0x8203: "android",
    0x8204: "ps3",
    0x8205: "nacl",
    0x8206: "fuchsia",
}
"""Windows' VER_PLATFORM_… (winnt.h), and minidump_format.h for 0x8000 and up."""

ARCHITECTURES = {
    0: "x86",
    1: "mips",
    3: "ppc",
    5: "arm",
    6: "ia64",
    9: "x86_64",
    10: "x86",
    12: "arm64",
    13: "arm",
    14: "x86",
    0x8001: "sparc",
    0x8002: "ppc64",
    0x8003: "arm64",
    0x8004: "mips64",
    0x8005: "riscv",
    0x8006: "riscv64",
}
"""PROCESSOR_ARCHITECTURE_… (winnt.h), and minidump_format.h for 0x8000 and up."""

HAS_PROCESS_ID = 0x1
HAS_PROCESS_TIMES = 0x2
HAS_PROCESSOR_POWER = 0x4
HAS_INTEGRITY = 0x10
HAS_TIME_ZONE = 0x40
HAS_BUILD_STRING = 0x100
HAS_PROCESS_COOKIE = 0x200
"""MINIDUMP_MISC… (minidumpapiset.h): which fields of MiscInfo the writer filled."""
DAYLIGHT = 2  # TIME_ZONE_ID_DAYLIGHT (timezoneapi.h)


class SystemInfo(NamedTuple):
    """The machine. `version` is "major.minor.build"; `csd` the service pack, or uname's text."""

    platform: str
    platform_id: int
    architecture: str
    architecture_id: int
    version: str
    build: int
    csd: str
    cpu_count: int
    cpu_info: str
    product_type: int


class MiscInfo(NamedTuple):
    """The process; what the writer left out is None.

    The creation time is in Unix seconds, the other two are in seconds. `time_zone_bias` is in
    minutes to add to local time to get UTC.
    """

    process_id: int | None = None
    process_create_time: int | None = None
    process_user_time: int | None = None
    process_kernel_time: int | None = None
    processor_max_mhz: int | None = None
    processor_current_mhz: int | None = None
    integrity: int | None = None
    time_zone: str | None = None
    time_zone_bias: int | None = None
    build_string: str | None = None
    debug_build_string: str | None = None
    process_cookie: int | None = None
    enabled_xstate_features: int | None = None


class BreakpadInfo(NamedTuple):
    """Which thread wrote the dump, and which one asked for it; None where not known."""

    dump_thread_id: int | None
    requesting_thread_id: int | None


class DumpAssertion(NamedTuple):
    """A failed assertion or invalid parameter, as Breakpad on Windows writes it."""

    expression: str
    function: str
    file: str
    line: int
    type: int


class MacCrashInfo(NamedTuple):
    """One module's crash_info_t (Mozilla): what macOS itself says about the crash."""

    version: int
    thread: int | None
    dialog_mode: int | None
    abort_cause: int | None
    texts: tuple[str, ...]
    """In file order: module path, message, signature, backtrace, second message."""


def read_system_info(source: DumpSource, location: Location) -> SystemInfo:
    """SystemInfo, stream 7; MalformedFile when it is cut."""
    source.check_inside(SystemInfoRecord.SIZE, location, "SystemInfo")
    record = SystemInfoRecord.read(source.data, location.rva)
    architecture = ARCHITECTURES.get(record.architecture, "unknown")
    return SystemInfo(
        platform=PLATFORMS.get(record.platform, "unknown"),
        platform_id=record.platform,
        architecture=architecture,
        architecture_id=record.architecture,
        version=f"{record.major}.{record.minor}.{record.build}",
        build=record.build,
        csd=source.find_utf16(record.csd_rva, "service pack text") or "",
        cpu_count=record.cpu_count,
        cpu_info=_describe_cpu(record, architecture),
        product_type=record.product_type,
    )


def _describe_cpu(record: SystemInfoRecord, architecture: str) -> str:
    if architecture in {"x86", "x86_64"}:
        vendor = X86CpuInformation.read(record.cpu).vendor
        name = vendor.decode("ascii") + " " if vendor.isascii() and vendor.isalpha() else ""
        model, stepping = record.revision >> 8, record.revision & 0xFF
        return f"{name}family {record.level} model {model} stepping {stepping}"
    if architecture == "arm":
        information = ArmCpuInformation.read(record.cpu)
        name = f"ARMv{record.level}"
        if not information.cpuid:
            return name
        features = f" features {information.hardware_capabilities:#x}"
        return f"{name} cpuid {information.cpuid:#010x}{features}"
    return ""


def read_misc_info(source: DumpSource, location: Location) -> MiscInfo:
    """MiscInfo, stream 15, in any of its five sizes; MalformedFile when even the first is cut.

    A longer form that is cut counts as the longest that fits: sizes are how versions are told.
    """
    source.check_inside(MiscInfo1.SIZE, location, "MiscInfo")
    first = MiscInfo1.read(source.data, location.rva)
    end = location.rva + min(location.size, source.size - location.rva)
    second_rva = location.rva + MiscInfo1.SIZE
    third_rva = second_rva + MiscInfo2.SIZE
    fourth_rva = third_rva + MiscInfo3.SIZE
    fifth_rva = fourth_rva + MiscInfo4.SIZE
    last = fifth_rva + MiscInfo5.SIZE
    if end < last and end not in {second_rva, third_rva, fourth_rva, fifth_rva}:
        source.note(f"MiscInfo: {location.size} bytes is none of its sizes", location.rva)
    third = _find_part(source, MiscInfo3, third_rva, end)
    return MiscInfo(
        *_list_process_fields(first),
        *_list_power_fields(first.flags, _find_part(source, MiscInfo2, second_rva, end)),
        _find_integrity(first.flags, third),
        *_list_zone_fields(first.flags, third),
        *_list_build_fields(first.flags, _find_part(source, MiscInfo4, fourth_rva, end)),
        *_list_cookie_fields(first.flags, _find_part(source, MiscInfo5, fifth_rva, end)),
    )


def _find_part(source: DumpSource, kind: type[AnyRecord], rva: int, end: int) -> AnyRecord | None:
    return kind.read(source.data, rva) if rva + kind.SIZE <= end else None


def _list_process_fields(part: MiscInfo1) -> tuple[int | None, int | None, int | None, int | None]:
    times: tuple[int | None, int | None, int | None] = (None, None, None)
    if part.flags & HAS_PROCESS_TIMES:
        times = (part.process_create_time, part.process_user_time, part.process_kernel_time)
    return part.process_id if part.flags & HAS_PROCESS_ID else None, *times


def _list_power_fields(flags: int, part: MiscInfo2 | None) -> tuple[int | None, int | None]:
    if not part or not flags & HAS_PROCESSOR_POWER:
        return None, None
    return part.processor_max_mhz, part.processor_current_mhz


def _find_integrity(flags: int, part: MiscInfo3 | None) -> int | None:
    return part.integrity_level if part and flags & HAS_INTEGRITY else None


def _list_zone_fields(flags: int, part: MiscInfo3 | None) -> tuple[str | None, int | None]:
    if not part or not flags & HAS_TIME_ZONE:
        return None, None
    is_daylight = part.time_zone_id == DAYLIGHT
    name = decode_buffer(part.daylight_name if is_daylight else part.standard_name)
    extra = part.daylight_bias if is_daylight else part.standard_bias
    return name, part.time_zone_bias + extra


def _list_build_fields(flags: int, part: MiscInfo4 | None) -> tuple[str | None, str | None]:
    if not part or not flags & HAS_BUILD_STRING:
        return None, None
    return decode_buffer(part.build_string), decode_buffer(part.debug_build_string)


def _list_cookie_fields(flags: int, part: MiscInfo5 | None) -> tuple[int | None, int | None]:
    if not part:
        return None, None
    cookie = part.process_cookie if flags & HAS_PROCESS_COOKIE else None
    return cookie, part.xstate_features if part.xstate_size else None


def read_breakpad_info(source: DumpSource, location: Location) -> BreakpadInfo:
    """BreakpadInfo, stream 0x47670001; bits of its first word say which ids are valid."""
    source.check_inside(BreakpadInfoRecord.SIZE, location, "BreakpadInfo")
    record = BreakpadInfoRecord.read(source.data, location.rva)
    return BreakpadInfo(
        dump_thread_id=record.dump_thread_id if record.validity & 1 else None,
        requesting_thread_id=record.requesting_thread_id if record.validity & 2 else None,
    )


def read_assertion(source: DumpSource, location: Location) -> DumpAssertion | None:
    """AssertionInfo, stream 0x47670002; None for zeros, as Breakpad writes when nothing failed."""
    source.check_inside(AssertionRecord.SIZE, location, "AssertionInfo")
    record = AssertionRecord.read(source.data, location.rva)
    if not any(source.data[location.rva : location.rva + AssertionRecord.SIZE]):
        return None
    return DumpAssertion(
        expression=decode_buffer(record.expression),
        function=decode_buffer(record.function),
        file=decode_buffer(record.file),
        line=record.line,
        type=record.type,
    )


def read_comment_ansi(source: DumpSource, location: Location) -> str:
    """CommentStreamA, stream 10: text in the writer's code page, taken as UTF-8 or else 1252."""
    raw = source.find_bytes(location, "comment").partition(b"\0")[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def read_comment_wide(source: DumpSource, location: Location) -> str:
    """CommentStreamW, stream 11: UTF-16 text."""
    return decode_buffer(source.find_bytes(location, "comment"))


def read_mac_crash_info(source: DumpSource, location: Location) -> tuple[MacCrashInfo, ...]:
    """MozMacosCrashInfo, stream 0x4d7a0001: a header and up to 20 places of records."""
    source.check_inside(MacCrashInfoHeader.SIZE, location, "MozMacosCrashInfo")
    header = MacCrashInfoHeader.read(source.data, location.rva)
    inside = Location(
        location.size - MacCrashInfoHeader.SIZE, location.rva + MacCrashInfoHeader.SIZE
    )
    records = source.read_entries(
        LocationRecord, inside, 0, min(header.entry_count, _MAC_RECORDS), "MozMacosCrashInfo"
    )
    parsed = (
        _find_mac_crash_info(source, Location(*record), header.strings_offset) for record in records
    )
    return tuple(crash for crash in parsed if crash)


_MAC_RECORDS = 20  # MAC_CRASH_INFOS_MAX (minidump_format.h as Mozilla has it)
_MAC_FIELDS = 16  # type and version; the others came with versions 4 and 5


def _find_mac_crash_info(source: DumpSource, location: Location, start: int) -> MacCrashInfo | None:
    raw = source.find_bytes(location, "macOS crash info")
    if len(raw) < max(start, _MAC_FIELDS):
        source.note("macOS crash info cut short", location.rva)
        return None
    record = MacCrashInfoRecord.read(raw[:start].ljust(MacCrashInfoRecord.SIZE, b"\0"))
    given = min(start, MacCrashInfoRecord.SIZE) // 8
    numbers = [value if index < given else None for index, value in enumerate(record)]
    texts = raw[start:].split(b"\0")
    return MacCrashInfo(
        version=record.version,
        thread=numbers[2],
        dialog_mode=numbers[3],
        abort_cause=numbers[4],
        texts=tuple(text.decode("utf-8", "replace") for text in texts[:-1]),
    )
