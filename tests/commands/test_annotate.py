"""annotate on the command line: sources, checks, outputs and statuses."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from crashtool.formats.toml import parse_toml


def test_arguments_are_printed_one_a_line(crashtool):
    result = crashtool("annotate", "ver=1.4.2", "prod=Game", "--attach", "/var/log/game.log")

    assert result.exit_code == 0
    assert result.stdout == (
        "--annotation=prod=Game\n--annotation=ver=1.4.2\n--attachment=/var/log/game.log\n"
    )
    assert "attachments are spelled --attachment=PATH" in result.stderr


def test_a_handler_of_2018_gets_its_own_spelling(crashtool):
    result = crashtool("annotate", "--attach", "game.log=/x.log", "--handler", "backtrace-2018")

    assert result.stdout == "--attachment=attachment_game.log=/x.log\n"
    assert "any other handler" in result.stderr


@pytest.mark.parametrize("form", ["shell", "windows", "cpp", "cpp-backtrace", "toml", "cmake"])
def test_each_form_prints_the_value(crashtool, form):
    result = crashtool("annotate", "prod=Game", "--as", form)

    assert result.exit_code == 0
    assert "Game" in result.stdout


def test_an_error_ends_with_4_and_prints_nothing(crashtool):
    result = crashtool("annotate", "prod=Game", "=x", "guid=1")

    assert (result.exit_code, result.stdout) == (4, "")
    assert "error: empty-key: =x:" in result.stderr
    assert "error: reserved-key: guid:" in result.stderr


def test_a_warning_does_not_stop_the_output(crashtool):
    result = crashtool("annotate", "Prod=Game")

    assert (result.exit_code, result.stdout) == (0, "--annotation=Prod=Game\n")
    assert "warning: product-spelling: Prod:" in result.stderr


def test_check_prints_only_findings(crashtool):
    assert crashtool("annotate", "k=1", "--check").stdout == ""
    result = crashtool("annotate", "k=1", "k=2", "--check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "duplicate-key" in result.stderr


@pytest.mark.parametrize("option", [["--json"], ["--as", "json"]])
def test_json_is_one_document(crashtool, option):
    result = crashtool("annotate", "k=1", "=x", "--attach", "n=/a b", *option)
    document = json.loads(result.stdout)

    assert (result.exit_code, result.stderr, document["valid"]) == (4, "", False)
    assert document["annotations"] == {"": "x", "k": "1"}
    assert document["attachments"] == [{"name": "n", "path": "/a b", "sent_as": "a b"}]
    assert {row["rule"] for row in document["findings"]} == {
        "empty-key",
        "attachment-name",
        "attachment-name-unused",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no annotations or attachments given"),
        (["k"], "'k' is not an annotation"),
        (["k=1", "--as", "cpp-backtrace", "--handler", "sentry"], "no StartHandlerForBacktrace"),
        (["--from", "notes.txt"], "not a .toml, .json or .env file"),
    ],
)
def test_usage_errors_say_what_to_write(crashtool, arguments, message):
    result = crashtool("annotate", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_settings_count_until_the_command_line_says_otherwise(crashtool, tmp_path):
    (tmp_path / "crashtool.toml").write_text(
        'attachments = ["/logs/x.log"]\nhandler = "bin/handler"\n[annotations]\nprod = "Game"\n',
        encoding="utf-8",
    )

    assert crashtool("annotate").stdout == "--annotation=prod=Game\n--attachment=/logs/x.log\n"
    assert crashtool("annotate", "a=1", "prod=Mine").stdout == (
        "--annotation=a=1\n--annotation=prod=Mine\n--attachment=/logs/x.log\n"
    )
    (tmp_path / "more.env").write_text("prod=Other\nver=2\n", encoding="utf-8")
    assert crashtool("annotate", "--from", "more.env", "--attach", "/y").stdout == (
        "--annotation=prod=Other\n--annotation=ver=2\n--attachment=/y\n"
    )
    assert crashtool("annotate", "--from", "more.env", "prod=Game", "--attach", "/y").stdout == (
        "--annotation=prod=Game\n--annotation=ver=2\n--attachment=/y\n"
    )


def test_later_sources_replace_keys_of_earlier_ones(crashtool, tmp_path):
    (tmp_path / "one.json").write_text('{"a": 1, "b": true, "c": {"d": 1.5}}', encoding="utf-8")
    (tmp_path / "two.toml").write_text('[annotations]\nb = "two"\n', encoding="utf-8")

    result = crashtool("annotate", "a=typed", "--from", "one.json", "--from", "two.toml")

    assert result.stdout == "--annotation=a=typed\n--annotation=b=two\n--annotation=c.d=1.5\n"
    assert result.stderr == ""


@pytest.mark.parametrize("form", ["toml", "json"])
def test_what_is_printed_can_be_read_again(crashtool, tmp_path, form):
    hard = [
        'prod=Gäme "x"',
        "note=a=b\\\n\t\x7f",
        "--attach",
        "n=/a/b.log",
        "--attach",
        "C:\\c.log",
    ]
    printed = crashtool("annotate", *hard, "--as", form).stdout
    (tmp_path / f"again.{form}").write_text(printed, encoding="utf-8", newline="")

    again = crashtool("annotate", "--from", f"again.{form}", "--as", form)

    assert again.stdout == printed


def test_paths_in_a_file_are_relative_to_the_file(crashtool, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.toml").write_text('attachments = ["x.log"]\nk = 1\n', encoding="utf-8")

    lines = crashtool("annotate", "--from", tmp_path / "sub" / "a.toml").stdout.splitlines()

    assert lines == ["--annotation=k=1", f"--attachment={tmp_path / 'sub' / 'x.log'}"]


def test_a_folder_is_no_attachment(crashtool, tmp_path):
    result = crashtool("annotate", "--attach", tmp_path)

    assert result.exit_code == 4
    assert "attachment-path" in result.stderr


def test_an_env_file_is_read_as_a_shell_would(crashtool, tmp_path):
    (tmp_path / ".env").write_text(
        '# comment\n\nexport A=1\nB=\'two # words\' # why\nC="say \\"hi\\"\\n"\nD=x # tail\nE=\n',
        encoding="utf-8",
    )

    document = json.loads(crashtool("annotate", "--from", ".env", "--json").stdout)

    assert document["annotations"] == {
        "A": "1",
        "B": "two # words",
        "C": 'say "hi"\n',
        "D": "x",
        "E": "",
    }


@pytest.mark.parametrize(
    ("name", "text", "message", "status"),
    [
        ("a.env", "A", "line 1: there is no '='", 3),
        ("a.env", "\nA='x", "line 2: the quotation marks", 3),
        ("a.env", 'A="x\\', "quotation marks", 3),
        ("a.env", "A='x'y", "quotation marks", 3),
        ("a.json", "[1]", "does not hold a JSON object", 3),
        ("a.json", "{", "not valid JSON", 3),
        ("a.json", "[" * 100_000, "not valid JSON", 3),
        ("a.json", '{"a": 1, "a": 2}', "a more than once", 3),
        ("a.json", '{"a": [1]}', "annotation a is a list", 3),
        ("a.json", '{"x": {"a": null}}', "annotation x.a is null", 3),
        ("a.json", '{"attachments": {}}', "attachments is not a list", 3),
        ("a.json", '{"attachments": [1]}', "neither a path nor a table", 3),
        ("a.toml", "a = ", "not valid TOML", 2),
        ("a.toml", None, "cannot read", 3),
    ],
)
def test_a_bad_file_is_named(crashtool, tmp_path, name, text, message, status):
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")

    result = crashtool("annotate", "--from", name)

    assert (result.exit_code, result.stdout) == (status, "")
    assert name in result.stderr
    assert message in result.stderr


# ---- --git


@pytest.fixture
def work_tree(tmp_path, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "no-gitconfig"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    def git(*arguments):
        identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.net"]
        run = subprocess.run(
            ["git", "-C", tmp_path, *identity, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return run.stdout.strip()

    return git


def test_git_tells_commit_branch_and_dirty(crashtool, work_tree, tmp_path):
    work_tree("init", "-q", "-b", "feature/é")
    (tmp_path / "file").write_text("1", encoding="utf-8")
    work_tree("add", "file")
    work_tree("commit", "-q", "-m", "One")
    commit = work_tree("rev-parse", "HEAD")

    clean = json.loads(crashtool("annotate", "--git", "--json").stdout)["annotations"]
    (tmp_path / "file").write_text("2", encoding="utf-8")
    work_tree("checkout", "-q", "--detach")
    dirty = json.loads(crashtool("annotate", "commit=mine", "--git", "--json").stdout)[
        "annotations"
    ]

    assert clean == {"branch": "feature/é", "commit": commit, "dirty": "false"}
    assert dirty == {"commit": "mine", "dirty": "true"}


def test_git_outside_a_repository_is_an_error(crashtool, work_tree):
    result = crashtool("annotate", "--git")

    assert (result.exit_code, result.stdout) == (3, "")
    assert "git finds no commit" in result.stderr
    assert "leave --git out" in result.stderr


def test_git_before_the_first_commit_is_an_error(crashtool, work_tree):
    work_tree("init", "-q")

    assert crashtool("annotate", "--git").exit_code == 3


def test_git_that_is_not_installed_is_said(crashtool, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    result = crashtool("annotate", "--git")

    assert result.exit_code == 2
    assert "needs git" in result.stderr


def test_toml_is_a_project_file(crashtool, tmp_path):
    given = ["prod=Game", "--attach", "n=/a.log", "--attach", "C:/b.log", "--attach", "d=e/f.log"]
    printed = crashtool("annotate", *given, "--as", "toml").stdout
    (tmp_path / "crashtool.toml").write_text(printed, encoding="utf-8")

    document = json.loads(crashtool("annotate", "--json").stdout)

    assert parse_toml(printed, "printed")["annotations"] == {"prod": "Game"}
    assert document["annotations"] == {"prod": "Game"}
    assert [(row["name"], Path(row["path"])) for row in document["attachments"]] == [
        ("n", Path("/a.log")),
        (None, Path("C:/b.log")),
        ("d", tmp_path / "e/f.log"),
    ]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_gets_terminal_escapes_that_a_terminal_does_not(shell, crashtool):
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    value = "a\x1b[31mred\x1b[0m\x07 \x9b \u202e 'q' \\ %s\n"

    shown = crashtool("annotate", f"a={value}", "--as", "shell").stdout
    done = subprocess.run([shell, "-c", f"printf %s {shown}"], capture_output=True, check=True)

    assert shown.replace("\n", "").isprintable()
    assert done.stdout.decode() == f"--annotation=a={value}"


@pytest.mark.parametrize("kind", ["upstream", "backtrace", "sentry"])
def test_whoever_chose_a_handler_is_not_told_of_others(kind, crashtool):
    assert crashtool("annotate", "a=b", "--attach", "/x.log", "--handler", kind).stderr == ""
    assert "2018" in crashtool("annotate", "a=b", "--attach", "/x.log").stderr


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("arguments", "--no-rate-limit\n--no-upload-gzip\n--annotation=a=b\n"),
        ("shell", "--no-rate-limit --no-upload-gzip --annotation=a=b\n"),
        ("windows", "--no-rate-limit --no-upload-gzip --annotation=a=b\n"),
        ("cpp", 'arguments = {\n    "--no-rate-limit",\n    "--no-upload-gzip",\n};'),
        ("cpp-backtrace", 'arguments = {\n    "--no-rate-limit",\n    "--no-upload-gzip",\n};'),
        ("cmake", "--no-rate-limit"),
    ],
)
def test_handler_options_are_printed_with_what_follows_from_them(crashtool, form, expected):
    wished = ["--handler-option", "no-rate-limit", "--handler-option", "no-upload-gzip"]
    result = crashtool("annotate", "a=b", *wished, *wished, "--as", form)

    assert result.exit_code == 0
    assert expected in result.stdout
    assert "--no-rate-limit: every crash is uploaded at once" in result.stderr
    assert "--no-upload-gzip: reports are uploaded unpacked" in result.stderr


def test_handler_options_alone_are_enough_and_stand_in_json(crashtool):
    result = crashtool("annotate", "--handler-option", "monitor-self", "--json")
    document = json.loads(result.stdout)

    assert document["arguments"] == ["--monitor-self"]
    assert "a second handler" in document["handler_options"]["monitor-self"]


def test_a_handler_option_may_bear_its_dashes_and_a_value(crashtool):
    result = crashtool(
        "annotate",
        "a=b",
        "--handler",
        "sentry",
        "--handler-option",
        "--log-file=/var/log/h.log",
        "--handler-option",
        "log-file=/var/log/h.log",
        "--as",
        "shell",
    )
    assert result.stdout == "--log-file=/var/log/h.log --annotation=a=b\n"
    assert "--log-file: the handler's messages go to this file" in result.stderr


def test_a_handler_option_of_one_system_is_a_warning(crashtool):
    result = crashtool("annotate", "--handler-option", "write-minidump-to-log")
    assert (result.exit_code, result.stdout) == (0, "--write-minidump-to-log\n")
    assert "known on Android alone: elsewhere the handler exits at once" in result.stderr


def test_an_unknown_handler_option_is_refused_with_a_near_one(crashtool):
    result = crashtool("annotate", "a=b", "--handler-option", "no-rate-limits")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "unknown handler option --no-rate-limits: the handler exits at once" in result.stderr
    assert "did you mean --no-rate-limit?" in result.stderr


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (["--as", "toml"], "a crashtool.toml holds no handler options"),
        (["--into", "a.dmp", "--output", "b.dmp"], "a minidump holds no handler options"),
    ],
)
def test_handler_options_are_not_lost_silently(crashtool, where, message):
    result = crashtool("annotate", "a=b", "--handler-option", "no-rate-limit", *where)
    assert (result.exit_code, message in result.stderr) == (2, True)
