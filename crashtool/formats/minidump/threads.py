"""Threads: the thread lists, thread names, and Windows' thread details."""

from __future__ import annotations

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
        _to_thread(record)
        for record in source.read_list(ThreadRecord, location, "ThreadList", padded=True)
    )


def read_thread_ex_list(source: DumpSource, location: Location) -> tuple[DumpThread, ...]:
    """ThreadExList, stream 8."""
    return tuple(
        _to_thread(record)
        for record in source.read_list(ThreadExRecord, location, "ThreadExList", padded=True)
    )


def _to_thread(record: ThreadRecord | ThreadExRecord) -> DumpThread:
    return DumpThread(
        record.id,
        None,
        record.suspend_count,
        record.priority_class,
        record.priority,
        record.teb,
        record.stack_start,
        Location(record.stack_size, record.stack_rva),
        Location(record.context_size, record.context_rva),
    )


def read_thread_names(source: DumpSource, location: Location) -> dict[int, str]:
    """ThreadNames, stream 24: name by thread id; the first of two names for one id."""
    names: dict[int, str] = {}
    for record in source.read_list(ThreadNameRecord, location, "ThreadNames", padded=True):
        name = source.find_utf16(record.name_rva, "thread name")
        if name is not None:
            names.setdefault(record.thread_id, name)
    return names


def read_thread_info_list(source: DumpSource, location: Location) -> tuple[ThreadInfo, ...]:
    """ThreadInfoList, stream 17."""
    return tuple(source.read_sized_list(ThreadInfo, location, "ThreadInfoList", ListHeader))
