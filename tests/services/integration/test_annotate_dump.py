"""Minidumps that are annotated on disk: whole or not at all, whatever happens in between."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import tracemalloc

import pytest

from crashtool.errors import CannotWrite, InputUnusable, UsageError
from crashtool.formats.minidump.file import Minidump
from crashtool.services.integration import annotate_dump as module
from crashtool.services.integration.annotate_dump import annotate_dump
from tests.synth.minidump import MinidumpBuilder, full_dump
from tests.synth.submission import make_crashpad

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions, links and pipes")
sparse = pytest.mark.skipif(sys.platform == "win32", reason="needs files whose zeros take no space")
NEW = {"prod": "Other", "ticket": "4711"}
GIB = 1 << 30


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "crash.dmp"
    builder = MinidumpBuilder().add_system().add_thread(7).set_exception(7, 11)
    path.write_bytes(builder.set_crashpad(make_crashpad()).pack())
    return path


def grow(path, size):
    """Zeros behind the end, which a file system need not store."""
    with path.open("r+b") as file:
        file.truncate(size)


def annotations(path):
    with Minidump.open(path) as found:
        return dict(found.crashpad.annotations)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_result_stands_beside_its_source_which_is_not_touched(dump, tmp_path):
    data = dump.read_bytes()
    had = annotations(dump)

    result = annotate_dump(str(dump), str(tmp_path / "out.dmp"), NEW)

    assert dump.read_bytes() == data
    assert annotations(tmp_path / "out.dmp") == had | NEW == dict(result.annotations)
    assert [(row.key, row.state) for row in result.written] == [
        ("prod", "replaced" if "prod" in had else "added"),
        ("ticket", "added"),
    ]
    assert (result.stream, result.size) == ("changed", len(data) + result.longer)
    assert names(tmp_path) == ["crash.dmp", "out.dmp"]


@posix
def test_the_result_is_for_its_owner_alone(dump, tmp_path):
    dump.chmod(0o644)
    for target in (tmp_path / "out.dmp", dump):
        annotate_dump(str(dump), str(target), NEW)
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_the_source_itself_can_be_the_target(dump, tmp_path):
    had = annotations(dump)
    annotate_dump(str(dump), str(dump), NEW)
    assert annotations(dump) == had | NEW
    assert names(tmp_path) == ["crash.dmp"]


@posix
def test_a_link_to_the_source_stays_a_link(dump, tmp_path):
    link = tmp_path / "link.dmp"
    link.symlink_to(dump.name)
    annotate_dump(str(dump), str(link), NEW)
    assert link.is_symlink()
    assert annotations(dump)["ticket"] == "4711"


def test_the_second_time_the_file_is_not_even_written(dump):
    annotate_dump(str(dump), str(dump), NEW)
    before = dump.stat()

    result = annotate_dump(str(dump), str(dump), NEW)

    assert (result.stream, result.longer) == ("unchanged", 0)
    after = dump.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_copy_without_a_change_is_a_copy(dump, tmp_path):
    annotate_dump(str(dump), str(dump), NEW)
    annotate_dump(str(dump), str(tmp_path / "out.dmp"), NEW)
    assert (tmp_path / "out.dmp").read_bytes() == dump.read_bytes()


def test_a_large_dump_is_copied_in_pieces(tmp_path, dump):
    grow(dump, GIB // 16)
    tracemalloc.start()
    try:
        annotate_dump(str(dump), str(tmp_path / "out.dmp"), NEW)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
    assert (tmp_path / "out.dmp").stat().st_size > GIB // 16


@sparse
def test_a_dump_beyond_4_gib_is_refused_until_all_is_there(tmp_path, dump):
    annotate_dump(str(dump), str(dump), NEW)
    grow(dump, 4 * GIB)
    with pytest.raises(InputUnusable, match="would pass 4 GiB") as caught:
        annotate_dump(str(dump), str(dump), {"more": "1"})
    assert "send-dump --annotation" in caught.value.hint
    assert annotate_dump(str(dump), str(dump), NEW).stream == "unchanged"
    assert names(tmp_path) == ["crash.dmp"]


@posix
@sparse
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_killed_in_the_middle_nothing_is_lost(dump, tmp_path, name):
    number = getattr(signal, name)
    grow(dump, 3 * GIB)
    head = _head(dump)
    line = ["annotate", "a=b", "--into", str(dump), "--output", str(dump)]
    process = subprocess.Popen([sys.executable, "-m", "crashtool", *line], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 1 << 20 for path in tmp_path.glob(".*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(number)
    status = process.wait(60)

    assert status in (-number, 128 + number)
    assert (_head(dump), dump.stat().st_size) == (head, 3 * GIB)
    if number == signal.SIGTERM:
        assert names(tmp_path) == ["crash.dmp"]


KILLER = """
import json, os, signal, sys
from crashtool.services.integration.annotate_dump import annotate_dump

