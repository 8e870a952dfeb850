"""A minidump: opened at once however large, each stream read when it is asked for."""

from __future__ import annotations

import mmap as mmap_module
import os
from collections.abc import Callable
from functools import cached_property
from mmap import ACCESS_READ, mmap
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from crashtool.errors import InputUnusable, MalformedFile, reason_of
from crashtool.formats.minidump import streams
from crashtool.formats.minidump.context import Context, find_context, read_vectors
from crashtool.formats.minidump.dump_source import DumpProblem, DumpSource, Location, Text
from crashtool.formats.minidump.file_kind import VERSION_MASK, refuse_other_files
from crashtool.formats.minidump.linux_streams import LinuxInfo
from crashtool.formats.minidump.memory import Memory, MemoryRange, MemoryRanges
from crashtool.formats.minidump.structs import (
    VERSION,
    Directory,
    MemoryInfo,
    MinidumpHeader,
    ThreadInfo,
)

if TYPE_CHECKING:
    from crashtool.formats.minidump.crashpad_info import CrashpadInfo
    from crashtool.formats.minidump.exception import ExceptionRecord
    from crashtool.formats.minidump.modules import DumpModule, UnloadedModule
    from crashtool.formats.minidump.stream_kind import StreamKind
    from crashtool.formats.minidump.system_streams import (
        BreakpadInfo,
        DumpAssertion,
        MacCrashInfo,
        MiscInfo,
        SystemInfo,
    )
    from crashtool.formats.minidump.threads import DumpThread
    from crashtool.formats.minidump.windows_detail import DumpHandle
    from crashtool.formats.record import Buffer

MAX_STREAMS = 4096
MADV_DONTNEED = getattr(mmap_module, "MADV_DONTNEED", None)
Value = TypeVar("Value")


