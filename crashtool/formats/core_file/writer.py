"""Core files written: a header, one segment of notes, one for each range of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO

from crashtool.formats.core_file.machines import CoreMachine
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file import elf_structs

PAGE = 0x1000
# Kinds of notes (elf.h)
PRSTATUS, PRPSINFO, AUXV, SIGINFO, FILE = 1, 3, 6, 0x53494749, 0x46494C45
ET_CORE, PT_LOAD, PT_NOTE = 4, 1, 4
READ, WRITE, EXECUTE = 4, 2, 1
BLOCK = 1 << 20
MAX_SEGMENTS = 0xFFFE - 1  # PN_XNUM is 0xffff; one is for the notes


class CoreSegment(NamedTuple):
    """`size` bytes of memory at `address`; `read(offset, size)` gives as many of them as asked."""

    address: int
    size: int
    read: Callable[[int, int], bytes]
    flags: int = READ | WRITE

    @classmethod
    def of(cls, address: int, content: bytes, flags: int = READ) -> CoreSegment:
        """A segment of bytes that are there."""
        return cls(
            address, len(content), lambda offset, size: content[offset : offset + size], flags
        )

    def part(self, start: int, end: int) -> CoreSegment:
        """The memory from `start` to `end` of it, which is not read for that."""
        skipped, read = start - self.address, self.read
        return CoreSegment(
            start, end - start, lambda offset, size: read(skipped + offset, size), self.flags
        )


class MappedFile(NamedTuple):
    """Memory that is the same as a part of a file: from `start` to `end`, at `offset` in bytes."""

    start: int
    end: int
    offset: int
    path: str
    flags: int = READ


def pack_files(machine: CoreMachine, files: Sequence[MappedFile]) -> bytes:
    """The content of NT_FILE."""
    head = machine.file_count(rows=len(files), page_size=PAGE).pack()
    rows = (
        machine.file_row(start=file.start, end=file.end, page=file.offset // PAGE).pack()
        for file in files
    )
    names = (file.path.encode("utf-8", "surrogateescape") + b"\0" for file in files)
    return head + b"".join(rows) + b"".join(names)


def write_core(
    file: BinaryIO, machine: CoreMachine, notes: bytes, segments: Iterable[CoreSegment]
) -> None:
    """Write a core file; segments do not overlap. OSError when it cannot be written."""
    loaded = sorted(segments, key=lambda segment: segment.address)
    if len(loaded) > MAX_SEGMENTS:
        raise OSError(f"{len(loaded):,} ranges of memory, where a core file has {MAX_SEGMENTS:,}")
    offset = machine.header.SIZE + machine.segment.SIZE * (len(loaded) + 1)
    file.write(_pack_header(machine, len(loaded) + 1))
    file.write(
        machine.segment(
            segment_type=PT_NOTE, offset=offset, file_size=len(notes), alignment=4
        ).pack()
    )
    start = place = _align(offset + len(notes))
    for segment in loaded:
        header = machine.segment(
            segment_type=PT_LOAD,
            flags=segment.flags,
            offset=place,
            address=segment.address,
            file_size=segment.size,
            memory_size=segment.size,
            alignment=1,
        )
        file.write(header.pack())
        place = _align(place + segment.size)
    file.write(notes + bytes(start - offset - len(notes)))
    for segment in loaded:
        for begin in range(0, segment.size, BLOCK):
            size = min(BLOCK, segment.size - begin)
            block = segment.read(begin, size)
            if len(block) != size:  # zeros in their place would be shown as memory
                raise OSError(f"the memory at {segment.address + begin:#x} has become shorter")
            file.write(block)
        file.write(bytes(_align(segment.size) - segment.size))


def _pack_header(machine: CoreMachine, segments: int) -> bytes:
    ident = elf_structs.Identification(
        magic=b"\x7fELF", word_class=machine.width // 4, encoding=1, version=1
    ).pack()
    fields = {
        "identification": ident,
        "file_type": ET_CORE,
        "machine": machine.number,
        "version": 1,
        "segments_offset": machine.header.SIZE,
        "header_size": machine.header.SIZE,
        "segment_size": machine.segment.SIZE,
        "segment_count": segments,
    }
    return machine.header(**fields).pack()


def _align(size: int) -> int:
    return -(-size // 16) * 16
