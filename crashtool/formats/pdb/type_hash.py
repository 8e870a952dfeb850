"""Types by their names: the hash of each is in a stream of its own, in the order of numbers.

A compiler that has seen the definition later writes a forward reference first: the definition is
found by its name alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from struct import iter_unpack
from sys import byteorder
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv

if TYPE_CHECKING:
    from crashtool.formats.pdb.type_records import TypeHashes, TypeRecord, TypeStream

PIECE = 1 << 20  # bytes of hashes that are looked through at once
HASH_SIZE = 4
MAX_SCAN = 1 << 14  # types that are looked at in a file without hashes
MAX_SAME_HASH = 1 << 12
MAX_KEPT = 1 << 14
FORWARD, SCOPED, HAS_UNIQUE_NAME = 0x80, 0x100, 0x200  # CV_prop_t (cvinfo.h)
# Where the size stands in a tag type's record, a number that the names follow
SIZE_OFFSETS = {cv.LF_CLASS: 16, cv.LF_STRUCTURE: 16, cv.LF_INTERFACE: 16, cv.LF_UNION: 8}
ENUM_NAME = 12


class TagType(NamedTuple):
    """A class, structure, union or enumeration, as its record has it.

    `size` in bytes, 0 for an enumeration: that of `base`. `fields`: the number of the list of its
    fields, 0 without one. `unique_name`: decorated, "" where there is none.
    """

    kind: int
    properties: int
    fields: int
    base: int
    size: int
    name: str
    unique_name: str

    @property
    def is_forward(self) -> bool:
        """Whether it only refers to a type that is defined elsewhere, or nowhere."""
        return bool(self.properties & FORWARD)

    @property
    def hashed_name(self) -> str:
        """The name that the hash of the record is of."""
        is_scoped = self.properties & SCOPED and self.unique_name
        return self.unique_name if is_scoped else self.name


def read_tag(record: TypeRecord) -> TagType | None:
    """The tag type of a record; None for a type of another kind. MalformedFile when damaged."""
    base = size = 0
    if record.kind == cv.LF_ENUM:
        base, fields, end = record.read_number(4), record.read_number(8), ENUM_NAME
    elif record.kind in SIZE_OFFSETS:
        fields = record.read_number(4)
        size, end = record.read_numeric(SIZE_OFFSETS[record.kind])
    else:
        return None
    properties = record.read_short(2)
    names = record.data[end:].split(b"\0", 2)
    unique = names[1] if properties & HAS_UNIQUE_NAME and len(names) > 1 else b""
    return TagType(
        record.kind,
        properties,
        fields,
        base,
        size,
        names[0].decode("utf-8", "replace"),
        unique.decode("utf-8", "replace"),
    )


class TypeDefinitions:
    """The definitions of types by their forward references."""

    def __init__(self, types: TypeStream) -> None:
        self._types = types
        self._found: dict[tuple[int, str], int | None] = {}
        self._named: dict[str, list[int]] | None = None

    def find(self, reference: TagType) -> int | None:
        """The number of the definition of the same kind and name; None where there is none."""
        key = (reference.kind, reference.unique_name or reference.name)
        if key not in self._found:
            if len(self._found) >= MAX_KEPT:
                self._found.clear()
            self._found[key] = next(self._walk(reference), None)
        return self._found[key]

    def _walk(self, reference: TagType) -> Iterator[int]:
        names = dict.fromkeys((reference.hashed_name, reference.unique_name, reference.name))
        for name in filter(None, names):
            for number in self._walk_hashed(name):
                record = self._types.find(number)
                tag = read_tag(record) if record else None
                if tag and not tag.is_forward and _is_same(tag, reference):
                    yield number

    def _walk_hashed(self, name: str) -> Iterator[int]:
        hashes = self._types.hashes
        if hashes is None:
            if self._named is None:
                self._named = self._list_named()
            yield from self._named.get(name, ())
            return
        wanted = hash_name(name.encode()) % hashes.bucket_count
        for index in islice(_walk_places(hashes, wanted), MAX_SAME_HASH):
            yield self._types.first + index

    def _list_named(self) -> dict[str, list[int]]:
        """The definitions by their names, of a file without hashes."""
        named: dict[str, list[int]] = {}
        first = self._types.first
        for number in range(first, min(self._types.last, first + MAX_SCAN)):
            record = self._types.find(number)
            tag = read_tag(record) if record else None
            if tag is not None and not tag.is_forward:
                named.setdefault(tag.hashed_name, []).append(number)
        return named


def _is_same(tag: TagType, reference: TagType) -> bool:
    """Whether a definition is that of a reference: `class` and `struct` are not told apart."""
    if (tag.kind in (cv.LF_UNION, cv.LF_ENUM) or reference.kind in (cv.LF_UNION, cv.LF_ENUM)) and (
        tag.kind != reference.kind
    ):
        return False
    if tag.unique_name and reference.unique_name:
        return tag.unique_name == reference.unique_name
    return tag.name == reference.name


def _walk_places(hashes: TypeHashes, wanted: int) -> Iterator[int]:
    """The indices of the types in a bucket."""
    for offset in range(0, hashes.size, PIECE):
        data = hashes.stream.read(hashes.start + offset, min(PIECE, hashes.size - offset))
        rows = array("I", data[: len(data) & -HASH_SIZE])
        if byteorder == "big":
            rows.byteswap()
        place = -1
        while True:
            try:
                place = rows.index(wanted, place + 1)
            except ValueError:
                break
            yield offset // HASH_SIZE + place


def hash_name(name: bytes) -> int:
    """The hash of a type's name (microsoft-pdb, misc.h, LHashPbCb), before it becomes a bucket."""
    words = len(name) & ~3
    result = 0
    for (word,) in iter_unpack("<I", name[:words]):
        result ^= word
    rest = name[words:]
    if len(rest) >= 2:  # noqa: PLR2004 (bytes)
        result ^= int.from_bytes(rest[:2], "little")
        rest = rest[2:]
    if rest:
        result ^= rest[0]
    result |= 0x20202020
    result ^= result >> 11
    return result ^ result >> 16
