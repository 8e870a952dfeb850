"""The memory in a dump: found by address, never copied before it is asked for."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import overload

from crashtool.formats.minidump.dump_source import DumpSource, Location
from crashtool.formats.minidump.structs import (
    ListHeader64,
    Memory64Header,
    MemoryDescriptor,
    MemoryDescriptor64,
    MemoryInfo,
)
from crashtool.formats.named_tuple import NamedTuple

MAX_RANGES = 1 << 19
BATCH = 1 << 12
ADDRESS_SPACE = 1 << 64


class MemoryRange(NamedTuple):
    """`size` bytes of the process from address `start` on, kept at `rva` in the file."""

    start: int
    size: int
    rva: int


class MemoryRanges(Sequence[MemoryRange]):
    """Memory ranges in file order: 24 bytes each, however many a full dump has."""

    def __init__(self, rows: Iterable[tuple[int, int, int]] = ()) -> None:
        self._starts, self._sizes, self._rvas = array("Q"), array("Q"), array("Q")
        source = iter(rows)
        while batch := tuple(islice(source, BATCH)):
            starts, sizes, rvas = zip(*batch, strict=True)
            self._starts.extend(starts)
            self._sizes.extend(sizes)
            self._rvas.extend(rvas)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> MemoryRange: ...
    @overload
    def __getitem__(self, index: slice) -> MemoryRanges: ...
    def __getitem__(self, index: int | slice) -> MemoryRange | MemoryRanges:
        if isinstance(index, slice):
            rows = zip(self._starts[index], self._sizes[index], self._rvas[index], strict=True)
            return MemoryRanges(rows)
        return MemoryRange(self._starts[index], self._sizes[index], self._rvas[index])

    def __iter__(self) -> Iterator[MemoryRange]:
        return map(MemoryRange, self._starts, self._sizes, self._rvas)

    def walk_rows(self) -> Iterator[tuple[int, int, int]]:
        """The same as plain tuples: a dump has hundreds, and each is looked at."""
        return zip(self._starts, self._sizes, self._rvas, strict=True)

    @property
    def starts(self) -> array[int]:
        """The first address of each."""
        return self._starts


class Memory:
    """The process's memory as far as the dump has it.

    `lists` are the memory lists in order of preference; `stacks` are the threads' own ranges,
    used where no list has them.
    """

    def __init__(
        self, source: DumpSource, lists: Iterable[MemoryRanges], stacks: Iterable[MemoryRange]
    ) -> None:
        self._source = source
        self._lists = tuple(lists)
        self._stacks = MemoryRanges(stacks)

    @cached_property
    def ranges(self) -> Sequence[MemoryRange]:
        """What the memory lists say, in file order, also where the file ends before."""
        if len(self._lists) == 1:
            return self._lists[0]
        return MemoryRanges(span for ranges in self._lists for span in ranges)

    def read(self, address: int, size: int) -> bytes | None:
        """`size` bytes from `address` on, across adjacent ranges; None unless all are there."""
        if size < 0 or size > self._source.size or address < 0:
            return None
        pieces: list[bytes] = []
        while True:
            span = self.find_range(address)
            if not span:
                return b"" if not size else None
            offset = span.rva + address - span.start
            piece = min(size, span.start + span.size - address)
            pieces.append(bytes(self._source.data[offset : offset + piece]))
            address += piece
            size -= piece
            if not size:
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def find_range(self, address: int) -> MemoryRange | None:
        """The range that has `address`, as far as no range before it has its bytes."""
        starts, index = self._index
        offset = bisect_right(starts, address) - 1
        if offset < 0:
            return None
        span = index[offset]
        return span if address < span.start + span.size else None

    def walk_addresses(self) -> Iterator[MemoryRange]:
        """All memory in the file by address, each address once."""
        return iter(self._index[1])

    def walk_stored(self) -> Iterator[MemoryRange]:
        """All bytes of memory in the file, in its order and each once; an address may be twice."""
        done = 0
        for rva, size, start in sorted(
            (stretch[3], stretch[2], stretch[0]) for stretch in self._walk_present()
        ):
            seen = max(0, done - rva)
            if seen < size:
                yield MemoryRange(start + seen, size - seen, rva + seen)
                done = rva + size

    @cached_property
    def _index(self) -> tuple[array[int], MemoryRanges]:
        """Ranges by address, cut where they overlap, and as far as the file has their bytes."""
        index = MemoryRanges(_walk_disjoint(sorted(self._walk_present())))
        return index.starts, index

    def _walk_present(self) -> Iterator[tuple[int, int, int, int]]:
        """(start, rank, size, RVA) of the bytes that are there; a lower rank is better."""
        end = self._source.size
        for rank, ranges in enumerate((*self._lists, self._stacks)):
            for start, size, rva in ranges.walk_rows():
                present = size
                if rva + size > end or start + size > ADDRESS_SPACE:
                    present = min(size, end - rva, ADDRESS_SPACE - start)
                if rva and present > 0:
                    yield start, rank, present, rva


def _walk_disjoint(rows: Iterable[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int]]:
    covered = 0
    for start, _, size, rva in rows:
        if start >= covered:
            yield start, size, rva
            covered = start + size
        elif (overlap := covered - start) < size:
            yield covered, size - overlap, rva + overlap
            covered = start + size


def read_memory_list(source: DumpSource, location: Location) -> MemoryRanges:
    """MemoryList, stream 5."""
    return MemoryRanges(
        source.read_list(MemoryDescriptor, location, "MemoryList", padded=True, limit=MAX_RANGES)
    )


def read_memory64_list(source: DumpSource, location: Location) -> MemoryRanges:
    """Memory64List, stream 9: the ranges' bytes follow one another in the file."""
    source.check_inside(Memory64Header.SIZE, location, "Memory64List")
    header = Memory64Header.read(source.data, location.rva)
    rows = source.read_entries(
        MemoryDescriptor64,
        location,
        Memory64Header.SIZE,
        header.entry_count,
        "Memory64List",
        limit=MAX_RANGES,
    )
    return MemoryRanges(_walk_placed(source, rows, header.rva))


def _walk_placed(
    source: DumpSource, rows: Iterable[MemoryDescriptor64], rva: int
) -> Iterator[tuple[int, int, int]]:
    for start, size in rows:
        if rva >= ADDRESS_SPACE:
            break
        yield start, size, rva
        rva += size
    if rva > source.size:
        source.note("Memory64List: the file ends before its last bytes", source.size)


def read_memory_info(source: DumpSource, location: Location) -> tuple[MemoryInfo, ...]:
    """MemoryInfoList, stream 16."""
    return tuple(source.read_sized_list(MemoryInfo, location, "MemoryInfoList", ListHeader64))
