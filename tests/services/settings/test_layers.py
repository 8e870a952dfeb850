"""Settings: which layer wins, and what files may say."""

import json

import pytest

from crashtool.errors import InputUnusable, UsageError
from crashtool.services.settings.layers import Settings, current_settings, mask, read_token_file

TOKEN = "0123456789abcdef" * 4


@pytest.fixture
def layers(tmp_path):
    project = tmp_path / "project" / "deep" / "deeper"
    project.mkdir(parents=True)
    user = tmp_path / "user"
    user.mkdir()

    def build(environment=None, project_file=None, user_file=None):
        if project_file is not None:
            (tmp_path / "project" / "crashtool.toml").write_text(project_file, encoding="utf-8")
        if user_file is not None:
            (user / "config.toml").write_text(user_file, encoding="utf-8")
        return Settings(environment or {}, project, user)

    return build


def test_the_environment_wins_over_files(layers):
    settings = layers({"CRASHTOOL_TAG": "env"}, 'tag = "project"', 'tag = "user"')

    assert settings.find("tag")[:2] == ("env", "environment CRASHTOOL_TAG")


def test_the_project_file_is_found_upwards_and_wins_over_the_user_file(layers, tmp_path):
    settings = layers({}, 'tag = "project"', 'tag = "user"\nuniverse = "u"')

    assert settings.find("tag").value == "project"
    assert settings.find("universe")[:2] == ("u", f"file {tmp_path / 'user' / 'config.toml'}")
    assert settings.find("host") is None


def test_paths_in_a_file_are_relative_to_it(layers, tmp_path):
    settings = layers({}, 'attachments = ["a.log"]\ndatabase = "db"\n[annotations]\nprod = "x"\n')

    assert settings.find("attachments").value == [str(tmp_path / "project" / "a.log")]
    assert settings.find("database").value == str(tmp_path / "project" / "db")
    assert settings.find("annotations").value == ["prod=x"]


def test_annotations_are_settled_key_by_key(layers):
    settings = layers(
        {"CRASHTOOL_ANNOTATIONS": "ver=2"},
        '[annotations]\nprod = "p"\nver = "1"\n',
        '[annotations]\nuser = "u"\nprod = "x"\n',
    )

    value, source, _ = settings.find("annotations")

    assert value == ["user=u", "prod=p", "ver=2"]
    assert source.startswith("environment CRASHTOOL_ANNOTATIONS, file ")


def test_lists_and_flags_in_the_environment(layers):
    settings = layers(
        {
            "CRASHTOOL_ANNOTATIONS": "a=1\nb=2",
            "CRASHTOOL_INSECURE": "yes",
            "CRASHTOOL_SYMBOLS": "",
        }
    )

    assert settings.find("annotations").value == ["a=1", "b=2"]
    assert settings.find("insecure").value is True
    assert settings.find("symbols") is None


def test_symbol_servers_are_texts_that_no_folder_is_put_before(layers):
    settings = layers({}, 'symbol_servers = ["https://one", "ssqp:https://two"]\noffline = true\n')
    assert settings.find("symbol_servers").value == ["https://one", "ssqp:https://two"]
    assert settings.find("offline").value is True

    settings = layers({"CRASHTOOL_SYMBOL_SERVERS": " https://one  https://two "})
    assert settings.find("symbol_servers").value == ["https://one", "https://two"]


def test_secrets_of_symbol_servers_are_masked():
    urls = ["https://me:secret@one/x", "https://two/y?sig=secret"]

    assert mask("symbol_servers", urls) == "https://me:…@one/x https://two/y"


def test_an_unknown_name_in_a_file_is_an_error_that_names_it(layers):
    with pytest.raises(UsageError, match=r"no setting named tokn") as error:
        layers({}, 'tokn = "x"')

    assert "token" in error.value.hint


