"""PDB files, built stream by stream."""

import struct

from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb import msf, structs
from crashtool.formats.pdb.dbi import NO_STREAM
from crashtool.formats.pdb.type_hash import hash_name, read_tag
from crashtool.formats.pdb.type_records import TypeRecord
from tests.synth.object_files import GUID

BLOCK = 512
BUCKETS = 0x3FFFF
# A TPI or IPI stream without a type: version, size, first and last index, hashes that are absent.
NO_TYPES = struct.pack(
    "<5I2H10I", 20040203, 56, 0x1000, 0x1000, 0, 0xFFFF, 0xFFFF, 4, 0x3FFFF, *[0] * 6, 0, 0
)[:56]


def build_pdb(
    *,
    guid=GUID,
    info_age=1,
    dbi_age=1,
    machine=0x8664,
    flags=0,
    features=(),
    named=(),
    lines=True,
    public=True,
    frames=False,
    with_dbi=True,
    with_modules=True,
):
    """An MSF file with the streams that identify and grade a PDB."""
    info = structs.InfoHeader(version=20000404, timestamp=1, age=info_age, guid=guid).pack()
    names = b"".join(name.encode() + b"\0" for name in named)
    words = [len(named), 8, 1, (1 << len(named)) - 1, 0]
    for index, name in enumerate(named):
        words += [names.index(name.encode() + b"\0"), index + 9]
    info += number(len(names)) + names + b"".join(map(number, [*words, *features]))
    module = (
        structs.ModuleInfo(lines_size=16 if lines else 0, stream=0xFFFF).pack() + b"app.obj\0a\0"
    )
    module += b"\0" * (-len(module) % 4)
    module = module if with_modules else b""
    optional = [NO_STREAM] * 11
    if frames:
        optional[9] = 6
    header = structs.NewDBIHdr(
        signature=-1,
        version=19990903,
        age=dbi_age,
        symbol_stream=5,
        modules_size=len(module),
        optional_size=22,
        flags=flags,
        machine=machine,
    )
    dbi = header.pack() + module + b"".join(structs.Short(value=row).pack() for row in optional)
    symbols = b"p" * 8 if public else b""
    streams = [b"", info, NO_TYPES, dbi if with_dbi else b"", NO_TYPES, symbols, b"f" * 8]
    return build_msf(streams)


def build_msf(streams, block_size=BLOCK, order=None):
    """Streams (None is an absent one) in blocks; `order` shuffles those in the file."""
    pieces, places = [], []
    for stream in streams:
        rows = _cut(stream or b"", block_size)
        places.append(range(len(pieces), len(pieces) + len(rows)))
        pieces += rows
    numbers = list(range(3, 3 + len(pieces)))
    if order is not None:
        order.shuffle(numbers)
    sizes = [msf.ABSENT if stream is None else len(stream) for stream in streams]
    directory = b"".join(
        map(number, [len(streams), *sizes, *(numbers[n] for row in places for n in row)])
    )
    blocks = [b"", bytes(block_size), bytes(block_size), *([b""] * len(pieces))]
    for place, piece in zip(numbers, pieces, strict=True):
        blocks[place] = piece
    listing = b""
    for data in (directory, None):
        rows = _cut(listing if data is None else data, block_size)
        listing = b"".join(number(len(blocks) + index) for index in range(len(rows)))
        blocks += rows
    head = msf.SuperBlock(
        magic=msf.MAGIC,
        block_size=block_size,
        free_map_block=1,
        block_count=len(blocks),
        directory_size=len(directory),
    ).pack()
    blocks[0] = (head + listing).ljust(block_size, b"\0")
    return b"".join(blocks)


def _cut(data, size):
    return [data[at : at + size].ljust(size, b"\0") for at in range(0, len(data), size)]


def number(value):
    return structs.Index(value=value).pack()


