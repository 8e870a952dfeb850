"""PDB files that are written to be expensive: small ones that lead in circles, or promise too much.

Each case is the bytes of a file whose function `main` is at 0x1000 of the image.
"""

import struct

from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb import msf, structs
from tests.synth.pdb import PdbBuilder, build_msf, number

START, SIZE = 0x1000, 0x40
POINTER_64, FIRST = 0x1000C, 0x1000
REGISTER_RELATIVE = 0x1111  # S_REGREL32
RBP = 334


def u32(*values):
    return struct.pack(f"<{len(values)}I", *values)


def u16(*values):
    return struct.pack(f"<{len(values)}H", *values)


def begin(**options):
    """A builder, its module, and what has been begun in it: a file and its number."""
    builder = PdbBuilder(**options)
    module = builder.module()
    file = module.file("C:\\a.cc")
    module.lines(0, SIZE, (file, [(0, 10), (8, 11)]))
    return builder, module


def finish(builder, module, *, kind=0, sites=(), symbols=(), count=1):
    variables = [(REGISTER_RELATIVE, u32(8, kind) + u16(RBP) + b"x\0")] if kind else []
    rows = [*variables, *symbols, *sites]
    for _ in range(count):
        module.procedure("main", 0, SIZE, number=kind, sites=rows)
    builder.public("main", 0)
    return builder.build()


def of_types(*types):
    """A variable whose type is the last of these (kind, bytes)."""
    builder, module = begin()
    for kind, data in types:
        last = builder.type(kind, data)
    return finish(builder, module, kind=last)


def modifier_of_itself():
    return of_types((cv.LF_MODIFIER, u32(FIRST) + u16(1, 0)))


def pointer_to_itself():
    return of_types((cv.LF_POINTER, u32(FIRST, POINTER_64)))


def array_of_itself():
    return of_types((cv.LF_ARRAY, u32(FIRST, 0x23) + u16(16) + b"\0"))


def arrays_of_arrays():
    rows = [
        (cv.LF_ARRAY, u32(FIRST + step - 1 if step else 0x74, 0x23) + u16(16) + b"\0")
        for step in range(1000)
    ]
    return of_types(*rows)


def list_that_goes_on_with_itself():
    member = u16(cv.LF_MEMBER, 3) + u32(FIRST + 1) + u16(0) + b"m\0"
    fields = member * 60 + u16(cv.LF_INDEX, 0) + u32(FIRST)
    struct_type = u16(60, 0) + u32(FIRST, 0, 0) + u16(16) + b"s\0"
    return of_types((cv.LF_FIELDLIST, fields), (cv.LF_STRUCTURE, struct_type))


def struct_of_its_bases():
    base = u16(cv.LF_BCLASS, 3) + u32(FIRST + 1) + u16(0)
    struct_type = u16(60, 0) + u32(FIRST, 0, 0) + u16(16) + b"s\0"
    return of_types((cv.LF_FIELDLIST, base * 60), (cv.LF_STRUCTURE, struct_type))


def enumeration_of_itself():
    return of_types((cv.LF_ENUM, u16(0, 0) + u32(FIRST, 0) + b"e\0"))


def bit_field_of_itself():
    member = u16(cv.LF_MEMBER, 3) + u32(FIRST) + u16(0) + b"m\0"
    struct_type = u16(60, 0) + u32(FIRST + 1, 0, 0) + u16(16) + b"s\0"
    return of_types(
        (cv.LF_BITFIELD, u32(FIRST) + b"\1\0"),
        (cv.LF_FIELDLIST, member),
        (cv.LF_STRUCTURE, struct_type),
    )


def procedure_that_takes_itself():
    return of_types(
        (cv.LF_ARGLIST, u32(64) + u32(FIRST + 1) * 64),
        (cv.LF_PROCEDURE, u32(FIRST) + b"\0\0" + u16(64) + u32(FIRST)),
    )


def procedures_that_double():
    """Member functions that return what they are members of, which is such a function."""
    types = [(cv.LF_ARGLIST, u32(0))]
    last = 0x74
    for _ in range(30):
        body = u32(last, last, 0) + b"\0\0" + u16(0) + u32(FIRST, 0)
        types.append((cv.LF_MFUNCTION, body))
        last = FIRST + len(types)
        types.append((cv.LF_POINTER, u32(last - 1, POINTER_64)))
    return of_types(*types)


def arguments_that_double():
    types = [(cv.LF_ARGLIST, u32(0))]
    for _ in range(30):
        types.append((cv.LF_PROCEDURE, u32(0x74) + b"\0\0" + u16(2) + u32(FIRST + len(types) - 1)))
        types.append((cv.LF_ARGLIST, u32(2) + u32(FIRST + len(types) - 1) * 2))
    types.append((cv.LF_PROCEDURE, u32(0x74) + b"\0\0" + u16(2) + u32(FIRST + len(types) - 1)))
    return of_types(*types)


