import gzip
import json

import pytest

from crashtool.services.receiver.app import start_receiver
from tests.synth.minidump import MinidumpBuilder
from tests.synth.scripted_server import ScriptedServer, answer
from tests.synth.submission import CLIENT_ID, make_crashpad

TOKEN = "0123456789abcdef" * 4


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "crash.dmp"
    builder = MinidumpBuilder().add_system().add_thread(7).set_exception(7, 11)
    path.write_bytes(builder.set_crashpad(make_crashpad()).pack())
    return path


@pytest.fixture
def receiver(tmp_path):
    with start_receiver(tmp_path / "inbox") as running:
        yield running


@pytest.fixture
def scripted():
    servers = []

    def start(*script):
        servers.append(ScriptedServer(script))
        return servers[-1].url + "/submit"

    yield start
    for server in servers:
        server.close()


def test_the_crash_id_is_printed(crashtool, dump, receiver):
    result = crashtool("send-dump", "--url", receiver.submission_url(), dump)

    (report,) = receiver.inbox.reports()
    assert result.exit_code == 0
    assert result.stdout.split()[:3] == ["accepted", report.rxid, str(dump)]
    assert result.stderr == ""


@pytest.mark.parametrize(("options", "named"), [((), 3), (("-v",), 5)])
def test_the_same_warning_of_many_dumps_is_counted(crashtool, tmp_path, receiver, options, named):
    folder = tmp_path / "dumps"
    folder.mkdir()
    for number in range(5):
        builder = MinidumpBuilder().add_system().add_thread(number).set_exception(number, 11)
        (folder / f"{number}.dmp").write_bytes(builder.pack())

    result = crashtool("send-dump", "--url", receiver.submission_url(), folder, *options)

    assert result.exit_code == 0
    warnings = [line for line in result.stderr.splitlines() if "no Crashpad annotations" in line]
    assert [str(folder) in line for line in warnings] == [True] * named + [False] * (named == 3)
    assert named == 5 or "warning: 2 more minidumps: no Crashpad" in warnings[-1]


def test_settings_of_the_project_are_used(crashtool, dump, receiver, tmp_path):
    (tmp_path / "log.txt").write_text("line")
    (tmp_path / "crashtool.toml").write_text(
        f'url = "{receiver.submission_url()}"\nattachments = ["log.txt"]\n'
        "[annotations]\nchannel = 'beta'\nver = '9'\n",
        encoding="utf-8",
    )

    result = crashtool("send-dump", dump, "--annotation", "ver=10")

    (report,) = receiver.inbox.reports()
    assert result.exit_code == 0, result.stderr
    assert report.fields == {
        "channel": "beta",
        "guid": str(CLIENT_ID),
        "prod": "Game",
        "ver": "10",
    }
    assert "log.txt" in [file.name for file in report.files]


def test_json_is_one_document_with_a_receipt_for_each(crashtool, dump, receiver, tmp_path):
    (tmp_path / "notes.txt").write_text("text")

    result = crashtool("send-dump", "--json", "--url", receiver.submission_url(), dump, "notes.txt")

    document = json.loads(result.stdout)
    good, bad = document["receipts"]
    assert result.exit_code == 8
    assert (good["status"], good["error"], len(good["sha256"])) == ("accepted", None, 64)
    assert (bad["status"], bad["error"]["code"]) == ("failed", "input_unusable")
    assert bad["error"]["exit_status"] == 3


def test_a_second_time_is_skipped_unless_told(crashtool, dump, receiver, tmp_path):
    arguments = ("send-dump", "--url", receiver.submission_url(), dump)
    first = crashtool(*arguments)
    second = crashtool(*arguments)
    third = crashtool(*arguments, "--again")
    fourth = crashtool(*arguments, "--journal", tmp_path / "other.jsonl")

    rxid = first.stdout.split()[1]
    assert second.stdout.split()[:2] == ["skipped", rxid]
    assert "--again" in second.stderr
    assert third.stdout.startswith("accepted")
    assert fourth.stdout.split()[:2] == ["accepted", rxid], "the receiver knows it again"
    assert len(receiver.inbox.reports()) == 2


