"""Settings that say the same thing come from one layer; tokens go to the host they are for."""

from itertools import combinations, pairwise

import pytest

from crashtool.errors import UsageError
from crashtool.services.settings.layers import Settings
from crashtool.services.settings.resolution import Habits, resolve

SECRET = "5ec2e7" + "0" * 58
OWN = "https://submit.backtrace.io/acme/{}/minidump"
STRANGER = "https://crashes.stranger.example:6098/post?format=minidump"
NAMES = ("url", "universe", "host", "token", "token_file")
LAYERS = ("flag", "environment", "project", "user")


def build(tmp_path, rows, names=NAMES, **options):
    """The resolution of `{layer: {setting: value}}`."""
    (tmp_path / "user").mkdir(exist_ok=True)
    for layer, path in (("project", "crashtool.toml"), ("user", "user/config.toml")):
        lines = [
            f"{name} = {list(value) if isinstance(value, list) else repr(value)}"
            for name, value in rows.get(layer, {}).items()
        ]
        if lines:
            (tmp_path / path).write_text("\n".join(lines), encoding="utf-8")
    environment = {
        f"CRASHTOOL_{name.upper()}": value for name, value in rows.get("environment", {}).items()
    }
    settings = Settings(environment, tmp_path, tmp_path / "user")
    return resolve(settings, names, rows.get("flag", {}), **options)


def said(resolution):
    return {name: row.value for name, row in resolution.values.items() if row.value}


@pytest.mark.parametrize(("higher", "lower"), list(combinations(LAYERS, 2)))
@pytest.mark.parametrize(
    ("above", "below"),
    [
        ({"universe": "acme"}, {"url": STRANGER}),
        ({"host": "own.example"}, {"url": STRANGER}),
        ({"host": "own.example"}, {"universe": "stranger"}),
        ({"url": OWN.format("a" * 64)}, {"host": "stranger.example", "universe": "stranger"}),
    ],
    ids=["universe-url", "host-url", "host-universe", "url-both"],
)
def test_the_highest_layer_that_names_a_place_names_all_of_it(
    tmp_path, higher, lower, above, below
):
    assert said(build(tmp_path, {higher: above, lower: below})) == above


@pytest.mark.parametrize(("higher", "lower"), list(pairwise(LAYERS)))
def test_a_token_file_hides_the_token_of_a_lower_layer(tmp_path, higher, lower):
    token_file = str(tmp_path / "token")

    found = build(tmp_path, {higher: {"token_file": token_file}, lower: {"token": SECRET}})

    assert said(found) == {"token_file": token_file}
    assert "set aside" in found.values["token"].source


HOSTS = {
    "flag": ({"flag": {"url": STRANGER}}, True),
    "flag-host": ({"flag": {"host": "crashes.stranger.example"}}, True),
    "environment": ({"environment": {"url": STRANGER}}, True),
    "user": ({"user": {"url": STRANGER}}, True),
    "project": ({"project": {"url": STRANGER}}, False),
    "project-host": ({"project": {"host": "crashes.stranger.example"}}, False),
    "project-own": ({"project": {"url": "https://submit.backtrace.io/acme/"}}, True),
    "project-universe": ({"project": {"universe": "acme"}}, True),
    "project-own-host": ({"project": {"host": "acme.sp.backtrace.io"}}, True),
    "project-own-upper-case": ({"project": {"host": "Acme.SP.Backtrace.IO"}}, True),
    "project-own-without-tls": ({"project": {"url": "http://submit.backtrace.io/acme/"}}, False),
    "project-suffix": ({"project": {"host": "submit.backtrace.io.stranger.example"}}, False),
    "project-prefix": ({"project": {"host": "stranger-sp.backtrace.io"}}, False),
    "project-domain": ({"project": {"host": "sp.backtrace.io"}}, False),
    "project-user-part": (
        {"project": {"url": "https://submit.backtrace.io@stranger.example/post?format=minidump"}},
        False,
    ),
    "project-backslash": (
        {"project": {"url": "https://stranger.example\\@submit.backtrace.io/post"}},
        False,
    ),
    "project-listed": (
        {
            "project": {"url": STRANGER},
            "environment": {"token_hosts": "other.example crashes.stranger.example"},
        },
        True,
    ),
    "project-listed-with-port": (
        {
            "project": {"url": STRANGER},
            "environment": {"token_hosts": "crashes.stranger.example:6098"},
        },
        True,
    ),
    "project-listed-with-another-port": (
        {
            "project": {"url": STRANGER},
            "environment": {"token_hosts": "crashes.stranger.example:443"},
        },
        False,
    ),
    "project-listed-by-user": (
        {"project": {"url": STRANGER}, "user": {"token_hosts": ["*.stranger.example"]}},
        True,
    ),
    "project-listed-like": (
        {"project": {"url": STRANGER}, "user": {"token_hosts": ["*.nger.example", "example"]}},
        False,
    ),
}


@pytest.mark.parametrize("token", ["flag", "environment", "user"])
@pytest.mark.parametrize("place", HOSTS)
def test_the_users_token_goes_where_the_user_points_or_has_listed(tmp_path, token, place):
    rows, goes = HOSTS[place]
    rows = {layer: dict(rows.get(layer, {})) for layer in {*rows, token}}
    rows[token]["token"] = SECRET

    found = build(tmp_path, rows)

    assert (said(found).get("token") == SECRET) == goes
    assert (found.withheld is None) == goes
    if not goes:
        assert "refused" in found.values["token"].source
        assert SECRET not in str(found)


