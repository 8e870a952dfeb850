"""The .reg file for old Windows: what it says, what it sets, and what Wine makes of it."""

import re
import subprocess

import pytest

from crashtool.formats.crashpad.arguments import HANDLER_KINDS
from crashtool.formats.registry_file import index_registry, parse_registry_file
from crashtool.formats.text_file import read_text_file
from crashtool.services.integration.windows_tls import (
    OLD_WINDOWS,
    OWN_PROTOCOLS,
    PROTOCOLS,
    SCHANNEL,
    SERVER_2012,
    SETTINGS,
    UPDATE,
    WINDOWS_7,
    WINDOWS_8_1,
    WINHTTP,
    WINHTTP_32,
    is_set,
    needed_settings,
)
from tests.wine import TIMEOUT, windows_path, wine  # noqa: F401 (a fixture)


@pytest.fixture
def written(crashtool, tmp_path):
    assert crashtool("scaffold", "reg", "-o", "tls.reg").exit_code == 0
    return tmp_path / "tls.reg"


def test_the_file_sets_exactly_what_is_documented(written):
    rows = parse_registry_file(read_text_file(written), "tls.reg")
    assert {(row.key, row.name): row.data for row in rows} == {
        (WINHTTP, "DefaultSecureProtocols"): 0xA00,
        (WINHTTP_32, "DefaultSecureProtocols"): 0xA00,
        (SCHANNEL + r"\TLS 1.1\Client", "DisabledByDefault"): 0,
        (SCHANNEL + r"\TLS 1.2\Client", "DisabledByDefault"): 0,
    }
    assert len(rows) == len(SETTINGS) == 4
    assert all(is_set(row, index_registry(rows)) for row in SETTINGS)


def test_the_file_is_as_regedit_wants_it(written):
    raw = written.read_bytes()
    text = raw.decode("utf-16")
    assert raw.startswith(b"\xff\xfe")
    assert text.startswith("Windows Registry Editor Version 5.00\r\n\r\n")
    assert text.replace("\r\n", "").find("\n") == -1
    assert text.isascii()  # what is printed may be saved in any code page


def test_the_file_tells_the_whole_story_in_its_order(crashtool):
    text = crashtool("scaffold", "reg").stdout
    steps = [UPDATE, "reg import", "Sysnative", "Restart", "Sentry's", "Backtrace's", "0xa80"]
    positions = [text.index(step) for step in steps]
    assert positions == sorted(positions)
    names = [name for names in OLD_WINDOWS.values() for name in names.split(" and ")]
    assert [name for name in names if name not in text] == []
    assert all(len(line) <= 100 or line.startswith("[") for line in text.splitlines())


def test_what_is_needed_depends_on_the_system_and_the_handler():
    def names(version, kind, **more):
        return [row.key for row in needed_settings(version, kind, **more)]

    schannel = [row.key for row in SETTINGS if row.is_schannel]
    assert len(schannel) == 2
    assert names(WINDOWS_7, "upstream") == [WINHTTP, WINHTTP_32, *schannel]
    assert names(WINDOWS_7, "upstream", is_64bit=False) == [WINHTTP, *schannel]
    assert names(SERVER_2012, "sentry") == [WINHTTP, WINHTTP_32]
    assert names(WINDOWS_7, "backtrace") == names(WINDOWS_7, "backtrace-2018") == schannel
    assert names(SERVER_2012, "backtrace") == []
    for kind in HANDLER_KINDS:
        assert names(WINDOWS_8_1, kind) == names((10, 0), kind) == names((6, 0), kind) == []
    assert set(OWN_PROTOCOLS) < HANDLER_KINDS.keys()


@pytest.mark.parametrize(
    ("index", "data", "expected"),
    [
        (0, 0x800, True),
        (0, 0xA80, True),
        (0, 0x280, False),
        (0, "0xa00", False),
        (0, None, False),
        (2, 0, True),
        (2, 1, False),
        (2, None, False),
    ],
)
def test_a_setting_is_judged_by_what_it_does(index, data, expected):
    setting = SETTINGS[index]
    key = (setting.key.lower(), setting.name.lower())
    assert is_set(setting, {} if data is None else {key: data}) is expected


# ---- Wine's registry


@pytest.mark.toolchain
def test_wine_imports_the_file_into_both_views(written, wine, tmp_path):  # noqa: F811
    if wine is None:
        pytest.skip("needs wine")
    assert query(wine, WINHTTP, "DefaultSecureProtocols", "/reg:64") is None
    assert wine.run(tmp_path, "reg.exe", "import", windows_path(written)) == 0
    try:
        for view in ("/reg:64", "/reg:32"):
            assert query(wine, WINHTTP, "DefaultSecureProtocols", view) == PROTOCOLS, view
        for row in SETTINGS:
            assert query(wine, row.key, row.name) == row.value, row
    finally:
        undo(wine, tmp_path)


@pytest.mark.toolchain
def test_wines_regedit_takes_what_was_printed_and_saved_as_ansi(crashtool, wine, tmp_path):  # noqa: F811
    if wine is None:
        pytest.skip("needs wine")
    printed = crashtool("scaffold", "reg").stdout
    (tmp_path / "ansi.reg").write_bytes(printed.replace("\n", "\r\n").encode("cp1252"))
    assert wine.run(tmp_path, "regedit.exe", "/S", windows_path(tmp_path / "ansi.reg")) == 0
    try:
        for row in SETTINGS:
            assert query(wine, row.key, row.name) == row.value, row
    finally:
        undo(wine, tmp_path)


def query(wine, key, name, *view):  # noqa: F811
    """The DWORD that `reg query` prints, or None."""
    wine.make_prefix()
    done = subprocess.run(
        [wine.program, "reg.exe", "query", key, "/v", name, *view],
        env=wine.environment,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        text=True,
        errors="replace",
    )
    found = re.search(r"REG_DWORD\s+0x([0-9a-fA-F]+)", done.stdout)
    return int(found[1], 16) if found else None


def undo(wine, folder):  # noqa: F811
    for row in SETTINGS:
        wine.run(folder, "reg.exe", "delete", row.key, "/v", row.name, "/f")
