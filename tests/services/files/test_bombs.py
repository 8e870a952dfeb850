"""Archives made to fill memory and disks: a clear word, bounded memory, nothing left behind."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.archives import bounds
from crashtool.services.database.unpack_database import unpack_database
from crashtool.services.files.dump_files import find_dumps
from crashtool.services.files.scratch import Scratch
from crashtool.services.files.unwrap_dumps import UnusableInput
from crashtool.services.symbols.unpack_symbols import Unopened, walk_archive
from tests.synth.bombs import HEADS, Bombs

MEGABYTES = 200
SMALL, FREE = 8 << 20, 2 << 20  # bytes
WORDS = re.compile(
    r"expands more than 200-fold|needs a dictionary of more than|with overlapping members"
    r"|a header of [\d,]+ bytes|is longer than the directory says|gives more than"
)
SYMBOLS = Bombs(HEADS["symbols"], "app.sym", SMALL).build()
DUMPS = Bombs(HEADS["dump"], "app.dmp", SMALL).build()
# what a library's own bounds, or none, let through
# a small process to start from: a child's peak counts what its parent had when it was made
MEASURE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
print(child.returncode, usage.ru_maxrss)
"""
WORST = ("bzip2.zip", "lzma.zip", "bzip2.7z", "lzma2.7z", "app.sym.zst", "mszip.cab",
         "dictionary.xz", "dictionary.7z", "window.zst", "pax.tar.gz", "gzip.snap", "xz.snap",
         "zstd.snap", "sparse.snap", "app.AppImage")  # fmt: skip


@pytest.fixture(autouse=True)
def zstandard_library():
    pytest.importorskip("zstandard")


@pytest.fixture
def small_bounds(monkeypatch):
    monkeypatch.setattr(bounds, "FREE_BYTES", FREE)


def written(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("name", SYMBOLS)
def test_an_archive_of_symbols_that_is_a_bomb_is_told_and_leaves_nothing(
    small_bounds, tmp_path, name
):
    path = tmp_path / name
    path.write_bytes(SYMBOLS[name]())
    words = []
    with Scratch() as scratch:
        try:
            for row in walk_archive(str(path), path.read_bytes()[:512], scratch):
                assert isinstance(row, Unopened)
                words.append(row.reason)
        except InputUnusable as error:
            words.append(error.what)
        assert written(scratch.folder()) <= FREE

    assert WORDS.search(" ".join(words)), words


@pytest.mark.parametrize("name", DUMPS)
def test_a_wrapper_of_dumps_that_is_a_bomb_is_told_and_leaves_nothing(small_bounds, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DUMPS[name]())

    with Scratch() as spool:
        found = list(find_dumps([str(path)], spool, io.BytesIO()))

        assert all(isinstance(item, UnusableInput) for item in found)
        assert WORDS.search(found[0].error.what), found
        assert not list(Path(spool.folder()).iterdir())


@pytest.mark.parametrize("name", sorted(set(DUMPS) - {"nested.zip", "nested.tar.gz"}))
def test_an_archive_of_a_database_that_is_a_bomb_is_told(small_bounds, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DUMPS[name]())
    with Scratch() as scratch, pytest.raises(InputUnusable, match=WORDS):
        unpack_database(path, tmp_path / "unpacked", scratch)


def test_archives_in_archives_share_one_budget(small_bounds, tmp_path):
    inner = [(f"{n}.gz", gz(HEADS["symbols"] + bytes(FREE // 2))) for n in range(8)]
    path = tmp_path / "many.zip"
    from tests.synth.archives import build_zip, stored

    path.write_bytes(build_zip([stored(name, content) for name, content in inner]))
    with Scratch() as scratch, pytest.raises(bounds.TooMuch):
        list(walk_archive(str(path), path.read_bytes()[:512], scratch))


def test_the_archives_of_one_command_share_what_there_is_beyond_the_ratio(monkeypatch):
    allowance = bounds.Allowance(3 << 20)
    monkeypatch.setattr(bounds, "FREE_BYTES", 2 << 20)
    bounds.Budget(0, allowance).spend(2 << 20)

    with pytest.raises(bounds.TooMuch):
        bounds.Budget(0, allowance).spend(2 << 20)


def gz(data):
    import gzip

    return gzip.compress(data)


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system does not tell a child's memory")
@pytest.mark.parametrize(
    ("kind", "commands"),
    [
        ("symbols", [["symbols", "check"]]),
        ("dump", [["inspect"], ["send-dump", "--dry-run"]]),  # the same files: they take long
    ],
)
def test_bombs_take_little_memory(tmp_path, kind, commands):
    name = {"symbols": "app.sym", "dump": "app.dmp"}[kind]
    bombs = Bombs(HEADS[kind], name).build()
    paths = []
    for worst in WORST:
        path = tmp_path / worst.replace("app.sym", name)
        path.write_bytes(bombs[path.name]())
        paths.append(str(path))
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    for command in commands:
        child = subprocess.run(
            [sys.executable, "-c", MEASURE, sys.executable, "-m", "crashtool", *command, *paths],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=600,
            env=os.environ | {"TMPDIR": str(temporary), "CRASHTOOL_CACHE": str(tmp_path / "cache")},
        )
        status, peak = map(int, child.stdout.splitlines()[-1].split())

        said = (child.stdout + child.stderr).decode()
        assert peak * (1 if sys.platform == "darwin" else 1024) < MEGABYTES * 1_000_000
        assert status == 3, said
        assert all(Path(path).name in said for path in paths)
        assert not any(temporary.iterdir())
