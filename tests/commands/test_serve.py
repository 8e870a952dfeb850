import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from crashtool.services.receiver.inbox import Inbox
from tests.services.receiver.conftest import wait_until

posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX here")


class Served:
    """`crashtool serve` as a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [
            sys.executable,
            "-m",
            "crashtool",
            "serve",
            "--port",
            "0",
            "--folder",
            str(folder),
        ]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.first = self.process.stdout.readline()

    def end(self, number: int) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


def post(url, number=0, content=b"MDMP", **arguments):
    return requests.post(
        url,
        data={"n": str(number), "prod": "Game", "ver": "1.0"},
        files={"upload_file_minidump": ("x.dmp", content)},
        timeout=20,
        **arguments,
    )


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_prints_its_url_first_and_ends_cleanly(tmp_path, number, status):
    served = Served(tmp_path / "inbox", "--fault", "429:1")
    url = served.first.strip()
    assert url.endswith("/minidump")
    assert post(url).status_code == 429
    rxid = post(url).json()["_rxid"]
    code, out, err = served.end(number)
    assert (code, out) == (status, "")
    assert "429 fault: status\n" in err
    assert f"200 minidump {rxid} Game 1.0 (1 file, 4 bytes)\n" in err
    assert "Traceback" not in err


@posix
def test_json_is_one_document_with_the_urls(tmp_path):
    served = Served(tmp_path / "inbox", "--json", "--quiet", "--token", "a" * 64)
    text = served.first
    while True:
        try:
            document = json.loads(text)
            break
        except ValueError:
            text += served.process.stdout.readline()
    receiver = document["receiver"]
    assert set(receiver) == {"url", "symbols_url", "symbol_server", "inbox", "folder"}
    assert post(receiver["url"]).status_code == 200
    assert post(receiver["url"].replace("a" * 64, "b" * 64)).status_code == 403
    assert requests.get(receiver["inbox"], timeout=20).status_code == 401
    assert requests.get(receiver["inbox"], auth=("", "a" * 64), timeout=20).status_code == 200
    assert served.end(signal.SIGTERM) == (0, "", "")


def test_it_stops_by_itself_after_so_many_reports(tmp_path):
    served = Served(tmp_path / "inbox", "--stop-after", "2")
    for number in range(2):
        assert post(served.first.strip(), number).status_code == 200
    out, _ = served.process.communicate(timeout=30)
    assert (served.process.returncode, out) == (0, "")


@posix
def test_what_was_acknowledged_survives_a_kill_and_nothing_else_is_left(tmp_path):
    """Posts without end; the receiver is killed in the middle, three times over."""
    folder = tmp_path / "inbox"
    acknowledged = {}
    randomness = random.Random(7)  # noqa: S311 (any content will do)
    for round_ in range(3):
        served = Served(folder)
        url = served.first.strip()
        killed = threading.Event()

        def send(worker, url=url, killed=killed, round_=round_):
            number = 0
            while not killed.is_set():
                number += 1
                content = b"MDMP" + random.Random(number).randbytes(40_000)  # noqa: S311
                try:
                    reply = post(url, f"{round_}.{worker}.{number}", content)
                except requests.RequestException:
                    return
                acknowledged[reply.json()["_rxid"]] = (f"{round_}.{worker}.{number}", content)

        before = len(acknowledged)
        workers = [threading.Thread(target=send, args=(worker,)) for worker in range(3)]
        for worker in workers:
            worker.start()
        wanted = before + randomness.randint(5, 15)
        wait_until(lambda wanted=wanted: len(acknowledged) >= wanted)
        served.process.kill()
        killed.set()
        served.process.communicate(timeout=30)
        for worker in workers:
            worker.join()

    inbox = Inbox(folder).open()
    try:
        reports = {report.rxid: report for report in inbox.reports()}
        for rxid, (number, content) in acknowledged.items():
            assert reports[rxid].fields["n"] == number
            assert reports[rxid].minidump.read_bytes() == content
        for report in reports.values():
            assert [file.path.stat().st_size for file in report.files] == [40_004]
        assert not list((folder / "incoming").iterdir())
        assert {path.name for path in (folder / "reports").iterdir()} == set(reports)
    finally:
        inbox.close()


def test_the_inbox_shows_what_inspect_says(tmp_path, truth):
    dump = min((truth / "linux").rglob("*.dmp"), key=lambda path: (path.stat().st_size, path))
    served = Served(tmp_path / "inbox")
    rxid = post(served.first.strip(), content=dump.read_bytes()).json()["_rxid"]
    inbox = Inbox(tmp_path / "inbox")
    wait_until(lambda: inbox.get(rxid).headline)
    page = requests.get(served.first.split("/local")[0] + f"/reports/{rxid}", timeout=20).text
    served.process.terminate()
    served.process.communicate(timeout=30)
    assert " in " in inbox.get(rxid).headline
    assert "SIG" in page
    assert "cannot be shown" not in page


@pytest.mark.parametrize("size", ["", "G", "0", "-1", "1.5G", "many", "²"])
def test_what_is_no_size_is_refused(crashtool, size):
    result = crashtool("serve", "--port", "0", "--max-size", size)
    assert result.exit_code == 2
    assert "is not a size" in result.stderr


def test_what_is_no_fault_is_refused(crashtool):
    result = crashtool("serve", "--port", "0", "--fault", "explode")
    assert result.exit_code == 2
    assert "'explode' is not a fault" in result.stderr


def test_a_port_that_is_taken_is_a_sentence(crashtool):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = crashtool("serve", "--port", taken.getsockname()[1])
    assert result.exit_code == 2
    assert "cannot listen on 127.0.0.1" in result.stderr


class Stopping:
    """A stop that comes at once, in the place of the event that waits for Ctrl-C."""

    def __init__(self, interrupted=False):
        self.interrupted = interrupted

    def wait(self, _seconds):
        if self.interrupted:
            raise KeyboardInterrupt
        return True


def stop_at_once(monkeypatch, **how):
    monkeypatch.setattr("crashtool.services.workers.stop_flag.StopFlag", lambda: Stopping(**how))


def test_an_address_for_others_is_warned_about(crashtool, monkeypatch):
    stop_at_once(monkeypatch)
    arguments = ("serve", "--port", "0", "--host", "0.0.0.0", "--max-size", "10M")  # noqa: S104
    result = crashtool(*arguments, "--token", "c" * 64)
    assert result.exit_code == 0
    assert "whoever has the token can send and read reports" in result.stderr
    assert result.stdout.startswith("http://127.0.0.1:")


def test_an_address_for_others_needs_a_token(crashtool, tmp_path):
    result = crashtool("serve", "--port", "0", "--host", "0.0.0.0")  # noqa: S104
    assert result.exit_code == 2
    assert "--token" in result.stderr
    assert not (tmp_path / "crashtool-inbox").exists()


def test_an_interrupt_is_status_130(crashtool, monkeypatch):
    stop_at_once(monkeypatch, interrupted=True)
    result = crashtool("serve", "--port", "0")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "crashtool: interrupted")


def test_the_token_may_stand_in_a_file(crashtool, monkeypatch, tmp_path):
    stop_at_once(monkeypatch)
    (tmp_path / "token").write_text("c" * 64 + "\n")
    result = crashtool("serve", "--port", "0", "--token-file", tmp_path / "token")
    assert "/local/" + "c" * 64 + "/minidump" in result.stdout


@pytest.mark.parametrize("name", ["TOKEN", "SYMBOLS_TOKEN"])
def test_the_token_of_a_server_elsewhere_is_neither_printed_nor_asked_for(
    crashtool, monkeypatch, tmp_path, name
):
    stop_at_once(monkeypatch)
    secret = "5ec2e7" * 10 + "abcd"
    monkeypatch.setenv(f"CRASHTOOL_{name}", secret)
    (tmp_path / "secret").write_text(secret)
    monkeypatch.setenv(f"CRASHTOOL_{name}_FILE", str(tmp_path / "secret"))

    result = crashtool("serve", "--port", "0", "--verbose")

    assert result.exit_code == 0
    assert secret not in result.stdout + result.stderr
    assert "the token is its password" not in result.stderr
    settings = crashtool("serve", "--show-settings").stdout
    assert secret[:4] not in settings
    refused = crashtool("serve", "--port", "0", "--host", "0.0.0.0")  # noqa: S104
    assert refused.exit_code == 2


@pytest.mark.parametrize("is_file", [False, True])
def test_its_own_token_may_come_from_the_environment(crashtool, monkeypatch, tmp_path, is_file):
    stop_at_once(monkeypatch)
    (tmp_path / "token").write_text("d" * 64)
    value = str(tmp_path / "token") if is_file else "d" * 64
    monkeypatch.setenv("CRASHTOOL_SERVE_TOKEN" + "_FILE" * is_file, value)

    assert "/local/" + "d" * 64 + "/minidump" in crashtool("serve", "--port", "0").stdout
    (tmp_path / "typed").write_text("e" * 64)
    typed = crashtool("serve", "--port", "0", "--token-file", tmp_path / "typed")
    assert "/local/" + "e" * 64 + "/minidump" in typed.stdout
