import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.errors import MalformedFile
from crashtool.formats.crashpad.metadata import (
    GenericHeader,
    GenericHeader32,
    Metadata,
    WindowsHeader,
    WindowsRecord,
    pack_meta,
    pack_windows_metadata,
    read_mac_metadata,
    read_meta,
    read_windows_metadata,
)
from tests.synth.database import NOW, windows_report

metadata = st.builds(
    Metadata,
    created=st.integers(0, 2**32 - 1),
    uploaded=st.booleans(),
    upload_attempts=st.integers(0, 2**31 - 1),
    last_upload_attempt=st.integers(0, 2**40),
    upload_explicitly_requested=st.booleans(),
    id=st.binary(max_size=80),
)


def test_the_structs_have_the_sizes_that_crashpad_writes():
    sizes = [kind.SIZE for kind in (GenericHeader, GenericHeader32, WindowsHeader, WindowsRecord)]
    assert sizes == [32, 24, 16, 56]


@given(metadata)
def test_a_meta_file_is_read_back(values):
    assert read_meta(pack_meta(values)) == values


def test_padding_that_a_handler_left_uninitialised_means_nothing():
    raw = (
        struct.pack("<iiqqB", 1, 3, NOW, NOW - 5, 1) + bytes.fromhex("6fa980d27f0000") + b'{"a":1}'
    )
    assert read_meta(raw) == Metadata(NOW - 5, True, 3, NOW, False, b'{"a":1}')


@pytest.mark.parametrize("answer", [b"", b'{"response":"ok","_rxid":"5"}\r\n'])
def test_a_32_bit_systems_header_is_told_by_its_uploaded_flag(answer):
    raw = struct.pack("<iiqiB", 1, 1, NOW, NOW - 5, 1) + b"\xaa\xbb\xcc" + answer
    assert read_meta(raw) == Metadata(NOW - 5, True, 1, NOW, False, answer)


@pytest.mark.parametrize("size", [0, 1, 23])
def test_a_meta_file_cut_in_its_header_is_malformed(size):
    with pytest.raises(MalformedFile, match="cut short"):
        read_meta(pack_meta(Metadata(NOW))[:size])


def test_a_meta_file_of_another_version_is_malformed():
    with pytest.raises(MalformedFile, match="version 2"):
        read_meta(struct.pack("<iiqqB7x", 2, 0, 0, NOW, 0))


def test_windows_metadata_is_read_back_in_order():
    reports = [
        windows_report(3, "completed", id=b"abc", uploaded=True),
        windows_report(1, "uploading", upload_attempts=2, last_upload_attempt=NOW),
        windows_report(2, "pending", upload_explicitly_requested=True),
    ]
    assert read_windows_metadata(pack_windows_metadata(reports)) == reports


@pytest.mark.parametrize("data", [b"", pack_windows_metadata([])])
def test_windows_metadata_without_reports_has_none(data):
    assert read_windows_metadata(data) == []


def test_windows_metadata_cut_anywhere_is_malformed():
    data = pack_windows_metadata([windows_report(1), windows_report(2, id=b"xyz")])
    for size in range(1, len(data)):
        with pytest.raises(MalformedFile):
            read_windows_metadata(data[:size])


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (0, 0x41504443, "magic 0x41504443"),
        (4, 7, "version 7"),
        (8, 0xFFFFFFFF, "cut short"),
        (32, 0xFFFFFFF0, "beyond the string table"),
        (36, 0xFFFFFFF0, "beyond the string table"),
        (60, 9, "unknown state 9"),
    ],
)
def test_hostile_numbers_in_windows_metadata_are_named(offset, value, words):
    data = bytearray(pack_windows_metadata([windows_report(1)]))
    struct.pack_into("<I", data, offset, value)
    with pytest.raises(MalformedFile, match=words):
        read_windows_metadata(bytes(data))


def test_windows_strings_may_not_overlap():
    data = bytearray(pack_windows_metadata([windows_report(n, id=b"x" * 500) for n in range(4)]))
    for record in range(4):
        struct.pack_into("<II", data, 16 + 56 * record + 16, 41, 41)
    with pytest.raises(MalformedFile, match="overlap"):
        read_windows_metadata(bytes(data))


def test_mac_attributes_become_metadata():
    attributes = {
        "creation_time": b"%d" % NOW,
        "uploaded": b"1",
        "id": b"\xff{}",
        "upload_count": b"2",
        "last_upload_time": b"%d" % (NOW + 9),
        "upload_explicitly_requested": b"1",
    }
    assert read_mac_metadata(attributes) == Metadata(NOW, True, 2, NOW + 9, True, b"\xff{}")
    assert read_mac_metadata({"creation_time": b"7"}) == Metadata(7)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"creation_time": None}, "no creation time"),
        ({"creation_time": b"soon"}, "creation_time is not a number"),
        ({"upload_count": b"\xff"}, "upload_count is not a number"),
        ({"upload_count": b"9" * 5000}, "upload_count is not a number"),
        ({"uploaded": b"yes"}, "uploaded is neither 0 nor 1"),
    ],
)
def test_mac_attributes_that_crashpad_refuses_are_named(changed, words):
    attributes = {"creation_time": b"1"} | changed
    with pytest.raises(ValueError, match=words):
        read_mac_metadata({name: value for name, value in attributes.items() if value is not None})


def test_uuids_are_stored_as_windows_guids():
    data = pack_windows_metadata([windows_report(1)._replace(uuid=UUID(int=0x00112233 << 96))])
    assert data[16:20] == bytes.fromhex("33221100")
