"""The commented crashtool.toml against the settings that there are."""

import re

from crashtool.formats.toml import parse_toml
from crashtool.services.integration.project_template import GROUPS, project_template
from crashtool.services.settings.layers import Settings
from crashtool.services.settings.table import NOTHING, SETTINGS


def uncommented():
    """The template as somebody has it who sets everything."""
    return re.sub(r"(?m)^#(?! )", "", project_template())


def test_every_setting_is_explained_once():
    names = [name for rows in GROUPS.values() for name in rows]
    assert sorted(names) == sorted(SETTINGS)
    assert max(map(len, project_template().splitlines())) <= 100


def test_as_it_is_written_it_sets_nothing(tmp_path):
    assert parse_toml(project_template(), "crashtool.toml") == {}


def test_whatever_is_uncommented_is_a_setting_of_the_right_type(tmp_path):
    (tmp_path / "crashtool.toml").write_text(uncommented(), encoding="utf-8")
    settings = Settings({}, tmp_path, tmp_path / "user", chosen=str(tmp_path / "crashtool.toml"))
    for name in SETTINGS:
        assert settings.find(name) is not None, name
    assert settings.find("annotations").value == ["prod=Game", "ver=1.4.2"]
    known = {setting.table or name for name, setting in SETTINGS.items()}
    assert set(parse_toml(uncommented(), "")) == known


def test_what_a_project_file_may_not_say_is_told(tmp_path):
    text = project_template()
    for name, setting in SETTINGS.items():
        mark = f"#[{name}]" if setting.kind == "pairs" else f"\n#{setting.key} ="
        comment = text[: text.index(mark)]
        told = " ".join(comment.rpartition("\n\n")[2].split()).replace(" # ", " ")
        assert ("Not from a project's file" in told) == (setting.from_project == NOTHING), name