def of_ids(*ids):
    """A function that was merged, whose id is the last of these."""
    builder, module = begin()
    builder.type(cv.LF_ARGLIST, u32(0))
    builder.type(cv.LF_PROCEDURE, u32(0x74) + b"\0\0" + u16(0) + u32(FIRST))
    for kind, data in ids:
        last = builder.id(kind, data)
    return finish(builder, module, sites=[(last, b"\x0b\x01\x04\x20", [])])


def scopes_that_double():
    ids = [(cv.LF_STRING_ID, u32(0) + b"\0")]
    for _ in range(30):
        ids.append((cv.LF_SUBSTR_LIST, u32(2) + u32(FIRST + len(ids) - 1) * 2))
        ids.append((cv.LF_STRING_ID, u32(FIRST + len(ids) - 1) + b"\0"))
    ids.append((cv.LF_FUNC_ID, u32(FIRST + len(ids) - 1, FIRST + 1) + b"f\0"))
    return of_ids(*ids)


def scope_of_itself():
    return of_ids((cv.LF_FUNC_ID, u32(FIRST, FIRST + 1) + b"f\0"))


def sites_in_sites():
    builder, module = begin()
    kind = builder.id(cv.LF_FUNC_ID, u32(0, 0) + b"f\0")
    nested = []
    for _ in range(600):
        nested = [(kind, b"\x0b\x01\x04\x20", nested)]
    return finish(builder, module, sites=nested)


def sites_in_sites_without_end():
    builder, module = begin()
    kind = builder.id(cv.LF_FUNC_ID, u32(0, 0) + b"f\0")
    site = u32(0, 0, kind) + b"\x0b\x01\x04\x20"
    return finish(builder, module, symbols=[(cv.S_INLINESITE, site)] * 100_000)


def sites_beside_sites():
    builder, module = begin()
    kind = builder.id(cv.LF_FUNC_ID, u32(0, 0) + b"f\0")
    return finish(builder, module, sites=[(kind, b"\x0b\x01\x04\x20", [])] * 30_000)


def annotations_without_end():
    builder, module = begin()
    kind = builder.id(cv.LF_FUNC_ID, u32(0, 0) + b"f\0")
    return finish(builder, module, sites=[(kind, b"\x0b\x01\x04\x01" * 8000, [])] * 20)


def procedures_at_one_place():
    builder, module = begin()
    return finish(builder, module, count=5_000)


def blocks_in_blocks():
    builder, module = begin()
    block = (0x1103, u32(0, 0, SIZE, 0) + u16(1) + b"\0")
    return finish(builder, module, kind=0x74, symbols=[block] * 50_000)


def many_variables():
    builder, module = begin()
    row = (REGISTER_RELATIVE, u32(8, 0x74) + u16(RBP) + b"x\0")
    return finish(builder, module, kind=0x74, symbols=[row] * 100_000)


def contributions_over_one_another():
    builder, module = begin()
    for _ in range(5_000):
        module.contribution(0, SIZE)
    return finish(builder, module)


def contributions_in_disorder():
    builder, module = begin()
    data = finish(builder, module)
    row = struct.pack("<HHiiIHHII", 1, 0, 0, SIZE, 0x60000020, 0, 0, 0, 0)
    late = struct.pack("<HHiiIHHII", 9, 0, 9, SIZE, 0x60000020, 0, 0, 0, 0)
    return data.replace(row, late, 1)


def rewritten(rows):
    builder, module = begin()
    table = b"".join(u32(*row) for row in rows)
    builder.optional |= {3: table, 4: table, 10: builder_sections()}
    return finish(builder, module)


def builder_sections():
    return structs.PdbSectionHeader(virtual_address=START, virtual_size=0x10000).pack()


def code_moved_in_disorder():
    return rewritten([(0xFFFFFFFF - step * 7919 % 65521, step) for step in range(100_000)])


def code_moved_to_one_place():
    return rewritten([(START, START)] * 100_000)


def lines_over_one_another():
    builder, module = begin()
    for _ in range(5_000):
        module.lines(0, SIZE, (0, [(0, 10)]))
    return finish(builder, module)


def lines_without_end():
    builder, module = begin()
    module.lines(0, SIZE, (0, [(step, step) for step in range(200_000)]))
    return finish(builder, module)


def files_without_end():
    builder, module = begin()
    for _ in range(5_000):
        module.inlinee(0x1000, 0, 7)
    return finish(builder, module)


