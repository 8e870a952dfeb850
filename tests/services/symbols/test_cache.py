import os
import subprocess
import sys

import pytest

from crashtool.errors import InputUnusable
from crashtool.services.symbols.cache import SymbolCache, identify_content


@pytest.fixture
def cache(tmp_path):
    return SymbolCache(str(tmp_path / "cache"), limit=1000)


def put(cache, key, content=b"content", name="lines"):
    return cache.put(key, name, lambda file: file.write(content))


def test_what_was_put_is_found(cache):
    path = put(cache, "key")

    assert cache.find("key", "lines") == path
    assert cache.find("key", "other") is None
    assert cache.find("other", "lines") is None
    with open(path, "rb") as file:
        assert file.read() == b"content"


def test_a_later_file_takes_the_place_of_an_earlier_one(cache):
    put(cache, "key", b"old")

    with open(put(cache, "key", b"new"), "rb") as file:
        assert file.read() == b"new"


def test_nothing_is_kept_of_a_file_that_could_not_be_written(cache):
    def fail(file):
        file.write(b"half")
        raise InputUnusable("no symbols in it")

    with pytest.raises(InputUnusable, match="no symbols"):
        cache.put("key", "lines", fail)

    assert list(cache.walk()) == []


def test_a_cache_that_cannot_be_written_says_how_to_name_another(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(InputUnusable) as caught:
        put(SymbolCache(str(tmp_path / "file")), "key")

    assert "--cache" in caught.value.hint


def test_what_was_not_used_for_longest_goes_first(cache):
    for number, key in enumerate(("a", "b", "c")):
        os.utime(put(cache, key, bytes(300)), (number, number))
    cache.find("a", "lines")

    put(cache, "d", bytes(300))

    assert cache.find("b", "lines") is None
    assert cache.find("a", "lines")
    assert cache.find("d", "lines")
    assert sum(entry.size for entry in cache.walk()) <= 1000


def test_leftovers_of_killed_processes_go_after_a_day(cache):
    path = put(cache, "key")
    leftover = path + ".1.part"
    with open(leftover, "wb") as file:
        file.write(b"half")
    now = os.stat(leftover).st_mtime

    assert cache.trim(1000, now + 3600) == []
    assert [entry.path for entry in cache.trim(1000, now + 90000)] == [leftover]
    assert cache.find("key", "lines")


def test_clearing_removes_everything(cache):
    put(cache, "a")
    put(cache, "b")

    assert len(cache.clear()) == 2
    assert list(cache.walk()) == []


def test_ages_are_known(cache):
    made = os.stat(put(cache, "key")).st_mtime

    assert cache.age("key", "lines", made + 5) == 5
    assert cache.age("key", "other", made) is None


def test_processes_that_fill_one_cache_at_once_see_whole_files_only(tmp_path):
    script = (
        "import sys\n"
        "from crashtool.services.symbols.cache import SymbolCache\n"
        "cache = SymbolCache(sys.argv[1])\n"
        "for number in range(100):\n"
        "    path = cache.put('k', 'n', lambda file: [file.write(b'x' * 1000) for _ in range(9)])\n"
        "    assert len(open(cache.find('k', 'n'), 'rb').read()) == 9000\n"
    )
    line = [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)]
    processes = [subprocess.Popen(line) for _ in range(3)]

    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(list(SymbolCache(str(tmp_path)).walk())) == 1


def test_contents_are_told_apart_wherever_they_differ(tmp_path):
    def key(content):
        path = tmp_path / "file"
        path.write_bytes(content)
        return identify_content(str(path))

    large = bytes(3 << 20)
    keys = {
        key(b""), key(b"a"), key(b"b"), key(large), key(large + b"\0"),
        key(b"x" + large[1:]), key(large[:-1] + b"x"),
    }  # fmt: skip

    assert len(keys) == 7


def test_a_file_that_is_gone_has_no_key(tmp_path):
    with pytest.raises(InputUnusable):
        identify_content(str(tmp_path / "gone"))
