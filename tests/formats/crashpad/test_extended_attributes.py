import ctypes
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.errors import MalformedFile
from crashtool.formats.crashpad import extended_attributes
from crashtool.formats.crashpad.extended_attributes import (
    AppleDoubleEntry,
    AppleDoubleHeader,
    AttributeEntry,
    AttributesHeader,
    read_apple_double,
    read_attributes,
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
    with pytest.raises(MalformedFile, match="no AppleDouble file"):
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


def test_a_file_without_any_attributes_has_none(tmp_path):
    (tmp_path / "a.dmp").write_bytes(b"MDMP")
    assert read_attributes(tmp_path / "a.dmp") == {}


def test_a_platform_without_attributes_has_none(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "getxattr", raising=False)
    assert read_attributes(tmp_path / "a.dmp") == {}


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux's own calls")
def test_attributes_on_disk_are_read_without_their_namespace(tmp_path):
    path = tmp_path / "a.dmp"
    path.write_bytes(b"MDMP")
    try:
        os.setxattr(path, "user.org.chromium.crashpad.database.id", b"42")
    except OSError:
        pytest.skip("this file system keeps no attributes")
    assert read_attributes(path) == {"org.chromium.crashpad.database.id": b"42"}


def test_a_file_that_is_gone_has_none(tmp_path):
    assert read_attributes(tmp_path / "gone.dmp") == {}


class DarwinLibc:
    """listxattr and getxattr as macOS has them: sizes returned, -1 for an error."""

    def __init__(self, attributes):
        self.attributes = attributes
        self.listxattr = Call(self._list)
        self.getxattr = Call(self._get)

    def _list(self, _path, buffer, _size, _options):
        if self.attributes is None:
            return -1
        names = b"".join(name + b"\0" for name in self.attributes)
        ctypes.memmove(buffer, names, len(names))
        return len(names)

    def _get(self, _path, name, buffer, _size, _position, _options):
        value = self.attributes[name]
        if value is None:
            return -1
        ctypes.memmove(buffer, value, len(value))
        return len(value)


class Call:
    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        return self.function(*arguments)


def test_macos_own_calls_are_used_there(tmp_path, monkeypatch):
    libc = DarwinLibc({b"org.chromium.crashpad.database.id": b"42\0", b"denied": None})
    monkeypatch.setattr(extended_attributes, "_load_libc", lambda: libc)
    monkeypatch.setattr(extended_attributes.sys, "platform", "darwin")
    assert read_attributes(tmp_path / "a.dmp") == {"org.chromium.crashpad.database.id": b"42\0"}
    assert libc.listxattr.restype is ctypes.c_ssize_t


def test_macos_without_attributes_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(extended_attributes, "_load_libc", lambda: DarwinLibc(None))
    monkeypatch.setattr(extended_attributes.sys, "platform", "darwin")
    assert read_attributes(tmp_path / "a.dmp") == {}


def test_the_c_library_of_this_process_can_be_loaded():
    assert extended_attributes._load_libc() is not None
