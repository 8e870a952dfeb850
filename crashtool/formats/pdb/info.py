"""Stream 1: the file's identity, the numbers of streams that have names, feature codes."""

from __future__ import annotations

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb.msf import MultiStreamFile
from crashtool.formats.pdb.structs import Index, InfoHeader, NamedStream

INFO_STREAM = 1
MAX_BYTES = 1 << 20
NAMES = b"/names"
STRINGS_START = 12  # bytes of the head of /names


class Info(NamedTuple):
    """`named`: stream numbers by name. `features`: codes (pdbcommon.h) such as FASTLINK's."""

    guid: bytes
    age: int
    named: dict[bytes, int]
    features: frozenset[int]


def read_info(file: MultiStreamFile) -> Info:
    """The info stream. MalformedFile when it has no identity."""
    data = file.open_stream(INFO_STREAM).read(0, MAX_BYTES)
    head = InfoHeader.read(data)
    try:
        named, end = _read_names(data, InfoHeader.SIZE)
        count = (len(data) - end) // Index.SIZE
        features = frozenset(
            feature.value for feature in Index.read_array(data, end, max(0, count))
        )
    except MalformedFile:  # old PDBs end after the identity
        named, features = {}, frozenset()
    return Info(head.guid, head.age, named, features)


def _read_names(data: bytes, start: int) -> tuple[dict[bytes, int], int]:
    """Stream numbers by name, and where the table ends: names, two bit sets, pairs of numbers."""
    size = Index.read(data, start).value
    names = start + Index.SIZE
    offset = names + size
    count = Index.read(data, offset).value
    offset += 2 * Index.SIZE
    for _ in ("present", "deleted"):
        offset += Index.SIZE * (1 + Index.read(data, offset).value)
    named = {}
    for entry in NamedStream.read_array(data, offset, count):
        if entry.name < size:
            name = data[names + entry.name : names + size].partition(b"\0")[0]
            named[name] = entry.stream
    return named, offset + count * NamedStream.SIZE