def test_standard_input_is_read(crashtool, dump, receiver):
    result = crashtool(
        "send-dump", "--url", receiver.submission_url(), "-", input=gzip.compress(dump.read_bytes())
    )

    assert result.exit_code == 0
    assert "standard input: taken out of gzip" in result.stderr
    assert receiver.inbox.reports()[0].minidump.read_bytes() == dump.read_bytes()


def test_a_token_file_and_a_universe_make_the_url(crashtool, dump, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")

    result = crashtool("send-dump", "-n", "--universe", "acme", "--token-file", "token", dump)

    assert result.exit_code == 0
    assert "POST https://submit.backtrace.io/acme/012345…/minidump?product=Game" in result.stdout


@pytest.mark.parametrize("options", [(), ("--universe", "acme"), ("--host", "h.example")])
def test_a_dry_run_needs_no_token(crashtool, dump, options):
    result = crashtool("send-dump", "--dry-run", dump, *options)

    assert result.exit_code == 0, result.stderr
    assert "prod" in result.stdout


def test_a_dry_run_shows_all_of_the_request_in_json(crashtool, dump, tmp_path):
    (tmp_path / "log.txt").write_text("line")

    result = crashtool(
        "send-dump",
        "--json",
        "-n",
        "--attachment",
        "log.txt",
        "--no-gzip",
        dump,
        "--annotation",
        "long=" + "x" * 500,
    )

    (receipt,) = json.loads(result.stdout)["receipts"]
    request = receipt["request"]
    assert receipt["status"] == "checked"
    assert request["method"] == "POST"
    assert request["headers"]["Content-Length"].isdigit()
    assert [part["name"] for part in request["parts"]] == [
        "guid",
        "long",
        "prod",
        "ver",
        "log.txt",
        "upload_file_minidump",
    ]
    assert request["parts"][1]["value"] == "x" * 500
    assert request["parts"][4]["size"] == 4


def test_a_dry_run_ends_with_the_status_of_the_real_checks(crashtool, dump, tmp_path):
    (tmp_path / "notes.txt").write_text("text")
    bad_url = f"https://submit.backtrace.io/acme/{TOKEN}/minidump#x"

    assert crashtool("send-dump", "-n", "notes.txt").exit_code == 3
    assert crashtool("send-dump", "-n", "gone.dmp").exit_code == 3
    assert crashtool("send-dump", "-n", dump, "gone.dmp").exit_code == 8
    assert crashtool("send-dump", "-n", "--url", bad_url, dump).exit_code == 4


def test_a_raw_dry_run_shows_the_file_alone(crashtool, dump):
    result = crashtool("send-dump", "-n", "--raw", dump)

    assert "application/octet-stream" in result.stdout
    assert "not sent as a field: prod from process" in result.stdout


def test_a_raw_dry_run_has_no_fields(crashtool, dump):
    result = crashtool("send-dump", "--json", "-n", "--raw", dump)

    request = json.loads(result.stdout)["receipts"][0]["request"]
    assert [part["name"] for part in request["parts"]] == ["upload_file_minidump"]
    assert {field["name"] for field in request["dropped"]} == {"guid", "prod", "ver"}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (answer(403, b"Invalid Token"), 5),
        (answer(400, b"Malformed"), 6),
        (answer(200, {"error": {"message": "no"}}), 6),
        (answer(503, b""), 7),
    ],
)
def test_the_exit_status_tells_the_class_of_failure(crashtool, dump, scripted, said, status):
    result = crashtool("send-dump", "--retry-for", "0", "--url", scripted(said), dump)

    assert result.exit_code == status
    assert result.stdout.startswith("failed")
    assert str(dump) in result.stderr
    assert "Traceback" not in result.stderr


def test_a_server_cannot_write_on_the_terminal(crashtool, dump, scripted):
    url = scripted(answer(400, b"\x1b[31mred\x07\xe2\x80\xae"))

    result = crashtool("send-dump", "--url", url, dump)

    assert "\x1b" not in result.stderr + result.stdout
    assert "\\x1b[31mred" in result.stderr


def test_a_server_cannot_make_us_show_the_token(crashtool, dump, scripted):
    url = scripted(answer(400, f"no such token: {TOKEN}".encode()))

    result = crashtool("send-dump", "--json", "--url", url, dump)

    assert TOKEN not in result.stdout + result.stderr