@pytest.mark.parametrize(
    "text", ["insecure = 'yes'", "timeout = true", "attachments = 'a'", "tag = 1", "tag = "]
)
def test_a_wrong_type_in_a_file_is_an_error(layers, text):
    with pytest.raises(UsageError, match=r"crashtool\.toml"):
        layers({}, text).find(text.split()[0])


def test_annotations_in_a_file_are_texts_numbers_and_booleans(layers):
    settings = layers({}, "[annotations]\nprod = 'x'\nbuild = 7\nbeta = true\n")

    assert settings.find("annotations").value == ["prod=x", "build=7", "beta=true"]


@pytest.mark.parametrize("row", ['"a=b" = "c"', "a = [1]", "a.b = 1"])
def test_an_annotation_that_cannot_be_one_is_an_error(layers, row):
    with pytest.raises(UsageError, match="annotation"):
        layers({}, f"[annotations]\n{row}\n").find("annotations")


def test_a_file_that_is_not_utf8_is_an_error(layers, tmp_path):
    (tmp_path / "project" / "crashtool.toml").write_bytes(b'tag = "\xff"')

    with pytest.raises(UsageError, match="cannot read"):
        layers()


def test_secrets_are_masked():
    url = f"https://submit.backtrace.io/acme/{TOKEN}/minidump"

    assert TOKEN not in mask("url", url)
    assert "acme" in mask("url", url)
    assert mask("token", TOKEN) == "0123…"
    assert mask("tag", "v1") == "v1"
    assert mask("symbols", ["a", "b"]) == "a, b"


def test_a_token_file_holds_one_token(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"  {TOKEN}\n", encoding="utf-8")
    assert read_token_file(str(file)) == TOKEN

    file.write_text("two words", encoding="utf-8")
    with pytest.raises(InputUnusable, match="does not hold one token"):
        read_token_file(str(file))
    with pytest.raises(InputUnusable, match=r"cannot read .*absent: No such file"):
        read_token_file(str(tmp_path / "absent"))


def test_the_user_file_is_where_the_platform_keeps_configuration(monkeypatch, tmp_path):
    (tmp_path / "crashtool").mkdir()
    (tmp_path / "crashtool" / "config.toml").write_text('tag = "mine"', encoding="utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert current_settings().find("tag").value == "mine"

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("APPDATA", raising=False)
    assert current_settings().find("tag") is None


def test_show_settings_needs_no_argument_and_masks(crashtool, monkeypatch, tmp_path):
    monkeypatch.setenv("CRASHTOOL_TOKEN", TOKEN)
    (tmp_path / "crashtool.toml").write_text("timeout = 5\n", encoding="utf-8")

    shown = crashtool("send-dump", "--tag-not-needed", "--show-settings", "--retry-for", "3")
    assert shown.exit_code in (0, 2)

    shown = crashtool("send-dump", "--show-settings", "--retry-for", "3", "--json")
    rows = json.loads(shown.stdout)["settings"]
    assert shown.exit_code == 0
    assert rows["token"] == {"value": "0123…", "source": "environment CRASHTOOL_TOKEN"}
    assert rows["retry_for"] == {"value": "3.0", "source": "flag"}
    assert rows["timeout"]["source"].endswith("crashtool.toml")
    assert rows["url"] == {"value": None, "source": "default"}

    shown = crashtool("send-dump", "--show-settings")
    assert "environment CRASHTOOL_TOKEN" in shown.stdout
    assert TOKEN not in shown.stdout


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", " "])
def test_a_token_in_the_environment_ends_where_it_ends(end, tmp_path):
    found = Settings({"CRASHTOOL_TOKEN": TOKEN + end}, tmp_path, tmp_path).find("token")

    assert found.value == TOKEN


def test_annotations_in_the_environment_are_lines(tmp_path):
    text = "a=1\r\nb=x\u2028y\x0bz\n\n"
    found = Settings({"CRASHTOOL_ANNOTATIONS": text}, tmp_path, tmp_path).find("annotations")

    assert found.value == ["a=1", "b=x\u2028y\x0bz"]
