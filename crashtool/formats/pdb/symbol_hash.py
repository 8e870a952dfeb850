"""Symbols by their names: the hash tables of a PDB's global and of its public symbols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.pdb.structs import GlobalsHeader, HashRow, Index, RecordHead
from crashtool.formats.pdb.type_hash import hash_name

if TYPE_CHECKING:
    from crashtool.formats.pdb.msf import MsfStream

SIGNATURE, VERSION = 0xFFFFFFFF, 0xEFFE0000 + 19990810  # gsi.h, GSIHashHdr
BUCKETS = 4096  # gsi.h, IPHR_HASH
MAP_SIZE = (BUCKETS // 32 + 1) * 4  # bytes of the bits that say which buckets have something
BUCKET_SCALE = 12  # bytes of a row in the memory of Microsoft's linker, which offsets count
MAX_SAME = 1 << 12  # symbols of one bucket that are looked at
MAX_ROWS = 1 << 24


class SymbolHash:
    """A hash table in a stream; its rows lead to records in `records`."""

    def __init__(self, stream: MsfStream, start: int, records: MsfStream) -> None:
        """`start`: where it begins. Nothing is found where there is none."""
        self._stream = stream
        self._records = records
        self._rows = start + GlobalsHeader.SIZE
        self._count = 0
        data = stream.read(start, GlobalsHeader.SIZE)
        if len(data) == GlobalsHeader.SIZE:
            head = GlobalsHeader.read(data)
            if (head.signature, head.version) == (SIGNATURE, VERSION):
                self._count = min(head.rows_size // HashRow.SIZE, MAX_ROWS)
        self._map = self._rows + self._count * HashRow.SIZE

    def walk(self, name: str, fixed_size: int) -> Iterator[int]:
        """Where the records are that have a name, `fixed_size` bytes from their start on.

        MalformedFile where the stream lies beyond the file.
        """
        wanted = name.encode()
        for number in self._find_bucket(hash_name(wanted) % BUCKETS):
            entry = self._stream.read(self._rows + number * HashRow.SIZE, HashRow.SIZE)
            if len(entry) < HashRow.SIZE:
                return
            record = HashRow.read(entry).place - 1
            head = self._records.read(record, RecordHead.SIZE)
            if (
                len(head) == RecordHead.SIZE
                and self._records.read(record + fixed_size, len(wanted) + 1) == wanted + b"\0"
            ):
                yield record

    def _find_bucket(self, bucket: int) -> range:
        """The numbers of the rows of a bucket."""
        bits = int.from_bytes(self._stream.read(self._map, MAP_SIZE), "little")
        if not self._count or not bits >> bucket & 1:
            return range(0)
        before = (bits & (1 << bucket) - 1).bit_count()
        offset = self._map + MAP_SIZE + before * Index.SIZE
        bounds = self._stream.read(offset, 2 * Index.SIZE)
        starts = [index.value // BUCKET_SCALE for index in _read_indices(bounds)]
        if not starts:
            return range(0)
        is_last = bits >> bucket + 1 == 0
        end = self._count if is_last or len(starts) == 1 else starts[1]
        return range(starts[0], min(end, self._count, starts[0] + MAX_SAME))


def _read_indices(data: bytes) -> list[Index]:
    return list(Index.read_array(data, 0, len(data) // Index.SIZE))
