"""Faults of the machine: the answer stays, the user's file is not blamed, one line says it."""

import subprocess
import sys

import pytest

from crashtool.errors import MACHINE, USAGE
from tests.conftest import SHARED
from tests.faults.fork_server import Call
from tests.faults.setups import kill_reader, refuse_processes

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits and mounts")
LIMIT = 8192  # bytes that a file may have: what `ulimit -f 8` gives
WORDS = {
    "missing": ("symbolic is not installed", "[symbols]'"),
    "broken": ("symbolic cannot be loaded", "--force-reinstall symbolic"),
}
STUBS = {
    "missing": "raise ModuleNotFoundError(\"No module named 'symbolic'\", name='symbolic')\n",
    "broken": "raise OSError('_lowlevel__lib.so: wrong ELF class')\n",
}


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
    """Same answer and status; how many warnings of the cache were given, at most one."""
    assert faulty.returncode == healthy.returncode, faulty.stderr
    assert faulty.stdout == healthy.stdout
    assert "Traceback" not in faulty.stderr
    warnings = faulty.stderr.count("warning: the symbol cache")
    assert warnings <= 1
    return warnings


@posix
def test_a_bound_on_the_size_of_files_changes_no_answer(game, tmp_path, call, healthy):
    """The system's signal for it, SIGXFSZ, is ignored by Python: writing fails with EFBIG."""
    warned = 0
    for arguments in commands(game):
        faulty = call(*arguments, folder=tmp_path, limit=LIMIT)
        warned += assert_same_answer(healthy(arguments), faulty)
    assert warned >= 1


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
        warned = sum(
            assert_same_answer(
                healthy(arguments),
                call(*arguments, folder=tmp_path, XDG_CACHE_HOME=str(full)),
            )
            for arguments in commands(game)
        )
    finally:
        subprocess.run(["umount", str(full)], check=True)
    assert warned >= 1


@posix
def test_a_cache_that_is_no_folder_changes_no_answer(game, tmp_path, call, healthy):
    (tmp_path / "file").write_text("in the way")
    for arguments in commands(game)[:4]:
        faulty = call(*arguments, folder=tmp_path, XDG_CACHE_HOME=str(tmp_path / "file"))
        assert_same_answer(healthy(arguments), faulty)


@pytest.fixture(params=sorted(STUBS))
def stub(request, tmp_path):
    """Why symbolic is not to be had -> its words, and the folder where Python finds that."""
    (tmp_path / "stub/symbolic").mkdir(parents=True)
    (tmp_path / "stub/symbolic/__init__.py").write_text(STUBS[request.param])
    return WORDS[request.param], str(tmp_path / "stub")


@pytest.fixture
def call_without(cold_forks, tmp_path, stub):
    """crashtool, in a process that has not imported symbolic and cannot."""

    def make(*arguments):
        words = tuple(map(str, arguments))
        return cold_forks.call(Call(words, tmp_path, path=stub[1], is_watched=False))

    return make


@posix
def test_a_missing_library_is_said_and_no_file_is_blamed(game, stub, call_without):
    (words, remedy), _ = stub
    result = call_without("symbols", "dump", game / "game")

    assert result.returncode == USAGE, result.stderr
    assert words in result.stderr
    assert remedy in result.stderr.rpartition(words)[2]  # how to install it
    assert "Traceback" not in result.stderr
    said = (result.stdout + result.stderr).lower()
    assert "build the file again" not in said
    assert "stripped" not in said
    assert "damaged" not in said


@posix
def test_without_a_library_files_are_judged_as_with_it(game, call_without, healthy):
    for arguments in [
        ("symbols", "check", "--json", game),
        ("upload-symbols", "-n", "--require-for", game, game),
        ("upload-symbols", "-n", "--strict", game),
    ]:
        result = call_without(*arguments)

        assert result.returncode == healthy(arguments).returncode, (arguments, result.stderr)
        assert result.stdout == healthy(arguments).stdout


@posix
def test_without_a_library_what_needs_none_is_read(game, stub, call_without, healthy):
    """Names, lines and unwind tables of ELF files, identifiers, .sym files: without a word."""
    arguments = ("inspect", "--no-local-symbols", "--symbols", game, game / "null.dmp")
    result = call_without(*arguments)

    assert result.returncode == 0, result.stderr
    assert stub[0][0] not in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    assert "engine::Renderer::bind" in result.stdout
    unwound = "\n =  "  # found by unwind information
    assert result.stdout.count(unwound) == healthy(arguments).stdout.count(unwound)


@posix
def test_without_a_library_a_sym_file_passes_the_gate(game, tmp_path, call, call_without):
    made = call("symbols", "dump", "--store", "store", game / "libengine.so", folder=tmp_path)
    assert made.returncode == 0, made.stderr

    result = call_without("upload-symbols", "-n", "--require-for", game / "libengine.so", "store")

    assert result.returncode == 0, result.stdout + result.stderr


@posix
def test_a_process_that_cannot_be_started_changes_no_answer(game, call, healthy, tmp_path_factory):
    """Then what reads debug files in a process of its own reads them in the one that there is."""
    told = []
    for arguments in commands(game):
        folder = tmp_path_factory.mktemp("call")
        faulty = call(*arguments, folder=folder, setup=refuse_processes)
        assert_same_answer(healthy(arguments), faulty)
        told.append("no process can be started" in faulty.stderr)
    assert any(told)


@posix
def test_a_reader_that_is_always_killed_is_no_fault_of_the_file(game, tmp_path, call):
    result = call("symbols", "dump", game / "game", folder=tmp_path, setup=kill_reader)

    assert result.returncode == MACHINE, result.stderr
    assert "was ended twice (killed by signal 9)" in result.stderr
    assert "build the file again" not in result.stdout + result.stderr
