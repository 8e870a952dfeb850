import shutil
from pathlib import Path

import pytest

from crashtool.errors import InputUnusable, NothingFound
from crashtool.services.handler.crashpad_handler import find
from crashtool.services.handler.crashpad_handler.find import find_handler
from tests.toolchain import run_tool


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(find, "find_spec", lambda _name: None)
    monkeypatch.setattr(find, "DEBIAN", tmp_path / "absent")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    source = path.with_suffix(".c")
    source.write_text(f"#include <stdio.h>\n#include <unistd.h>\nint main(void) {{ {body} }}\n")
    run_tool("gcc", "-o", path, source)
    return path


def test_the_builds_are_told_apart(sentry_handler, upstream_handler):
    assert sentry_handler.kind == "sentry"
    assert upstream_handler.kind == "upstream"
    assert sentry_handler.version == upstream_handler.version == "0.8.0"


def test_a_build_of_2018_is_known_by_its_attachments(tmp_path):
    path = program(tmp_path / "old", 'puts("--initial-client-fd --attachment=NAME=PATH");')

    assert find_handler(str(path)).kind == "backtrace-2018"


def test_none_at_all_says_how_to_get_one(nothing_installed):
    with pytest.raises(NothingFound) as caught:
        find_handler()

    assert "crashtool[handler]" in caught.value.hint


def test_one_in_path_is_found_unless_it_is_a_script(nothing_installed, tmp_path, sentry_handler):
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin/crashpad_handler"
    wrapper.write_text("#!/bin/sh\n")
    wrapper.chmod(0o755)
    with pytest.raises(NothingFound):
        find_handler()

    shutil.copy(sentry_handler.path, tmp_path / "bin/chrome_crashpad_handler")

    assert find_handler().path == str(tmp_path / "bin/chrome_crashpad_handler")


def test_a_path_that_is_no_program_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "script").chmod(0o755)
    (tmp_path / "garbage").write_bytes(b"\x7fELF")
    (tmp_path / "garbage").chmod(0o755)

    for name, words in (
        ("gone", "no crashpad_handler at"),
        ("", "is a folder"),
        ("data", "is not executable"),
        ("script", "is a script"),
        ("garbage", "does not start"),
    ):
        with pytest.raises(InputUnusable, match=words):
            find_handler(str(tmp_path / name))


def test_another_program_is_not_taken_for_a_handler(tmp_path):
    with pytest.raises(InputUnusable, match="not a crashpad_handler"):
        find_handler(str(program(tmp_path / "other", 'puts("usage");')))
    with pytest.raises(InputUnusable, match="exit status 7"):
        find_handler(str(program(tmp_path / "failing", "return 7;")))


def test_one_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "_START_SECONDS", 0.1)

    with pytest.raises(InputUnusable, match="does not answer"):
        find_handler(str(program(tmp_path / "silent", "for (;;) pause();")))


@pytest.mark.parametrize(
    ("library", "hint"),
    [("curl-of-nobody", "apt install libcurl4"), ("of-nobody", "install the library it names")],
)
def test_a_missing_library_is_named(library, hint, tmp_path):
    shared = tmp_path / f"lib{library}.so"
    source = tmp_path / "library.c"
    source.write_text("int found(void) { return 0; }")
    run_tool("gcc", "-shared", "-fPIC", "-o", shared, source)
    main = tmp_path / "main.c"
    main.write_text("int found(void); int main(void) { return found(); }")
    handler = tmp_path / "handler"
    run_tool("gcc", "-o", handler, main, f"-L{tmp_path}", f"-l{library}")
    shared.unlink()

    with pytest.raises(InputUnusable, match=rf"lib{library}\.so: cannot open") as caught:
        find_handler(str(handler))

    assert hint in caught.value.hint
