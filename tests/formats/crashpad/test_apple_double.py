import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.errors import MalformedFile
from crashtool.formats.crashpad.apple_double import (
    AppleDoubleEntry,
    AppleDoubleHeader,
    AttributeEntry,
    AttributesHeader,
    pack_apple_double,
    read_apple_double,
)
from tests.synth.database import apple_double

NAMES = st.text("abcdefghij.:_", min_size=1, max_size=60)


def test_the_structs_have_the_sizes_that_xnu_writes():
    kinds = (AppleDoubleHeader, AppleDoubleEntry, AttributesHeader, AttributeEntry)
    assert [kind.SIZE for kind in kinds] == [26, 12, 36, 11]


@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=6))
def test_an_apple_double_file_gives_its_attributes(attributes):
    assert read_apple_double(apple_double(attributes)) == attributes


def test_an_apple_double_file_cut_anywhere_is_malformed():
    data = apple_double({"a.b": b"value", "c": b"d"})
    for size in range(len(data)):
        with pytest.raises(MalformedFile):
            read_apple_double(data[:size])


def test_an_apple_double_file_without_attributes_has_none():
    header = struct.pack(">II16sH", 0x00051607, 0x00020000, b"", 1)
    assert read_apple_double(header + struct.pack(">III", 2, 38, 0)) == {}
    assert read_apple_double(header + struct.pack(">III", 9, 38, 32) + bytes(32)) == {}


def test_another_magic_is_malformed():
    with pytest.raises(MalformedFile, match="not an AppleDouble file"):
        read_apple_double(bytes(100))
    data = apple_double({"a": b"b"})
    with pytest.raises(MalformedFile, match="no attributes"):
        read_apple_double(data.replace(b"ATTR", b"RTTA"))


def test_attributes_may_not_share_their_bytes():
    data = bytearray(apple_double({"a": b"x" * 200, "b": b"", "c": b""}))
    for entry in (136, 152):
        assert data[entry + 11 : entry + 13] in (b"b\0", b"c\0")
        struct.pack_into(">II", data, entry, len(data) - 200, 200)
    with pytest.raises(MalformedFile, match="cut short"):
        read_apple_double(bytes(data))


@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=6))
def test_a_file_is_packed_as_it_was_laid_out_by_hand(attributes):
    laid_out = apple_double(attributes)
    assert pack_apple_double(attributes, laid_out) == laid_out
    assert read_apple_double(pack_apple_double(attributes)) == attributes


def test_finder_info_and_the_resource_fork_stay_when_attributes_change():
    finder, fork = bytes(range(32)), b"resource fork"
    old = bytearray(apple_double({"a": b"1"}))
    old[50:82] = finder
    struct.pack_into(">III", old, 38, 2, len(old), len(fork))
    old += fork

    changed = pack_apple_double({"a": b"longer than before", "b": b""}, bytes(old))

    assert read_apple_double(changed) == {"a": b"longer than before", "b": b""}
    assert changed[50:82] == finder
    kind, offset, length = struct.unpack_from(">III", changed, 38)
    assert (kind, changed[offset : offset + length]) == (2, fork)


def test_what_is_no_such_file_is_not_changed():
    with pytest.raises(MalformedFile):
        pack_apple_double({"a": b"1"}, bytes(60))
