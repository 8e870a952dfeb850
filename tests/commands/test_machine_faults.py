"""Faults of the machine: the answer stays, the user's file is not blamed, one line says it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crashtool.errors import MACHINE, USAGE
from tests.conftest import SHARED

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits and mounts")
LIMIT = 8192  # bytes that a file may have: what `ulimit -f 8` gives
STUBS = {
    "missing": "raise ModuleNotFoundError(\"No module named 'symbolic'\", name='symbolic')\n",
    "broken": "raise OSError('_lowlevel__lib.so: wrong ELF class')\n",
}


def call(*arguments, folder, limit=None, path="", **environment):
    """crashtool in a process of its own, in an empty folder; files in it bounded by `limit`."""

    def bound():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    root = Path(__file__).resolve().parents[2]
    known = {name: value for name, value in os.environ.items() if not name.startswith("CRASHTOOL")}
    paths = os.pathsep.join(filter(None, [str(path), str(root)]))
    return subprocess.run(
        [sys.executable, "-m", "crashtool", *map(str, arguments)],
        capture_output=True, encoding="utf-8", cwd=folder, check=False, stdin=subprocess.DEVNULL,
        preexec_fn=bound if limit else None,
        env={**known, "PYTHONPATH": paths, "XDG_CACHE_HOME": str(Path(folder, "cache")),
             **environment},
    )  # fmt: skip


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


def compare(healthy, faulty):
    """Same answer and status; how many warnings of the cache were given, at most one."""
    assert faulty.returncode == healthy.returncode, faulty.stderr
    assert faulty.stdout == healthy.stdout
    assert "Traceback" not in faulty.stderr
    warnings = faulty.stderr.count("warning: the symbol cache")
    assert warnings <= 1
    return warnings


@posix
def test_a_bound_on_the_size_of_files_changes_no_answer(game, tmp_path):
    """The system's signal for it, SIGXFSZ, is ignored by Python: writing fails with EFBIG."""
    warned = 0
    for arguments in commands(game):
        healthy = call(*arguments, folder=tmp_path)
        faulty = call(
            *arguments, folder=tmp_path, limit=LIMIT, XDG_CACHE_HOME=str(tmp_path / "other")
        )
        warned += compare(healthy, faulty)
    assert warned >= 4


@posix
def test_a_full_disk_changes_no_answer(game, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)]
    mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        (full / "filler").write_bytes(bytes(60_000))
        warned = sum(
            compare(
                call(*arguments, folder=tmp_path),
                call(*arguments, folder=tmp_path, XDG_CACHE_HOME=str(full)),
            )
            for arguments in commands(game)
        )
    finally:
        subprocess.run(["umount", str(full)], check=True)
    assert warned >= 4


@posix
def test_a_cache_that_is_no_folder_changes_no_answer(game, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for arguments in commands(game)[:4]:
        healthy = call(*arguments, folder=tmp_path)
        faulty = call(*arguments, folder=tmp_path, XDG_CACHE_HOME=str(tmp_path / "file"))
        compare(healthy, faulty)


@pytest.fixture(params=sorted(STUBS))
def without_symbolic(request, tmp_path):
    (tmp_path / "stub/symbolic").mkdir(parents=True)
    (tmp_path / "stub/symbolic/__init__.py").write_text(STUBS[request.param])
    words = {"missing": "symbolic is not installed", "broken": "symbolic cannot be loaded"}
    return tmp_path / "stub", words[request.param]


@posix
def test_a_missing_library_is_said_and_no_file_is_blamed(game, tmp_path, without_symbolic):
    path, words = without_symbolic
    for arguments in [
        ("symbols", "check", game),
        ("symbols", "dump", game / "game"),
        ("upload-symbols", "-n", "--require-for", game, game),
        ("upload-symbols", "-n", "--strict", game),
    ]:
        result = call(*arguments, folder=tmp_path, path=path)

        assert result.returncode == USAGE, (arguments, result.stderr)
        assert words in result.stderr
        assert "crashtool[symbols]" in result.stderr.rpartition(words)[2]  # how to install it
        assert "Traceback" not in result.stderr
        said = (result.stdout + result.stderr).lower()
        assert "build the file again" not in said
        assert "stripped" not in said
        assert "damaged" not in said


@posix
def test_without_a_library_what_needs_none_is_read(game, tmp_path, without_symbolic):
    """Names of an ELF file's symbol table, unwind tables, identifiers, .sym files."""
    path, words = without_symbolic
    arguments = ("inspect", "--no-local-symbols", "--symbols", game, game / "null.dmp")
    healthy = call(*arguments, folder=tmp_path).stdout
    result = call(*arguments, folder=tmp_path, path=path)

    assert result.returncode == 0, result.stderr
    assert result.stderr.count(words) == 1
    assert "Traceback" not in result.stderr
    assert words in result.stdout  # as the reason beside each module
    assert "engine::Renderer::bind" in result.stdout
    assert result.stdout.count("found by unwind information") == healthy.count(
        "found by unwind information"
    )


@posix
def test_without_a_library_a_sym_file_passes_the_gate(truth, game, tmp_path, without_symbolic):
    path, _ = without_symbolic
    made = call("symbols", "dump", "--store", "store", game / "libengine.so", folder=tmp_path)
    assert made.returncode == 0, made.stderr

    result = call(
        "upload-symbols", "-n", "--require-for", game / "libengine.so", "store",
        folder=tmp_path, path=path,
    )  # fmt: skip

    assert result.returncode == 0, result.stdout + result.stderr


@posix
def test_a_process_that_cannot_be_started_changes_no_answer(game, tmp_path):
    """Then debug files are read in the one that there is."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(
        "import subprocess\n"
        "def refuse(*_, **__):\n"
        "    raise BlockingIOError(11, 'Resource temporarily unavailable')\n"
        "subprocess.Popen = refuse\n"
    )
    for arguments in commands(game)[:4]:
        healthy = call(*arguments, folder=tmp_path, XDG_CACHE_HOME=str(tmp_path / "a"))
        faulty = call(
            *arguments, folder=tmp_path, path=tmp_path / "hook", XDG_CACHE_HOME=str(tmp_path / "b")
        )
        compare(healthy, faulty)
        (tmp_path / "b").rename(tmp_path / f"used-{len(list(tmp_path.iterdir()))}")


@posix
def test_a_reader_that_is_always_killed_is_no_fault_of_the_file(game, tmp_path):
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "if 'crashtool.services.symbols.derive' in getattr(sys, 'orig_argv', [])[-1:]:\n"
        "    import threading\n"
        "    import json\n"
        "    loads = json.loads\n"
        "    def die(text, *rest, **more):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    json.loads = die\n"
    )
    result = call("symbols", "check", game / "game", folder=tmp_path, path=tmp_path / "hook")

    assert result.returncode == MACHINE, result.stderr
    assert "was ended twice (killed by signal 9)" in result.stderr
    assert "build the file again" not in result.stdout + result.stderr
