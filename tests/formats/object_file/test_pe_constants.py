"""Constants of PE images: what neither the program nor the loader writes to."""

import struct

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.object_file import pe, pe_structs
from crashtool.formats.object_file.pe_constants import (
    INITIALIZED_DATA,
    WRITABLE,
    BaseRelocation,
    BaseRelocationBlock,
    PeConstants,
)

READABLE = 0x40000000
HEADERS = 0x200


def build(*, blocks=(), imports=(0, 0), constants=bytes(range(256)) * 32):
    """.rdata at 0x1000, 8 KiB, with those contents; .data at 0x4000; relocations at 0x5000."""
    relocations = b"".join(
        struct.pack("<II", page, 8 + 2 * len(rows)) + struct.pack(f"<{len(rows)}H", *rows)
        for page, rows in blocks
    )
    directories = [pe_structs.DataDirectory()] * 16
    directories[5] = pe_structs.DataDirectory(address=0x5000, size=len(relocations))
    directories[12] = pe_structs.DataDirectory(address=imports[0], size=imports[1])
    contents = (constants, b"written" * 4, relocations)
    kinds = (READABLE, READABLE | WRITABLE, READABLE)
    rows, offset = [], HEADERS
    for address, content, kind in zip((0x1000, 0x4000, 0x5000), contents, kinds, strict=True):
        rows.append(
            pe_structs.SectionHeader(
                name=b".%x" % address,
                virtual_size=len(content) - 16 * (address == 0x1000),
                address=address,
                size=len(content),
                offset=offset,
                characteristics=INITIALIZED_DATA | kind,
            )
        )
        offset += len(content)
    header = pe_structs.FileHeader(
        signature=pe.SIGNATURE,
        machine=0x8664,
        section_count=3,
        optional_size=pe_structs.OptionalHeader64.SIZE + 16 * 8,
    )
    optional = pe_structs.OptionalHeader64(magic=pe.MAGIC_64, directory_count=16)
    parts = (
        pe_structs.DosHeader(magic=b"MZ", header_offset=64),
        header,
        optional,
        *directories,
        *rows,
    )
    return b"".join(part.pack() for part in parts).ljust(HEADERS, b"\0") + b"".join(contents)


def test_structs_have_the_published_sizes():
    assert (BaseRelocationBlock.SIZE, BaseRelocation.SIZE) == (8, 2)


@pytest.mark.parametrize(
    ("address", "size", "content"),
    [
        (0x1000, 4, b"\0\1\2\3"),
        (0x10FE, 4, b"\xfe\xff\0\1"),
        (0xFFF, 4, None),
        (0x2FEC, 4, b"\xec\xed\xee\xef"),
        (0x2FED, 4, None),
        (0x4000, 4, None),
        (0x9000, 1, None),
        (0x1000, 0, None),
        (0x1000, 1 << 20, None),
    ],
)
def test_what_is_read_is_not_writable_and_inside_its_section(address, size, content):
    assert PeConstants(build()).read(address, size) == content


@pytest.mark.parametrize(
    ("address", "size", "is_read"),
    [
        (0x1100, 8, True),
        (0x1100, 16, True),
        (0x1100, 17, False),
        (0x1110, 1, False),
        (0x1117, 1, False),
        (0x1118, 8, True),
        (0x1FF0, 8, True),
        (0x1FFC, 2, False),
        (0x2000, 1, False),
        (0x2003, 1, False),
        (0x2004, 4, True),
        (0x1200, 8, True),
    ],
)
def test_what_depends_on_where_the_image_is_loaded_is_not_read(address, size, is_read):
    """Pointers at 0x1110 and, over the end of a page, at 0x1ffc; what has no kind is padding."""
    blocks = [(0x1000, [0xA110, 0x0200]), (0x1000, [0xAFFC])]

    found = PeConstants(build(blocks=blocks)).read(address, size)
    assert (found is not None) is is_read


@pytest.mark.parametrize(("address", "is_read"), [(0x107F, False), (0x1078, True), (0x10C0, True)])
def test_addresses_of_imported_functions_are_not_read(address, is_read):
    constants = PeConstants(build(imports=(0x1080, 0x40)))

    assert (constants.read(address, 8) is not None) is is_read


@pytest.mark.parametrize("block", [struct.pack("<II", 0x1000, 0), struct.pack("<II", 0x1000, 4)])
def test_relocations_without_end_end(block):
    data = bytearray(build(blocks=[(0x1000, [0xA110])]))
    data[-10:-2] = block

    assert PeConstants(bytes(data)).read(0x1110, 4) is not None


def test_a_cut_image_is_malformed():
    with pytest.raises(MalformedFile):
        PeConstants(build()[:0x300])


def test_a_real_program_gives_its_texts(truth):
    """loc0.exe: "hello" is an argument of a function."""
    data = (truth / "windows-variables/loc0.exe").read_bytes()
    place = data.index(b"hello\0")
    image = pe.read_image(data)
    (row,) = (row for row in image.rows if row.offset <= place < row.offset + row.size)

    assert PeConstants(data).read(place - row.offset + row.address, 6) == b"hello\0"
