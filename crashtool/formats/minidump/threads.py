"""Threads: the thread lists, thread names, and Windows' thread details."""

from crashtool.formats.minidump.dump_source import DumpSource, Location
from crashtool.formats.minidump.structs import (
    ListHeader,
    ThreadExRecord,
    ThreadInfo,
    ThreadNameRecord,
    ThreadRecord,
)
from crashtool.formats.named_tuple import NamedTuple


class DumpThread(NamedTuple):
    """One thread. `stack` and `context` are places in the file; size 0 or RVA 0 when left out."""

    id: int
    name: str | None
    suspend_count: int
    priority_class: int
    priority: int
    teb: int
    stack_start: int
    stack: Location
    context: Location


def read_thread_list(source: DumpSource, location: Location) -> tuple[DumpThread, ...]:
    """ThreadList, stream 3; names come from another stream."""
    return tuple(
        _to_thread(row)
        for row in source.read_list(ThreadRecord, location, "ThreadList", padded=True)
    )


def read_thread_ex_list(source: DumpSource, location: Location) -> tuple[DumpThread, ...]:
    """ThreadExList, stream 8."""
    return tuple(
        _to_thread(row)
        for row in source.read_list(ThreadExRecord, location, "ThreadExList", padded=True)
    )


def _to_thread(row: ThreadRecord | ThreadExRecord) -> DumpThread:
    return DumpThread(
        row.id,
        None,
        row.suspend_count,
        row.priority_class,
        row.priority,
        row.teb,
        row.stack_start,
        Location(row.stack_size, row.stack_rva),
        Location(row.context_size, row.context_rva),
    )


def read_thread_names(source: DumpSource, location: Location) -> dict[int, str]:
    """ThreadNames, stream 24: name by thread id; the first of two names for one id."""
    names: dict[int, str] = {}
    for row in source.read_list(ThreadNameRecord, location, "ThreadNames", padded=True):
        name = source.find_utf16(row.name_rva, "thread name")
        if name is not None:
            names.setdefault(row.thread_id, name)
    return names


def read_thread_info_list(source: DumpSource, location: Location) -> tuple[ThreadInfo, ...]:
    """ThreadInfoList, stream 17."""
    return tuple(source.read_sized_list(ThreadInfo, location, "ThreadInfoList", ListHeader))
