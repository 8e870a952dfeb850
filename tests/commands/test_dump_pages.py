"""What a receiver shows of a dump: with files of this machine only where nobody else can send."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from crashtool.commands.dump_pages import DumpPages
from tests.commands.test_inspect_local import SYM, build, dump, local_symbols, write_dump

__all__ = ["build", "dump", "local_symbols"]  # fixtures

pytestmark = pytest.mark.skipif(os.name != "posix", reason="paths of Linux")


@pytest.mark.parametrize("is_local", [True, False])
def test_recorded_paths_count_where_only_this_machine_can_send(dump, build, tmp_path, is_local):
    (build / "app").write_bytes(SYM)

    with closing(DumpPages(local=is_local)) as pages:
        page = pages(dump, tmp_path / "no-uploads")

    assert ("crash_here" in page.text) == is_local
    assert ("found at its recorded path" in page.text) == is_local


def test_what_a_client_sent_beside_its_dump_is_no_symbol_file(tmp_path):
    dump = write_dump(tmp_path / "report", "/nonexistent/app")
    (tmp_path / "report" / "app.sym").write_bytes(SYM)

    with closing(DumpPages(local=True)) as pages:
        page = pages(dump, tmp_path / "no-uploads")

    assert "crash_here" not in page.text


def test_readers_of_a_page_are_told_to_upload(tmp_path):
    dump = write_dump(tmp_path / "report", "/nonexistent/app", "libc.so.6")

    with closing(DumpPages()) as pages:
        pages.symbols_url = "http://127.0.0.1:6097/local/abc/symbols"
        page = pages(dump, tmp_path / "no-uploads")

    for text in (page.text, page.article):
        assert "crashtool upload-symbols --url http" in text
        assert "--symbols PATH" not in text


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")
def test_files_are_let_go_after_each_page(dump, build, tmp_path):
    (build / "app").write_bytes(SYM)

    with closing(DumpPages(local=True)) as pages:
        pages(dump, tmp_path / "no-uploads")
        maps = Path("/proc/self/maps").read_text(encoding="utf-8")  # while the pages are open
    assert [line for line in maps.splitlines() if str(build) in line] == []
