"""What two readers make of each real dump: ours, and the `minidump` package, stream by stream.

Each difference is of a class of DIFFERENCES, which is known from the file's bytes, or a fault.
"""

from collections import Counter
from types import SimpleNamespace

import pytest
from minidump.streams.ExceptionStream import ExceptionList
from minidump.streams.Memory64ListStream import MinidumpMemory64List
from minidump.streams.MemoryInfoListStream import MinidumpMemoryInfoList
from minidump.streams.MemoryListStream import MinidumpMemoryList
from minidump.streams.ModuleListStream import MinidumpModuleList
from minidump.streams.SystemInfoStream import MinidumpSystemInfo
from minidump.streams.ThreadListStream import MinidumpThreadList
from minidump.streams.UnloadedModuleListStream import MinidumpUnloadedModuleList
from minidump.structures.peb import PEB

from crashtool.formats.minidump import streams
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.process_parameters import read_process_parameters
from tests.conftest import SHARED

FEWEST_DUMPS, FEWEST_COMPARED = 250, 1400
FEWEST_ENVIRONMENTS = 20
LISTS = {  # (bytes before the entries, bytes of an entry)
    streams.THREAD_LIST: (4, 48),
    streams.MODULE_LIST: (4, 108),
    streams.MEMORY_LIST: (4, 16),
}
DIFFERENCES = {
    "padded": "Breakpad aligns a list's entries to 8 bytes; the package reads from the padding on",
    "no code": "an exception with code 0 is a stream without exceptions to the package",
    "unknown number": "a system, processor or protection that the package has no name for",
}


def list_dumps():
    found = []
    for folder in ("corpus", "truth"):
        for path in sorted((SHARED / folder).rglob("*.dmp")):
            with path.open("rb") as file:
                if file.read(4) == b"MDMP":
                    found.append(path)
    return found


@pytest.fixture(scope="module")
def dumps():
    found = list_dumps()
    if len(found) < FEWEST_DUMPS:
        pytest.skip(f"needs the dumps of {SHARED}")
    return found


def ours_and_theirs(dump, file):
    """(stream, ours, a function that gives theirs) for each stream that is there."""

    def theirs(stream_type, parser, convert):
        place = dump.find_place(stream_type)
        entry = SimpleNamespace(Location=SimpleNamespace(Rva=place.rva, DataSize=place.size))
        return lambda: convert(parser.parse(entry, file))

    exception = dump.exception
    for stream_type, ours, parser, convert in (
        (streams.SYSTEM_INFO, lambda: system_of_ours(dump), MinidumpSystemInfo, system_of_theirs),
        (
            streams.THREAD_LIST,
            lambda: [thread_of_ours(thread) for thread in dump.threads],
            MinidumpThreadList,
            lambda found: [thread_of_theirs(thread) for thread in found.threads],
        ),
        (
            streams.MODULE_LIST,
            lambda: [(row.base, row.size, row.name, row.timestamp) for row in dump.modules],
            MinidumpModuleList,
            lambda found: [
                (row.baseaddress, row.size, row.name, row.timestamp) for row in found.modules
            ],
        ),
        (
            streams.UNLOADED_MODULE_LIST,
            lambda: [(row.base, row.size, row.name) for row in dump.unloaded_modules],
            MinidumpUnloadedModuleList,
            lambda found: [(row.baseaddress, row.size, row.name) for row in found.modules],
        ),
        (
            streams.MEMORY_LIST,
            lambda: [tuple(row) for row in dump.find_stream(streams.MEMORY_LIST)],
            MinidumpMemoryList,
            segments_of_theirs,
        ),
        (
            streams.MEMORY64_LIST,
            lambda: [tuple(row) for row in dump.find_stream(streams.MEMORY64_LIST)],
            MinidumpMemory64List,
            segments_of_theirs,
        ),
        (
            streams.MEMORY_INFO_LIST,
            lambda: [(row.base, row.allocation_base, row.size) for row in dump.memory_info],
            MinidumpMemoryInfoList,
            lambda found: [
                (row.BaseAddress, row.AllocationBase, row.RegionSize) for row in found.infos
            ],
        ),
        (
            streams.EXCEPTION,
            lambda: [
                (
                    exception.thread_id,
                    exception.code,
                    exception.flags,
                    exception.address,
                    exception.parameters,
                )
            ],
            ExceptionList,
            lambda found: [exception_of_theirs(row) for row in found.exception_records],
        ),
    ):
        place = dump.find_place(stream_type)
        if place is not None and place.size and dump.find_stream(stream_type) is not None:
            yield stream_type, ours(), theirs(stream_type, parser, convert)


def system_of_ours(dump):
    system = dump.system
    return (
        system.architecture_id,
        system.platform_id,
        system.version,
        system.cpu_count,
        system.product_type,
        system.csd,
    )


