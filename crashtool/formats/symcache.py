"""The symbol cache that symbolic writes: every function, line and inlined call of a debug file.

Its layout is that of symbolic-symcache's raw.rs: a header, then files, functions, source locations
and the starts of ranges, all of 32-bit numbers, then the names.
"""

import ntpath
import posixpath
import sys
from array import array
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, TypeAlias

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import U32, Record

if TYPE_CHECKING:
    from crashtool.formats.record import Buffer

# start, end, file, line, function, outer: numbers as they are in the file
Row: TypeAlias = tuple[int, int, int, int, int, int]

MAGIC = b"SYMC"
NOTHING = 0xFFFFFFFF
FILE_FIELDS = {7: 3, 8: 3, 9: 6}  # by version
FUNCTION_FIELDS = LOCATION_FIELDS = 4
WORD = 4
ALIGNMENT = 8
DEEPEST = 256  # inlined calls within one another; a damaged chain may have no end
LAST_BIT = 7  # of a byte of a length: more follow


class SymCacheHeader(Record):
    """What a cache begins with."""

    magic: Annotated[bytes, "4s"]
    version: U32
    debug_id: Annotated[bytes, "32s"]
    architecture: U32
    file_count: U32
    function_count: U32
    location_count: U32
    range_count: U32
    string_size: U32
    reserved: Annotated[bytes, "16s"]


class SymCacheLocation(NamedTuple):
    """A function at some address: its number, and the file's; -1 for none. Line 0 is none."""

    function: int
    file: int
    line: int


class Counts(NamedTuple):
    """What there is: functions with and without a name, bytes of code with names and with lines.

    `inlined`: ranges of code that belong to a function merged into another.
    """

    named: int
    nameless: int
    named_bytes: int
    lined_bytes: int
    inlined: int


