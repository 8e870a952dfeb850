"""Streams of types (TPI) and of ids (IPI): a record by its number, with the stream's own index."""

from __future__ import annotations

from struct import error as struct_error
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
MAX_KEPT = 1 << 14
NUMERIC_LEAVES = {
    0x8000: "<b",
    0x8001: "<h",
    0x8002: "<H",
    0x8003: "<i",
    0x8004: "<I",
    0x8009: "<q",
    0x800A: "<Q",
}
NUMERIC_SIZES = {"b": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8}


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
        return tuple(index.value for index in rows)

    def read_short(self, offset: int) -> int:
        """The 16-bit number at an offset; what is cut short counts as zeros."""
        return int.from_bytes(self.data[offset : offset + 2], "little")

    def read_numeric(self, offset: int) -> tuple[int, int]:
        """A numeric leaf, and where it ends. MalformedFile for one of no known kind."""
        kind = self.read_short(offset)
        if kind < min(NUMERIC_LEAVES):
            return kind, offset + 2
        try:
            code = NUMERIC_LEAVES[kind]
            value = unpack_from(code, self.data, offset + 2)[0]
        except (KeyError, struct_error):
            raise MalformedFile(f"a number of kind {kind:#x}", offset=self.offset) from None
        return value, offset + 2 + NUMERIC_SIZES[code[1]]

    def read_string(self, offset: int) -> str:
        """The text from an offset to its zero, or to the record's end."""
        return self.data[offset:].partition(b"\0")[0].decode("utf-8", "replace")


class TypeHashes(NamedTuple):
    """Where a stream has a hash of 32 bits for each type, as the number of its bucket."""

    stream: MsfStream
    start: int
    size: int
    bucket_count: int


class TypeStream:
    """Types or ids by their numbers, from `first` to before `last`."""

    def __init__(self, file: MultiStreamFile, number: int | None) -> None:
        """That of a stream's number, or an empty one. MalformedFile when it cannot be read."""
        self._stream = file.open_stream(NO_STREAM if number is None else number)
        self.first = self.last = 0
        self.hashes: TypeHashes | None = None
        self._index: tuple[int, ...] = ()
        self._kept: dict[int, TypeRecord] = {}
        if not len(self._stream):
            return
        head = TypesHeader.read(self._stream.read(0, TypesHeader.SIZE))
        if head.header_size < TypesHeader.SIZE or head.first > head.last:
            raise MalformedFile("the types of a PDB begin with no head", offset=0)
        self.first, self.last, self._start = head.first, head.last, head.header_size
        hashes = file.open_stream(head.hash_stream)
        if 0 < head.values_size <= len(hashes) and head.values_offset >= 0 and head.bucket_count:
            self.hashes = TypeHashes(
                hashes, head.values_offset, head.values_size, head.bucket_count
            )
        if head.index_offset >= 0:
            index = hashes.read(head.index_offset, head.index_size & ~(NamedStream.SIZE - 1))
            self._index = unpack_from(f"<{len(index) // Index.SIZE}I", index)

    def find(self, number: int) -> TypeRecord | None:
        """The record of a number; None where there is none. MalformedFile when it is damaged."""
        if not self.first <= number < self.last:
            return None
        record = self._kept.get(number)
        if record is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            record = self._kept[number] = self._read(self._stream, number)
        return record

    def _read(self, stream: MsfStream, wanted: int) -> TypeRecord:
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
            return self.first, 0
        while high - low > 1:
            middle = (low + high) // 2
            if self._index[2 * middle] <= number:
                low = middle
            else:
                high = middle
        return self._index[2 * low], self._index[2 * low + 1]