def test_insecure_is_warned_of_each_time(crashtool, dump, receiver):
    result = crashtool("send-dump", "--insecure", "--url", receiver.submission_url(), dump)

    assert result.exit_code == 0
    assert "not verified (--insecure)" in result.stderr


def test_an_interrupt_still_accounts_for_what_was_sent(crashtool, dump, receiver, monkeypatch):
    from crashtool.services.sending import preparing as prepare

    original, calls = prepare.make_request, []

    def interrupt(found, plan):
        calls.append(found)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(found, plan)

    monkeypatch.setattr(prepare, "make_request", interrupt)
    other = dump.with_name("other.dmp")
    other.write_bytes(dump.read_bytes() + b"x")

    result = crashtool("send-dump", "--url", receiver.submission_url(), dump, other)

    assert result.exit_code == 130
    first, second = result.stdout.splitlines()
    assert first.split()[0] == "accepted"
    assert second.split()[:3] == ["interrupted", "-", str(other)]


def test_a_synchronous_answer_shows_the_group(crashtool, dump, scripted):
    url = scripted(
        answer(200, {"response": "ok", "_rxid": "1", "fingerprint": "f" * 8, "unique": True})
    )

    result = crashtool("send-dump", "--sync", "--url", url, dump)

    assert "fingerprint ffffffff, the first of its group" in result.stdout


def test_nothing_named_is_a_usage_error(crashtool):
    result = crashtool("send-dump")

    assert result.exit_code == 2
    assert "no minidump given" in result.stderr


def test_several_at_once_all_arrive(crashtool, dump, receiver, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(6):
        (folder / str(number)).write_bytes(dump.read_bytes() + bytes([number]))

    result = crashtool("send-dump", "--jobs", "3", "--url", receiver.submission_url(), folder)

    assert result.exit_code == 0
    assert result.stdout.count("accepted") == 6
    assert len(receiver.inbox.reports()) == 6


def test_scrubbing_is_told_and_in_the_document(crashtool, dump):
    result = crashtool("send-dump", "-n", "--json", "--scrub", "strings=crash[a-z]*", dump)
    (row,) = json.loads(result.stdout)["receipts"]
    assert result.exit_code == 0
    assert isinstance(row["scrubbed"], list)
    assert "scrub" in result.stderr
    plain = json.loads(crashtool("send-dump", "-n", "--json", dump).stdout)
    assert plain["receipts"][0]["scrubbed"] is None


def test_what_cannot_be_scrubbed_is_a_usage_error(crashtool, dump):
    result = crashtool("send-dump", "-n", "--scrub", "heap", dump)
    assert result.exit_code == 2
    assert "'heap' cannot be scrubbed" in result.stderr


OWN, OTHERS = "a" * 64, "b" * 64
WHOLE = f"https://submit.backtrace.io/acme/{OWN}/minidump"


@pytest.mark.parametrize("by", ["flag", "file", "environment"])
def test_two_tokens_that_were_given_together_are_refused(
    crashtool, dump, monkeypatch, tmp_path, by
):
    (tmp_path / "token.txt").write_text(OTHERS)
    options = {
        "flag": ["--token", OTHERS],
        "file": ["--token-file", "token.txt"],
        "environment": [],
    }
    monkeypatch.setenv("CRASHTOOL_URL", WHOLE)
    if by == "environment":
        monkeypatch.setenv("CRASHTOOL_TOKEN", OTHERS)
    result = crashtool("send-dump", "--dry-run", *options[by], dump)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "conflicting tokens" in result.stderr
    assert OWN not in result.stderr
    assert OTHERS not in result.stderr


def test_a_typed_url_keeps_its_token_beside_one_of_the_environment(crashtool, dump, monkeypatch):
    monkeypatch.setenv("CRASHTOOL_TOKEN", OTHERS)

    assert crashtool("send-dump", "--dry-run", "--url", WHOLE, dump).exit_code == 0
    assert crashtool("send-dump", "--dry-run", "--url", WHOLE, "--token", OWN, dump).exit_code == 0
