"""The variables that crashtool reads: each is listed, each that is listed is read."""

import ast

import pytest

from crashtool.services.settings.environment_variables import (
    FOREIGN,
    OTHER_VARIABLES,
    PROJECT_CHOICE,
    walk_nearest,
)
from crashtool.services.settings.layers import Settings
from crashtool.services.settings.table import PREFIX, SETTINGS
from tests.conftest import ROOT

PROXIES = {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"}  # requests looks them up
OF_PYTHON = {"TMPDIR"}
OF_CLICK = {"_CRASHTOOL_COMPLETE"}  # from one call of its own script to the next, by no user


def walk_lookups():
    """The literal names that the package asks the environment for."""
    for path in (ROOT / "crashtool").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            asked = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if asked in ("os.environ.get", "environment.get"):
                key = node.args[0]
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                key = node.slice
            else:
                continue
            key = constants.get(key.id, key) if isinstance(key, ast.Name) else key
            if isinstance(key, ast.Constant):
                yield key.value


def test_each_variable_that_is_looked_up_is_listed():
    listed = {row.name for row in (PROJECT_CHOICE, *OTHER_VARIABLES)}
    looked_up = set(walk_lookups())

    assert looked_up - listed == OF_CLICK
    assert {"NO_COLOR", "COLUMNS", "XDG_CACHE_HOME", "DEBUGINFOD_URLS"} <= looked_up


def test_each_variable_that_is_listed_is_read():
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "crashtool").rglob("*.py")
        if path.name != "environment_variables.py"
    )
    for row in OTHER_VARIABLES:
        assert row.name in PROXIES | OF_PYTHON or f'"{row.name}"' in text, row.name


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CRASHTOOL_TOEKN", "CRASHTOOL_TOKEN"),
        ("CRASHTOOL_SYMBOL_TOKEN", "CRASHTOOL_SYMBOLS_TOKEN"),
        ("CRASHTOOL_UNIVERS", "CRASHTOOL_UNIVERSE"),
        ("CRASHTOOL_PROJECTFILE", "CRASHTOOL_PROJECT_FILE"),
        ("CRASHTOOL_token", "CRASHTOOL_TOKEN"),
        ("CRASHTOOL_QQ", ""),
        ("CRASHTOOL_", ""),
    ],
)
def test_a_mistyped_variable_is_told_with_the_nearest_one(name, nearest, tmp_path):
    settings = Settings({name: "1", "CRASHTOOL_TAG": "1"}, tmp_path, tmp_path)

    assert list(walk_nearest(settings.list_unknown_variables())) == [(name, nearest)]


def test_variables_of_crashtool_and_of_its_neighbours_are_no_mistakes(tmp_path):
    known = [setting.variable for setting in SETTINGS.values()] + ["CRASHTOOL_PROJECT_FILE"]
    names = [*known, *(PREFIX + word for word in FOREIGN), "MY_CRASHTOOL_X", "CRASHPAD_URL"]
    settings = Settings(dict.fromkeys(names, "x"), tmp_path, tmp_path)

    assert list(walk_nearest(settings.list_unknown_variables())) == []


def test_commands_warn_of_it_and_never_show_the_value(crashtool, monkeypatch):
    monkeypatch.setenv("CRASHTOOL_TOEKN", "5ec2e7" * 10)
    made = crashtool("annotate", "a=b")
    settings = crashtool("send-dump", "--show-settings", "--json")
    quiet = crashtool("annotate", "--quiet", "a=b")

    assert made.stderr == (
        "crashtool: warning: the environment variable CRASHTOOL_TOEKN is ignored: crashtool has "
        "none of that name\n  did you mean CRASHTOOL_TOKEN?\n"
    )
    assert (made.exit_code, quiet.stderr, made.stdout) == (0, "", quiet.stdout)
    assert "CRASHTOOL_TOEKN is ignored" in settings.stderr
    assert "5ec2e7" not in made.output + settings.output


def test_a_hostile_name_is_one_line(crashtool, monkeypatch):
    monkeypatch.setenv("CRASHTOOL_A\n::error::b", "x")
    made = crashtool("annotate", "a=b")

    assert len(made.stderr.splitlines()) == 2
    assert not any(line.startswith("::") for line in made.stderr.splitlines())
