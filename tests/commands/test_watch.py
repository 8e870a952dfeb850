"""send-dump --watch as a process of its own, beside a real handler, and --rate."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from crashtool.formats.crashpad.database import open_database
from crashtool.services.receiver.app import start_receiver
from tests.formats.crashpad.test_real_handlers import HANDLERS, crash
from tests.services.receiver.conftest import wait_until
from tests.synth.database import write_settings
from tests.synth.minidump import MinidumpBuilder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends processes by signals")


@pytest.fixture
def folder(tmp_path):
    """Two dumps that were written long ago."""
    folder = tmp_path / "dumps"
    folder.mkdir()
    for number in range(2):
        path = folder / f"{number}.dmp"
        path.write_bytes(MinidumpBuilder().add_system().add_misc(process_id=number).pack())
        os.utime(path, (1, 1))
    return folder


@contextmanager
def watching(receiver, tmp_path, *arguments):
    command = [
        sys.executable,
        "-m",
        "crashtool",
        "send-dump",
        "--watch",
        "--json",
        "--url",
        receiver.submission_url(),
        "--journal",
        str(tmp_path / "sent.jsonl"),
        *map(str, arguments),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_crash_arrives_that_the_handler_itself_could_not_send(tmp_path, handler, kind):
    root = tmp_path / "db"
    write_settings(root)
    crash(handler, root)  # it was given no URL
    with (
        start_receiver(tmp_path / "inbox") as receiver,
        watching(receiver, tmp_path, root) as process,
    ):
        wait_until(lambda: receiver.inbox.count() == 1)
        crash(handler, root)
        wait_until(lambda: receiver.inbox.count() == 2)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        rxids = {report.rxid for report in receiver.inbox.reports()}
    assert f"watching {root}" in err
    receipts = [json.loads(line)["receipt"] for line in out.splitlines()]
    assert {receipt["rxid"] for receipt in receipts} == rxids, kind
    assert [report.uploaded for report in open_database(root).reports] == [True, True]


def test_ctrl_c_ends_a_watch_as_it_ends_any_command(tmp_path, folder):
    with (
        start_receiver(tmp_path / "inbox") as receiver,
        watching(receiver, tmp_path, folder) as process,
    ):
        wait_until(lambda: receiver.inbox.count() == 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


def test_sigterm_ends_even_the_wait_for_a_rate(tmp_path, folder):
    with (
        start_receiver(tmp_path / "inbox") as receiver,
        watching(receiver, tmp_path, folder, "--rate", "1/h") as process,
    ):
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())["receipt"]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert receiver.inbox.count() == 1
    assert first["status"] == "accepted"
    for line in out.splitlines():  # the second one, if its turn had begun
        assert json.loads(line)["receipt"]["status"] == "not sent"


def test_a_watch_that_only_shows_is_refused(crashtool, tmp_path):
    result = crashtool("send-dump", "--watch", "--dry-run", tmp_path)
    assert result.exit_code == 2
    assert "cannot be combined" in result.stderr


def test_a_refused_token_has_its_status(crashtool, tmp_path, folder):
    with start_receiver(tmp_path / "inbox", faults=["403"]) as receiver:
        result = crashtool("send-dump", "--watch", "--url", receiver.submission_url(), folder)
    assert result.exit_code == 5
    assert "failed" in result.stdout