def publics_at_one_place():
    builder, module = begin()
    for step in range(10_000):
        builder.public(f"f{step}", 0)
    return finish(builder, module)


def buckets_of_none():
    """Hashes of types, of no buckets."""
    builder, module = begin()
    forward = u16(0, 0x80) + u32(0, 0, 0) + u16(0) + b"s\0"
    kind = builder.type(cv.LF_STRUCTURE, forward)
    data = finish(builder, module, kind=kind)
    return data.replace(u32(0x3FFFF), u32(0))


def types_of_one_name():
    builder, module = begin()
    forward = u16(0, 0x80) + u32(0, 0, 0) + u16(0) + b"s\0"
    for _ in range(10_000):
        kind = builder.type(cv.LF_STRUCTURE, forward)
    return finish(builder, module, kind=kind)


def sections_over_one_another():
    builder, module = begin()
    builder.sections = [(0x1000, 0x10000)] * 65_000
    return finish(builder, module)


def frame_data_over_one_another():
    builder, module = begin(machine=0x14C)
    builder.optional[9] = structs.FrameDataRecord(start=START, size=SIZE).pack() * 50_000
    return finish(builder, module)


def modules_of_one_stream():
    builder, module = begin()
    for _ in range(300):
        module.procedure("f", SIZE, 8, code=False)
    data = finish(builder, module)
    file = msf.MultiStreamFile(data)
    streams = [file.open_stream(index).read(0, 1 << 30) for index in range(len(file.sizes))]
    head = structs.NewDBIHdr.read(streams[3])
    size = structs.NewDBIHdr.SIZE
    row = streams[3][size : size + head.modules_size]
    rest = streams[3][size + head.modules_size :]
    streams[3] = head.replace(modules_size=20_000 * len(row)).pack() + row * 20_000 + rest
    return build_msf(streams, 4096)


def stream_of_one_block(stream=3):
    """A stream that is larger than its file: all its blocks are one."""
    builder, module = begin(block_size=4096)
    data = bytearray(finish(builder, module))
    file = msf.MultiStreamFile(bytes(data))
    count = len(file.sizes)
    streams = [file.open_stream(index).read(0, 1 << 30) for index in range(count)]
    sizes = list(file.sizes)
    block = 4096
    pieces, places = [], []
    for content in streams:
        rows = [
            content[at : at + block].ljust(block, b"\0") for at in range(0, len(content), block)
        ]
        places.append([3 + len(pieces) + index for index in range(len(rows))])
        pieces += rows
    more = 100_000
    places[stream] += [places[stream][-1]] * more
    sizes[stream] += more * block
    directory = u32(count, *sizes) + b"".join(u32(*row) for row in places)
    blocks = [b"", bytes(block), bytes(block), *pieces]
    listing = b""
    for part in (directory, None):
        content = listing if part is None else part
        rows = [
            content[at : at + block].ljust(block, b"\0") for at in range(0, len(content), block)
        ]
        listing = b"".join(number(len(blocks) + index) for index in range(len(rows)))
        blocks += rows
    head = msf.SuperBlock(
        magic=msf.MAGIC,
        block_size=block,
        free_map_block=1,
        block_count=len(blocks),
        directory_size=len(directory),
    ).pack()
    blocks[0] = (head + listing).ljust(block, b"\0")
    return b"".join(blocks)


def contributions_of_one_block():
    """The table of contributions says that it goes on over the same block."""
    data = bytearray(stream_of_one_block())
    start = bytes(data).index(u32(0xFFFFFFFF, 19990903))
    struct.pack_into("<i", data, start + 28, 100_000 * 4096)
    return bytes(data)


def symbols_of_one_block():
    data = bytearray(stream_of_one_block(stream=6))
    return bytes(data)


CASES = {
    case.__name__: case
    for case in (
        modifier_of_itself, pointer_to_itself, array_of_itself, arrays_of_arrays,
        list_that_goes_on_with_itself, struct_of_its_bases, enumeration_of_itself,
        bit_field_of_itself, procedure_that_takes_itself, procedures_that_double,
        arguments_that_double, scopes_that_double, scope_of_itself, sites_in_sites,
        sites_in_sites_without_end, sites_beside_sites, annotations_without_end,
        procedures_at_one_place, blocks_in_blocks, many_variables,
        contributions_over_one_another, contributions_in_disorder, code_moved_in_disorder,
        code_moved_to_one_place, lines_over_one_another, lines_without_end, files_without_end,
        publics_at_one_place, buckets_of_none, types_of_one_name, sections_over_one_another,
        frame_data_over_one_another, modules_of_one_stream, stream_of_one_block,
        contributions_of_one_block, symbols_of_one_block,
    )
}  # fmt: skip
PLACES = (START, START + 9, START + 0x30)