class SymCache:
    """A cache, read whole but for its names; addresses are from the module's base."""

    def __init__(self, data: "Buffer") -> None:
        """MalformedFile when the parts that the header promises do not make up the file."""
        header = SymCacheHeader.read(data)
        fields = FILE_FIELDS.get(header.version)
        if header.magic != MAGIC or fields is None:
            raise MalformedFile(f"no symbol cache of a known version ({header.version})", offset=4)
        self._data = data
        if header.range_count > header.location_count:
            raise MalformedFile("a symbol cache has more ranges than places", offset=0)
        self._place = SymCacheHeader.SIZE
        self._file_fields = fields
        self._files = self._read(fields * header.file_count)
        self._functions = self._read(FUNCTION_FIELDS * header.function_count)
        self._locations = self._read(LOCATION_FIELDS * header.location_count)
        self.starts = self._read(header.range_count)
        self._strings = self._place
        if self._strings + header.string_size > len(data):
            raise MalformedFile("a symbol cache is cut short", offset=len(data))
        self._first = header.location_count - header.range_count
        self._callers: dict[int, tuple[SymCacheLocation, ...]] = {}
        self.file_count = header.file_count
        self.function_count = header.function_count

    def _read(self, count: int) -> "array[int]":
        """The next part: so many numbers, and what fills it up to the next eight bytes."""
        end = self._place + count * WORD
        if end > len(self._data):
            raise MalformedFile("a symbol cache is cut short", offset=len(self._data))
        words = array("I")
        words.frombytes(bytes(self._data[self._place : end]))
        if sys.byteorder == "big":
            words.byteswap()
        self._place = -(-end // ALIGNMENT) * ALIGNMENT
        return words

    def function_name(self, number: int) -> str:
        """A function's name as in the file; "" for none."""
        return self._string(self._functions[number * FUNCTION_FIELDS])

    def function_start(self, number: int) -> int | None:
        """Where a function begins; None for one that is only ever merged into others."""
        start = self._functions[number * FUNCTION_FIELDS + 2]
        return None if start == NOTHING else start

    def file_path(self, number: int) -> str:
        """A file's path: the folder of the compilation, the file's own, its name; without `..`."""
        offset = number * self._file_fields
        parts = [self._string(self._files[offset + index]) for index in range(3)]
        if self._file_fields == FILE_FIELDS[7]:  # these have the name first
            parts.reverse()
        is_windows = any("\\" in part or part[1:2] == ":" for part in parts)
        rules = ntpath if is_windows else posixpath
        path = rules.join("", *filter(None, parts))
        return rules.normpath(path) if path else ""

    def places(self, number: int) -> list[SymCacheLocation]:
        """The functions of range `number`, innermost first; none for a gap."""
        return self._walk_places(self._first + number)

    def _walk_places(self, index: int) -> list[SymCacheLocation]:
        found: list[SymCacheLocation] = []
        while index < len(self._locations) // LOCATION_FIELDS and len(found) < DEEPEST:
            file, line, function, outer = self._locations[
                index * LOCATION_FIELDS : (index + 1) * LOCATION_FIELDS
            ]
            if function >= self.function_count:
                break
            found.append(SymCacheLocation(function, file if file < self.file_count else -1, line))
            index = outer
        return found

    def callers(self, index: int) -> tuple[SymCacheLocation, ...]:
        """The places that a place was merged into, innermost first, by what its `outer` says."""
        known = self._callers.get(index)
        if known is None:
            known = self._callers[index] = tuple(self._walk_places(index))
        return known

    def list_merged(self) -> list[int]:
        """The functions that were merged into others, by number."""
        words = memoryview(self._locations)
        rows = zip(words[2::LOCATION_FIELDS], words[3::LOCATION_FIELDS], strict=True)
        return sorted(
            {row for row, outer in rows if outer != NOTHING and row < self.function_count}
        )

    def walk_ranges(self) -> Iterator[tuple[int, int, int]]:
        """(number, start, end) of every range in the order of addresses; the last has no end: 0."""
        for number, (start, end) in enumerate(zip(self.starts, self._ends(), strict=True)):
            yield number, start, end

    def walk_rows(self) -> Iterator[Row]:
        """Every range with its place, in the order of addresses; the last has no end: 0.

        There are tens of millions: nothing is looked up, so that none costs more than it must.
        """
        words = memoryview(self._locations)[self._first * LOCATION_FIELDS :]
        fields = (words[number::LOCATION_FIELDS] for number in range(LOCATION_FIELDS))
        return zip(self.starts, self._ends(), *fields, strict=True)

    def _ends(self) -> Iterator[int]:
        return chain(memoryview(self.starts)[1:], (0,) if self.starts else ())

    def key(self, number: int) -> tuple[int, int, int, int]:
        """What tells the place of range `number`: equal for ranges of one place."""
        offset = (self._first + number) * LOCATION_FIELDS
        file, line, function, outer = self._locations[offset : offset + LOCATION_FIELDS]
        return file, line, function, outer

    def walk_named(self, besides: frozenset[str] = frozenset()) -> Iterator[tuple[int, int]]:
        """(start, end) of the code of all functions that have a name, but for those `besides`."""
        counted = self._find_counted(besides)
        for number, start, end in self.walk_ranges():
            function = self.key(number)[2]
            if function < self.function_count and counted[function]:
                yield start, end

    def _find_counted(self, besides: frozenset[str]) -> list[bool]:
        names = map(self.function_name, range(self.function_count))
        return [bool(name) and name not in besides for name in names]

    def count(self, besides: frozenset[str] = frozenset()) -> Counts:
        """How much can be looked up. The code of functions named `besides` is not counted."""
        named = self._find_counted(besides)
        named_bytes = lined_bytes = inlined = 0
        first = self._first * LOCATION_FIELDS
        rows = zip(*(self._locations[first + field :: LOCATION_FIELDS] for field in range(4)),
                   strict=True)  # fmt: skip
        for (_, start, end), (file, line, function, outer) in zip(
            self.walk_ranges(), rows, strict=True
        ):
            if function >= self.function_count:
                continue
            size = max(end - start, 1)
            named_bytes += size if named[function] else 0
            lined_bytes += size if line and file != NOTHING else 0
            inlined += outer != NOTHING
        nameless = sum(not self.function_name(number) for number in range(self.function_count))
        total = self.function_count - nameless
        return Counts(total, nameless, named_bytes, lined_bytes, inlined)

    def _string(self, offset: int) -> str:
        """A name: its length in seven bits a byte, then so many bytes of UTF-8."""
        if offset == NOTHING:
            return ""
        position, size, shift = self._strings + offset, 0, 0
        while position < len(self._data):
            byte = self._data[position]
            position += 1
            size |= (byte & 0x7F) << shift
            shift += LAST_BIT
            if not byte >> LAST_BIT:
                break
        return bytes(self._data[position : position + size]).decode("utf-8", "replace")
