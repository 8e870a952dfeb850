"""Memory: found by address, across ranges, without trust in what the file claims."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashtool.formats.minidump import memory, streams, structs
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.writer import Block
from tests.synth.minidump import MinidumpBuilder, write_minidump


def memory_of(*ranges, wide=False):
    builder = MinidumpBuilder()
    for address, data in ranges:
        (builder.add_memory64 if wide else builder.add_memory)(address, data)
    return Minidump(builder.pack()).memory


@pytest.mark.parametrize("wide", [False, True])
def test_memory_is_found_by_address(wide):
    found = memory_of((0x2000, b"second"), (0x1000, b"first"), wide=wide)
    assert found.read(0x1000, 5) == b"first"
    assert found.read(0x2001, 3) == b"eco"
    assert found.read(0x2000, 0) == b""


@pytest.mark.parametrize(
    ("address", "size"),
    [(0xFFF, 1), (0x1005, 1), (0x1000, 6), (0x1000, 1 << 60), (0x1000, -1), (-1, 1), (1 << 70, 1)],
)
def test_memory_that_is_not_all_there_is_none(address, size):
    assert memory_of((0x1000, b"first")).read(address, size) is None


def test_a_read_goes_on_in_the_adjacent_range():
    found = memory_of((0x1000, b"first"), (0x1005, b"second"), (0x100C, b"gap"))
    assert found.read(0x1003, 5) == b"stsec"
    assert found.read(0x1000, 12) is None


def test_overlapping_ranges_are_read_once():
    found = memory_of((0x1000, b"0123456789"), (0x1002, b"xx"), (0x1008, b"89ab"), (0x1001, b"y"))
    assert found.read(0x1000, 12) == b"0123456789ab"
    assert [row.size for row in found.ranges] == [10, 2, 4, 1]


def test_both_lists_together_are_the_memory():
    dump = MinidumpBuilder().add_memory(0x1000, b"plain").add_memory64(0x2000, b"wide")
    found = Minidump(dump.pack()).memory
    assert found.read(0x1000, 5) == b"plain"
    assert found.read(0x2000, 4) == b"wide"
    assert [row.start for row in found.ranges] == [0x1000, 0x2000]


def test_a_stack_that_no_list_has_is_memory_too():
    builder = MinidumpBuilder().add_thread(7, stack=(0x7000, b"the stack"))
    builder.memory.clear()
    found = Minidump(builder.pack()).memory
    assert found.read(0x7004, 5) == b"stack"
    assert len(found.ranges) == 0


def test_a_stack_without_bytes_in_the_file_is_none():
    builder = MinidumpBuilder().add_thread(7, stack_size=100)
    assert Minidump(builder.pack()).memory.read(0, 1) is None


def test_ranges_past_the_end_give_what_is_there():
    data = write_minidump(
        [
            (
                streams.MEMORY64_LIST,
                Block(
                    structs.Memory64Header(entry_count=3, rva=0).pack()
                    + structs.MemoryDescriptor64(start=0x1000, size=1 << 63).pack()
                    + structs.MemoryDescriptor64(start=0x100, size=1 << 63).pack()
                    + structs.MemoryDescriptor64(start=0x10, size=8).pack()
                ),
            )
        ]
    )
    place = structs.MinidumpHeader.SIZE + structs.Directory.SIZE + 4
    data = data[: place + 8] + (0x10).to_bytes(8, "little") + data[place + 16 :]
    dump = Minidump(data)
    found = dump.memory
    assert found.read(0x1000, len(data) - 0x10) == data[0x10:]
    assert found.read(0x1000, len(data)) is None
    assert len(found.ranges) == 2
    assert [problem.sentence for problem in dump.problems] == [
        "Memory64List: the file ends before its last bytes"
    ]


def test_a_range_up_to_the_end_of_the_address_space_stops_there():
    found = memory_of(((1 << 64) - 4, b"12345678"))
    assert found.read((1 << 64) - 4, 4) == b"1234"
    assert found.read((1 << 64) - 4, 5) is None


def test_more_ranges_than_allowed_are_cut(monkeypatch):
    monkeypatch.setattr(memory, "MAX_RANGES", 2)
    dump = Minidump(
        MinidumpBuilder().add_memory64(1, b"a").add_memory64(3, b"b").add_memory64(5, b"c").pack()
    )
    assert dump.memory.read(3, 1) == b"b"
    assert dump.memory.read(5, 1) is None
    assert "2 of 3 entries" in dump.problems[0].sentence


def test_ranges_are_a_sequence():
    found = memory_of((0x1000, b"first"), (0x2000, b"second"), wide=True).ranges
    assert found[1] == found[-1] == (0x2000, 6, found[1].rva)
    assert list(found[1:]) == [found[1]]
    assert len(found) == len(list(found)) == 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=8),
    st.integers(0, 60),
    st.integers(0, 20),
)
def test_reading_agrees_with_a_picture_of_memory(ranges, address, size):
    picture = {}
    for start, length in ranges:
        picture |= {place: place & 0xFF for place in range(start, start + length)}
    rows = [(start, bytes(range(start, start + length))) for start, length in ranges]
    wanted = range(address, address + size)
    expected = (
        bytes(picture[place] for place in wanted) if all(p in picture for p in wanted) else None
    )
    assert memory_of(*rows).read(address, size) == expected
