"""Which memory of a stopped process goes into its minidump: stacks, and what is pointed at.

Everything is bounded, so that a process of any size with any number of threads is dumped in little
memory and time. A stack that is too long keeps both ends: the crash, and who began it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from crashtool.formats.minidump.snapshot import MemorySnapshot
from crashtool.formats.record import U32, U64, Record
from crashtool.services.handler.process.target import PAGE, RED_ZONE, MemoryMapping
from crashtool.services.handler.snapshot.interrupted_stack import find_interrupted

Read = Callable[[int, int], bytes]

CRASHED_STACK = 8 << 20
OTHER_STACKS = 24 << 20  # bytes for all threads but the crashed one
MAX_OF_A_STACK = 1 << 20
LEAST_OF_A_STACK = 4 << 10
REFERENCED = 1 << 20  # bytes of what registers and stacks point at
STACK_WORDS = 2048  # of the crashed thread's stack that are taken for pointers
_BEFORE, _AFTER = 128, 384  # around what a word points at; Crashpad takes as much
_CODE = 256  # on each side of an instruction pointer
_GAP = 1 << 20  # a stack that was left is looked for so many bytes above its pointer
_MAX_STACKS = 4  # of one thread: a handler's, another handler's that it interrupted, …
_NO_MEMORY = ("[vvar]", "[vvar_vclock]", "[vsyscall]")


class _Word64(Record):
    """A pointer of x86-64."""

    value: U64


class _Word32(Record):
    """A pointer of x86."""

    value: U32


def share_of_a_stack(thread_count: int) -> int:
    """How many bytes of its stack each thread but the crashed one may have."""
    share = OTHER_STACKS // max(thread_count, 1)
    return max(LEAST_OF_A_STACK, min(MAX_OF_A_STACK, share)) & -PAGE


class MemoryMap:
    """The readable memory of a process, by its mappings.

    `read` gives at most so many bytes at an address, and OSError when there are none.
    """

    def __init__(self, mappings: Iterable[MemoryMapping], read: Read) -> None:
        self._mappings = sorted(mappings)
        self._starts = [one.start for one in self._mappings]
        self._read = read

    def find(self, address: int) -> MemoryMapping | None:
        """The mapping of an address that may be read."""
        location = bisect_right(self._starts, address) - 1
        if location < 0 or not _is_readable(self._mappings[location]):
            return None
        return self._mappings[location] if address < self._mappings[location].end else None

    def find_stack(self, pointer: int, width: int) -> tuple[int, int] | None:
        """[start, end) of a thread's stack in use.

        Where the pointer has left it, as after an overflow, all of the stack above is in use.
        """
        zone = RED_ZONE if width == 8 else 0  # noqa: PLR2004 (bytes of a register)
        if (mapping := self.find(pointer)) and "w" in mapping.permissions:
            return max(mapping.start, pointer - zone) & -width, self._end_of(mapping)
        address = bisect_right(self._starts, pointer)
        for mapping in self._mappings[address : address + 2]:
            is_near = mapping.start - pointer <= _GAP
            if is_near and mapping.permissions.startswith("rw") and mapping.name in ("", "[stack]"):
                return mapping.start, self._end_of(mapping)
        return None

    def _end_of(self, mapping: MemoryMapping) -> int:
        """The stack's end; the kernel may have split it, where a part has other properties."""
        end = mapping.end
        address = bisect_right(self._starts, mapping.start)
        for other in self._mappings[address:]:
            if other.start != end or other.name != "[stack]" or mapping.name != "[stack]":
                break
            end = other.end
        return end

    def read(self, start: int, end: int) -> MemorySnapshot | None:
        """What can be read of [start, end) from its beginning; None when nothing can."""
        try:
            return MemorySnapshot(start, self._read(start, end - start))
        except OSError:
            return None

    def around(self, address: int, before: int, after: int) -> tuple[int, int] | None:
        """[start, end) around an address, within its mapping; None when it cannot be read."""
        mapping = self.find(address)
        if mapping is None:
            return None
        return max(mapping.start, address - before), min(mapping.end, address + after)


def capture_stack(
    memory: MemoryMap, pointer: int, width: int, limit: int
) -> tuple[MemorySnapshot | None, MemorySnapshot | None]:
    """A thread's stack from its pointer on; and its far end, when the whole passes `limit`."""
    stretch = memory.find_stack(pointer, width)
    if stretch is None or limit < width:
        return None, None
    start, end = stretch
    if end - start <= limit:
        return memory.read(start, end), None
    half = limit // 2 & -width
    return memory.read(start, start + half), memory.read(end - half, end)


def capture_interrupted(
    memory: MemoryMap, stack: MemorySnapshot | None, width: int, limit: int
) -> list[MemorySnapshot]:
    """The stacks that signals have interrupted whose handlers run on others, in order of address.

    `stack` is the thread's own; none where that is not a handler's.
    """
    taken = [stack] if stack else []
    budget = limit
    for one in taken:  # which grows meanwhile
        for pointer in find_interrupted(one, width):
            if budget < width or len(taken) >= _MAX_STACKS:
                break
            if any(other.start <= pointer < other.end for other in taken):
                continue
            parts = capture_stack(memory, pointer, width, budget)
            spans = [(part.start, part.end) for part in parts if part]
            holes = _merge([(other.start, other.end) for other in taken])
            fresh = [memory.read(start, end) for start, end in _subtract(spans, holes)]
            taken += [part for part in fresh if part]
            budget -= sum(len(part.data) for part in fresh if part)
    return sorted(taken[1:], key=lambda part: part.start)


def capture_referenced(
    memory: MemoryMap,
    pointers: Iterable[int],
    instructions: Iterable[int],
    taken: Sequence[MemorySnapshot],
) -> list[MemorySnapshot]:
    """What surrounds pointers and instruction pointers, but what is taken already; in order.

    The first pointers count most: there is a limit.
    """
    places = (memory.around(address, _CODE, _CODE) for address in instructions)
    wanted = [location for location in places if location]
    budget = REFERENCED
    for address in dict.fromkeys(pointers):
        stretch = memory.around(address, _BEFORE, _AFTER)
        if stretch and budget > 0:
            wanted.append(stretch)
            budget -= stretch[1] - stretch[0]
    free = _subtract(_merge(wanted), _merge([(one.start, one.end) for one in taken]))
    return [got for start, end in free if (got := memory.read(start, end))]


def list_words(stack: MemorySnapshot | None, width: int) -> list[int]:
    """The first words of a stack, one of which may be a pointer."""
    if stack is None:
        return []
    kind = _Word64 if width == 8 else _Word32  # noqa: PLR2004 (bytes of a register)
    count = min(STACK_WORDS, len(stack.data) // width)
    return [word.value for word in kind.read_array(stack.data, 0, count)]


def _is_readable(mapping: MemoryMapping) -> bool:
    is_device = mapping.name.startswith("/dev/") and not mapping.name.startswith(
        ("/dev/shm/", "/dev/zero")  # noqa: S108 (a mapping's name)
    )
    return "r" in mapping.permissions and not is_device and mapping.name not in _NO_MEMORY


def _merge(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _subtract(
    spans: Sequence[tuple[int, int]], holes: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Parts of `spans` outside of `holes`; both in order and without overlaps."""
    for start, end in spans:
        address = start
        for hole_start, hole_end in holes:
            if hole_end <= address or hole_start >= end:
                continue
            if hole_start > address:
                yield address, hole_start
            address = max(address, hole_end)
        if address < end:
            yield address, end
