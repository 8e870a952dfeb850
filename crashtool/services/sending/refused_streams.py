"""What Crashpad's own reader refuses within threads, modules and memory regions of a dump."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.minidump import streams
from crashtool.formats.minidump.dump_source import MAX_ENTRIES, AnyRecord, DumpSource, Location
from crashtool.formats.minidump.modules import BPEL, RSDS
from crashtool.formats.minidump.structs import (
    CodeViewRsds,
    Count,
    CrashpadInfoRecord,
    MemoryInfo,
    ModuleLink,
    ModuleRecord,
    ThreadRecord,
)

if TYPE_CHECKING:
    from crashtool.formats.minidump.file import Minidump

# architecture -> size of the context and the bit of its kind (minidump/minidump_context.h)
CONTEXTS = {
    "x86": (716, 0x00010000),
    "x86_64": (1232, 0x00100000),
    "arm": (368, 0x40000000),
    "arm64": (912, 0x00400000),
}
FLAGS_AT = {"x86_64": 48}  # after the home addresses of AMD64; elsewhere the first field
MODULE_INFO_SIZE = 28  # MinidumpModuleCrashpadInfo since 2017 (minidump/minidump_extensions.h)
MEMORY_INFO_HEADER = (16, MemoryInfo.SIZE)


def find_refused_stream(dump: Minidump) -> str | None:
    """Why Crashpad's reader would refuse a dump for one of its lists, as a clause.

    process_snapshot_minidump.cc and the readers of its parts; in their order.
    """
    architecture = dump.system.architecture if dump.system else "unknown"
    checks: tuple[tuple[int, Callable[[DumpSource, Location], str | None]], ...] = (
        (streams.CRASHPAD_INFO, _check_links),
        (streams.MODULE_LIST, _check_modules),
        (streams.MEMORY_INFO_LIST, _check_memory_info),
        (
            streams.THREAD_LIST,
            lambda source, location: _check_threads(source, location, architecture),
        ),
    )
    for kind, check in checks:
        if dump.find_place(kind) is None:
            continue
        try:
            refusal = dump.read_faultless(kind, check)
        except MalformedFile as error:
            refusal = f"it is damaged ({error.what})"
        if refusal:
            return refusal
    return None


def _check_links(source: DumpSource, location: Location) -> str | None:
    """The annotations of modules: each as large as Crashpad has written them since 2017."""
    info = CrashpadInfoRecord.read(source.data, location.rva)
    if not info.module_list_rva:
        return None
    where = Location(info.module_list_size, info.module_list_rva)
    links = _read_exact(source, where, ModuleLink)
    if links is None:
        return "its list of annotated modules is padded or damaged"
    if any(link.rva and link.size < MODULE_INFO_SIZE for link in links):
        return "the annotations of its modules have the form of 2017 and before"
    return None


def _check_modules(source: DumpSource, location: Location) -> str | None:
    rows = _read_exact(source, location, ModuleRecord)
    if rows is None:
        return "its module list is padded or damaged"
    for record in rows:
        if record.codeview_rva and not _is_codeview(
            source.read_bytes(Location(record.codeview_size, record.codeview_rva), "CodeView")
        ):
            return "a module's debug id has a form that Crashpad does not write"
    return None


def _is_codeview(record: bytes) -> bool:
    """Whether a record is a PDB's with a NUL at its end, or a build id."""
    if record.startswith(BPEL):
        return True
    return record.startswith(RSDS) and len(record) > CodeViewRsds.SIZE and record.endswith(b"\0")


def _check_memory_info(source: DumpSource, location: Location) -> str | None:
    raw = source.read_bytes(Location(min(location.size, 16), location.rva), "MemoryInfoList")
    sizes = (int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:8], "little"))
    count = int.from_bytes(raw[8:16], "little")
    if sizes != MEMORY_INFO_HEADER or location.size != sizes[0] + count * sizes[1]:
        return "its list of memory regions is padded or damaged"
    return None


def _check_threads(source: DumpSource, location: Location, architecture: str) -> str | None:
    rows = _read_exact(source, location, ThreadRecord)
    if rows is None:
        return "its thread list is padded or damaged"
    size, kind = CONTEXTS.get(architecture, (0, 0))
    at = FLAGS_AT.get(architecture, 0)
    for record in rows:
        if not record.context_size:
            continue
        context = Location(record.context_size, record.context_rva)
        source.check_inside(context.size, context, "context")
        flags = source.data[context.rva + at : context.rva + at + 4]
        if context.size < size or int.from_bytes(flags, "little") & kind != kind:
            return f"thread {record.id}'s registers have a form that Crashpad does not write"
    return None


def _read_exact(
    source: DumpSource, location: Location, record: type[AnyRecord]
) -> Iterator[AnyRecord] | None:
    """The entries of a list that is as long as its count says; None for any other.

    MalformedFile for more than are read of any dump.
    """
    if location.size < Count.SIZE:
        return None
    count = Count.read(source.data, location.rva).entry_count
    if (
        location.size != Count.SIZE + count * record.SIZE
        or location.rva + location.size > source.size
    ):
        return None
    if count > MAX_ENTRIES:
        raise MalformedFile(f"a list of {count:,} entries", offset=location.rva)
    return record.read_array(source.data, location.rva + Count.SIZE, count)
