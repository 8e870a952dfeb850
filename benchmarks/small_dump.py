"""Builds a minidump such as Crashpad writes on Windows: 9 threads, 60 modules, about 100 KB."""

from __future__ import annotations

import random
import uuid

from crashtool.formats.minidump.context import X8664Context
from crashtool.formats.minidump.streams import (
    CRASHPAD_INFO,
    EXCEPTION,
    MEMORY_LIST,
    MISC_INFO,
    MODULE_LIST,
    SYSTEM_INFO,
    THREAD_LIST,
)
from crashtool.formats.minidump.structs import (
    SIGNATURE,
    VERSION,
    CodeViewRsds,
    Count,
    CrashpadInfoRecord,
    Directory,
    ExceptionParameter,
    ExceptionStream,
    MemoryDescriptor,
    MinidumpHeader,
    MiscInfo1,
    ModuleRecord,
    StringPair,
    SystemInfoRecord,
    ThreadRecord,
)
from crashtool.formats.record import Record

THREADS = 9
MODULES = 60
STACK_SIZE = 8192
STACK_BASE = 0x0000_00A0_0000_0000
MODULE_BASE = 0x0000_7FF6_0000_0000
MODULE_SIZE = 0x40000
ACCESS_VIOLATION = 0xC0000005
FULL_CONTEXT = 0x10000B  # CONTEXT_AMD64 with control, integer and floating point (winnt.h)
ANNOTATIONS = {
    "format": "minidump",
    "token": "0123456789abcdef" * 4,
    "application.version": "24.3.1",
    "environment": "production",
    "hostname": "DESKTOP-4711",
}


class Layout:
    """A file that grows: what is pointed at is added before what points at it."""

    def __init__(self) -> None:
        self.data = bytearray(MinidumpHeader.SIZE)
        self.directory: list[Directory] = []

    def add(self, content: bytes) -> int:
        """Append bytes, aligned to 4; their place in the file."""
        self.data += bytes(-len(self.data) % 4)
        place = len(self.data)
        self.data += content
        return place

    def stream(self, stream_type: int, content: bytes) -> None:
        """Append a stream and enter it in the directory."""
        rva = self.add(content)
        self.directory.append(Directory(stream_type=stream_type, size=len(content), rva=rva))

    def wide_string(self, text: str) -> int:
        """Append a MINIDUMP_STRING: UTF-16 with its length in bytes before it."""
        encoded = text.encode("utf-16-le")
        return self.add(Count(entry_count=len(encoded)).pack() + encoded + bytes(2))

    def string(self, text: str) -> int:
        """Append a MinidumpUTF8String."""
        encoded = text.encode()
        return self.add(Count(entry_count=len(encoded)).pack() + encoded + bytes(1))

    def finish(self) -> bytes:
        """The whole file."""
        place = self.add(b"".join(entry.pack() for entry in self.directory))
        header = MinidumpHeader(
            signature=SIGNATURE,
            version=VERSION,
            stream_count=len(self.directory),
            directory_rva=place,
            timestamp=1_700_000_000,
        )
        self.data[: MinidumpHeader.SIZE] = header.pack()
        return bytes(self.data)


def pack_list(records: list[Record]) -> bytes:
    """A 32-bit count and the records."""
    return Count(entry_count=len(records)).pack() + b"".join(one.pack() for one in records)


def build_small_dump() -> bytes:
    """The same bytes each time."""
    chance = random.Random(1)  # noqa: S311 (plausible bytes, not secrets)
    layout = Layout()
    add_system(layout)
    threads, memory = add_threads(layout, chance)
    layout.stream(THREAD_LIST, pack_list(threads))
    parameters = ExceptionParameter(value=1).pack() + ExceptionParameter(value=0x10).pack()
    layout.stream(
        EXCEPTION,
        ExceptionStream(
            thread_id=threads[0].id,
            code=ACCESS_VIOLATION,
            address=MODULE_BASE + 0x1234,
            parameter_count=2,
            parameters=parameters.ljust(120, b"\0"),
            context_size=threads[0].context_size,
            context_rva=threads[0].context_rva,
        ).pack(),
    )
    layout.stream(MODULE_LIST, pack_list(add_modules(layout, chance)))
    add_crashpad_info(layout)
    layout.stream(MEMORY_LIST, pack_list(memory))
    return layout.finish()


