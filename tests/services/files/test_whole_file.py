"""Writing files whole: what a full disk, a pipe, a link and a stranger's folder make of it."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from crashtool.errors import MACHINE, CannotWrite, UsageError
from crashtool.services.files import whole_file
from crashtool.services.files.whole_file import (
    FOR_THE_OWNER,
    append_text,
    open_whole,
    remove_partials,
    write_whole,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and pipes")


def test_a_file_takes_its_place_when_it_is_whole(tmp_path):
    target = tmp_path / "page"
    with open_whole(target) as file:
        file.write(b"new")
        assert not target.exists()

    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def leave_partial(target):
    """What a writer leaves that ends in the middle of its work."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from crashtool.services.files.whole_file import open_whole\n"
        "with open_whole(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half')\n"
        "    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == 9
    (partial,) = target.parent.glob(".*.part")
    return partial


def test_what_a_writer_left_that_was_killed_is_removed_and_what_a_living_one_holds_is_not(tmp_path):
    target, other = tmp_path / "page", tmp_path / "another"
    left = leave_partial(target)
    assert remove_partials(other) == []
    with open_whole(target) as file:
        assert remove_partials(target) == [left]
        assert remove_partials(target) == []
        file.write(b"new")
    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


@posix
def test_a_writer_whose_new_file_is_removed_at_once_makes_another(tmp_path, monkeypatch):
    """Who removes what was left may come between the making of a file and its lock."""
    hold, removed = whole_file._hold, []

    def remove_first(descriptor):
        if not removed:
            removed.extend(path.unlink() for path in tmp_path.glob(".*.part"))
        return hold(descriptor)

    monkeypatch.setattr(whole_file, "_hold", remove_first)
    write_whole(tmp_path / "page", b"new")
    assert len(removed) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


@posix
def test_a_folder_that_is_not_there_has_nothing_left_over(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    assert remove_partials(tmp_path / "none" / "page") == []
    assert remove_partials(tmp_path / "link") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_old_file_stays_when_the_disk_is_full(tmp_path):
    target = tmp_path / "page"
    target.write_bytes(b"old")

    def fill_up():
        with Path("/dev/full").open("wb", buffering=0) as full, open_whole(target) as file:
            file.write(b"x")
            os.dup2(full.fileno(), file.fileno())
            file.write(b"y" * 100_000)

    with pytest.raises(CannotWrite, match="page: No space left on device") as caught:
        fill_up()

    assert caught.value.exit_status == MACHINE
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_what_the_body_cannot_read_is_no_fault_of_the_place(tmp_path):
    with pytest.raises(OSError, match="input"), open_whole(tmp_path / "page"):
        raise OSError(errno.EIO, "input")

    assert [path.name for path in tmp_path.iterdir()] == []


@posix
def test_a_file_for_the_owner_is_closed_to_others_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        write_whole(tmp_path / "page", b"memory", FOR_THE_OWNER)
    finally:
        os.umask(old)

    assert stat.S_IMODE((tmp_path / "page").stat().st_mode) == 0o600


@posix
def test_a_minidump_is_replaced_only_by_what_may_be_made_of_it(tmp_path):
    dump = tmp_path / "crash.dmp"
    dump.write_bytes(b"MDMP" + bytes(60))
    with pytest.raises(UsageError, match="would be overwritten"):
        write_whole(dump, b"page")
    assert dump.read_bytes() == b"MDMP" + bytes(60)

    with open_whole(dump, in_place=False) as file:
        file.write(b"MDMP new")
    assert dump.read_bytes() == b"MDMP new"


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    (tmp_path / "list").write_bytes(b"old")
    (tmp_path / "list").chmod(0o664)

    write_whole(tmp_path / "list", b"new")

    assert stat.S_IMODE((tmp_path / "list").stat().st_mode) == 0o664


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")

    write_whole(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@posix
def test_a_pipe_is_written_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()

    write_whole(pipe, b"new")
    reader.join(10)

    assert got == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@posix
def test_an_open_stream_is_added_to(tmp_path):
    with (tmp_path / "log").open("ab") as file:
        file.write(b"before\n")
        file.flush()
        write_whole(Path(f"/dev/fd/{file.fileno()}"), b"after\n")

    assert (tmp_path / "log").read_bytes() == b"before\nafter\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_said(tmp_path):
    with pytest.raises(CannotWrite, match="/dev/full: No space left"):
        write_whole(Path("/dev/full"), b"new")
    with pytest.raises(CannotWrite, match="/dev/full: No space left"):
        append_text(Path("/dev/full"), "new")


def test_a_folder_in_the_place_of_a_file_is_said(tmp_path):
    with pytest.raises(CannotWrite, match=r"Is a directory|Permission denied"):
        write_whole(tmp_path, b"new")
