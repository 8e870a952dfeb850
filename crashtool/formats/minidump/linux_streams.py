"""The /proc files and linker state that Breakpad copies into Linux and Android dumps."""

from __future__ import annotations

from functools import cached_property

from crashtool.formats.minidump.breakpad_structs import (
    AuxiliaryValue32,
    AuxiliaryValue64,
    MdRawDebug32,
    MdRawDebug64,
    MdRawLinkMap32,
    MdRawLinkMap64,
)
from crashtool.formats.minidump.dump_source import DumpSource, Location
from crashtool.formats.minidump.stream_kind import StreamFinder, StreamKind
from crashtool.formats.named_tuple import NamedTuple

MAX_MAPS = 1 << 17
"""Twice the kernel's default for a process (vm.max_map_count)."""
MAX_MAPS_SIZE = 1 << 24
MAP_FIELDS = 5

WIDE_ARCHITECTURES = frozenset({"x86_64", "arm64", "ppc64", "mips64", "riscv64", "ia64"})


class MapsEntry(NamedTuple):
    """One line of /proc/PID/maps: addresses from `start` up to, not including, `end`."""

    start: int
    end: int
    permissions: str
    offset: int
    device: str
    inode: int
    path: str


class DumpLinkMap(NamedTuple):
    """One shared object as the dynamic linker knows it."""

    address: int
    name: str
    dynamic: int


class DsoDebug(NamedTuple):
    """The dynamic linker's r_debug."""

    version: int
    brk: int
    linker_base: int
    dynamic: int
    objects: tuple[DumpLinkMap, ...]


class LinuxInfo:
    """What a Linux dump holds besides threads and modules; each is None when the dump lacks it."""

    def __init__(self, find_stream: StreamFinder) -> None:
        self._find_stream = find_stream

    @cached_property
    def proc_status(self) -> dict[str, str] | None:
        """/proc/PID/status: value by field name, as "Pid" or "VmPeak"."""
        return self._find_stream(PROC_STATUS)

    @cached_property
    def cpuinfo(self) -> dict[str, str] | None:
        """/proc/cpuinfo: value by field name; of several processors the first one's value."""
        return self._find_stream(CPU_INFO)

    @cached_property
    def lsb_release(self) -> dict[str, str] | None:
        """/etc/lsb-release or os-release: value by variable name, without quotes."""
        return self._find_stream(LSB_RELEASE)

    @cached_property
    def command_line(self) -> tuple[str, ...] | None:
        """The arguments, the program first."""
        return self._find_stream(COMMAND_LINE)

    @cached_property
    def environ(self) -> tuple[tuple[str, str], ...] | None:
        """The environment in its order. It may hold secrets of the machine that crashed."""
        return self._find_stream(ENVIRON)

    @cached_property
    def auxv(self) -> dict[int, int] | None:
        """The auxiliary vector: value by AT_… number (elf.h)."""
        return self._find_stream(AUXV)

    @cached_property
    def maps(self) -> tuple[MapsEntry, ...] | None:
        """The memory map, in file order."""
        return self._find_stream(MAPS)

    @cached_property
    def dso_debug(self) -> DsoDebug | None:
        """The dynamic linker's list of shared objects."""
        return self._find_stream(DSO_DEBUG)


def read_colon_fields(source: DumpSource, location: Location) -> dict[str, str]:
    """A text of `name: value` lines, as /proc has them; the first of two equal names."""
    return _parse_fields(source, location, ":")


def read_shell_fields(source: DumpSource, location: Location) -> dict[str, str]:
    """A text of `NAME="value"` lines, as lsb-release has them."""
    fields = _parse_fields(source, location, "=")
    return {name: value.strip("\"'") for name, value in fields.items()}


def _parse_fields(source: DumpSource, location: Location, separator: str) -> dict[str, str]:
    text = source.find_bytes(location, "text").decode("utf-8", "replace")
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, delimiter, value = line.partition(separator)
        if delimiter:
            fields.setdefault(name.strip(), value.strip("\0 \t"))
    return fields


def read_command_line(source: DumpSource, location: Location) -> tuple[str, ...]:
    """/proc/PID/cmdline: arguments that each end with NUL."""
    raw = source.find_bytes(location, "command line")
    if not raw:
        return ()
    return tuple(part.decode("utf-8", "replace") for part in raw.removesuffix(b"\0").split(b"\0"))