class ModuleBuilder:
    """One module: procedures and other symbols, lines, inlined functions."""

    def __init__(self, builder, name):
        self.builder = builder
        self.name = name
        self.symbols = bytearray(b"\4\0\0\0")
        self.parts = b""
        self.checksums = b""
        self.inlinees = b""
        self.imports = b""
        self.exports = b""

    def add(self, kind, body):
        """A symbol; where it begins."""
        place = len(self.symbols)
        body += b"\0" * (-(len(body) + 4) % 4)
        self.symbols += struct.pack("<HH", len(body) + 2, kind) + body
        return place

    def procedure(
        self,
        name,
        offset,
        length,
        *,
        section=1,
        kind=cv.S_GPROC32,
        number=0,
        sites=(),
        code=True,
        body=(0, 0),
        flags=0,
    ):
        """`sites`: nested (inlinee, annotations, sites), and symbols as (kind, bytes) among them.

        `body`: where the frame stands, from the start on.
        """
        place = self.add(
            kind,
            struct.pack("<7IIHB", 0, 0, 0, length, *body, number, offset, section, flags)
            + name.encode()
            + b"\0",
        )
        self._add_sites(sites)
        end = self.add(cv.S_END, b"")
        self.symbols = (
            self.symbols[: place + 8] + struct.pack("<I", end) + self.symbols[place + 12 :]
        )
        if code:
            self.contribution(offset, length, section=section)

    def contribution(self, offset, size, *, section=1):
        self.builder.contributions.append((section, offset, size, self.builder.modules.index(self)))

    def _add_sites(self, sites):
        for row in sites:
            if len(row) == 2:
                self.add(*row)
                continue
            inlinee, annotations, inner = row
            body = struct.pack("<III", 0, 0, inlinee) + bytes(annotations)
            self.add(cv.S_INLINESITE, body)
            self._add_sites(inner)
            self.add(cv.S_INLINESITE_END, b"")

    def file(self, path):
        """A source file's number."""
        number = len(self.checksums)
        self.checksums += struct.pack("<IBBH", self.builder.string(path), 0, 0, 0)
        return number

    def lines(self, offset, size, *blocks, section=1):
        """`blocks`: (file, [(offset, line), …])."""
        data = struct.pack("<IHHI", offset, section, 0, size)
        for file, rows in blocks:
            data += struct.pack("<III", file, len(rows), 12 + 8 * len(rows))
            data += b"".join(struct.pack("<II", at, line | 1 << 31) for at, line in rows)
        self._part(cv.DEBUG_S_LINES, data)

    def inlinee(self, number, file, line):
        self.inlinees += struct.pack("<III", number, file, line)

    def _part(self, kind, data):
        self.parts += struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 4)

    def pack(self):
        """The stream, and the sizes of its symbols and lines."""
        if self.checksums:
            self._part(cv.DEBUG_S_FILECHKSMS, self.checksums)
        if self.inlinees:
            self._part(cv.DEBUG_S_INLINEELINES, number(0) + self.inlinees)
        if self.imports:
            self._part(cv.DEBUG_S_CROSSSCOPEIMPORTS, self.imports)
        if self.exports:
            self._part(cv.DEBUG_S_CROSSSCOPEEXPORTS, self.exports)
        return self.symbols + self.parts, len(self.symbols), len(self.parts)


