"""Public symbols: names that the linker knew, without sizes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb.structs import Index, PublicsHeader, PublicSym

if TYPE_CHECKING:
    from crashtool.formats.pdb.dbi import DebugInformation
    from crashtool.formats.pdb.msf import MultiStreamFile

FUNCTION = 2  # cvinfo.h, CV_PUBSYMFLAGS
X86 = 0x14C


class Public(NamedTuple):
    """A public symbol, as it is spelled on this machine."""

    name: str
    section: int
    offset: int


class Publics:
    """The public symbols of a PDB; its map of them is sorted by address, and searched in place."""

    def __init__(self, file: MultiStreamFile, dbi: DebugInformation) -> None:
        """MalformedFile when a stream of them cannot be read."""
        self._records = file.open_stream(dbi.head.symbol_stream)
        self._machine = dbi.head.machine
        self._stream = file.open_stream(dbi.head.public_stream)
        self._start = self._count = 0
        data = self._stream.read(0, PublicsHeader.SIZE)
        if len(data) == PublicsHeader.SIZE:
            head = PublicsHeader.read(data)
            self._start = PublicsHeader.SIZE + head.hash_size
            size = min(head.map_size, len(self._stream) - self._start)
            self._count = max(0, size) // Index.SIZE

    def find(self, section: int, offset: int) -> Public | None:
        """The last public symbol of a section at an offset or before it."""
        at = bisect_right(range(self._count), (section, offset), key=self._read_position)
        if not at:
            return None
        record = self._find_record(at - 1)
        symbol = PublicSym.read(self._records.read(record, PublicSym.SIZE))
        if symbol.section != section:
            return None
        name = self._records.read_string(record + PublicSym.SIZE)
        return Public(undecorate(name, self._machine), section, symbol.offset)

    def walk_last(self, section: int, offset: int) -> Iterator[Public]:
        """All public symbols at the last address of a section that has one at an offset or before
        it.
        """
        last = self.find(section, offset)
        at = bisect_right(range(self._count), (section, offset), key=self._read_position)
        while last is not None and at and self._read_position(at - 1) == last[1:]:
            at -= 1
            record = self._find_record(at)
            name = self._records.read_string(record + PublicSym.SIZE)
            yield last._replace(name=undecorate(name, self._machine))

    def walk_code(self) -> Iterator[tuple[int, int]]:
        """Section and offset of each public symbol that is a function."""
        for index in range(self._count):
            record = self._records.read(self._find_record(index), PublicSym.SIZE)
            symbol = PublicSym.read(record)
            if symbol.flags & FUNCTION:
                yield symbol.section, symbol.offset

    def walk_positions(self) -> Iterator[tuple[int, int]]:
        """Section and offset of each, in the order of addresses, none twice."""
        last = (-1, -1)
        for index in range(self._count):
            position = self._read_position(index)
            if position != last:
                yield position
            last = position

    def _find_record(self, index: int) -> int:
        return Index.read(self._stream.read(self._start + index * Index.SIZE, Index.SIZE)).value

    def _read_position(self, index: int) -> tuple[int, int]:
        record = self._records.read(self._find_record(index), PublicSym.SIZE)
        symbol = PublicSym.read(record)
        return symbol.section, symbol.offset


def undecorate(name: str, machine: int) -> str:
    """A C function's name without what calling conventions of 32-bit x86 add: _f, _f@8, @f@8."""
    if machine != X86 or name[:1] not in ("_", "@"):
        return name
    stem, at, size = name[1:].rpartition("@")
    return stem if at and stem and size.isdigit() else name[1:]
