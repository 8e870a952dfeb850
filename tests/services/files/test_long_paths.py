from pathlib import PureWindowsPath

import pytest

from crashtool.errors import CannotWrite
from crashtool.services.files import long_paths
from crashtool.services.files.long_paths import extended_length_path, plain_path
from crashtool.services.files.whole_file import blaming


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\build\\out", "\\\\?\\C:\\build\\out"),
        ("C:/build/./out/../bin", "\\\\?\\C:\\build\\bin"),
        ("\\\\server\\share\\symbols", "\\\\?\\UNC\\server\\share\\symbols"),
        ("//server/share/symbols", "\\\\?\\UNC\\server\\share\\symbols"),
        ("\\\\?\\C:\\as it is", "\\\\?\\C:\\as it is"),
        ("\\\\?\\UNC\\server\\share", "\\\\?\\UNC\\server\\share"),
    ],
)
def test_windows_takes_a_path_of_any_length_behind_a_mark(path, expected):
    assert extended_length_path(path, windows=True) == expected


@pytest.mark.parametrize("path", ["/build/out", "out", "C:\\build", ""])
def test_elsewhere_a_path_stays_what_it_is(path):
    assert extended_length_path(path, windows=False) == path


def test_files_are_reached_by_one_path_and_called_by_another(crashtool, tmp_path, monkeypatch):
    """As on Windows: everything is opened behind the mark, and nothing is shown with it."""
    deep = tmp_path / "mark" / "build" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "app.sym").write_bytes(
        b"MODULE Linux x86_64 000102030405060708090A0B0C0D0E0F0 app\nFUNC 1 1 0 f\n"
    )
    monkeypatch.setattr(
        "crashtool.services.symbol_upload.collect.extended_length_path",
        lambda path: str(tmp_path / "mark" / path),
    )
    (tmp_path / "mark" / "build" / "tests").mkdir()
    (tmp_path / "mark" / "build" / "tests" / "t.sym").write_bytes((deep / "app.sym").read_bytes())
    result = crashtool("upload-symbols", "-n", "--json", "build", "--exclude", "build/tests")
    assert '"path": "build/a/b/app.sym"' in result.stdout, result.stdout + result.stderr
    assert "t.sym" not in result.stdout
    assert long_paths.ANY_LENGTH not in result.stdout


@pytest.mark.parametrize("path", ["C:\\build\\out", "\\\\server\\share", "/build/out", "out"])
def test_people_read_the_path_that_they_gave(path):
    assert plain_path(extended_length_path(path, windows="\\" in path)) == path


def test_a_message_has_no_mark():
    with (
        pytest.raises(CannotWrite, match=r"^cannot write C:\\out: "),
        blaming(PureWindowsPath("\\\\?\\C:\\out")),
    ):
        raise FileNotFoundError(2, "No such file or directory")