class PdbBuilder:
    """A PDB of modules, types, ids and public symbols; .text is at 0x1000, 64 KiB."""

    def __init__(self, *, machine=0x8664, block_size=BLOCK):
        self.machine = machine
        self.block_size = block_size
        self.names = b"\0"
        self.modules = []
        self.contributions = []
        self.publics = []
        self.globals = []
        self.types, self.ids = [], []
        self.optional = {}
        self.sections = [(0x1000, 0x10000)]
        self.order = None
        self.hashes_types = True

    def module(self, name="app.obj"):
        self.modules.append(ModuleBuilder(self, name))
        return self.modules[-1]

    def string(self, text):
        place = len(self.names)
        self.names += text.encode() + b"\0"
        return place

    def type(self, kind, data):
        self.types.append((kind, data))
        return 0x1000 + len(self.types) - 1

    def id(self, kind, data):
        self.ids.append((kind, data))
        return 0x1000 + len(self.ids) - 1

    def public(self, name, offset, *, section=1, flags=2):
        self.publics.append((section, offset, flags, name))

    def datum(self, name, offset, *, number, section=1, kind=cv.S_GDATA32):
        """A global variable, which is in no module's symbols."""
        body = struct.pack("<IIH", number, offset, section) + name.encode() + b"\0"
        self.globals.append((kind, body, name))

    def build(self):
        streams = [b"", b"", b"", b"", b""]

        def add(data):
            streams.append(data)
            return len(streams) - 1

        names = add(struct.pack("<III", 0xEFFEEFFE, 1, len(self.names)) + self.names)
        rows = b""
        for module in self.modules:
            stream, symbols, lines = module.pack()
            row = (
                structs.ModuleInfo(
                    stream=add(stream), symbols_size=symbols, lines_size=lines
                ).pack()
                + module.name.encode()
                + b"\0a.lib\0"
            )
            rows += row + b"\0" * (-len(row) % 4)
        table = struct.pack("<I", 0xEFFE0000 + 19970605)
        for section, offset, size, module in sorted(self.contributions):
            table += struct.pack(
                "<HHiiIHHII", section, 0, offset, size, 0x60000020, module, 0, 0, 0
            )
        records, places, named = b"", [], []
        for section, offset, flags, name in sorted(self.publics):
            places.append(len(records))
            named.append((name, len(records)))
            body = struct.pack("<IIH", flags, offset, section) + name.encode() + b"\0"
            records += _pack_symbol(cv.S_PUB32, body)
        table_of_names = _hash_symbols(named)
        publics = structs.PublicsHeader(
            hash_size=len(table_of_names), map_size=4 * len(places)
        ).pack()
        publics += table_of_names + b"".join(map(number, places))
        named = []
        for kind, body, name in self.globals:
            named.append((name, len(records)))
            records += _pack_symbol(kind, body)
        optional = [NO_STREAM] * 11
        headers = b"".join(
            structs.PdbSectionHeader(virtual_address=start, virtual_size=size).pack()
            for start, size in self.sections
        )
        self.optional.setdefault(5, headers)
        for index, data in self.optional.items():
            optional[index] = add(data)
        head = structs.NewDBIHdr(
            signature=-1,
            version=19990903,
            age=1,
            global_stream=add(_hash_symbols(named)),
            public_stream=add(publics),
            symbol_stream=add(records),
            modules_size=len(rows),
            contributions_size=len(table),
            optional_size=22,
            machine=self.machine,
        )
        streams[1] = _pack_info({"/names": names})
        for stream, types in ((2, self.types), (4, self.ids)):
            hashes = add(_hash_types(types)) if types and self.hashes_types else NO_STREAM
            streams[stream] = _pack_types(types, hashes)
        streams[3] = head.pack() + rows + table + struct.pack("<11H", *optional)
        return build_msf(streams, self.block_size, self.order)


def _pack_info(named):
    info = structs.InfoHeader(version=20000404, timestamp=1, age=1, guid=GUID).pack()
    names = b"".join(name.encode() + b"\0" for name in named)
    words = [len(named), 8, 1, (1 << len(named)) - 1, 0]
    for name, stream in named.items():
        words += [names.index(name.encode() + b"\0"), stream]
    return info + number(len(names)) + names + b"".join(map(number, words))


def _hash_types(rows):
    """The bucket of each type, by its name if it has one."""
    buckets = []
    for kind, data in rows:
        tag = read_tag(TypeRecord(kind, data, 0))
        buckets.append(hash_name(tag.hashed_name.encode()) % BUCKETS if tag else 0)
    return b"".join(map(number, buckets))


def _pack_symbol(kind, body):
    body += b"\0" * (-(len(body) + 4) % 4)
    return struct.pack("<HH", len(body) + 2, kind) + body


def _hash_symbols(named):
    """The table of (name, place of its record), as the streams of global and of public symbols
    have it.
    """
    buckets = {}
    for name, place in named:
        buckets.setdefault(hash_name(name.encode()) % 4096, []).append(place)
    rows, starts, bits = b"", b"", 0
    for bucket in sorted(buckets):
        bits |= 1 << bucket
        starts += number(len(rows) // 8 * 12)
        rows += b"".join(struct.pack("<II", place + 1, 1) for place in buckets[bucket])
    tail = bits.to_bytes(516, "little") + starts
    return struct.pack("<4I", 0xFFFFFFFF, 0xEFFE0000 + 19990810, len(rows), len(tail)) + rows + tail


def _pack_types(rows, hashes):
    records = b""
    for kind, data in rows:
        padding = b"\0" * (-(len(data) + 4) % 4)
        records += struct.pack("<HH", len(data + padding) + 2, kind) + data + padding
    head = structs.TypesHeader(
        version=20040203,
        header_size=56,
        first=0x1000,
        last=0x1000 + len(rows),
        records_size=len(records),
        hash_stream=hashes,
        auxiliary_stream=0xFFFF,
        index_offset=-1,
        bucket_count=BUCKETS,
        values_size=4 * len(rows),
    )
    return head.pack() + records
