import sys

import pytest

from tools import pythons, resolve_wheels
from tools.pythons import Interpreter


def program(path, answer, status=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {answer}\nexit {status}\n")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="needs /bin/sh")
def test_each_version_is_found_once_and_only_those_that_make_environments(tmp_path, monkeypatch):
    monkeypatch.setattr(pythons, "FOLDERS", (str(tmp_path / "system"),))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    program(tmp_path / "pyenv/versions/3.11.7/bin/python3", "3.11.7")
    program(tmp_path / "pyenv/versions/3.10.1/bin/python3", "3.10.1")
    program(tmp_path / "path/python3.11", "3.11.7")
    program(tmp_path / "path/python3.12", "3.12.1", status=1)  # no venv or ensurepip
    program(tmp_path / "system/python3.11", "3.11.2")
    program(tmp_path / "system/python3.13", "3.13.0")

    found = [(row.version, row.path.parent.name) for row in pythons.find_pythons()]

    assert found == [("3.11.2", "system"), ("3.11.7", "bin"), ("3.13.0", "system")]


def test_a_suite_that_fails_and_a_version_that_is_not_there_are_told(monkeypatch, capsys, tmp_path):
    known = [Interpreter("3.97.2", tmp_path), Interpreter("3.98.1", tmp_path)]
    monkeypatch.setattr(pythons, "find_pythons", lambda: known)
    monkeypatch.setattr(pythons, "supported_versions", lambda: ("3.97", "3.98", "3.99"))
    monkeypatch.setattr(
        pythons,
        "run_suite",
        lambda row, _rest: "pytest ended with 1" if row.minor == "3.98" else "",
    )
    assert pythons.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "Python 3.98.1: pytest ended with 1, 0 s" in lines
    assert "SKIPPED: no Python 3.99 on this machine" in lines
    assert pythons.LEFT_OUT in lines


def test_a_version_whose_suite_runs_elsewhere_is_left_out_and_told(monkeypatch, capsys, tmp_path):
    known = [Interpreter("3.97.2", tmp_path), Interpreter("3.98.1", tmp_path)]
    asked = []
    monkeypatch.setattr(pythons, "find_pythons", lambda: known)
    monkeypatch.setattr(pythons, "supported_versions", lambda: ("3.97", "3.98"))
    monkeypatch.setattr(pythons, "run_suite", lambda row, rest: asked.append((row.version, rest)))

    assert pythons.main(["--elsewhere", "3.97.2", "-n", "3"]) == 0

    assert asked == [("3.98.1", ["-n", "3"])]
    said = capsys.readouterr().out
    assert "SKIPPED: Python 3.97.2: its suite runs on another machine" in said
    assert "no Python 3.97" not in said


def test_environments_can_be_made_beforehand(monkeypatch, capsys, tmp_path):
    known = [Interpreter("3.97.2", tmp_path), Interpreter("3.98.1", tmp_path / "not there")]
    monkeypatch.setattr(pythons, "find_pythons", lambda: known)
    monkeypatch.setattr(pythons, "supported_versions", lambda: ("3.97", "3.98"))
    monkeypatch.setattr(
        pythons, "prepare", lambda row: "no environment: x" if row.minor == "3.98" else ""
    )

    assert pythons.main(["--prepare"]) == 1

    said = capsys.readouterr().out
    assert "Python 3.97.2: has its environment, 0 s" in said
    assert "Python 3.98.1: no environment: x, 0 s" in said
    assert "passes" not in said


def test_what_has_no_build_for_a_system_is_not_asked_of_it():
    targets = resolve_wheels.list_targets(resolve_wheels.read_extras())
    assert len(targets) == len(resolve_wheels.SYSTEMS) * len(pythons.supported_versions())
    for row in targets:
        assert "dev" not in row.extras
        assert ("handler" in row.extras) == ("musl" not in row.system)
        assert "serve" in row.extras
        assert ("docs" in row.extras) == (row.system not in ("Windows ARM64", "Windows x86"))


def test_the_extra_without_wheels_is_named(monkeypatch, capsys):
    def attempt(target, extras):
        bad = "musl" in target.platform and "serve" in extras
        return "no wheels" if bad else ""

    monkeypatch.setattr(resolve_wheels, "_try", attempt)
    assert resolve_wheels.main() == 1
    out = capsys.readouterr().out
    assert "FAIL  Linux musl x86-64   3.11: serve; 3.12: serve" in out
    assert "ok    Windows x86-64" in out


def test_without_an_index_nothing_is_said_to_be_missing(monkeypatch, capsys):
    monkeypatch.setattr(resolve_wheels, "_try", lambda *_: "error sending request for url")
    assert resolve_wheels.main() == resolve_wheels.UNREACHABLE
    assert "SKIPPED" in capsys.readouterr().out


def test_the_readme_tells_of_each_extra():
    text = (pythons.ROOT / "README.md").read_text("utf-8")
    table = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert {*resolve_wheels.read_extras(), "dev"} <= table
