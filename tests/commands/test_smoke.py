import json

import pytest

from crashtool.services.receiver.app import start_receiver
from tests.services.handler.conftest import (  # noqa: F401 (fixtures)
    any_handler,
    sentry_handler,
    upstream_handler,
)


def checks_of(result):
    """Name -> check; the last of equal names."""
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


@pytest.mark.parametrize("mode", ["trace", "socket"])
def test_all_is_proved_with_either_handler(mode, any_handler, crashtool, tmp_path):  # noqa: F811
    (tmp_path / "game.log").write_bytes(bytes(range(256)) * 1000)

    result = crashtool(
        "smoke",
        "--handler",
        any_handler.path,
        "--mode",
        mode,
        "--annotation",
        "prod=My Game",
        "--annotation",
        "ver=1.0",
        "--annotation",
        'odd "key"%=a=b\r\nc',
        "--annotation",
        "empty=",
        "--attachment",
        "game.log",
    )

    assert result.exit_code == 0, result.stdout
    assert "FAIL" not in result.stdout
    for words in (
        "annotation prod",
        "'My Game' received",
        r"'a=b\r\nc' received",
        "256,000 bytes received",
        "product=My Game",
        "version=1.0",
        "PASS: ",
    ):
        assert words in result.stdout, words


def test_json_holds_every_check(sentry_handler, crashtool):  # noqa: F811
    result = crashtool("smoke", "--json")

    document = json.loads(result.stdout)
    assert document["passed"] is True
    assert document["handler"] == sentry_handler.path
    assert all(check["passed"] for check in document["checks"])
    assert "server took the report" in checks_of(result)


def test_a_missing_handler_is_a_failed_check(crashtool):
    result = crashtool("smoke", "--handler", "nothing")

    assert result.exit_code == 4
    assert "FAIL  handler found" in result.stdout
    assert "pip install 'crashtool[handler]'" in result.stdout


@pytest.mark.parametrize(
    ("mode", "failed"), [("trace", "handler worked"), ("socket", "handler started")]
)
def test_an_argument_that_kills_the_handler_is_shown(mode, failed, sentry_handler, crashtool):  # noqa: F811
    result = crashtool("smoke", "--json", "--mode", mode, "--annotation", "key")

    checks = checks_of(result)
    assert result.exit_code == 4
    assert checks["annotations well-formed"]["passed"] is False
    assert checks[failed]["passed"] is False
    assert "requires KEY=VALUE" in checks[failed]["detail"]


def test_a_nul_in_an_annotation_is_refused(sentry_handler, crashtool):  # noqa: F811
    result = crashtool("smoke", "--annotation", "key=a\0b")

    assert result.exit_code == 2
    assert "NUL" in result.stderr


def test_what_each_handler_does_to_attachments_is_told(any_handler, crashtool, tmp_path):  # noqa: F811
    for name in ("a b.txt", "one.txt", "prod"):
        (tmp_path / name).write_text(f"this is {name}")
    (tmp_path / "folder").mkdir()

    result = crashtool(
        "smoke", "--json", "--handler", any_handler.path, "--annotation", "prod=Game",
        "--attachment", "a b.txt", "--attachment", "one.txt", "--attachment", "folder",
        "--attachment", "gone.txt", "--attachment", "prod",
    )  # fmt: skip

    checks = checks_of(result)
    renames = any_handler.kind == "sentry"
    assert result.exit_code == 4
    assert checks["attachment a b.txt"]["passed"] is renames
    assert ("renames it" if renames else "drops names") in checks["attachment a b.txt"]["detail"]
    assert checks["attachment one.txt"]["passed"] is True
    assert "is a folder" in checks["attachment folder"]["detail"]
    assert "does not exist" in checks["attachment gone.txt"]["detail"]
    assert checks["attachment prod"]["passed"] is True
    assert "attachment of the same name" in checks["annotation prod"]["detail"]


