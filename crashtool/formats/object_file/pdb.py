"""PDB: Microsoft's program databases (MSF 7.00), as far as identifiers and quality go."""

from typing import TYPE_CHECKING, Annotated

from crashtool.errors import MalformedFile
from crashtool.formats.identifiers import DebugId
from crashtool.formats.object_file import kinds
from crashtool.formats.object_file.kinds import ObjectFile
from crashtool.formats.record import I32, U16, U32, Bytes16, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashtool.formats.object_file.kinds import Content

MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
INFO_STREAM, DBI_STREAM = 1, 3  # microsoft-pdb, msf.h and dbi.h
ABSENT = 0xFFFFFFFF
NO_STREAM = 0xFFFF
FLAG_STRIPPED = 0x2
FEATURE_FASTLINK = 0x494E494D  # "MINI", microsoft-pdb pdbcommon.h
SOURCE_SERVER = b"srcsrv"
FRAME_DATA_STREAMS = (0, 9)  # FPO and new FPO in the optional debug header
OMAP_STREAMS = (3, 4)  # to and from the addresses of the code as it was compiled
ARCHITECTURES = {0x14C: "x86", 0x8664: "x86_64", 0xAA64: "arm64", 0x1C4: "arm", 0xC0EE: "clr"}

BLOCK_SIZES = frozenset(1 << power for power in range(9, 17))
MOST_DIRECTORY_BYTES = 64 << 20
MOST_STREAMS = 1 << 16  # a module names its stream with 16 bits
MOST_INFO_BYTES = 1 << 20
MOST_MODULE_BYTES = 16 << 20


class SuperBlock(Record):
    """The first block of an MSF file."""

    magic: Annotated[bytes, "32s"]
    block_size: U32
    free_map_block: U32
    block_count: U32
    directory_size: U32
    reserved: U32
    directory_map_block: U32


class Index(Record):
    """A number of a block, a size of a stream, a feature code."""

    value: U32


class Short(Record):
    """A number of a stream."""

    value: U16


class InfoHeader(Record):
    """Stream 1: the identity that the linker gave the file when it first wrote it."""

    version: U32
    timestamp: U32
    age: U32
    guid: Bytes16


class DbiHeader(Record):
    """Stream 3: the age that the matching image has, and where the modules are."""

    signature: I32
    version: U32
    age: U32
    global_stream: U16
    build: U16
    public_stream: U16
    dll_version: U16
    symbol_stream: U16
    dll_build: U16
    modules_size: I32
    contributions_size: I32
    section_map_size: I32
    sources_size: I32
    type_server_size: I32
    mfc_index: U32
    optional_size: I32
    edit_size: I32
    flags: U16
    machine: U16
    padding: U32


class ModuleInfo(Record):
    """One compiled module in the DBI stream; two names follow, padded to four bytes."""

    unused: U32
    contribution: Annotated[bytes, "28s"]
    flags: U16
    stream: U16
    symbols_size: U32
    old_lines_size: U32
    lines_size: U32
    source_count: U16
    padding: U16
    unused_too: U32
    source_name: U32
    path_name: U32


def read_pdb(data: "Content") -> tuple[ObjectFile, ...]:
    """The one object in a PDB file."""
    streams = _Streams(data)
    head = streams.read(INFO_STREAM, 0, MOST_INFO_BYTES)
    info = InfoHeader.read(head)
    dbi_head = streams.read(DBI_STREAM, 0, DbiHeader.SIZE)
    dbi = DbiHeader.read(dbi_head) if len(dbi_head) == DbiHeader.SIZE else None
    names, codes = _read_names(head)
    object_file = ObjectFile(
        kinds.PDB,
        kinds.DEBUG,
        ARCHITECTURES.get(dbi.machine, "unknown") if dbi else "unknown",
        # The image carries the DBI stream's age; tools that rewrite a PDB raise only the other.
        debug_id=DebugId.from_guid(info.guid, dbi.age if dbi else info.age),
        features=_features(streams, dbi, names),
        traits=_traits(streams, dbi, codes),
    )
    return (object_file,)