def test_the_refusal_gives_the_line_that_allows_it(tmp_path):
    rows = {"project": {"url": STRANGER}, "environment": {"token": SECRET}}
    hint = build(tmp_path, rows).withheld.hint
    assert str(tmp_path / "user" / "config.toml") in hint
    line = next(part for part in hint.split(", or the line ") if "token_hosts" in part)

    (tmp_path / "user" / "config.toml").write_text(line.partition(" in ")[0], encoding="utf-8")
    assert said(build(tmp_path, rows))["token"] == SECRET
    (tmp_path / "user" / "config.toml").unlink()

    listed = hint.partition("CRASHTOOL_TOKEN_HOSTS='")[2].partition("'")[0]
    rows["environment"]["token_hosts"] = listed
    assert said(build(tmp_path, rows))["token"] == SECRET


def test_a_file_in_which_place_and_token_stand_together_is_taken(tmp_path):
    found = build(tmp_path, {"project": {"url": STRANGER, "token": SECRET}})

    assert said(found) == {"url": STRANGER, "token": SECRET}


def test_the_projects_token_hides_the_users(tmp_path):
    rows = {"project": {"url": STRANGER, "token": "b" * 64}, "user": {"token": SECRET}}

    assert said(build(tmp_path, rows))["token"] == "b" * 64


@pytest.mark.parametrize("layer", ["flag", "environment"])
def test_the_projects_token_goes_to_its_place_where_the_users_may_not(tmp_path, layer):
    rows = {"project": {"url": STRANGER, "token": "b" * 64}, layer: {"token": SECRET}}

    found = build(tmp_path, rows)

    assert said(found)["token"] == "b" * 64
    assert found.withheld is None


def test_a_symbol_token_is_bound_as_the_other_is(tmp_path):
    rows = {
        "project": {"symbols_url": STRANGER.replace("minidump", "symbols")},
        "environment": {"symbols_token": SECRET},
    }
    names = ("symbols_url", "universe", "host", "symbols_token", "symbols_token_file")

    assert "symbols_token" not in said(build(tmp_path, rows, names))


def test_a_place_for_reports_is_none_for_symbols(tmp_path):
    rows = {"flag": {"universe": "acme"}, "project": {"symbols_url": STRANGER}}
    names = ("symbols_url", "universe", "host", "symbols_token")

    assert said(build(tmp_path, rows, names)) == {"universe": "acme"}


def test_run_does_not_send_where_a_higher_layer_names_another_place(tmp_path):
    """It has no option for a universe, but the environment says that reports go there."""
    rows = {"environment": {"universe": "acme"}, "project": {"url": STRANGER}}

    found = build(tmp_path, rows, ("url",))

    assert said(found) == {}
    assert "set aside: environment CRASHTOOL_UNIVERSE" in found.values["url"].source


@pytest.mark.parametrize(
    "row",
    [
        {"handler": "bin/handler"},
        {"insecure": True},
        {"ca_bundle": "ca.pem"},
        {"token_file": "/etc/hostname"},
        {"token_file": "../secret"},
        {"attachments": ["/etc/passwd"]},
        {"attachments": ["log.txt", "name=../log.txt"]},
        {"attachments": ["link/passwd"]},
        {"attachments": ["a\\u0000b"]},
        {"journal": "../journal"},
        {"cache": "/var/cache"},
        {"database": ".."},
    ],
    ids=str,
)
def test_a_project_file_names_no_programs_and_nothing_outside_its_folder(tmp_path, row):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "link").symlink_to("/etc")
    (name, value), *_ = row.items()
    text = str(value).lower() if isinstance(value, bool) else str(value).replace("'", '"')
    text = f'"{text}"' if isinstance(value, str) else text.replace("\\\\", "\\")
    (folder / "crashtool.toml").write_text(f"{name} = {text}\n", encoding="utf-8")
    settings = Settings({}, folder, tmp_path)

    with pytest.raises(UsageError, match=r"project file may not|outside its folder") as error:
        resolve(settings, (name,), {})
    assert "--" in error.value.hint

    typed = {name: "typed"}
    assert said(resolve(settings, (name,), typed)) == typed, "a flag is the user's consent"
    vouched = Settings({}, folder, tmp_path, chosen=str(folder / "crashtool.toml"))
    assert said(resolve(vouched, (name,), {})), "as is naming the file"
    assert "refused" in resolve(settings, (name,), {}, tolerant=True).values[name].source


def test_files_that_are_only_named_may_be_anywhere(tmp_path):
    rows = {"project": {"attachments": ["/var/log/game.log"]}}

    found = build(tmp_path, rows, ("attachments",), habits=Habits(only_named=("attachments",)))

    assert said(found) == {"attachments": ["/var/log/game.log"]}


def test_a_project_file_lists_no_hosts_for_tokens(tmp_path):
    rows = {
        "project": {"url": STRANGER, "token_hosts": ["crashes.stranger.example"]},
        "environment": {"token": SECRET},
    }

    with pytest.raises(UsageError, match="may not give token_hosts"):
        build(tmp_path, rows)
