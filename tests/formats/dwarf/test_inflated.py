"""Large packed sections are read piece by piece, equal to what they were packed from."""

import random
import tracemalloc
import zlib

import pytest

from crashtool.formats.dwarf import inflated, sections
from crashtool.formats.dwarf.forms import Cursor, DamagedDwarf
from crashtool.formats.dwarf.inflated import Inflated
from crashtool.formats.dwarf.sections import (
    COMPRESSED_ZLIB,
    PACKED_64,
    PACKED_OLD,
    DebugSections,
    SectionPlace,
)
from crashtool.formats.object_file.elf_structs import CompressionHeader64

FRONT, TAIL = b"before", b"behind"
SIZE = 50_000


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(inflated, "BLOCK", 1000)
    monkeypatch.setattr(inflated, "PORTION", 97)
    monkeypatch.setattr(inflated, "BLOCKS_KEPT", 5)


def make_content(size=SIZE):
    chance = random.Random(size)  # noqa: S311 (the same in each run)
    return bytes(chance.choice(b"\0abcdefgh") for _ in range(size))


def pack(content, size=None):
    packed = zlib.compress(content)
    data = FRONT + packed + TAIL
    end = len(FRONT) + len(packed)
    return Inflated(data, len(FRONT), end, len(content) if size is None else size)


@pytest.mark.usefixtures("small_blocks")
class TestInflated:
    def test_slices_and_bytes_are_those_that_were_packed(self):
        content = make_content()
        found = pack(content)
        chance = random.Random(2)  # noqa: S311
        for _ in range(400):
            start = chance.randrange(SIZE)
            stop = start + chance.choice((0, 1, 30, 999, 2500))
            assert found[start:stop] == content[start:stop]
            assert found[start] == content[start]
        assert len(found) == SIZE
        assert found[:] == content

    def test_find_looks_beyond_a_block(self):
        content = b"a" * 2500 + b"\0" + b"b" * 2500 + b"\0"
        found = pack(content)

        assert found.find(b"\0", 10) == 2500
        assert found.find(b"\0", 2501) == 5001
        assert found.find(b"\0", 10, 2500) == -1
        assert found.find(b"c") == -1

    def test_only_some_blocks_are_kept(self):
        found = pack(make_content())
        assert found[SIZE - 1 :]
        assert found[0:SIZE:1]

        assert len(found._blocks) <= 5

    @pytest.mark.parametrize("place", [-1, SIZE])
    def test_a_byte_outside_is_an_index_error(self, place):
        found = pack(make_content())
        with pytest.raises(IndexError):
            found[place]

    def test_a_stream_shorter_than_it_should_be_is_damage_where_it_ends(self):
        content = make_content()
        found = pack(content, SIZE + 5000)

        assert found[SIZE - 3000 : SIZE - 2000] == content[-3000:-2000]
        with pytest.raises(DamagedDwarf, match="shorter"):
            found[SIZE - 10 : SIZE + 10]

    def test_a_longer_stream_ends_where_it_should(self):
        assert len(pack(make_content(), 1234)[:]) == 1234

    def test_a_damaged_stream_is_damage(self):
        packed = bytearray(zlib.compress(make_content()))
        packed[len(packed) // 2 :] = bytes(len(packed) - len(packed) // 2)
        found = Inflated(bytes(packed), 0, len(packed), SIZE)

        assert found[0:100]
        with pytest.raises(DamagedDwarf, match="packed section"):
            found[SIZE - 100 :]

    def test_a_cursor_reads_it_as_it_reads_bytes(self):
        content = b"name\0" + bytes(range(1, 200)) * 30
        cursor = Cursor(pack(content))

        assert (cursor.string(), cursor.number(4)) == (b"name", 0x04030201)
        assert cursor.take(3000) == content[9:3009]


def test_a_large_section_takes_a_part_of_its_size():
    size = 1 << 26
    data = zlib.compress(bytes(size - 1) + b"x", 1)
    found = Inflated(data, 0, len(data), size)
    tracemalloc.start()
    try:
        assert found[size - 1] == ord("x")
        assert found[5] == 0
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert taken < size // 3


class TestSections:
    @pytest.mark.parametrize("packing", [PACKED_64, PACKED_OLD])
    def test_sections_are_the_same_at_once_and_piece_by_piece(self, packing, monkeypatch):
        content = make_content()
        monkeypatch.setattr(sections, "MAX_WHOLE", 1000)
        if packing == PACKED_OLD:
            head = b"ZLIB" + len(content).to_bytes(8, "big")
        else:
            head = CompressionHeader64(method=COMPRESSED_ZLIB, size=len(content)).pack()
        data = FRONT + head + zlib.compress(content)
        place = SectionPlace(len(FRONT), len(data) - len(FRONT), packing)
        found = DebugSections(data, {"debug_info": place})

        assert found.size("debug_info") == SIZE
        assert found.open("debug_info", 40_000).take(5) == content[40_000:40_005]

    def test_sizes_beyond_all_measure_are_refused(self):
        head = CompressionHeader64(method=COMPRESSED_ZLIB, size=1 << 40).pack()
        data = head + zlib.compress(b"x")
        found = DebugSections(data, {"debug_info": SectionPlace(0, len(data), PACKED_64)})

        with pytest.raises(DamagedDwarf, match="too large"):
            found.size("debug_info")
