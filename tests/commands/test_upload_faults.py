"""What becomes of an upload when something on the way goes wrong: status, words, what is stored."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from crashtool.services.receiver.app import start_receiver
from tests.services.receiver.conftest import wait_until
from tests.services.transport.test_http import certificate  # noqa: F401 (a fixture)
from tests.synth.object_files import build_elf
from tests.synth.symbol_file import build_symbol_file, file, func, line

TOKEN = "0123456789abcdef" * 4
IDENTIFIER = "000102030405060708090A0B0C0D0E0F"


def symbols(number):
    return build_symbol_file(
        file(0, "a.cpp"),
        func(0x1000, 0x40, "f", line(0x1000, 0x40, 12)),
        "STACK CFI INIT 1000 40 .cfa: $rsp 8 + .ra: .cfa 8 - ^",
        module=f"MODULE Linux x86_64 {IDENTIFIER}{number} app{number}",
    )


@pytest.fixture
def build(tmp_path):
    folder = tmp_path / "build"
    folder.mkdir()
    for number in range(3):
        (folder / f"app{number}.sym").write_bytes(symbols(number))
    return folder


@pytest.fixture
def upload(crashtool, build):
    def run(server, *arguments, url=None):
        target = url or server.submission_url("symbols")
        return crashtool("upload-symbols", build, "--url", target, *arguments)

    return run


# What a release engineer's other tools answered, and what is right.
SITUATIONS = [
    # name, faults of the server, further arguments, status, words
    ("a path that does not exist", (), ["absent"], 8, "absent: does not exist"),
    ("a refused token", ("401",), [], 5, "refused the token"),
    ("a forbidden token", ("403",), [], 5, "symbol token"),
    ("503 for ever", ("503",), ["--retry-for", "0"], 7, "the server failed (HTTP 503)"),
    ("503 once", ("503:1@0",), [], 0, "trying again"),
    ("429 with a time to wait", ("429:1@0",), [], 0, "trying again"),
    ("429 for ever", ("429",), ["--retry-for", "0"], 6, "limit"),
    ("502 for ever", ("502",), ["--retry-for", "0"], 7, "HTTP 502"),
    ("too large", ("413",), [], 6, "--max-archive-size"),
    ("malformed", ("400",), [], 6, "malformed"),
    ("an error inside a 200", ("refuse",), [], 6, "did not take it"),
    ("a captive portal", ("html",), [], 6, "200"),
    ("no answer at all", ("hang",), ["--timeout", "0.3", "--retry-for", "0"], 7, "silent for"),
    ("a reset", ("reset",), ["--retry-for", "0"], 7, "closed the connection"),
    ("a close", ("close",), ["--retry-for", "0"], 7, "closed the connection"),
    ("half an answer", ("truncate",), ["--retry-for", "0"], 7, "cut short"),
]


@pytest.mark.parametrize(
    ("faults", "arguments", "status", "words"),
    [row[1:] for row in SITUATIONS],
    ids=[row[0] for row in SITUATIONS],
)
def test_each_situation_has_its_status_and_its_words(
    tmp_path, upload, faults, arguments, status, words
):
    with start_receiver(tmp_path / "inbox", faults=faults) as receiver:
        result = upload(receiver, *arguments)
    said = result.stdout + result.stderr
    assert result.exit_code == status, said
    assert words in said
    assert "Traceback" not in said
    assert TOKEN not in said


def test_an_empty_folder_is_nothing_to_be_proud_of(crashtool, tmp_path):
    (tmp_path / "empty").mkdir()
    result = crashtool("upload-symbols", "empty", "--url", f"https://a.example/u/{TOKEN}/symbols")
    assert result.exit_code == 3
    assert "no debug files in it" in result.stderr
    assert crashtool("upload-symbols", "-n", "--allow-empty", "empty").exit_code == 0


def test_a_dry_run_needs_neither_token_nor_network_and_lists_every_file(crashtool, build):
    result = crashtool("upload-symbols", "--dry-run", build)
    assert result.exit_code == 0
    assert all(f"app{number}.sym" in result.stdout for number in range(3))


def test_without_a_destination_it_is_a_mistake_in_the_call(crashtool, build):
    result = crashtool("upload-symbols", build)
    assert result.exit_code == 2
    assert "--universe" in result.stderr


def test_nobody_there_is_an_outage(upload, build):
    result = upload(None, "--retry-for", "0", url=f"http://127.0.0.1:1/acme/{TOKEN}/symbols")
    assert result.exit_code == 7
    assert "refused the connection" in result.stderr


def test_a_stripped_program_is_said_to_be_one(crashtool, tmp_path):
    (tmp_path / "app").write_bytes(
        build_elf([(".text", 1, 6, b"\x90" * 32), (".eh_frame", 1, 2, b"e" * 24)])
    )
    result = crashtool("upload-symbols", "--dry-run", "app")
    assert "stripped" in result.stdout
    assert "before strip" in result.stdout


def test_identifiers_that_must_be_there_are_asked_for_by_what_ships(crashtool, build, tmp_path):
    (tmp_path / "ships").mkdir()
    (tmp_path / "ships" / "game").write_bytes(build_elf([(".text", 1, 6, b"\x90" * 32)]))
    result = crashtool("upload-symbols", "-n", build, "--require-for", "ships")
    assert result.exit_code == 4
    assert "game" in result.stderr


@pytest.mark.parametrize(
    ("kind", "fault", "status"),
    [
        ("network", "close", 0),
        ("network", "503", 7),
        ("network", "429", 6),
        ("server", "close", 7),
        ("server", "503", 0),
        ("server", "429", 0),
        ("all", "close", 0),
        ("all", "503", 0),
        ("all", "401", 5),
        ("all", "413", 6),
        ("all", "400", 6),
        ("all", "refuse", 6),
    ],
)
def test_only_outages_of_the_kind_asked_for_are_forgiven(tmp_path, upload, kind, fault, status):
    with start_receiver(tmp_path / "inbox", faults=[fault]) as receiver:
        result = upload(receiver, f"--soft-fail={kind}", "--retry-for", "0", "--json")
    assert result.exit_code == status
    (row,) = json.loads(result.stdout)["requests"]
    assert row["status"] == "failed"
    assert row["forgiven"] == (status == 0)
    assert ("was not uploaded (--soft-fail)" in result.stderr) == (status == 0)


def test_soft_fail_alone_does_not_swallow_the_path_behind_it(crashtool, build):
    result = crashtool("upload-symbols", "--dry-run", "--soft-fail", build)
    assert result.exit_code == 0
    assert "app0.sym" in result.stdout


def test_a_certificate_that_nobody_vouches_for_is_no_outage(
    tmp_path,
    upload,
    certificate,  # noqa: F811
):
    files = {"certificate": certificate[0], "key": certificate[0].with_name("key.pem")}
    with start_receiver(tmp_path / "inbox", **files) as receiver:
        refused = upload(receiver, "--soft-fail")
        assert receiver.inbox.count() == 0
        trusted = upload(receiver, "--ca-bundle", certificate[0])
        assert receiver.inbox.count() == 1
        unchecked = upload(receiver, "--insecure", "--tag", "2")
    assert refused.exit_code == 7
    assert "not signed by an authority trusted here" in refused.stderr
    assert "--ca-bundle" in refused.stderr
    assert "trying again" not in refused.stderr
    assert trusted.exit_code == 0, trusted.stderr
    assert unchecked.exit_code == 0
    assert "not verified" in unchecked.stderr


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_takes_neither_the_token_nor_the_symbols_elsewhere(tmp_path, upload, status):
    heard = []
    with start_receiver(tmp_path / "other", on_exchange=heard.append) as elsewhere:
        fault = f"{status}={elsewhere.submission_url('symbols')}"
        with start_receiver(tmp_path / "inbox", faults=[fault]) as receiver:
            result = upload(receiver, "--retry-for", "0")
    assert result.exit_code == 6
    assert "redirects to 127.0.0.1" in result.stderr
    assert heard == []
    assert TOKEN not in result.stderr


def test_a_reset_in_the_middle_is_sat_out(tmp_path, upload):
    with start_receiver(tmp_path / "inbox", faults=["reset:1"]) as receiver:
        result = upload(receiver)
        assert receiver.inbox.count() == 1
    assert result.exit_code == 0, result.stderr
    assert "trying again" in result.stderr


@pytest.mark.parametrize("fault", ["503:1/report@0", "reset:1/report", "close:1/report"])
def test_each_file_may_fail_once_of_its_own(tmp_path, upload, fault):
    with start_receiver(tmp_path / "inbox", faults=[fault]) as receiver:
        result = upload(receiver, "--single", "--jobs", "3")
        assert receiver.inbox.count() == 3
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("trying again") == 3


def test_several_at_once_keep_their_order_and_all_arrive(tmp_path, upload, build):
    for number in range(3, 9):
        (build / f"app{number}.sym").write_bytes(symbols(number))
    with start_receiver(tmp_path / "inbox") as receiver:
        result = upload(receiver, "--single", "--jobs", "6", "--json")
        names = {report.files[0].filename for report in receiver.inbox.reports()}
    rows = json.loads(result.stdout)["requests"]
    assert result.exit_code == 0
    assert [row["name"] for row in rows] == [f"app{number}.sym" for number in range(9)]
    assert names == {row["name"] for row in rows}
    assert len({row["rxid"] for row in rows}) == 9


def test_jobs_are_under_way_at_the_same_time(upload, build, tmp_path):
    """Each of two slow answers takes half a second; the second is not asked for after the first."""
    (build / "app2.sym").unlink()
    with start_receiver(tmp_path / "inbox", faults=["slow:2@0.5"]) as receiver:
        rows = json.loads(upload(receiver, "--single", "--json", "--jobs", "2").stdout)["requests"]
    assert sum(row["seconds"] for row in rows) >= 1.0
    assert max(row["seconds"] for row in rows) < sum(row["seconds"] for row in rows)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_an_upload_that_was_killed_leaves_nothing_and_can_be_done_again(tmp_path, build):
    big = build / "big.sym"
    head = symbols(9)
    with big.open("wb") as stream:
        stream.write(head)
        for _ in range(3000):
            stream.write(os.urandom(1 << 15).hex().encode() + b"\n")
    with start_receiver(tmp_path / "inbox") as receiver:
        command = [
            sys.executable,
            "-m",
            "crashtool",
            "upload-symbols",
            str(build),
            "--quick",
            "--url",
            receiver.submission_url("symbols"),
        ]
        incoming = tmp_path / "inbox" / "incoming"
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_until(
                lambda: any(path.stat().st_size > 1 << 18 for path in incoming.glob("*/*.bin"))
            )
            process.kill()
        wait_until(lambda: not list(incoming.iterdir()))
        assert receiver.inbox.count() == 0
        again = subprocess.run(command, capture_output=True, check=False, text=True)
        assert again.returncode == 0, again.stderr
        assert receiver.inbox.count() == 1


def test_an_interrupt_does_not_wait_for_what_is_under_way(build):
    """Two requests that nobody will ever answer; a person presses Ctrl-C."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "crashtool",
                "upload-symbols",
                str(build),
                "--single",
                "--jobs",
                "2",
                "--timeout",
                "300",
                "--url",
                f"http://127.0.0.1:{listener.getsockname()[1]}/acme/{TOKEN}/symbols",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        listener.settimeout(30)
        held = [listener.accept() for _ in range(2)]
        assert all(connection.recv(1) for connection, _ in held)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 130
        finally:
            process.kill()
            for connection, _ in held:
                connection.close()
