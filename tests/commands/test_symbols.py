"""symbols cache: looking at the cache, clearing it, making it smaller."""

import json
import os
import time

import pytest

from crashtool.services.symbols.cache import PARTIAL, SymbolCache
from crashtool.services.symbols.server import ABSENT, key_of


@pytest.fixture
def cache(tmp_path):
    """A cache with a file of each sort, made one hour after the other."""
    cache = SymbolCache(str(tmp_path / "kept"))
    for hours, (key, name, size) in enumerate(
        [
            (key_of("https://host/old"), "old.pdb", 4000),
            (key_of("https://host/lib"), "lib.so", 300),
            (key_of("https://host/app"), "app.sym", 20_000),
            (key_of("https://host/gone"), ABSENT, 0),
            ("bb", f"app.sym.1.ff{PARTIAL}", 7),
        ]
    ):
        path = cache.put(key, name, lambda file, size=size: file.write(b"x" * size))
        then = time.time() - 18_000 + hours * 3600
        os.utime(path, (then, then))
    return cache


def test_the_cache_is_shown_by_sorts_of_files(crashtool, cache, tmp_path):
    result = crashtool("symbols", "cache", "--cache", tmp_path / "kept")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"cache      {cache.folder}",
        "holds      5 files, 24,307 bytes, of at most 8,589,934,592 bytes",
        "  absences remembered   1       0 bytes",
        "  fetched from servers  3  24,300 bytes",
        "  unfinished            1       7 bytes",
    ]


def test_an_empty_cache_is_no_error(crashtool):
    result = crashtool("symbols", "cache")

    assert result.exit_code == 0
    assert "0 files, 0 bytes" in result.stdout


def test_clearing_removes_all_but_what_is_being_written(crashtool, cache, tmp_path):
    result = crashtool("symbols", "cache", "--clear", "--cache", tmp_path / "kept")

    assert "holds      1 file, 7 bytes" in result.stdout
    assert "removed    4 files, 24,300 bytes" in result.stdout
    assert cache.size == 7


def test_a_smaller_size_removes_what_was_not_used_for_longest(crashtool, cache, tmp_path):
    result = crashtool("symbols", "cache", "--max-size", "21K", "--cache", tmp_path / "kept")

    assert "removed    1 file, 4,000 bytes" in result.stdout
    assert cache.find(key_of("https://host/old"), "old.pdb") is None
    assert cache.find(key_of("https://host/lib"), "lib.so")


def test_what_earlier_versions_made_of_debug_files_goes(crashtool, tmp_path):
    cache = SymbolCache(str(tmp_path / "kept"))
    for name in ("lines.symcache", "unwind.cfi", "fetched.symcache"):
        cache.put("aa", name, lambda file: file.write(b"x" * 100))

    result = crashtool("symbols", "cache", "--cache", tmp_path / "kept")

    assert "removed    2 files, 200 bytes" in result.stdout
    assert cache.find("aa", "fetched.symcache")
    assert cache.find("aa", "lines.symcache") is None


def test_the_size_may_be_a_setting(crashtool, cache, tmp_path):
    (tmp_path / "crashtool.toml").write_text('cache = "kept"\ncache_size = "21K"\n')

    document = json.loads(crashtool("symbols", "cache", "--json").stdout)

    assert document["cache"]["limit"] == 21 << 10
    assert document["removed"] == {"files": 1, "size": 4000}


def test_json_has_the_same_figures(crashtool, cache, tmp_path):
    result = crashtool("symbols", "cache", "--json", "--cache", tmp_path / "kept")

    document = json.loads(result.stdout)
    assert document["cache"]["folder"] == cache.folder
    assert (document["cache"]["files"], document["cache"]["size"]) == (5, 24_307)
    fetched = {"name": "fetched from servers", "files": 3, "size": 24_300}
    assert fetched in document["cache"]["groups"]
    assert document["removed"] == {"files": 0, "size": 0}


@pytest.mark.parametrize("size", ["lots", "0", "-1", "1X"])
def test_a_size_that_is_none_is_a_usage_error(crashtool, size):
    result = crashtool("symbols", "cache", f"--max-size={size}")

    assert result.exit_code == 2
    assert "is not a size" in result.stderr


def test_the_group_lists_its_commands(crashtool):
    result = crashtool("symbols", "--help")

    assert result.exit_code == 0
    assert "  cache  " in result.stdout


def test_inspect_keeps_its_cache_within_the_size_it_is_told(crashtool, monkeypatch, dump_path):
    limits = []
    made = SymbolCache.__init__

    def note(self, folder, limit, *rest):
        limits.append(limit)
        made(self, folder, limit, *rest)

    monkeypatch.setattr(SymbolCache, "__init__", note)

    crashtool("inspect", dump_path, "--symbols", dump_path.parent, "--cache-size", "5M")

    assert limits == [5 << 20]


@pytest.fixture
def dump_path(tmp_path):
    from tests.synth.minidump import MinidumpBuilder

    path = tmp_path / "crash.dmp"
    builder = MinidumpBuilder().add_system().add_misc(5).add_thread(7)
    path.write_bytes(builder.set_exception(7, 11).pack())
    return path
