"""Patterns that leave files out, as people write paths."""

import ntpath
from pathlib import Path
from types import SimpleNamespace

import pytest

from crashtool.services.symbol_upload import patterns
from crashtool.services.symbol_upload.patterns import PathPatterns

FITS = [
    "plugin.*",
    "*.dll",
    "sub/plugin.dll",
    "sub\\plugin.*",
    "build/sub/plugin.*",
    "sub/*",
    "build\\sub\\*",
    "./sub/*",
    "*/sub/*",
]
OTHERS = ["plugin", "sub", "other/*", "lugin.dll", "uild/sub/*", "t/*", "sub/plugin.pdb"]


@pytest.mark.parametrize("root", ["build", "./build", "/t/build", "t/build/"])
@pytest.mark.parametrize("pattern", FITS)
def test_a_path_below_an_input_fits(pattern, root):
    path = f"{root.rstrip('/')}/sub/plugin.dll"

    assert PathPatterns(["nothing", pattern]).find(path, root) == pattern


@pytest.mark.parametrize("pattern", OTHERS)
def test_nothing_else_fits(pattern):
    assert PathPatterns([pattern]).find("/t/build/sub/plugin.dll", "/t/build") is None


def test_a_path_as_it_was_given_fits_and_so_does_the_whole_one():
    for pattern in ("out/build/*", str(Path("out/build").absolute() / "*")):
        assert PathPatterns([pattern]).find("out/build/a", "out/build")


def test_a_member_of_an_archive_fits_by_its_own_path():
    for pattern in ("lib/*.so", "b.zip:lib/*", "build/b.zip:*", "a.so"):
        assert PathPatterns([pattern]).find("build/b.zip:lib/a.so", "build")


@pytest.mark.parametrize("root", ["build", "C:\\t\\build"])
@pytest.mark.parametrize("pattern", [*FITS, "SUB\\PLUGIN.DLL"])
def test_paths_of_windows_fit(pattern, root, monkeypatch):
    fake = SimpleNamespace(sep="\\", path=ntpath)
    monkeypatch.setattr(patterns, "os", fake)
    monkeypatch.setattr(patterns.fnmatch, "os", fake)

    assert PathPatterns([pattern]).find(root + "\\sub\\plugin.dll", root) == pattern
    if ":" in root:
        assert PathPatterns(["C:\\t\\build\\*"]).find(root + "\\sub\\plugin.dll", root)


@pytest.mark.parametrize("pattern", ["build/plugin.*", "build\\plugin.*", "plugin.*", "{root}/*g*"])
def test_what_ships_beside_is_not_uploaded(pattern, crashtool, tmp_path, corpus):
    build = corpus.parent / "findings/inputs/windows/build"
    if not build.exists():
        pytest.skip("needs findings/ (set CRASHTOOL_SHARED to the folder that holds it)")
    pattern = pattern.replace("{root}", str(build))

    result = crashtool("upload-symbols", "--dry-run", build, "--exclude", pattern)
    assert "crasher.pdb" in result.stdout
    assert "plugin.pdb" not in result.stdout
