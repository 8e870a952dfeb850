"""Makes more minidumps of a small one: a huge one, and many."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from crashtool.formats.minidump.streams import MEMORY64_LIST, MEMORY_LIST
from crashtool.formats.minidump.structs import (
    Count,
    Directory,
    Memory64Header,
    MemoryDescriptor,
    MemoryDescriptor64,
    MinidumpHeader,
)

FULL_MEMORY_FLAG = 0x2  # MiniDumpWithFullMemory (minidumpapiset.h)
HEAP_START = 0x2000_0000_0000
HEAP_GAP = 0x10000
RANGE_COUNT = 2000  # about what a large desktop program has
PAGE = 4096


def write_full_memory_dump(source: Path, target: Path, size: int, *, wide: bool) -> None:
    """Write `source` again with `size` more bytes of memory, in 2,000 ranges of zeros.

    `wide` writes a Memory64List, as Windows does for a full dump; else a MemoryList, as Crashpad
    does. The zeros are a hole in the file where the file system can do that; a reader sees no
    difference.
    """
    data = source.read_bytes()
    header = MinidumpHeader.read(data)
    directory = list(Directory.read_array(data, header.directory_rva, header.stream_count))
    known = [
        (memory.start, data[memory.rva : memory.rva + memory.size])
        for entry in directory
        if entry.stream_type == MEMORY_LIST
        for memory in _read_memory_list(data, entry)
    ]
    each = size // RANGE_COUNT // PAGE * PAGE
    heap = [(HEAP_START + index * (each + HEAP_GAP), b"") for index in range(RANGE_COUNT)]
    ranges = sorted(known + heap)
    kept = [entry for entry in directory if entry.stream_type not in {MEMORY_LIST, MEMORY64_LIST}]
    place = _aligned(len(data), 16)
    list_place = _aligned(place + Directory.SIZE * (len(kept) + 1), 16)
    sizes = [(start, len(content) or each) for start, content in ranges]
    list_size = (
        Memory64Header.SIZE + MemoryDescriptor64.SIZE * len(ranges)
        if wide
        else Count.SIZE + MemoryDescriptor.SIZE * len(ranges)
    )
    memory_place = _aligned(list_place + list_size, PAGE)
    stream_type = MEMORY64_LIST if wide else MEMORY_LIST
    kept.append(Directory(stream_type=stream_type, size=list_size, rva=list_place))
    pack = _pack_memory64_list if wide else _pack_memory_list
    with target.open("wb") as file:
        file.write(data)
        file.seek(0)
        file.write(
            header.replace(
                directory_rva=place,
                stream_count=len(kept),
                flags=header.flags | FULL_MEMORY_FLAG,
            ).pack()
        )
        file.seek(place)
        file.write(b"".join(entry.pack() for entry in kept))
        file.seek(list_place)
        file.write(pack(sizes, memory_place))
        offset = memory_place
        for (_, content), (_, length) in zip(ranges, sizes, strict=True):
            file.seek(offset)
            file.write(content)
            offset += length
        file.truncate(offset)


def copy_dump(source: Path, folder: Path, count: int) -> Iterator[Path]:
    """Copies of a dump, `count` of them, in a folder that is made for them."""
    folder.mkdir()
    for index in range(count):
        yield Path(shutil.copyfile(source, folder / f"{index:04}.dmp"))


def _read_memory_list(data: bytes, entry: Directory) -> Iterable[MemoryDescriptor]:
    count = Count.read(data, entry.rva).entry_count
    # Some writers leave four bytes between the count and the entries.
    padding = entry.size - Count.SIZE - count * MemoryDescriptor.SIZE
    return MemoryDescriptor.read_array(data, entry.rva + Count.SIZE + padding, count)


def _pack_memory_list(sizes: list[tuple[int, int]], place: int) -> bytes:
    packed = [Count(entry_count=len(sizes)).pack()]
    for start, size in sizes:
        packed.append(MemoryDescriptor(start=start, size=size, rva=place).pack())
        place += size
    return b"".join(packed)


def _pack_memory64_list(sizes: list[tuple[int, int]], place: int) -> bytes:
    packed = [Memory64Header(entry_count=len(sizes), rva=place).pack()]
    packed += [MemoryDescriptor64(start=start, size=size).pack() for start, size in sizes]
    return b"".join(packed)


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
