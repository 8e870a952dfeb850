"""The header of a 7-Zip archive: where the packed streams are, how they are packed, which files
they hold.

The format: 7zFormat.txt of the LZMA SDK.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.bounds import MAX_MEMBERS
from crashtool.formats.named_tuple import NamedTuple

END, HEADER, ARCHIVE_PROPERTIES, ADDITIONAL_STREAMS, MAIN_STREAMS, FILES = range(6)
PACK_INFO, UNPACK_INFO, SUBSTREAMS, SIZE, CRC, FOLDER, UNPACK_SIZES, SUBSTREAM_COUNTS = range(6, 14)
EMPTY_STREAM, EMPTY_FILE, ANTI, NAMES = range(14, 18)
ENCODED_HEADER = 0x17
MAX_FOLDERS = 1 << 16
MAX_CODERS = 8
ID_SIZE, IS_COMPLEX, HAS_PROPERTIES = 0x0F, 0x10, 0x20  # in a coder's first byte


class Coder(NamedTuple):
    """One step of packing: its id, its properties, how many streams go in and come out."""

    id: bytes
    properties: bytes
    inputs: int = 1
    outputs: int = 1


class SevenZipFolder(NamedTuple):
    """What was packed as a whole. `coders` are in the order of unpacking, none when they branch.

    `packed` counts its packed streams; `sizes` belong to the coders; `ids` are all coders' ids.
    """

    coders: tuple[Coder, ...]
    order: tuple[int, ...]
    packed: int
    ids: tuple[bytes, ...]


class Streams:
    """The packed streams, their folders, and the sizes and check sums of what is in them."""

    def __init__(self) -> None:
        self.offset = 0
        self.packed_sizes = array("Q")
        self.folders: list[SevenZipFolder] = []
        self.unpack_sizes: list[tuple[int, ...]] = []
        self.folder_checks: list[int | None] = []
        self.counts: list[int] = []
        self.sizes = array("Q")
        self.checks: list[int | None] = []


class HeaderReader:
    """Reads a header's bytes forward; MalformedFile where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self.offset

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if not 0 <= size <= self.left:
            raise self.malformed()
        block = self._data[self.offset : self.offset + size]
        self.offset += size
        return block

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A number whose first byte says how many follow."""
        first, mask, value = self.byte(), 0x80, 0
        for index in range(8):
            if not first & mask:
                return value | (first & mask - 1) << 8 * index
            value |= self.byte() << 8 * index
            mask >>= 1
        return value

    def count(self, most: int | None = None) -> int:
        """A number of things, each of which takes a byte at least, unless `most` is told."""
        value = self.number()
        if value > (self.left if most is None else most):
            raise self.malformed()
        return value

    def bits(self, count: int) -> list[bool]:
        """So many bits, the highest of each byte first."""
        data = self.take((count + 7) // 8)
        return [bool(data[index >> 3] & 0x80 >> (index & 7)) for index in range(count)]

    def defined_bits(self, count: int) -> list[bool]:
        """Bits that are only there when not all of them are set."""
        return [True] * count if self.byte() else self.bits(count)

    def checks(self, count: int) -> list[int | None]:
        """Check sums, of which some may be missing."""
        return [
            int.from_bytes(self.take(4), "little") if defined else None
            for defined in self.defined_bits(count)
        ]

    def expect(self, wanted: int) -> None:
        """The mark that must come next."""
        if self.byte() != wanted:
            raise self.malformed()

    def malformed(self) -> MalformedFile:
        """The error of a header that does not hold, at this place in it."""
        return MalformedFile("the 7-Zip archive's header is damaged", offset=self.offset)


def read_streams(reader: HeaderReader) -> Streams:
    """The part on packed streams, up to its end mark."""
    streams = Streams()
    while (kind := reader.byte()) != END:
        if kind == PACK_INFO:
            _read_pack_info(reader, streams)
        elif kind == UNPACK_INFO:
            _read_folders(reader, streams)
        elif kind == SUBSTREAMS:
            _read_substreams(reader, streams)
        else:
            raise reader.malformed()
    if len(streams.counts) != len(streams.folders):  # no word on them: one file in each
        streams.counts = [1] * len(streams.folders)
        streams.sizes = array(
            "Q", [_size_of(streams, number) for number in range(len(streams.folders))]
        )
        streams.checks = list(streams.folder_checks)
    if sum(folder.packed for folder in streams.folders) > len(streams.packed_sizes):
        raise reader.malformed()
    return streams


def _read_pack_info(reader: HeaderReader, streams: Streams) -> None:
    streams.offset = reader.number()
    count = reader.count()
    while (kind := reader.byte()) != END:
        if kind == SIZE:
            streams.packed_sizes = array("Q", [reader.number() for _ in range(count)])
        elif kind == CRC:
            reader.checks(count)
        else:
            raise reader.malformed()


def _read_folders(reader: HeaderReader, streams: Streams) -> None:
    reader.expect(FOLDER)
    count = reader.count(MAX_FOLDERS)
    reader.expect(0)  # not in a stream of their own
    streams.folders = [_read_folder(reader) for _ in range(count)]
    reader.expect(UNPACK_SIZES)
    streams.unpack_sizes = [
        tuple(reader.number() for _ in folder.ids) for folder in streams.folders
    ]
    streams.folder_checks = [None] * count
    while (kind := reader.byte()) != END:
        if kind != CRC:
            raise reader.malformed()
        streams.folder_checks = reader.checks(count)


def _read_folder(reader: HeaderReader) -> SevenZipFolder:
    coders = tuple(_read_coder(reader) for _ in range(reader.count(MAX_CODERS)))
    inputs, outputs = sum(coder.inputs for coder in coders), sum(coder.outputs for coder in coders)
    if not coders or outputs != len(coders) or not outputs - 1 <= inputs <= 4 * MAX_CODERS:
        raise reader.malformed()
    pairs = [(reader.number(), reader.number()) for _ in range(outputs - 1)]
    packed = inputs - len(pairs)
    first = [reader.number() for _ in range(packed)] if packed > 1 else []
    ids = tuple(coder.id for coder in coders)
    if first or inputs != len(coders):
        return SevenZipFolder((), (), packed, ids)
    order = _order(len(coders), dict(pairs))
    if order is None:
        raise reader.malformed()
    return SevenZipFolder(tuple(coders[index] for index in order), order, packed, ids)


def _order(count: int, pairs: dict[int, int]) -> tuple[int, ...] | None:
    """The coders in the order of unpacking: each takes what the one before it gives.

    `pairs` says of a coder's input which coder's output it is; None when that is no chain.
    """
    follower = {output: taker for taker, output in pairs.items()}
    starts = [index for index in range(count) if index not in pairs]
    order = starts[:1]
    while order and len(order) < count and order[-1] in follower:
        order.append(follower[order[-1]])
    return tuple(order) if sorted(order) == list(range(count)) else None


def _read_coder(reader: HeaderReader) -> Coder:
    flags = reader.byte()
    identifier = reader.take(flags & ID_SIZE)
    inputs = outputs = 1
    if flags & IS_COMPLEX:
        inputs, outputs = reader.count(MAX_CODERS), reader.count(MAX_CODERS)
    properties = reader.take(reader.number()) if flags & HAS_PROPERTIES else b""
    return Coder(identifier, properties, inputs, outputs)


def _read_substreams(reader: HeaderReader, streams: Streams) -> None:
    streams.counts = [1] * len(streams.folders)
    kind = reader.byte()
    if kind == SUBSTREAM_COUNTS:
        streams.counts = [reader.count(MAX_MEMBERS) for _ in streams.folders]
        kind = reader.byte()
    if sum(streams.counts) > MAX_MEMBERS:
        raise InputUnusable("a 7-Zip archive of more than a million files", hint="unpack it")
    kind = _read_sizes(reader, streams, kind)
    digests = [
        streams.folder_checks[number] if count == 1 else None
        for number, count in enumerate(streams.counts)
        for _ in range(count)
    ]
    wanted = [index for index, check in enumerate(digests) if check is None]
    while kind != END:
        if kind != CRC:
            raise reader.malformed()
        for index, check in zip(wanted, reader.checks(len(wanted)), strict=True):
            digests[index] = check
        kind = reader.byte()
    streams.checks = digests


def _read_sizes(reader: HeaderReader, streams: Streams, kind: int) -> int:
    """The sizes of files, of which the last of each folder is what is left; the next mark."""
    has_sizes = kind == SIZE
    for number, count in enumerate(streams.counts):
        left = _size_of(streams, number)
        for _ in range(count - 1 if has_sizes else 0):
            size = reader.number()
            left -= size
            if left < 0:
                raise reader.malformed()
            streams.sizes.append(size)
        if count > 1 and not has_sizes:
            raise reader.malformed()
        if count:
            streams.sizes.append(left)
    return reader.byte() if has_sizes else kind


def _size_of(streams: Streams, number: int) -> int:
    """The unpacked size of a folder: that of its last coder; of a branching one the largest."""
    sizes, order = streams.unpack_sizes[number], streams.folders[number].order
    return sizes[order[-1]] if order else max(sizes)


class SevenZipFile(NamedTuple):
    """A file of the archive's list; `has_stream`: it has bytes in a folder."""

    name: str
    has_stream: bool


def walk_files(reader: HeaderReader) -> Iterator[SevenZipFile]:
    """The list of files; a folder among them is one without a stream."""
    count = reader.count(MAX_MEMBERS)
    empty = [False] * count
    names = b""
    while (kind := reader.number()) != END:
        part = HeaderReader(reader.take(reader.number()))
        if kind == EMPTY_STREAM:
            empty = part.bits(count)
        elif kind == NAMES:
            part.expect(0)  # not in a stream of their own
            names = part.take(part.left)
    offset = 0
    for is_empty in empty:
        end = offset
        while names[end : end + 2] not in (b"\0\0", b""):
            end = names.find(b"\0\0", end)
            end = len(names) if end < 0 else end + (end - offset) % 2
        if end >= len(names):
            raise reader.malformed()
        yield SevenZipFile(names[offset:end].decode("utf-16-le", "replace"), not is_empty)
        offset = end + 2