def system_of_theirs(found):
    version = f"{found.MajorVersion}.{found.MinorVersion}.{found.BuildNumber}"
    return (
        found.ProcessorArchitecture.value,
        found.PlatformId.value,
        version,
        found.NumberOfProcessors,
        found.ProductType.value,
        found.CSDVersion,
    )


def thread_of_ours(row):
    return (
        row.id,
        row.suspend_count,
        row.priority_class,
        row.priority,
        row.teb,
        row.stack_start,
        row.stack.size,
        row.stack.rva,
        row.context.size,
        row.context.rva,
    )


def thread_of_theirs(row):
    stack, context = row.Stack, row.ThreadContext
    return (
        row.ThreadId,
        row.SuspendCount,
        row.PriorityClass,
        row.Priority,
        row.Teb,
        stack.StartOfMemoryRange,
        stack.MemoryLocation.DataSize,
        stack.MemoryLocation.Rva,
        context.DataSize,
        context.Rva,
    )


def segments_of_theirs(found):
    return [
        (row.start_virtual_address, row.size, row.start_file_address)
        for row in found.memory_segments
    ]


def exception_of_theirs(row):
    record = row.ExceptionRecord
    return (
        row.ThreadId,
        record.ExceptionCode_raw,
        record.ExceptionFlags,
        record.ExceptionAddress,
        tuple(record.ExceptionInformation[: record.NumberParameters]),
    )


def classify(dump, file, stream_type, ours, theirs):
    """The class of a difference by what is in the file; "" for none that is known."""
    place = dump.find_place(stream_type)
    if isinstance(theirs, ValueError) and "is not a valid" in str(theirs):
        return "unknown number"
    if stream_type in LISTS:
        start, entry = LISTS[stream_type]
        file.seek(place.rva)
        count = int.from_bytes(file.read(4), "little")
        if place.size == start + 4 + count * entry:
            return "padded"
    if stream_type == streams.EXCEPTION and not dump.exception.code and not theirs:
        return "no code"
    return ""


def test_streams_are_what_the_minidump_package_reads(dumps):
    compared, classes, faults = 0, Counter(), []
    for path in dumps:
        with Minidump.open(path) as dump, path.open("rb") as file:
            for stream_type, ours, read_theirs in ours_and_theirs(dump, file):
                try:
                    theirs = read_theirs()
                except Exception as error:  # noqa: BLE001 (whatever the package raises)
                    theirs = error
                compared += 1
                if theirs == ours:
                    continue
                kind = classify(dump, file, stream_type, ours, theirs)
                classes[kind] += 1
                if not kind:
                    faults.append(f"{path.name}, stream {stream_type}: {ours} / {theirs!r}")

    assert not faults, "\n".join(faults)
    assert compared > FEWEST_COMPARED
    assert set(classes) <= set(DIFFERENCES)


def library_environment(path, dump):
    """The package's own reading of the environment, over all memory of the dump."""
    lists = [
        row
        for kind in (MinidumpMemoryList, MinidumpMemory64List)
        for row in segments_in(dump, path, kind)
    ]
    with path.open("rb") as file:
        from minidump.minidumpreader import MinidumpFileReader

        reader = MinidumpFileReader.__new__(MinidumpFileReader)
        reader.memory_segments, reader.file_handle = lists, file
        is_narrow = dump.system.architecture == "x86"
        reader.sysinfo = SimpleNamespace(ProcessorArchitecture=architecture(is_narrow))
        threads = SimpleNamespace(threads=[SimpleNamespace(Teb=dump.threads[0].teb)])
        whole = SimpleNamespace(get_reader=lambda: reader, threads=threads)
        return PEB.from_minidump(whole)


def architecture(is_narrow):
    from minidump.streams.SystemInfoStream import PROCESSOR_ARCHITECTURE

    return PROCESSOR_ARCHITECTURE.INTEL if is_narrow else PROCESSOR_ARCHITECTURE.AMD64


def segments_in(dump, path, kind):
    stream_type = {
        MinidumpMemoryList: streams.MEMORY_LIST,
        MinidumpMemory64List: streams.MEMORY64_LIST,
    }[kind]
    place = dump.find_place(stream_type)
    if place is None:
        return []
    entry = SimpleNamespace(Location=SimpleNamespace(Rva=place.rva, DataSize=place.size))
    with path.open("rb") as file:
        return kind.parse(entry, file).memory_segments


def test_the_start_of_a_process_is_what_the_package_reads_from_all_memory(dumps):
    compared = 0
    for path in dumps:
        with Minidump.open(path) as dump:
            if dump.system is None or dump.system.platform != "windows":
                continue
            found = read_process_parameters(dump.memory, (row.teb for row in dump.threads))
            if found is None or found.environment_count is None:
                continue
            theirs = library_environment(path, dump)
            assert found.command_line == theirs.command_line, path
            assert found.image_path == theirs.image_path, path
            assert found.current_directory == theirs.current_directory, path
            assert found.environment_count == len(theirs.environment_variables), path
            compared += 1
    assert compared >= FEWEST_ENVIRONMENTS
