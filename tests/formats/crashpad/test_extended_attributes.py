import ctypes
import os
import sys
from base64 import b64encode
from urllib.parse import quote

import pytest

from crashtool.formats.crashpad import extended_attributes
from crashtool.formats.crashpad.extended_attributes import (
    read_attributes,
    read_pax_attributes,
    write_attributes,
)
from crashtool.formats.crashpad.metadata import Metadata
from tests.synth.database import NOW, GenericDatabase, apple_double

ID = "org.chromium.crashpad.database.id"


def test_a_file_without_any_attributes_has_none(tmp_path):
    (tmp_path / "a.dmp").write_bytes(b"MDMP")
    assert read_attributes(tmp_path / "a.dmp") == {}


@pytest.fixture
def without_calls(monkeypatch):
    """Python as on Alpine: Linux, and no calls for attributes."""
    for name in ("getxattr", "listxattr", "setxattr", "removexattr"):
        monkeypatch.delattr(os, name, raising=False)


def test_a_platform_without_attributes_has_none(tmp_path, without_calls):
    assert read_attributes(tmp_path / "a.dmp") == {}
    (tmp_path / "._a.dmp").write_bytes(apple_double({ID: b"42"}))
    assert read_attributes(tmp_path / "a.dmp") == {ID: b"42"}


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has calls of its own")
def test_a_platform_without_attributes_takes_none(tmp_path, without_calls):
    with pytest.raises(OSError, match="supported"):
        write_attributes(tmp_path / "a.dmp", {ID: b"42"})


def test_a_platform_without_attributes_reads_databases(crashtool, tmp_path, without_calls):
    GenericDatabase(tmp_path / "crashes").add(1, "pending", Metadata(NOW))
    result = crashtool("database", "list", tmp_path / "crashes")
    assert result.exit_code == 0
    assert "generic" in result.stdout


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux's own calls")
def test_attributes_on_disk_are_read_without_their_namespace(tmp_path):
    path = tmp_path / "a.dmp"
    path.write_bytes(b"MDMP")
    try:
        os.setxattr(path, "user.org.chromium.crashpad.database.id", b"42")
    except OSError:
        pytest.skip("this file system keeps no attributes")
    assert read_attributes(path) == {"org.chromium.crashpad.database.id": b"42"}


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux's own calls")
def test_attributes_of_the_system_itself_do_not_hide_those_beside_a_copy(tmp_path, monkeypatch):
    path = tmp_path / "a.dmp"
    path.write_bytes(b"MDMP")
    (tmp_path / "._a.dmp").write_bytes(apple_double({ID: b"42"}))
    monkeypatch.setattr(os, "listxattr", lambda _path: ["security.selinux"])
    monkeypatch.setattr(os, "getxattr", lambda *_: b"unconfined_u:object_r:user_tmp_t:s0")
    assert read_attributes(path) == {ID: b"42"}


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux's own calls")
def test_attributes_on_disk_are_set_and_removed(tmp_path):
    path = tmp_path / "a.dmp"
    path.write_bytes(b"MDMP")
    try:
        write_attributes(path, {ID: b"42", "other": b"1", "absent": None})
    except OSError:
        pytest.skip("this file system keeps no attributes")
    assert read_attributes(path) == {ID: b"42", "other": b"1"}
    write_attributes(path, {ID: None})
    assert read_attributes(path) == {"other": b"1"}


def test_both_conventions_of_tar_are_read():
    value = b"a\xff=\n"
    headers = {
        f"LIBARCHIVE.xattr.{quote(ID + ' 100%')}": b64encode(value).decode().rstrip("="),
        f"SCHILY.xattr.{ID}": value.decode("utf-8", "surrogateescape"),
        "SCHILY.xattr.user.linux": "1",
        "mtime": "1.5",
    }
    assert read_pax_attributes(headers) == {ID + " 100%": value, ID: value, "linux": b"1"}


def test_a_file_that_is_gone_has_none(tmp_path):
    assert read_attributes(tmp_path / "gone.dmp") == {}


class DarwinLibc:
    """listxattr and getxattr as macOS has them: sizes returned, -1 for an error."""

    def __init__(self, attributes):
        self.attributes = attributes
        self.listxattr = Call(self._list)
        self.getxattr = Call(self._get)
        self.setxattr = Call(self._set)
        self.removexattr = Call(self._remove)

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

    def _set(self, _path, name, value, size, _position, _options):
        self.attributes[name] = value[: size.value]
        return 0

    def _remove(self, _path, name, _options):
        if self.attributes.pop(name, None) is None:
            ctypes.set_errno(93)
            return -1
        return 0


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


def test_macos_own_calls_change_attributes_there(tmp_path, monkeypatch):
    libc = DarwinLibc({b"old": b"1"})
    monkeypatch.setattr(extended_attributes, "_load_libc", lambda: libc)
    monkeypatch.setattr(extended_attributes.sys, "platform", "darwin")
    write_attributes(tmp_path / "a.dmp", {"new": b"2", "old": None, "absent": None})
    assert libc.attributes == {b"new": b"2"}

    def refuse(*_):
        ctypes.set_errno(30)
        return -1

    libc.setxattr = libc.removexattr = Call(refuse)
    for value in (b"3", None):
        with pytest.raises(OSError, match="Read-only"):
            write_attributes(tmp_path / "a.dmp", {"new": value})


def test_macos_without_attributes_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(extended_attributes, "_load_libc", lambda: DarwinLibc(None))
    monkeypatch.setattr(extended_attributes.sys, "platform", "darwin")
    assert read_attributes(tmp_path / "a.dmp") == {}


def test_the_c_library_of_this_process_can_be_loaded():
    assert extended_attributes._load_libc() is not None