class Minidump:
    """A minidump's content. Opening refuses what is no minidump; after that nothing raises.

    What a dump lacks is None or empty. What is damaged is left out and described in `problems`,
    which grows while properties are read for the first time.
    """

    def __init__(self, data: Buffer, name: str = "the file") -> None:
        """InputUnusable when `data` is something else, MalformedFile when the header is cut."""
        refuse_other_files(data, name)
        self._data = data
        self._source = DumpSource(data)
        self._values: dict[int, Any] = {}
        self.header = _read_header(data, name)
        self.size = len(data)
        if self.header.version & VERSION_MASK != VERSION:
            self._source.note(f"header: version {self.header.version:#x}, not {VERSION:#x}", 4)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Map a file into memory. InputUnusable when it is missing, unreadable or no minidump."""
        name = os.fspath(path)
        try:
            data = _map_file(name)
        except (OSError, ValueError) as error:
            reason = reason_of(error)
            raise InputUnusable(f"{name} cannot be read: {reason}") from None
        try:
            return cls(data, name)
        except InputUnusable:
            _release(data)
            raise

    def close(self) -> None:
        """Let go of the file; what was not read until now cannot be any more."""
        _release(self._data)

    def release_pages(self) -> None:
        """Let the system take back what was read of a large file; it is read again when needed."""
        advise = getattr(self._data, "madvise", None)  # not on Windows, nor of bytes
        if advise is not None and MADV_DONTNEED is not None:
            advise(MADV_DONTNEED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def problems(self) -> list[DumpProblem]:
        """Damage met so far, in the order it was met."""
        return self._source.problems

    @property
    def texts(self) -> tuple[Text, ...]:
        """The strings of the streams that were read so far, in the order of the file."""
        return tuple(sorted(self._source.texts.values()))

    @cached_property
    def directory(self) -> tuple[Directory, ...]:
        """All streams' types and places, in file order; as many as there are bytes for."""
        count, rva = self.header.stream_count, self.header.directory_rva
        room = max(0, self.size - rva) // Directory.SIZE
        usable = min(count, room, MAX_STREAMS)
        if usable < count:
            self._source.note(f"directory: {usable} of {count} streams fit", rva)
        if not usable:
            return ()
        entries = tuple(Directory.read_array(self._data, rva, usable))
        if not any(entry.stream_type or entry.size or entry.rva for entry in entries):
            self._source.note(f"directory: {usable} entries of zeros, which nobody filled in", rva)
        return entries

    @cached_property
    def system(self) -> SystemInfo | None:
        """The machine that the process ran on."""
        return self._read(streams.SYSTEM_INFO)

    @cached_property
    def misc(self) -> MiscInfo | None:
        """The process: id, times, and the writer's build strings."""
        return self.find_stream(streams.MISC_INFO)

    @cached_property
    def threads(self) -> tuple[DumpThread, ...]:
        """All threads, with their names where there are any."""
        threads = self.find_stream(streams.THREAD_LIST)
        if threads is None:
            threads = self.find_stream(streams.THREAD_EX_LIST) or ()
        names = self.find_stream(streams.THREAD_NAMES)
        if not names:
            return threads
        return tuple(thread._replace(name=names.get(thread.id)) for thread in threads)

    @cached_property
    def thread_info(self) -> tuple[ThreadInfo, ...]:
        """Windows' times and start addresses of the threads."""
        return self.find_stream(streams.THREAD_INFO_LIST) or ()

    @cached_property
    def exception(self) -> ExceptionRecord | None:
        """What stopped the process; None for a dump of a process that went on."""
        return self.find_stream(streams.EXCEPTION)

    @cached_property
    def modules(self) -> tuple[DumpModule, ...]:
        """The loaded modules in file order; the first is the program, by custom."""
        return self.find_stream(streams.MODULE_LIST) or ()

    @cached_property
    def unloaded_modules(self) -> tuple[UnloadedModule, ...]:
        """Modules that had been unloaded before the crash (Windows)."""
        return self.find_stream(streams.UNLOADED_MODULE_LIST) or ()

    @cached_property
    def memory(self) -> Memory:
        """The process's memory as far as the dump has it."""
        both = (streams.MEMORY_LIST, streams.MEMORY64_LIST)
        lists: list[MemoryRanges] = [ranges for ranges in map(self.find_stream, both) if ranges]
        stacks = (
            MemoryRange(thread.stack_start, thread.stack.size, thread.stack.rva)
            for thread in self.threads
        )
        return Memory(self._source, lists, stacks)

    @cached_property
    def memory_info(self) -> tuple[MemoryInfo, ...]:
        """Windows' regions of the address space, with state and protection."""
        return self.find_stream(streams.MEMORY_INFO_LIST) or ()

    @cached_property
    def crashpad(self) -> CrashpadInfo | None:
        """Ids and annotations; None for a dump that Crashpad did not write."""
        return self.find_stream(streams.CRASHPAD_INFO)

    @cached_property
    def breakpad(self) -> BreakpadInfo | None:
        """Which threads wrote and asked for the dump (Breakpad)."""
        return self.find_stream(streams.BREAKPAD_INFO)

    @cached_property
    def assertion(self) -> DumpAssertion | None:
        """The assertion that failed (Breakpad on Windows)."""
        return self.find_stream(streams.ASSERTION_INFO)

    @cached_property
    def mac_crash_info(self) -> tuple[MacCrashInfo, ...]:
        """What macOS noted in modules about the crash (Mozilla)."""
        return self.find_stream(streams.MAC_CRASH_INFO) or ()

    @cached_property
    def linux(self) -> LinuxInfo:
        """The /proc files and linker state in the dump."""
        return LinuxInfo(self.find_stream)

    @cached_property
    def comments(self) -> tuple[str, ...]:
        """The comments that a writer or debugger left."""
        both = (streams.COMMENT_A, streams.COMMENT_W)
        return tuple(text for text in map(self.find_stream, both) if text)

    @cached_property
    def handles(self) -> tuple[DumpHandle, ...]:
        """The process's open handles (Windows)."""
        return self.find_stream(streams.HANDLE_DATA) or ()

    @cached_property
    def needed_size(self) -> int:
        """Where the last of all that the dump speaks of ends; more than `size` when it was cut.

        As far as streams are read without a library, which handles are not.
        """
        ends = [self.header.directory_rva + self.header.stream_count * Directory.SIZE]
        for kind, location in self._places.items():
            ends.append(location.rva + location.size)
            if kind != streams.HANDLE_DATA:
                self.read_stream(kind)
        locations = [
            location for thread in self.threads for location in (thread.context, thread.stack)
        ]
        locations += [self.exception.context] if self.exception else []
        ends += [location.rva + location.size for location in locations]
        ends += [span.rva + span.size for span in self.memory.ranges]
        return max(*ends, self._source.furthest)

    def context(self, location: Location) -> Context | None:
        """The registers at a thread's or exception's context place."""
        self._learn_system()
        return find_context(self._source, location)

    def read_vectors(self, location: Location) -> dict[str, bytes]:
        """The registers of 128 bits at a thread's or exception's context place, by name."""
        self._learn_system()
        return read_vectors(self._source, location)

    def read_bytes(self, location: Location) -> bytes:
        """The bytes at a location, as far as the file has them."""
        return bytes(self._data[location.rva : location.rva + location.size])

    def find_place(self, stream_type: int) -> Location | None:
        """Where a stream is; of several of one type the first."""
        return self._places.get(stream_type)

    def find_stream(self, kind: StreamKind[Value]) -> Value | None:
        """A stream's value as its reader gives it; None when absent or unreadable."""
        self._learn_system()
        return self._read(kind)

    def read_stream(self, stream_type: int) -> None:
        """Read a stream of whatever type, as far as it can be, for its strings and its damage."""
        kind = streams.STREAMS.get(stream_type)
        if kind is not None:  # the number of one is 0
            self.find_stream(kind)

    def read_faultless(
        self, stream_type: int, reader: Callable[[DumpSource, Location], Value]
    ) -> Value:
        """What a reader makes of a stream that is there; MalformedFile for any damage in it."""
        source = DumpSource(self._data)
        value = reader(source, self._places[stream_type])
        for problem in source.problems:
            raise MalformedFile(problem.sentence, offset=problem.offset or 0)
        return value

    def read_raw_stream(self, stream_type: int) -> bytes | None:
        """A stream's bytes, as far as the file has them; None when absent."""
        location = self.find_place(stream_type)
        return self.read_bytes(location) if location else None

    def _learn_system(self) -> None:
        """Tell the source whose dump it is: some streams' layouts depend on it."""
        if self.system and self._source.architecture == "unknown":
            self._source.platform = self.system.platform
            self._source.architecture = self.system.architecture

    def _read(self, kind: StreamKind[Value]) -> Value | None:
        if kind not in self._values:
            self._values[kind] = self._read_once(kind)
        value: Value | None = self._values[kind]
        return value

    def _read_once(self, kind: StreamKind[Value]) -> Value | None:
        location = self._places.get(kind)
        if not location or not kind.reader:
            return None
        try:
            return kind.reader(self._source, location)
        except MalformedFile as error:
            self._source.note_error(error)
            return None

    @cached_property
    def _places(self) -> dict[int, Location]:
        places: dict[int, Location] = {}
        for entry in self.directory:
            name = streams.name_stream(entry.stream_type)
            if entry.stream_type == streams.UNUSED:
                continue
            if entry.stream_type in places:
                self._source.note(f"{name}: there are several; the first one counts", entry.rva)
                continue
            if entry.rva + entry.size > self.size:
                self._source.note(f"{name}: its {entry.size} bytes end after the file", entry.rva)
            places[entry.stream_type] = Location(entry.size, entry.rva)
        return places


def _read_header(data: Buffer, name: str) -> MinidumpHeader:
    if len(data) < MinidumpHeader.SIZE:
        raise MalformedFile(
            f"{name} is a minidump cut short in its header: it ends",
            offset=len(data),
            hint="the writer was stopped, or the transfer was cut: get the file again",
        )
    return MinidumpHeader.read(data)


def _map_file(name: str) -> mmap | bytes:
    with open(name, "rb") as file:  # noqa: PTH123 - pathlib costs start-up time
        if not os.fstat(file.fileno()).st_size:
            return file.read(0) or file.read()
        try:
            return mmap(file.fileno(), 0, access=ACCESS_READ)
        except OSError:  # a file system that maps nothing, or no address space for it
            return file.read()


def _release(data: Buffer) -> None:
    if isinstance(data, mmap):
        data.close()
