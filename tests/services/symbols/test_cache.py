"""The cache on disk: whole files or none, within its limit, shared by processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crashtool.errors import CannotWrite
from crashtool.services.symbols import cache as cache_module
from crashtool.services.symbols.cache import SymbolCache

DAY = 86400


@pytest.fixture
def cache(tmp_path):
    return SymbolCache(str(tmp_path / "cache"), limit=1000)


def content(text):
    return lambda file: file.write(text)


def names(cache):
    return sorted(Path(entry.path).name for entry in cache.walk())


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_was_put_is_found(cache):
    path = cache.put("key", "lines", content(b"abc"))

    assert cache.find("key", "lines") == path
    assert Path(path).read_bytes() == b"abc"


def test_what_was_not_put_is_not_found(cache):
    cache.put("key", "lines", content(b"abc"))

    assert cache.find("key", "unwind") is None
    assert cache.find("other", "lines") is None
    assert cache.age("other", "lines", 0.0) is None


def test_a_later_put_takes_the_place_of_an_earlier_one(cache):
    cache.put("key", "lines", content(b"old"))
    path = cache.put("key", "lines", content(b"new"))

    assert Path(path).read_bytes() == b"new"
    assert cache.size == 3


def test_a_write_that_fails_leaves_nothing_and_its_error_passes_through(cache):
    def fail(file):
        file.write(b"half")
        raise KeyError("mine")

    with pytest.raises(KeyError):
        cache.put("key", "lines", fail)

    assert cache.find("key", "lines") is None
    assert names(cache) == []


def test_a_file_being_written_is_not_found_yet(cache):
    def look(file):
        file.write(b"half")
        file.flush()
        assert cache.find("key", "lines") is None

    assert cache.find("key", "lines") is None
    cache.put("key", "lines", look)


def test_finding_a_file_counts_as_using_it(cache):
    path = cache.put("key", "lines", content(b"abc"))
    age(path, DAY)

    cache.find("key", "lines")

    assert time.time() - Path(path).stat().st_mtime < DAY / 2


def test_the_least_recently_used_goes_when_the_limit_is_passed(cache):
    for index, name in enumerate(("first", "second", "third")):
        age(cache.put(name, name, content(b"x" * 400)), 100 - index)

    assert names(cache) == ["second", "third"]
    assert cache.find("second", "second")

    cache.put("fourth", "fourth", content(b"x" * 400))

    assert names(cache) == ["fourth", "second"]


def test_a_file_above_the_limit_is_kept_until_the_next(cache):
    cache.put("huge", "huge", content(b"x" * 2000))

    assert names(cache) == ["huge"]

    cache.put("small", "small", content(b"x" * 10))

    assert names(cache) == ["small"]


def test_small_files_alone_are_held_within_the_limit_once_a_day(tmp_path):
    cache = SymbolCache(str(tmp_path), limit=10_000)
    for index in range(4000):
        cache.put(f"{index:04}", "small", content(b"xxxxx"))
    assert cache.size == 20_000  # none is worth a look at all the others
    age(Path(cache.folder, "trimmed"), DAY + 60)

    cache.put("last", "small", content(b"xxxxx"))

    assert cache.size <= 10_000
    assert cache.find("last", "small")


def test_what_a_killed_process_left_goes_after_a_day_and_not_before(cache):
    path = cache.put("key", "lines", content(b"abc"))
    left, fresh = f"{path}.1.aa.part", f"{path}.2.bb.part"
    for partial in (left, fresh):
        Path(partial).write_bytes(b"half")
    age(left, DAY + 60)

    removed = cache.trim(1000)

    assert [entry.path for entry in removed] == [left]
    assert names(cache) == ["lines", Path(fresh).name]


def test_a_process_killed_while_it_writes_leaves_no_file_to_be_found(tmp_path):
    script = (
        "import os, sys\n"
        "from crashtool.services.symbols.cache import SymbolCache\n"
        "def write(file):\n"
        "    file.write(b'half'); file.flush(); os._exit(9)\n"
        "SymbolCache(sys.argv[1]).put('key', 'lines', write)\n"
    )

    run = subprocess.run([sys.executable, "-c", script, tmp_path], check=False)

    assert run.returncode == 9
    cache = SymbolCache(str(tmp_path))
    assert cache.find("key", "lines") is None
    assert len(names(cache)) == 1
    cache.put("key", "lines", content(b"whole"))
    assert cache.find("key", "lines")


def test_processes_that_fill_and_empty_one_cache_at_once_do_not_disturb_each_other(tmp_path):
    script = (
        "import sys\n"
        "from crashtool.services.symbols.cache import SymbolCache\n"
        "cache = SymbolCache(sys.argv[1], limit=40_000)\n"
        "for turn in range(150):\n"
        "    key = str(turn % 7)\n"
        "    path = cache.put(key, 'file', lambda file: file.write(key.encode() * 9000))\n"
        "    try:\n"
        "        text = open(path, 'rb').read()\n"
        "    except FileNotFoundError:\n"
        "        continue\n"
        "    assert text == key.encode() * 9000, (key, len(text))\n"
        "    if turn % 50 == 49:\n"
        "        cache.clear()\n"
    )

    runs = [
        subprocess.Popen([sys.executable, "-c", script, tmp_path], stderr=subprocess.PIPE)
        for _ in range(3)
    ]

    assert [(run.communicate()[1], run.returncode) for run in runs] == [(b"", 0)] * 3


def test_clearing_removes_what_is_the_cache_s_and_nothing_else(tmp_path):
    cache = SymbolCache(str(tmp_path))
    cache.put("key", "lines", content(b"abc"))
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "mine.txt").write_text("mine")

    removed = cache.clear()

    assert [entry.size for entry in removed] == [3]
    assert cache.size == 0
    assert (tmp_path / "mine.txt").exists()
    assert (tmp_path / "1" / "mine.txt").exists()


def test_a_file_that_is_removed_is_not_found(cache):
    cache.put("key", "lines", content(b"abc"))

    cache.remove("key", "lines")
    cache.remove("key", "lines")

    assert cache.find("key", "lines") is None


def test_a_folder_that_cannot_be_written_is_an_error_to_act_on(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = SymbolCache(str(tmp_path / "file"))

    with pytest.raises(CannotWrite, match="cannot write") as caught:
        cache.put("key", "lines", content(b"abc"))

    assert "--cache" in caught.value.hint
    assert cache.find("key", "lines") is None
    assert cache.clear() == []


def test_a_folder_that_another_process_just_removed_is_made_again(cache, monkeypatch):
    made = os.makedirs
    calls = []

    def make_in_vain(folder, **options):
        calls.append(folder)
        if len(calls) > 2:
            made(folder, **options)
        elif len(calls) == 2:
            raise FileExistsError(17, "File exists")

    monkeypatch.setattr(cache_module.os, "makedirs", make_in_vain)

    path = cache.put("key", "lines", content(b"abc"))

    assert Path(path).read_bytes() == b"abc"


def test_another_folder_is_used_when_the_first_cannot_be_written(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    SymbolCache(str(first)).put("key", "lines", content(b"abc"))
    made = os.makedirs

    def refuse(folder, **options):
        if str(folder).startswith(str(first)):
            raise PermissionError(13, "Read-only file system")
        made(folder, **options)

    monkeypatch.setattr(cache_module.os, "makedirs", refuse)
    cache = SymbolCache(str(first), fallback=lambda: str(second))

    path = cache.put("key", "unwind", content(b"def"))

    assert Path(path).is_relative_to(second)
    assert cache.find("key", "unwind") == path
    assert Path(cache.find("key", "lines")).is_relative_to(first)


def test_no_third_folder_is_tried(tmp_path):
    (tmp_path / "file").write_text("in the way")
    blocked = str(tmp_path / "file")
    cache = SymbolCache(blocked, fallback=lambda: blocked)

    with pytest.raises(CannotWrite, match="cannot write"):
        cache.put("key", "lines", content(b"abc"))


def test_a_file_that_may_be_read_but_not_touched_is_found(cache, monkeypatch):
    path = cache.put("key", "lines", content(b"abc"))

    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(cache_module.os, "utime", refuse)

    assert cache.find("key", "lines") == path


def test_a_file_in_use_on_windows_is_left_as_it_is(cache, monkeypatch):
    path = cache.put("key", "lines", content(b"abc"))

    def refuse(source, target):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(cache_module.os, "replace", refuse)

    assert cache.put("key", "lines", content(b"abc")) == path
    with pytest.raises(CannotWrite, match="in use"):
        cache.put("key", "unwind", content(b"abc"))


def test_a_file_that_cannot_be_removed_is_not_counted_as_removed(cache, monkeypatch):
    cache.put("key", "lines", content(b"abc"))

    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(cache_module.os, "unlink", refuse)

    assert cache.clear() == []


def test_a_folder_that_goes_again_and_again_is_an_error(cache, monkeypatch):
    monkeypatch.setattr(cache_module.os, "makedirs", lambda *_, **__: None)

    with pytest.raises(CannotWrite, match="cannot write"):
        cache.put("key", "lines", content(b"abc"))


def test_a_file_that_another_process_is_removing_is_not_there(tmp_path, monkeypatch):
    """Windows lists it until the last who has it open closes it, and lets nobody open it."""
    cache = SymbolCache(str(tmp_path))
    path = cache.put("key", "name", lambda file: file.write(b"content"))

    def refuse(place, *_):
        raise PermissionError(13, "Access is denied", place)

    monkeypatch.setattr("os.utime", refuse)
    assert cache.find("key", "name") == path  # a cache that is only read
    monkeypatch.setattr("builtins.open", refuse)
    assert cache.find("key", "name") is None