def read_environ(source: DumpSource, location: Location) -> tuple[tuple[str, str], ...]:
    """/proc/PID/environ: NAME=value, each ending with NUL."""
    pairs = []
    for part in source.find_bytes(location, "environment").split(b"\0"):
        name, equals, value = part.decode("utf-8", "replace").partition("=")
        if equals:
            pairs.append((name, value))
    return tuple(pairs)


def read_auxv(source: DumpSource, location: Location) -> dict[int, int]:
    """/proc/PID/auxv: pairs of words as wide as the process's, up to AT_NULL."""
    kind = AuxiliaryValue64 if source.architecture in WIDE_ARCHITECTURES else AuxiliaryValue32
    raw = source.find_bytes(location, "auxiliary vector")
    values: dict[int, int] = {}
    for entry in kind.read_array(raw, 0, len(raw) // kind.SIZE):
        if not entry.type:
            break
        values.setdefault(entry.type, entry.value)
    return values


def read_maps(source: DumpSource, location: Location) -> tuple[MapsEntry, ...]:
    """/proc/PID/maps; lines that are none are left out and noted."""
    raw = source.find_bytes(location, "memory map", MAX_MAPS_SIZE)
    lines = raw.split(b"\n", MAX_MAPS)
    if len(lines) > MAX_MAPS:
        source.note(f"memory map: {MAX_MAPS} lines read", location.rva)
        lines.pop()
    mappings = []
    for line in lines:
        text = line.decode("utf-8", "replace").strip("\0")
        mapping = _parse_mapping(text)
        if mapping:
            mappings.append(mapping)
        elif text:
            source.note("memory map: a line that cannot be parsed", location.rva)
    return tuple(mappings)


def _parse_mapping(line: str) -> MapsEntry | None:
    fields = line.split(None, MAP_FIELDS)
    if len(fields) < MAP_FIELDS:
        return None
    start, _, end = fields[0].partition("-")
    try:
        return MapsEntry(
            int(start, 16),
            int(end, 16),
            fields[1],
            int(fields[2], 16),
            fields[3],
            int(fields[4]),
            fields[MAP_FIELDS] if len(fields) > MAP_FIELDS else "",
        )
    except ValueError:
        return None


def read_dso_debug(source: DumpSource, location: Location) -> DsoDebug:
    """MD_LINUX_DSO_DEBUG, stream 0x4767000a; words as wide as the process's."""
    is_wide = source.architecture in WIDE_ARCHITECTURES
    kind: type[MdRawDebug64 | MdRawDebug32] = MdRawDebug64 if is_wide else MdRawDebug32
    link_kind: type[MdRawLinkMap64 | MdRawLinkMap32] = MdRawLinkMap64 if is_wide else MdRawLinkMap32
    source.check_inside(kind.SIZE, location, "DsoDebug")
    record = kind.read(source.data, location.rva)
    objects: list[DumpLinkMap] = []
    if record.entry_count and record.map_rva:
        links = Location(record.entry_count * link_kind.SIZE, record.map_rva)
        for link in source.read_entries(link_kind, links, 0, record.entry_count, "DsoDebug"):
            name = source.find_utf16(link.name_rva, "shared object's name") or ""
            objects.append(DumpLinkMap(link.address, name, link.dynamic))
    return DsoDebug(record.version, record.brk, record.linker_base, record.dynamic, tuple(objects))


CPU_INFO = StreamKind(0x47670003, "LinuxCpuInfo", read_colon_fields)
PROC_STATUS = StreamKind(0x47670004, "LinuxProcStatus", read_colon_fields)
LSB_RELEASE = StreamKind(0x47670005, "LinuxLsbRelease", read_shell_fields)
COMMAND_LINE = StreamKind(0x47670006, "LinuxCmdLine", read_command_line)
ENVIRON = StreamKind(0x47670007, "LinuxEnviron", read_environ)
AUXV = StreamKind(0x47670008, "LinuxAuxv", read_auxv)
MAPS = StreamKind(0x47670009, "LinuxMaps", read_maps)
DSO_DEBUG = StreamKind(0x4767000A, "LinuxDsoDebug", read_dso_debug)
"""MD_LINUX_… (minidump_format.h)."""
