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
    ("text", "line", "words"),
    [
        ("[triage]\n\nskipp = []\n", 3, "skipp"),
        ('[triage]\nown = ["a"]\nskip = "a"\n', 3, "list of texts"),
        ('[triage]\nskip = ["a",\n  "/(/"]\n', 3, "not a pattern"),
        ("[triage]\nframes = 13\n", 2, "1 to 12"),
        ("[triage]\nframes = true\n", 2, "1 to 12"),
        ("[other]\n", 1, "other"),
        ('[triage]\n[[triage.group]]\nmatch = ["a"]\n', 2, "name"),
        ('[triage]\n[[triage.group]]\nname = "x"\n', 3, "matches nothing"),
        ('[triage]\n[[triage.group]]\nname = "x"\nwhat = "a"\n', 3, "what"),
        ("triage = 3\n", 1, "table"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, text, line, words):
    with pytest.raises(UsageError, match=rf"rules\.toml:{line}: .*{words}"):
        read(tmp_path, text)


def test_what_is_no_toml_is_refused(tmp_path):
    with pytest.raises(UsageError, match="TOML"):
        read(tmp_path, "[triage\n")
