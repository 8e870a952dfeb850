"""Writing minidumps, and what goes behind the end of one that exists."""

from uuid import UUID

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.minidump import streams, structs, writer
from crashtool.formats.minidump.crashpad_info import (
    AnnotationObject,
    CrashpadInfo,
    ModuleAnnotations,
)
from crashtool.formats.minidump.file import Minidump
from tests.synth.minidump import MinidumpBuilder, full_dump, write_minidump

INFO = CrashpadInfo(
    version=1,
    report_id=UUID(int=1),
    client_id=UUID(int=2),
    annotations=(("prod", "Gäme"), ("empty", "")),
    modules=(
        ModuleAnnotations(0, ("a", "b"), (("c", "d"),), (AnnotationObject("e", 1, b"f"),)),
        ModuleAnnotations(5, (), (), ()),
    ),
    address_mask=3,
)


def test_crashpad_info_comes_back_as_it_was_packed():
    dump = Minidump(MinidumpBuilder().set_crashpad(INFO).pack())
    assert dump.crashpad == INFO
    assert dump.find_place(streams.CRASHPAD_INFO).size == 64
    assert not dump.problems


def test_header_and_directory_say_what_was_asked():
    data = write_minidump([(0x12345, writer.Block(b"x"))], timestamp=7, flags=2)
    header = structs.MinidumpHeader.read(data)
    assert (header.stream_count, header.timestamp, header.flags) == (1, 7, 2)
    assert Minidump(data).read_raw_stream(0x12345) == b"x"


def test_a_block_that_two_refer_to_is_written_once():
    shared, block = writer.Block(b"shared"), writer.Block(bytes(8))
    block.link(0, shared)
    block.link(4, shared)
    data = write_minidump([(0x12345, block)])
    assert data.count(b"shared") == 1
    first, second = structs.Rva.read_array(Minidump(data).read_raw_stream(0x12345), 0, 2)
    assert first == second
    assert data[first.rva :].startswith(b"shared")


def test_blocks_start_at_multiples_of_eight():
    data = full_dump().pack()
    assert all(entry.rva % writer.ALIGNMENT == 0 for entry in Minidump(data).directory)


@pytest.mark.parametrize("size", [0xFFFFFFFC, 0xFFFFFFF0])
def test_what_goes_behind_4_gib_is_refused(size):
    with pytest.raises(InputUnusable, match="would pass 4 GiB"):
        writer.pack_behind(writer.Block(bytes(9)), size)


def test_text_that_is_no_text_can_be_packed():
    assert bytes(writer.pack_utf8("\udcff").data) == b"\1\0\0\0\xff\0"
    assert bytes(writer.pack_utf16("\ud800").data) == b"\2\0\0\0\0\xd8\0\0"