def add_system(layout: Layout) -> None:
    """Windows 10 on x86-64, and the process."""
    layout.stream(
        SYSTEM_INFO,
        SystemInfoRecord(
            architecture=9,
            level=6,
            revision=0x9E0A,
            cpu_count=8,
            product_type=1,
            major=10,
            build=19045,
            platform=2,
            csd_rva=layout.wide_string("19045.3803"),
        ).pack(),
    )
    layout.stream(
        MISC_INFO,
        MiscInfo1(
            size=MiscInfo1.SIZE,
            flags=3,
            process_id=4711,
            process_create_time=1_699_999_000,
            process_user_time=12,
        ).pack(),
    )


def add_threads(
    layout: Layout, chance: random.Random
) -> tuple[list[ThreadRecord], list[MemoryDescriptor]]:
    """Threads with stacks on which one word in 16 looks like a return address.

    That gives about as many frames as scanning finds in a real dump of this size.
    """
    threads = []
    memory = []
    for index in range(THREADS):
        start = STACK_BASE + index * 0x100000
        words = [
            MODULE_BASE + chance.randrange(MODULES * MODULE_SIZE)
            if chance.random() < 1 / 16
            else chance.randrange(1 << 32)
            for _ in range(STACK_SIZE // ExceptionParameter.SIZE)
        ]
        stack = layout.add(b"".join(ExceptionParameter(value=word).pack() for word in words))
        context = X8664Context(
            flags=FULL_CONTEXT,
            rsp=start + 64,
            rbp=start + 256,
            rip=MODULE_BASE + index * MODULE_SIZE + 0x1234,
        ).pack()
        threads.append(
            ThreadRecord(
                id=1000 + index,
                priority=8,
                teb=0x7FFD_0000 + index * 0x2000,
                stack_start=start,
                stack_size=STACK_SIZE,
                stack_rva=stack,
                context_size=len(context),
                context_rva=layout.add(context),
            )
        )
        memory.append(MemoryDescriptor(start=start, size=STACK_SIZE, rva=stack))
    return threads, memory


def add_modules(layout: Layout, chance: random.Random) -> list[ModuleRecord]:
    """A program and libraries, each with a PDB's identity."""
    modules = []
    for index in range(MODULES):
        stem = f"library{index:02}" if index else "application"
        folder = "C:\\Program Files\\Application\\"
        codeview = CodeViewRsds(signature=b"RSDS", guid=chance.randbytes(16), age=1).pack()
        codeview += f"D:\\build\\{stem}.pdb\0".encode()
        modules.append(
            ModuleRecord(
                base=MODULE_BASE + index * MODULE_SIZE,
                size=MODULE_SIZE,
                timestamp=0x65000000 + index,
                version_signature=0xFEEF04BD,
                version_struct=0x10000,
                file_version_high=0x180003,
                file_version_low=0x10000,
                name_rva=layout.wide_string(f"{folder}{stem}.{'dll' if index else 'exe'}"),
                codeview_size=len(codeview),
                codeview_rva=layout.add(codeview),
            )
        )
    return modules


def add_crashpad_info(layout: Layout) -> None:
    """The report and its process annotations."""
    pairs = [
        StringPair(key_rva=layout.string(key), value_rva=layout.string(value))
        for key, value in ANNOTATIONS.items()
    ]
    dictionary = pack_list(pairs)
    layout.stream(
        CRASHPAD_INFO,
        CrashpadInfoRecord(
            version=1,
            report_id=uuid.UUID(int=1 << 100).bytes_le,
            client_id=uuid.UUID(int=2 << 100).bytes_le,
            simple_annotations_size=len(dictionary),
            simple_annotations_rva=layout.add(dictionary),
        ).pack(),
    )