class _Streams:
    """The streams of an MSF file: each a list of blocks anywhere in it."""

    def __init__(self, data: "Content") -> None:
        self.data = data
        head = SuperBlock.read(data)
        self.block_size = head.block_size
        if head.block_size not in BLOCK_SIZES:
            raise MalformedFile("a PDB of impossible block size", offset=32)
        if head.directory_size > min(MOST_DIRECTORY_BYTES, len(data)):
            raise MalformedFile("a PDB whose directory does not fit", offset=44)
        blocks = self.count_blocks(head.directory_size)
        places = Index.read_array(data, head.directory_map_block * self.block_size, blocks)
        directory = b"".join(self.block(place.value) for place in places)[: head.directory_size]
        count = Index.read(directory).value
        if count > MOST_STREAMS:
            raise MalformedFile(f"a PDB of {count} streams", offset=0)
        sizes = [row.value for row in Index.read_array(directory, Index.SIZE, count)]
        self.sizes = [0 if size == ABSENT else size for size in sizes]
        self.directory = directory

    def count_blocks(self, size: int) -> int:
        return -(-size // self.block_size)

    def block(self, number: int) -> bytes:
        offset = number * self.block_size
        if offset + self.block_size > len(self.data):
            raise MalformedFile("a PDB's block lies beyond the end", offset=offset)
        return bytes(self.data[offset : offset + self.block_size])

    def size(self, stream: int) -> int:
        return self.sizes[stream] if stream < len(self.sizes) else 0

    def read(self, stream: int, start: int, size: int) -> bytes:
        """Up to `size` bytes of a stream from `start` on; fewer where it ends."""
        size = max(0, min(size, self.size(stream) - start))
        if not size:
            return b""
        before = sum(self.count_blocks(other) for other in self.sizes[:stream])
        place = Index.SIZE * (1 + len(self.sizes) + before)
        first, last = start // self.block_size, self.count_blocks(start + size)
        rows = Index.read_array(self.directory, place + first * Index.SIZE, last - first)
        found = b"".join(self.block(row.value) for row in rows)
        return found[start - first * self.block_size :][:size]


def _read_names(head: bytes) -> tuple[bytes, set[int]]:
    """The names of named streams, one after the other, and the feature codes after their table."""
    try:
        start = InfoHeader.SIZE + Index.SIZE
        size = Index.read(head, InfoHeader.SIZE).value
        place = start + size + 2 * Index.SIZE
        entries = Index.read(head, start + size).value
        for _ in ("present", "deleted"):
            place += Index.SIZE * (1 + Index.read(head, place).value)
        place += entries * 2 * Index.SIZE
        count = max(0, (len(head) - place) // Index.SIZE)
        codes = {row.value for row in Index.read_array(head, place, count)}
    except MalformedFile:  # old PDBs end after the identity
        return b"", set()
    return head[start : start + size], codes


def _traits(streams: _Streams, dbi: DbiHeader | None, codes: set[int]) -> frozenset[str]:
    traits = set()
    if FEATURE_FASTLINK in codes:
        traits.add(kinds.FASTLINK)
    if dbi and dbi.flags & FLAG_STRIPPED:
        traits.add(kinds.STRIPPED)
    if dbi and ARCHITECTURES.get(dbi.machine) == "clr":
        traits.add(kinds.MANAGED)
    if dbi and any(map(streams.size, _walk_optional_streams(streams, dbi, OMAP_STREAMS))):
        traits.add(kinds.REWRITTEN)
    return frozenset(traits)


def _features(streams: _Streams, dbi: DbiHeader | None, names: bytes) -> frozenset[str]:
    features = set()
    if SOURCE_SERVER in names.split(b"\0"):
        features.add(kinds.SOURCES)
    if dbi is None:
        return frozenset(features)
    if dbi.symbol_stream != NO_STREAM and streams.size(dbi.symbol_stream):
        features.add(kinds.SYMBOLS)
    if any(row.lines_size or row.old_lines_size for row in _walk_modules(streams, dbi)):
        features |= {kinds.LINES, kinds.SYMBOLS}
    if any(map(streams.size, _walk_optional_streams(streams, dbi, FRAME_DATA_STREAMS))):
        features.add(kinds.UNWIND)
    return frozenset(features)


def _walk_modules(streams: _Streams, dbi: DbiHeader) -> "Iterator[ModuleInfo]":
    size = max(0, min(dbi.modules_size, MOST_MODULE_BYTES))
    rows = streams.read(DBI_STREAM, DbiHeader.SIZE, size)
    place = 0
    while place + ModuleInfo.SIZE <= len(rows):
        yield ModuleInfo.read(rows, place)
        place += ModuleInfo.SIZE
        for _ in ("module", "object"):
            stop = rows.find(b"\0", place)
            if stop < 0:
                return
            place = stop + 1
        place = place + 3 & ~3


def _walk_optional_streams(
    streams: _Streams, dbi: DbiHeader, indexes: tuple[int, ...]
) -> "Iterator[int]":
    """Streams that the optional debug header numbers, of those that are there."""
    parts = (
        dbi.modules_size, dbi.contributions_size, dbi.section_map_size, dbi.sources_size,
        dbi.type_server_size, dbi.edit_size,
    )  # fmt: skip
    start = DbiHeader.SIZE + sum(max(0, part) for part in parts)
    rows = streams.read(DBI_STREAM, start, max(0, min(dbi.optional_size, 64)))
    for index in indexes:
        if (index + 1) * Short.SIZE <= len(rows):
            stream = Short.read(rows, index * Short.SIZE).value
            if stream != NO_STREAM:
                yield stream
