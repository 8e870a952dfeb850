"""Streams of types (TPI) and of ids (IPI): a record by its number, with the stream's own index."""

from struct import unpack_from
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb.dbi import NO_STREAM
from crashtool.formats.pdb.module_code import RecordWindow
from crashtool.formats.pdb.structs import Index, NamedStream, RecordHead, TypesHeader

if TYPE_CHECKING:
    from crashtool.formats.pdb.msf import MsfStream, MultiStreamFile

TPI_STREAM, IPI_STREAM = 2, 4
MAX_HOPS = 1 << 16  # between two rows of the index: some 8 KiB of records
MAX_KEPT = 1 << 14


class TypeRecord(NamedTuple):
    """A record without its head, and where it is in its stream."""

    kind: int
    data: bytes
    offset: int

    def read_number(self, offset: int) -> int:
        """The 32-bit number at an offset. MalformedFile when it is not there."""
        return Index.read(self.data, offset).value

    def read_numbers(self, offset: int) -> tuple[int, ...]:
        """A list of 32-bit numbers behind their count. MalformedFile when they do not fit."""
        count = self.read_number(offset)
        rows = Index.read_array(self.data, offset + Index.SIZE, count)
        return tuple(row.value for row in rows)

    def read_string(self, offset: int) -> str:
        """The text from an offset to its zero, or to the record's end."""
        return self.data[offset:].partition(b"\0")[0].decode("utf-8", "replace")


class TypeStream:
    """Types or ids by their numbers."""

    def __init__(self, file: "MultiStreamFile", number: int | None) -> None:
        """That of a stream's number, or an empty one. MalformedFile when it cannot be read."""
        self._stream = file.open_stream(NO_STREAM if number is None else number)
        self._first = self._last = 0
        self._index: tuple[int, ...] = ()
        self._kept: dict[int, TypeRecord] = {}
        if not len(self._stream):
            return
        head = TypesHeader.read(self._stream.read(0, TypesHeader.SIZE))
        if head.header_size < TypesHeader.SIZE or head.first > head.last:
            raise MalformedFile("the types of a PDB begin with no head", offset=0)
        self._first, self._last, self._start = head.first, head.last, head.header_size
        if head.index_offset >= 0:
            index = file.open_stream(head.hash_stream).read(
                head.index_offset, head.index_size & ~(NamedStream.SIZE - 1)
            )
            self._index = unpack_from(f"<{len(index) // Index.SIZE}I", index)

    def find(self, number: int) -> TypeRecord | None:
        """The record of a number; None where there is none. MalformedFile when it is damaged."""
        if not self._first <= number < self._last:
            return None
        record = self._kept.get(number)
        if record is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            record = self._kept[number] = self._read(self._stream, number)
        return record

    def _read(self, stream: "MsfStream", wanted: int) -> TypeRecord:
        number, offset = self._find_before(wanted)
        window = RecordWindow(stream)
        offset += self._start
        while True:
            data, index = window.locate(offset, RecordHead.SIZE)
            head = RecordHead.read(data, index)
            if number == wanted:
                size = max(head.size, RecordHead.SIZE - 2) - (RecordHead.SIZE - 2)
                data = stream.read_exactly(offset + RecordHead.SIZE, size)
                return TypeRecord(head.kind, data, offset)
            number += 1
            offset += max(head.size + 2, RecordHead.SIZE)

    def _find_before(self, number: int) -> tuple[int, int]:
        """The last number that the index has at this one or before it, and where its record is."""
        low, high = 0, len(self._index) // 2
        if not high or self._index[0] > number:
            return self._first, 0
        while high - low > 1:
            middle = (low + high) // 2
            if self._index[2 * middle] <= number:
                low = middle
            else:
                high = middle
        return self._index[2 * low], self._index[2 * low + 1]
