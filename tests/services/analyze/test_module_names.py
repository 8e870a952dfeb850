"""What modules are called: without what systems append, and never by nothing."""

import pytest

from crashtool.services.analyze.module_map import name_module


@pytest.mark.parametrize(
    ("path", "debug_file", "name"),
    [
        ("/opt/game (deleted)", None, "game"),
        ("/opt/game", None, "game"),
        ("", "game.pdb", "game.pdb"),
        ("", None, "(unnamed)"),
        (" (deleted)", "", "(unnamed)"),
        (r"C:\game\game.exe", "x.pdb", "game.exe"),
    ],
)
def test_a_module_is_named_by_what_is_known(path, debug_file, name):
    assert name_module(path, debug_file) == name
