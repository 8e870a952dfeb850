"""Faults of the machine: the answer stays, the user's file is not blamed, one line says it."""

import subprocess
import sys

import pytest

from tests.conftest import SHARED
from tests.faults.fork_server import Call
from tests.faults.setups import refuse_processes

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits and mounts")
LIMIT = 8192  # bytes that a file may have: what `ulimit -f 8` gives


@pytest.fixture
def call(forks):
    """crashtool in a process of its own, in an empty folder; files in it bounded by `limit`."""

    def make(*arguments, folder, limit=0, setup=None, **environment):
        words = tuple(map(str, arguments))
        return forks.call(
            Call(words, folder, None, environment, limit=limit, is_watched=False, setup=setup)
        )

    return make


@pytest.fixture(scope="module")
def healthy(forks, tmp_path_factory):
    """healthy(arguments) -> what comes of a call on a machine with nothing against it."""
    known = {}

    def find(arguments):
        if arguments not in known:
            folder = tmp_path_factory.mktemp("healthy")
            words = tuple(map(str, arguments))
            known[arguments] = forks.call(Call(words, folder, is_watched=False))
        return known[arguments]

    return find


@pytest.fixture
def game():
    folder = SHARED / "findings/inputs/game"
    if not folder.exists():
        pytest.skip("needs findings/inputs/game")
    return folder


def commands(game):
    """What reads debug files."""
    return [
        ("inspect", "--no-local-symbols", "--symbols", game, game / "null.dmp"),
        ("inspect", "--json", "--no-local-symbols", "--symbols", game, game / "null.dmp"),
        ("symbols", "check", game),
        ("symbols", "check", "--json", game),
        ("symbols", "find", "--symbols", game, "--all-modules", game / "null.dmp"),
        ("symbols", "dump", game / "libengine.so"),
        ("upload-symbols", "-n", "--require-for", game / "libengine.so", game / "libengine.so"),
        ("upload-symbols", "-n", "--for-dump", game / "null.dmp", game),
    ]


def assert_same_answer(healthy, faulty):
    """Same answer and status, and at most one warning of the cache."""
    assert faulty.returncode == healthy.returncode, faulty.stderr
    assert faulty.stdout == healthy.stdout
    assert "Traceback" not in faulty.stderr
    assert faulty.stderr.count("warning: the symbol cache") <= 1


@posix
def test_a_bound_on_the_size_of_files_changes_no_answer(game, tmp_path, call, healthy):
    """The system's signal for it, SIGXFSZ, is ignored by Python: writing fails with EFBIG."""
    for arguments in commands(game):
        faulty = call(*arguments, folder=tmp_path, limit=LIMIT)
        assert_same_answer(healthy(arguments), faulty)


@posix
def test_a_full_disk_changes_no_answer(game, tmp_path, call, healthy):
    full = tmp_path / "full"
    full.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)]
    mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        (full / "filler").write_bytes(bytes(60_000))
        for arguments in commands(game):
            faulty = call(*arguments, folder=tmp_path, XDG_CACHE_HOME=str(full))
            assert_same_answer(healthy(arguments), faulty)
    finally:
        subprocess.run(["umount", str(full)], check=True)


@posix
def test_a_cache_that_is_no_folder_changes_no_answer(game, tmp_path, call, healthy):
    (tmp_path / "file").write_text("in the way")
    for arguments in commands(game)[:4]:
        faulty = call(*arguments, folder=tmp_path, XDG_CACHE_HOME=str(tmp_path / "file"))
        assert_same_answer(healthy(arguments), faulty)


@posix
def test_a_process_that_cannot_be_started_changes_no_answer(game, call, healthy, tmp_path_factory):
    """What shares work among processes does it in the one that there is."""
    for arguments in commands(game):
        folder = tmp_path_factory.mktemp("call")
        faulty = call(*arguments, folder=folder, setup=refuse_processes)
        assert_same_answer(healthy(arguments), faulty)
