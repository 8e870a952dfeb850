"""Minidumps in object stores: in memory, and in a real server of S3's protocol."""

import json
import sys

import pytest

from crashtool.errors import MissingExtra, NothingFound
from crashtool.services.files.scratch import Scratch
from crashtool.services.triage.bucket_dumps import is_bucket, list_keys, walk_bucket
from tests.services.symbol_upload.test_s3 import endpoint, files  # noqa: F401 (fixtures)
from tests.synth.crashes import crash, name_symbols

DRAW = "game::draw | game::load [memory]"


@pytest.fixture
def store():
    """An object store in this process, with three crashes and something else."""
    fsspec = pytest.importorskip("fsspec", reason="needs fsspec")
    found = fsspec.filesystem("memory")
    for number in range(3):
        found.pipe(f"/triage/day/{number}.dmp", crash(number + 1, "draw", "load", "main"))
    found.pipe("/triage/day/notes.txt", b"nothing")
    yield found
    found.rm("/triage", recursive=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("s3://a/b", True), ("gs://a", True), ("a/b.dmp", False), ("C:\\a", False), ("://a", False)],
)
def test_what_is_an_object_store(text, expected):
    assert is_bucket(text) == expected


def test_minidumps_are_found_by_content_in_order_and_are_gone_once_read(store):
    with Scratch() as scratch:
        found = list(walk_bucket("memory://triage", scratch))
        assert [one.path for one in found] == [f"memory://triage/day/{n}.dmp" for n in range(3)]
        assert all(one.temporary for one in found)
    assert list_keys("memory://triage/day/1.dmp") == ["memory://triage/day/1.dmp"]


def test_where_nothing_is_it_is_said(store):
    with pytest.raises(NothingFound, match="nothing at memory://triage/none"):
        list_keys("memory://triage/none")


def test_without_fsspec_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match="s3"):
        list_keys("s3://bucket/day")


def test_one_that_cannot_be_had_is_unreadable_and_the_others_are_read(store, monkeypatch):
    opening = type(store).open

    def refuse(self, path, *arguments, **options):
        if path.endswith("1.dmp"):
            raise OSError("503 Slow Down")
        return opening(self, path, *arguments, **options)

    monkeypatch.setattr(type(store), "open", refuse)
    with Scratch() as scratch:
        found = list(walk_bucket("memory://triage", scratch))
    assert [getattr(one, "error", None) is not None for one in found] == [False, True, False]
    assert "503" in found[1].error.what


@pytest.mark.parametrize("jobs", [1, 2])
def test_triage_groups_what_is_in_a_store(store, crashtool, tmp_path, jobs):
    (tmp_path / "game.sym").write_bytes(name_symbols())
    result = crashtool(
        "triage", "memory://triage/day", "--symbols", "game.sym", "--no-local-symbols", "--json",
        "--jobs", jobs,
    )  # fmt: skip
    answer = json.loads(result.stdout)
    assert [(row["signature"], row["count"]) for row in answer["groups"]] == [(DRAW, 3)]
    assert answer["groups"][0]["example"].startswith("memory://triage/day/")


def test_a_real_server(files, crashtool, tmp_path):  # noqa: F811
    files.mkdir("crashes")
    for number in range(3):
        files.pipe(f"crashes/day/{number}.dmp", crash(number + 1, "draw", "load", "main"))
    (tmp_path / "game.sym").write_bytes(name_symbols())
    result = crashtool(
        "triage", "s3://crashes/day", "--symbols", "game.sym", "--no-local-symbols", "--json",
        "--jobs", 2,
    )  # fmt: skip
    (group,) = json.loads(result.stdout)["groups"]
    assert (group["signature"], group["count"]) == (DRAW, 3)
