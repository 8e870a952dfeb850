"""Rules from TOML: all forms, and each fault with its line."""

import pytest

from crashtool.errors import UsageError
from crashtool.model.own_calls import FrameRule
from crashtool.services.triage.rules_file import read_rules

WHOLE = """\
[triage]
own = ["module:atlas*"]
skip = [
  "atlas::require",
  "atlas::Mesh::*",
]
frames = 3
stop = ['atlas::App::handle']

[[triage.group]]
name = "ATLAS-1234 stale mesh"
match = ["atlas::Scene::visit"]
class = "memory"
annotation.gpu = "Rad*"
"""


def read(tmp_path, text):
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return read_rules(str(path))


def test_all_forms_with_their_lines(tmp_path):
    rules = read(tmp_path, WHOLE)
    assert rules.frame_rules == (
        FrameRule("own", "module:atlas*", 2),
        FrameRule("skip", "atlas::require", 4),
        FrameRule("skip", "atlas::Mesh::*", 5),
        FrameRule("stop", "atlas::App::handle", 8),
    )
    assert rules.frames == 3
    group = rules.groups[0]
    assert (group.name, group.match, group.line) == (
        "ATLAS-1234 stale mesh",
        ("atlas::Scene::visit",),
        11,
    )
    assert group.conditions == (("class", "memory"), ("annotation.gpu", "Rad*"))


@pytest.mark.parametrize(
    ("text", "line", "column", "words", "hint"),
    [
        ("[triage]\n\nskipp = []\n", 3, 1, "skipp", "did you mean skip?"),
        ("[triage]\n  colour = 1\n", 2, 3, "colour", "the rules are own, skip, through"),
        ('[triage]\nown = ["a"]\nskip = "a"\n', 3, 1, "list of texts", 'skip = ["helper::*"]'),
        ('[triage]\nskip = ["a",\n  "/(/"]\n', 3, 4, "not a pattern", "a pattern is a glob"),
        ("[triage]\nframes = 13\n", 2, 1, "1 to 12", "write  frames = 2"),
        ("[triage]\nframes = true\n", 2, 1, "1 to 12", "write  frames = 2"),
        ("[other]\n", 1, 2, "other", "[triage]"),
        ('[triage]\n[[triage.group]]\nmatch = ["a"]\n', 2, 3, "name", "[[triage.group]]"),
        ('[triage]\n[[triage.group]]\nname = "x"\n', 3, 9, "matches nothing", "match = ["),
        ('[triage]\n[[triage.group]]\nname = "x"\nwhat = "a"\n', 4, 1, "what", "annotation.KEY"),
        ('[triage]\n[[triage.group]]\nname = "x"\n clas = "a"\n', 4, 2, "clas", "mean class?"),
        ('[triage]\n[[triage.group]]\nname = "x"\nos = 3\n', 4, 1, "os is a text", 'os = "GLOB"'),
        ("triage = 3\n", 1, 1, "table", "[triage]"),
        ("[triage]\ngroup = 3\n", 2, 1, "is written as", "name = "),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place_and_what_to_write(
    tmp_path, text, line, column, words, hint
):
    with pytest.raises(UsageError, match=rf"rules\.toml:{line}:{column}: .*{words}") as caught:
        read(tmp_path, text)
    assert hint in caught.value.hint


def test_what_is_no_toml_is_refused(tmp_path):
    with pytest.raises(UsageError, match="TOML"):
        read(tmp_path, "[triage\n")
