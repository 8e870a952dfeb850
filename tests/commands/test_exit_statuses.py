"""One exit status for a class of faults, whichever command meets it."""

import re
import stat
import sys

import pytest

from crashtool.formats.minidump.structs import Directory, MinidumpHeader
from tests.commands.transcript_inputs import make_inputs, windows_crash
from tests.synth.object_files import build_elf

WRITERS = [
    ("inspect", "--html", "PLACE", "game.dmp"),
    ("serve", "--port", "0", "--folder", "PLACE"),
    ("scaffold", "cmake", "--output", "PLACE"),
    ("symbols", "check", "--junit", "PLACE", "app"),
    ("upload-symbols", "--output", "PLACE", "app"),
]
TOKEN = "0123456789abcdef" * 4
URL_TAKERS = [
    ("send-dump", "game.dmp", "--url"),
    ("upload-symbols", "app", "--url"),
    ("make-url", "--check"),
    ("inspect", "game.dmp", "--symbol-server"),
    ("symbols", "find", "game.dmp", "--symbol-server"),
    ("symbols", "fetch", "game.dmp", "--to", "store", "--symbol-server"),
    ("upload-symbols", "app", "--to"),
]


@pytest.fixture
def folder(tmp_path):
    make_inputs(tmp_path)
    (tmp_path / "app").write_bytes(build_elf())
    (tmp_path / "file").write_text("in the way")
    return tmp_path


@pytest.mark.parametrize("arguments", WRITERS, ids=" ".join)
def test_a_place_that_cannot_be_written_is_no_fault_of_the_input(crashtool, folder, arguments):
    result = crashtool(*("file/x" if part == "PLACE" else part for part in arguments))

    assert result.exit_code == 9, result.stderr
    assert "cannot write" in result.stderr or "folder for" in result.stderr
    assert "file" in result.stderr


@pytest.mark.parametrize(
    "command",
    [("symbols", "dump", "-o"), ("symbols", "dump", "--store"), ("upload-symbols", "--to")],
)
def test_a_place_for_symbols_that_cannot_be_written_is_no_fault_of_the_input(
    crashtool, folder, truth, command
):
    result = crashtool(*command, "file/x", truth / "objects/elf/full")

    assert result.exit_code == 9, result.stderr
    said = result.stderr + result.stdout
    assert re.search(r"cannot write (?!\\\\)\S*\bfile\b", said), said  # Windows' is absolute


@pytest.mark.parametrize("arguments", URL_TAKERS, ids=" ".join)
@pytest.mark.parametrize("url", ["ftp://example.com/x", "mailto:someone"])
def test_a_url_that_cannot_be_used_is_a_failed_check(crashtool, folder, arguments, url):
    if arguments[-1] == "--to" and "://" not in url:
        pytest.skip("names a folder")

    result = crashtool(*arguments, url)

    assert result.exit_code == 4, result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_page_that_shows_memory_is_for_its_owner(crashtool, folder):
    assert crashtool("inspect", "--html", "page.html", "game.dmp").exit_code == 0

    assert stat.S_IMODE((folder / "page.html").stat().st_mode) == 0o600


def test_a_directory_that_nobody_filled_in_is_damage(crashtool, tmp_path):
    whole = windows_crash().pack()
    count, place = MinidumpHeader.read(whole).stream_count, MinidumpHeader.read(whole).directory_rva
    zeros = bytes(count * Directory.SIZE)
    (tmp_path / "zeros.dmp").write_bytes(whole[:place] + zeros + whole[place + len(zeros) :])

    shown, sent = crashtool("inspect", "zeros.dmp"), crashtool("send-dump", "-n", "zeros.dmp")

    assert shown.exit_code == 3
    assert "entries of zeros, which nobody filled in" in shown.stdout
    assert "this dump is damaged: directory: " in sent.stderr
