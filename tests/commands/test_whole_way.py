"""From no settings at all to a crash in the inbox, as one transcript, with the extra's handler.

The form is that of the other transcripts; the commands run in one bash, against a receiver.
"""

import json
import shutil
from urllib.request import urlopen

import pytest

from tests.commands.test_transcripts import FOLDER, matches
from tests.services.handler.conftest import sentry_handler  # noqa: F401 (a fixture)
from tests.shell_session import run_commands, serving, wait_for_words
from tools.demo import PROGRAM

TRANSCRIPT = FOLDER / "whole-way.transcript"


def replay(commands, folder, url):
    ran = run_commands(
        commands,
        folder,
        folder.parent / "logs",
        HOME=str(folder.parent / "home"),
        CRASHTOOL_URL=url,
    )
    for row in ran:
        errors = "".join(f"! {line}\n" for line in row.stderr.splitlines())
        status = f"[exit {row.status}]\n" if row.status else ""
        yield f"$ {row.command}\n{row.stdout}{errors}{status}"


def test_the_whole_way(request, sentry_handler, tmp_path):  # noqa: F811
    pytest.importorskip("starlette")
    if not shutil.which("bash"):
        pytest.skip("needs bash")
    folder = tmp_path / "way"
    folder.mkdir()
    shutil.copy(PROGRAM, folder / "game")
    expected = TRANSCRIPT.read_text(encoding="utf-8")
    commands = [line[2:] for line in expected.splitlines() if line.startswith("$ ")]

    with serving(tmp_path, "--folder", "inbox") as receiver:
        actual = "\n".join(replay(commands, folder, receiver["url"]))
        wait_for_words(receiver["inbox"], "SIGSEGV", "draw_mesh", "1.4.2")
        with urlopen(receiver["inbox"] + "api/reports") as answer:  # noqa: S310 (our own receiver)
            reports = json.load(answer)["reports"]

    if request.config.getoption("--rewrite-transcripts") and not matches(expected, actual):
        TRANSCRIPT.write_text(actual, encoding="utf-8", newline="\n")
        expected = actual
    assert matches(expected, actual), actual
    assert [row["product"] for row in reports] == ["Game", "Game"]