source, target, annotations = sys.argv[1], sys.argv[2], {"prod": "Other", "ticket": "4711"}
before = open(source, "rb").read()
real = os.fsync

def attempt(step):
    # Annotate in a fork that kills itself at its step; True when it got to the end before that.
    if not (child := os.fork()):
        left = step
        def count(*_):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        names = ("open", "os.rename", "os.chmod", "os.remove", "os.truncate")
        sys.addaudithook(lambda event, _: count() if event in names else None)
        os.fsync = lambda descriptor: (real(descriptor), count())
        annotate_dump(source, target, annotations)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

seen, step, done = [], 0, False
while not done:
    done = attempt(step)
    found = open(target, "rb").read() if os.path.exists(target) else None
    seen.append(None if found is None else "old" if found == before else len(found))
    for name in os.listdir("."):
        if name.endswith(".part"):
            os.remove(name)
    step += 1
    if target != source and found is not None and not done:
        os.remove(target)
print(json.dumps(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("is_same", [True, False])
def test_killed_at_each_step_there_is_the_old_dump_or_the_whole_new_one(dump, tmp_path, is_same):
    """At each file opened, renamed or forced to the disk, in turn."""
    annotate_dump(str(dump), str(tmp_path / "whole"), NEW)
    whole = (tmp_path / "whole").stat().st_size
    target = "crash.dmp" if is_same else "out.dmp"
    ran = subprocess.run(
        [sys.executable, "-c", KILLER, "crash.dmp", target],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)

    assert set(seen) == {"old" if is_same else None, whole}
    assert seen[0] != whole
    assert len(seen) > 4


def _head(path):
    with path.open("rb") as file:
        return file.read(1 << 16)


def test_a_source_that_is_written_meanwhile_is_refused(dump, tmp_path, monkeypatch):
    walk = module._walk_file

    def grow_meanwhile(file, size, source):
        yield from walk(file, size, source)
        with dump.open("ab") as more:
            more.write(b"more")

    monkeypatch.setattr(module, "_walk_file", grow_meanwhile)
    with pytest.raises(InputUnusable, match="was changed while it was read"):
        annotate_dump(str(dump), str(tmp_path / "out.dmp"), NEW)
    assert names(tmp_path) == ["crash.dmp"]


def test_a_source_that_becomes_shorter_meanwhile_is_refused(dump, tmp_path, monkeypatch):
    walk = module._walk_file
    monkeypatch.setattr(
        module, "_walk_file", lambda file, size, source: walk(file, size + 1, source)
    )
    with pytest.raises(InputUnusable, match="was changed while it was read"):
        annotate_dump(str(dump), str(tmp_path / "out.dmp"), NEW)
    assert names(tmp_path) == ["crash.dmp"]


@posix
def test_a_pipe_is_neither_source_nor_target(dump, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputUnusable, match="pipe is a named pipe, not a file"):
        annotate_dump(str(tmp_path / "pipe"), str(tmp_path / "out.dmp"), NEW)
    with pytest.raises(UsageError, match="pipe is not a regular file, so it cannot be replaced"):
        annotate_dump(str(dump), str(tmp_path / "pipe"), NEW)


@posix
def test_a_dump_is_not_written_over_where_no_file_can_be_made_beside_it(dump, monkeypatch):
    data = dump.read_bytes()
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "access", lambda path, _: os.fspath(path) == str(dump))
        monkeypatch.setattr(os, "open", _refuse_new(os.open))
    dump.parent.chmod(0o500)
    try:
        with pytest.raises(CannotWrite, match="Permission denied"):
            annotate_dump(str(dump), str(dump), NEW)
    finally:
        dump.parent.chmod(0o700)
    assert dump.read_bytes() == data


def _refuse_new(real):
    def refuse(path, flags, *rest):
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest)

    return refuse


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    for name in (tmp_path, tmp_path / "none.dmp"):
        with pytest.raises(InputUnusable, match=name.name):
            annotate_dump(str(name), str(tmp_path / "out.dmp"), NEW)


def test_what_crashpad_refuses_is_said(tmp_path):
    path = tmp_path / "crash.dmp"
    builder = full_dump()
    builder.crashpad = None
    path.write_bytes(builder.pack())
    first = annotate_dump(str(path), str(path), NEW)
    data = bytearray(path.read_bytes())
    data[6] = 1  # the high word of the version, as dbghelp writes it
    path.write_bytes(data)
    second = annotate_dump(str(path), str(path), NEW)
    assert (first.stream, second.stream) == ("made", "unchanged")
    assert "version is 0x1a793" in second.refusal
