"""Every transcript in tests/commands, replayed in-process.

A transcript is `$ crashtool …`, what it prints (stderr lines after stdout, marked `! `), and
`[exit N]` when that is not 0. `[..]` stands for text that differs each time. The minidump
`game.dmp` and other inputs are made by `make_inputs`. `--rewrite-transcripts` writes what is said.
"""

import re
import shlex
from pathlib import Path

import pytest

from tests.commands.transcript_inputs import make_inputs

FOLDER = Path(__file__).parent
TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))


def replay(transcript, crashtool):
    for line in transcript.splitlines():
        if line.startswith("$ crashtool"):
            result = crashtool(*shlex.split(line)[2:])
            errors = "".join(f"! {said}\n" for said in result.stderr.splitlines())
            status = f"[exit {result.exit_code}]\n" if result.exit_code else ""
            yield f"{line}\n{result.stdout}{errors}{status}"


def matches(expected, actual):
    pattern = ".*?".join(map(re.escape, expected.split("[..]")))
    return re.fullmatch(pattern, actual, re.DOTALL)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path, request, crashtool, tmp_path, monkeypatch):
    monkeypatch.delenv("CRASHTOOL_NO_LOCAL_SYMBOLS")
    make_inputs(tmp_path)
    expected = path.read_text(encoding="utf-8")

    actual = "\n".join(replay(expected, crashtool))

    if request.config.getoption("--rewrite-transcripts") and not matches(expected, actual):
        path.write_text(actual, encoding="utf-8", newline="\n")
        expected = actual
    assert matches(expected, actual), actual


def test_there_are_transcripts():
    assert TRANSCRIPTS


def test_the_wildcard_matches_only_where_it_stands():
    assert matches("a [..] c\n", "a b c\n")
    assert not matches("a [..] c\n", "a b d\n")
