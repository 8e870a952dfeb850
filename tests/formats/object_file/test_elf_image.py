"""ELF images in memory: whole, cut at each byte, damaged at each byte."""

import pytest

from crashtool.errors import CrashtoolError
from crashtool.formats.object_file.elf import identify_elf, read_elf
from crashtool.formats.object_file.elf_image import find_image
from crashtool.formats.object_file.elf_structs import (
    Dynamic64,
    ElfSegment64,
    Header64,
    Note,
)
from tests.synth.object_files import BUILD_ID as FILE_BUILD_ID
from tests.synth.object_files import full_elf

BASE = 0x7F0000000000
BUILD_ID = bytes(range(20))
LOAD, DYNAMIC, NOTE = 1, 2, 4


def make_image(*, relocated=True, first=0):
    """An image with a build id and a name, as it lies in memory from its first address on."""
    strings = b"\0libgame.so.1\0"
    note = Note(name_size=4, content_size=20, note_type=3).pack() + b"GNU\0" + BUILD_ID
    places = {"note": 0x200, "strings": 0x300, "dynamic": 0x400}
    bias = BASE - first
    rows = (
        Dynamic64(tag=14, value=1),
        Dynamic64(tag=5, value=first + places["strings"] + (bias if relocated else 0)),
        Dynamic64(),
    )
    dynamic = b"".join(row.pack() for row in rows)
    segments = (
        ElfSegment64(segment_type=LOAD, address=first, file_size=0x500, memory_size=0x1234),
        ElfSegment64(segment_type=NOTE, address=first + places["note"], file_size=len(note)),
        ElfSegment64(
            segment_type=DYNAMIC, address=first + places["dynamic"], memory_size=len(dynamic)
        ),
    )
    header = Header64(
        identification=b"\x7fELF\x02\x01\x01".ljust(16, b"\0"),
        segments_offset=Header64.SIZE,
        segment_size=ElfSegment64.SIZE,
        segment_count=len(segments),
    )
    data = bytearray(0x500)
    for place, content in (
        (0, header.pack() + b"".join(row.pack() for row in segments)),
        (places["note"], note),
        (places["strings"], strings),
        (places["dynamic"], dynamic),
    ):
        data[place : place + len(content)] = content
    return bytes(data)


def reader(data):
    def read(address, size):
        start = address - BASE
        content = data[max(start, 0) : start + size] if 0 <= start < len(data) else b""
        if not content:
            raise OSError("nothing there")
        return content

    return read


@pytest.mark.parametrize("relocated", [True, False])
@pytest.mark.parametrize("first", [0, 0x400000])
def test_an_image_tells_its_size_identifier_and_name(first, relocated):
    image = find_image(reader(make_image(relocated=relocated, first=first)), BASE)

    assert image == (BASE, 0x1234, BUILD_ID, "libgame.so.1")


def test_what_is_no_image_is_none():
    assert find_image(reader(b"MZ" + bytes(100)), BASE) is None
    assert find_image(reader(b""), BASE) is None


def test_an_image_cut_at_any_byte_is_read_as_far_as_it_goes():
    data = make_image()
    for size in range(len(data)):
        image = find_image(reader(data[:size]), BASE)

        assert image is None or image.base == BASE


@pytest.mark.parametrize("value", [0x00, 0x7F, 0xFF])
def test_no_damage_ends_the_search(value):
    data = make_image()
    for place in range(len(data)):
        damaged = data[:place] + bytes([value]) + data[place + 1 :]
        try:
            image = find_image(reader(damaged), BASE)
        except CrashtoolError as error:
            pytest.fail(f"byte {place}: {error}")
        assert image is None or image.base == BASE, f"byte {place}"


def test_a_file_is_identified_by_its_build_id_or_else_by_its_code():
    assert identify_elf(full_elf()).raw == FILE_BUILD_ID
    assert identify_elf(full_elf(build_id=None)).debug_id == (
        read_elf(full_elf(build_id=None))[0].hashed_id
    )
