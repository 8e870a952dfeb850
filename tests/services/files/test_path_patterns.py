"""Wildcards in PATH arguments, the same on every machine."""

import errno
import json
import os

import pytest

from crashtool.errors import UsageError
from crashtool.services.files.path_patterns import expand_all, expand_one, expand_path
from tests.commands.transcript_inputs import make_inputs
from tests.synth.database import windows_report, write_windows_database


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a1.dmp", "a[1].dmp", "a2.dmp", "b[1]/c1.dmp", "b[1]/c2.dmp", "b1/c3.dmp", ".h/d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a[1].dmp", ["a[1].dmp"]),  # a file of that very name
        ("a[2].dmp", ["a2.dmp"]),
        ("a?.dmp", ["a1.dmp", "a2.dmp"]),
        ("b[1]/*.dmp", ["b[1]/c1.dmp", "b[1]/c2.dmp"]),  # a folder of that very name
        ("b[1]/c[2].dmp", ["b[1]/c2.dmp"]),
        ("**/c*", ["b1/c3.dmp", "b[1]/c1.dmp", "b[1]/c2.dmp"]),
        ("*/d", []),
        ("absent", []),
        ("absent*", []),
        ("~", []),
        ("$HOME", []),
        ("%USERNAME%", []),
    ],
)
def test_a_path_is_itself_or_a_pattern(text, paths, folder):
    assert expand_path(text) == paths
    assert expand_path(str(folder / text)) == [str(folder / path) for path in paths]


def test_hidden_names_match_when_asked_for(folder):
    assert expand_path("*/d", hidden=True) == [".h/d"]


def test_what_stands_for_nothing_is_left_for_others_to_name(folder):
    assert expand_all(["a?.dmp", "absent*"]) == ("a1.dmp", "a2.dmp", "absent*")
    assert expand_one("absent*") == "absent*"
    with pytest.raises(UsageError, match=r"a\?\.dmp matches 2 paths, a1\.dmp first"):
        expand_one("a?.dmp")


def test_every_command_expands_its_paths(crashtool, tmp_path):
    make_inputs(tmp_path)
    write_windows_database(tmp_path / "database", [windows_report(1)])

    assert crashtool("inspect", "--brief", "ga*.dmp").exit_code == 0
    assert crashtool("send-dump", "--dry-run", "ga*.dmp").exit_code == 0
    assert crashtool("database", "list", "data*").exit_code == 0
    assert crashtool("database", "settings", "dat[a]*", "--uploads", "disabled").exit_code == 0
    for command in ("upload-symbols --dry-run", "symbols check"):
        assert crashtool(*command.split(), "build/*.sym").exit_code == 0
    assert crashtool("symbols", "find", "ga*.dmp", "--symbols", "build/*").exit_code == 4


def test_a_pattern_does_not_pass_over_the_consent_of_a_database(crashtool, tmp_path):
    write_windows_database(tmp_path / "database", [windows_report(1)], uploads_enabled=False)

    result = crashtool("send-dump", "--dry-run", "--json", "data*")
    receipts = json.loads(result.stdout)["receipts"]
    assert result.exit_code == 4
    assert ["kept back" in row["error"]["message"] for row in receipts] == [True]


@pytest.mark.parametrize("name", ["a.dmp", "*.dmp"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_what_the_system_does_not_tell_of_is_left_to_whoever_opens_it(monkeypatch, name, number):
    def fail(path):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "lstat", fail)
    assert expand_path(name) == [name]


@pytest.mark.parametrize("name", ["a.dmp", "a" * 5000, "a\0b"])
def test_what_cannot_be_there_stands_for_nothing(tmp_path, name):
    assert expand_path(str(tmp_path / name)) == []
