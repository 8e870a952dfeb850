"""Commands for copying: every word comes back as it was."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.formats.shell_words import quote_posix, quote_windows, quote_word


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("C:\\Games\\game.dmp", "C:\\Games\\game.dmp"),
        ("C:\\My Games\\game.dmp", '"C:\\My Games\\game.dmp"'),
        ("C:\\My Games\\", '"C:\\My Games\\\\"'),
        ("a&b", '"a&b"'),
        ("a,b;c", '"a,b;c"'),
        ("(x86)", '"(x86)"'),
        ("it's $5", "'it''s $5'"),
        ("größe.dmp", "größe.dmp"),
        ("", '""'),
    ],
)
def test_a_word_for_windows(text, shown):
    assert quote_windows(text) == shown
    assert quote_word(text, windows=True) == shown


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_a_word_for_a_posix_shell_shows_nothing_that_a_terminal_obeys(text):
    shown = quote_posix(text)

    assert not [letter for letter in shown if letter < " " and letter not in "\n\t"]
    assert "\x1b" not in shown


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a POSIX shell")
def test_a_posix_shell_gives_it_back():
    texts = ["a b", "it's", "$HOME", "`x`", "\x1b[31m", "a\nb", "", "日本", "-x", "*", "~", "a\\"]
    words = " ".join(map(quote_posix, texts))
    done = subprocess.run(["sh", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True)

    assert done.stdout.decode().split("\0")[:-1] == texts


def test_an_advice_for_a_folder_with_blanks_can_be_copied(crashtool, tmp_path):
    from tests.synth.database import windows_report, write_windows_database

    folder = tmp_path / "my crashes"
    write_windows_database(folder, [windows_report(1)], uploads_enabled=False)

    kept_back = crashtool("send-dump", "--dry-run", folder)
    assert f"crashtool database settings '{folder}' --uploads enabled" in kept_back.stderr
    shown = crashtool("database", "show", folder, "0")
    assert f"crashtool send-dump '{folder}/reports/" in shown.stdout