def test_two_attachments_of_one_name_are_told_apart(any_handler, crashtool, tmp_path):  # noqa: F811
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "game.log").write_text(folder)

    result = crashtool(
        "smoke",
        "--handler",
        any_handler.path,
        "--attachment",
        "one/game.log",
        "--attachment",
        "two/game.log",
    )

    if any_handler.kind == "sentry":
        assert result.exit_code == 0
        assert "as game-1.log: the handler renames it" in result.stdout
    else:
        assert result.exit_code == 4
        assert "another file arrived under this name" in result.stdout


def test_annotations_that_cannot_arrive_are_told(sentry_handler, crashtool):  # noqa: F811
    result = crashtool(
        "smoke",
        "--annotation",
        "guid=mine",
        "--annotation",
        "upload_file_minidump=x",
        "--annotation",
        "twice=1",
        "--annotation",
        "twice=2",
    )

    assert result.exit_code == 4
    for words in ("the database's client id", "the minidump's own name", "the last one wins"):
        assert words in result.stdout


def test_a_distant_servers_answer_is_checked(any_handler, crashtool, tmp_path):  # noqa: F811
    (tmp_path / "game.log").write_text("log")
    with start_receiver(tmp_path / "inbox") as receiver:
        result = crashtool(
            "smoke",
            "--handler",
            any_handler.path,
            "--url",
            receiver.submission_url(),
            "--annotation",
            "prod=Game",
            "--attachment",
            "game.log",
        )
        (report,) = receiver.inbox.reports()

    assert result.exit_code == 0, result.stdout
    assert f"as {report.rxid}" in result.stdout
    assert "'Game' sent" in result.stdout
    assert "3 bytes sent" in result.stdout
    assert receiver.submission_url() not in result.stdout  # it holds a token


def test_a_server_that_does_not_answer_200_fails_the_upload(sentry_handler, crashtool, tmp_path):  # noqa: F811
    with start_receiver(tmp_path / "inbox", faults=["500"]) as receiver:
        result = crashtool("smoke", "--url", receiver.submission_url())

    assert result.exit_code == 4
    assert "FAIL  uploaded with status 200" in result.stdout
    assert "make-url --probe" in result.stdout
    assert "The handler said" in result.stdout


def test_an_unreachable_server_fails_the_upload(sentry_handler, crashtool):  # noqa: F811
    result = crashtool("smoke", "--url", "http://127.0.0.1:9/")

    assert result.exit_code == 4
    assert "Couldn't connect" in result.stdout


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("ftp://x/", "scheme-unknown"),
        ("https://submit.backtrace.io/acme/TOKEN/minidump", "placeholder"),
    ],
)
def test_a_url_that_no_handler_can_use_is_refused_before_anything_crashes(
    crashtool, monkeypatch, url, rule
):
    def crash(_plan):
        raise AssertionError("something was crashed")

    monkeypatch.setattr("crashtool.services.handler.smoke.smoke_test.smoke", crash)
    monkeypatch.setattr("crashtool.services.handler.process.supported.check_platform", lambda: None)
    result = crashtool("smoke", "--url", url)

    assert (result.exit_code, result.stdout) == (4, "")
    assert f"cannot be used ({rule})" in result.stderr
    assert "make-url" in result.stderr


def test_what_was_kept_is_there(sentry_handler, crashtool, tmp_path):  # noqa: F811
    result = crashtool("smoke", "--keep", "kept")

    assert result.exit_code == 0
    assert len(list(tmp_path.glob("kept/database/completed/*.dmp"))) == 1
    assert (tmp_path / "kept/received").is_dir()
    assert crashtool("smoke", "--keep", "kept").exit_code == 2


def test_a_database_without_consent_is_found_out(sentry_handler, crashtool, tmp_path):  # noqa: F811
    crashtool("smoke", "--use-database", "mine")
    settings = tmp_path / "mine/settings.dat"
    data = bytearray(settings.read_bytes())
    data[8] = 0
    settings.write_bytes(data)

    result = crashtool("smoke", "--use-database", "mine")

    assert result.exit_code == 4
    assert "FAIL  uploads enabled" in result.stdout
    assert "SetUploadsEnabled(true)" in result.stdout
    assert "uploads are disabled in settings.dat" in result.stdout


def test_other_platforms_get_a_clear_message(crashtool, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    result = crashtool("smoke")

    assert result.exit_code == 2
    assert "riscv64" in result.stderr
