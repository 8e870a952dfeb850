"""Databases that the real Linux handlers at hand leave, read back."""

import json
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from crashtool.errors import CrashtoolError
from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.handler_options import (
    HANDLER_OPTIONS,
    OWNED,
    parse_handler_option,
)
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.formats.crashpad.settings import UPLOADS_PAUSED
from crashtool.formats.minidump.streams import CRASHPAD_INFO
from crashtool.services.handler.crashpad_handler.find import DEBIAN, find_handler
from crashtool.services.handler.process.supported import check_platform
from crashtool.services.integration.annotate_dump import annotate_dump
from crashtool.services.receiver.app import start_receiver
from tests.formats.minidump.test_graft import STRANGE, retype
from tests.services.receiver.conftest import wait_until
from tests.synth.database import CLIENT, NOW, GenericDatabase, report_id, write_settings

# run_program wants a process without threads and children: not this one
CRASH = """
import sys
from crashtool.services.handler.run.program import run_program
result = run_program(["sh", "-c", "kill -SEGV $$"], sys.argv[1:])
assert result.problem is None, result
"""


def handlers_at_hand():
    try:
        check_platform()
        extra = find_handler()
    except CrashtoolError:
        return []
    paths = {Path(extra.path): extra.kind}
    if DEBIAN.exists():
        paths[DEBIAN] = find_handler(str(DEBIAN)).kind
    return [pytest.param(path, kind, id=kind) for path, kind in paths.items()]


HANDLERS = handlers_at_hand() or [
    pytest.param(None, "", marks=pytest.mark.skip(reason="no crashpad_handler that runs here"))
]


def crash(handler, root, url=None, *options):
    arguments = [str(handler), f"--database={root}", "--annotation=prod=Game", *options]
    if url:
        arguments.append(f"--url={url}")
    subprocess.run([sys.executable, "-c", CRASH, *arguments], check=True, timeout=60)
    return open_database(root)


@contextmanager
def watching(handler, root, url, *options):
    """Run a handler whose client lives on: it works through what is pending, as in an application.

    One that was started at a crash ends after its first report, whichever that is.
    """
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, its):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    client = (f"--initial-client-fd={its.fileno()}", "--shared-client-connection")
    arguments = [handler, f"--database={root}", f"--url={url}", *client, *options]
    with subprocess.Popen(arguments, pass_fds=[its.fileno()]) as process:
        its.close()
        try:
            yield process
        finally:
            ours.close()
            process.wait(timeout=30)


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_an_uploaded_report_keeps_the_receivers_answer(tmp_path, handler, kind):
    root = tmp_path / "db"
    write_settings(root)
    log = tmp_path / "log.txt"
    log.write_text("attached")
    with start_receiver(tmp_path / "inbox") as receiver:
        url = receiver.submission_url()
        database = crash(handler, root, url, f"--attachment={log}", "--no-periodic-tasks")
        (arrived,) = receiver.inbox.reports()

    assert (database.kind, database.problems) == ("generic", ())
    assert database.settings.client_id == CLIENT
    assert database.settings.last_upload_attempt
    (report,) = database.reports
    assert (report.state, report.uploaded, report.upload_attempts) == ("completed", True, 1)
    assert json.loads(report.id)["_rxid"] == arrived.rxid
    assert report.created <= report.last_upload_attempt
    assert arrived.minidump.read_bytes() == report.path.read_bytes()
    assert arrived.fields["guid"] == str(CLIENT)
    assert arrived.product == "Game"
    assert [file.filename for file in arrived.files if file.path != arrived.minidump] == ["log.txt"]
    assert [file.name for file in report.attachments] == ["log.txt"], kind


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_report_that_the_server_refused_tells_of_its_attempt(tmp_path, handler, kind):
    write_settings(tmp_path / "db")
    with start_receiver(tmp_path / "inbox", faults=["500"]) as receiver:
        (report,) = crash(handler, tmp_path / "db", receiver.submission_url()).reports
    assert (report.uploaded, report.upload_attempts, report.id) == (False, 1, "")
    assert report.state == ("pending" if kind == "sentry" else "completed")
    assert "the upload failed (1 attempt)" in report.reason


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_report_without_consent_is_retired_unsent(tmp_path, handler, kind):
    write_settings(tmp_path / "db", uploads_enabled=False)
    (report,) = crash(handler, tmp_path / "db", "http://127.0.0.1:9/u/t/minidump").reports
    assert (report.state, report.upload_attempts) == ("completed", 0)
    assert report.reason == "never sent: uploads are disabled in settings.dat"


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_second_crash_within_the_hour_is_held_back_by_the_rate_limit(tmp_path, handler, kind):
    write_settings(tmp_path / "db")
    with start_receiver(tmp_path / "inbox") as receiver:
        crash(handler, tmp_path / "db", receiver.submission_url())
        database = crash(handler, tmp_path / "db", receiver.submission_url())
    unsent = [report for report in database.reports if not report.uploaded]
    assert len(database.reports) == 2
    assert [report.state for report in unsent] == ["completed"]
    assert "rate limit" in unsent[0].reason


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_report_without_a_url_waits(tmp_path, handler, kind):
    write_settings(tmp_path / "db")
    (report,) = crash(handler, tmp_path / "db").reports
    assert (report.state, report.upload_attempts) == ("pending", 0)
    assert report.reason == "waits: no handler with a URL has run since"


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_database_written_here_is_taken_up_by_the_handler(tmp_path, handler, kind):
    made = GenericDatabase(tmp_path / "db")
    dump = crash(handler, tmp_path / "other").reports[0].path.read_bytes()
    made.add(1, "pending", Metadata(created=1_790_000_000), dump)
    with start_receiver(tmp_path / "inbox") as receiver:
        with watching(handler, made.root, receiver.submission_url()):
            wait_until(
                lambda: [report.uploaded for report in open_database(made.root).reports] == [True]
            )
        (arrived,) = receiver.inbox.reports()
    (report,) = open_database(made.root).reports
    assert (report.uuid, report.state, report.upload_attempts) == (report_id(1), "completed", 1)
    assert arrived.minidump.read_bytes() == dump, kind


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_handler_that_was_killed_in_an_upload_leaves_its_lock(tmp_path, handler, kind):
    root = tmp_path / "db"
    write_settings(root)
    crash(handler, root)
    sent = threading.Event()
    with (
        start_receiver(
            tmp_path / "inbox", faults=["hang"], on_exchange=lambda _: sent.set()
        ) as receiver,
        watching(handler, root, receiver.submission_url()) as process,
    ):
        # Not at the first lock that is seen: a handler takes short ones while it lists reports.
        assert sent.wait(20)
        process.kill()
    (report,) = open_database(root).reports
    assert (report.state, report.uploaded, report.locked) == ("pending", False, True), kind
    assert report.created <= report.locked_since <= time.time()
    assert report.reason.startswith("locked by a handler since 20")
    later = open_database(root, now=report.locked_since + 3 * 86400)
    assert later.reports[0].pruning == "about to be deleted by a handler: its lock is 3 days old"


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_paused_uploads_hold_reports_back_where_the_handler_knows_them(tmp_path, handler, kind):
    root = tmp_path / "db"
    write_settings(root, options=UPLOADS_PAUSED)
    with start_receiver(tmp_path / "inbox") as receiver:
        (report,) = crash(handler, root, receiver.submission_url(), "--no-periodic-tasks").reports
    if kind == "sentry":
        assert (report.state, report.uploaded) == ("pending", False)
        assert report.reason == "waits: uploads are paused in settings.dat"
    else:
        assert report.uploaded


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_report_whose_upload_was_asked_for_goes_without_consent(tmp_path, handler, kind):
    made = GenericDatabase(tmp_path / "db", uploads_enabled=False)
    dump = crash(handler, tmp_path / "other").reports[0].path.read_bytes()
    made.add(1, "pending", Metadata(NOW, upload_explicitly_requested=True), dump)
    (waiting,) = open_database(made.root).reports
    assert waiting.reason == "waits: its upload was requested, and no handler has got to it yet"
    with (
        start_receiver(tmp_path / "inbox") as receiver,
        watching(handler, made.root, receiver.submission_url()),
    ):
        wait_until(lambda: open_database(made.root).reports[0].uploaded)
    (sent,) = open_database(made.root).reports
    assert (sent.state, sent.upload_explicitly_requested) == ("completed", False), kind


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_an_uploader_deletes_a_report_without_metadata_as_was_foretold(tmp_path, handler, kind):
    made = GenericDatabase(tmp_path / "db")
    made.add(1, "pending", None)
    made.add(2, "completed", Metadata(NOW, uploaded=True))
    (problem,) = open_database(made.root).problems
    assert problem.endswith("is missing: a handler deletes the minidump")
    with watching(handler, made.root, "http://127.0.0.1:9/u/t/minidump"):
        wait_until(lambda: len(open_database(made.root).reports) == 1)
    assert open_database(made.root).problems == (), kind


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_annotations_that_were_written_into_a_dump_are_uploaded(tmp_path, handler, kind):
    root = tmp_path / "db"
    write_settings(root)
    (report,) = crash(handler, root).reports
    bare = retype(report.path.read_bytes(), CRASHPAD_INFO, STRANGE)
    made = GenericDatabase(root).add(2, "pending", Metadata(NOW), bare)
    written = {"prod": "Gäme 2", "note": "", "big": "x" * 70_000}
    states = [annotate_dump(str(path), str(path), written).stream for path in (report.path, made)]

    with start_receiver(tmp_path / "inbox") as receiver:
        url = receiver.submission_url()
        with watching(handler, root, url, "--no-rate-limit"):
            wait_until(lambda: len(receiver.inbox.reports()) == 2, 60)
        arrived = {row.fields["guid"]: row for row in receiver.inbox.reports()}

    assert (states, kind) == (["changed", "made"], kind)
    assert len(arrived) == 2
    for row in arrived.values():
        assert {key: row.fields[key] for key in written} == written
        assert row.product == "Gäme 2"


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_handler_knows_the_options_that_are_offered_for_it_and_no_others(handler, kind):
    """`--help` after other arguments ends with 0 only if each of them was understood."""
    values = {"KEY=VALUE": "key=value", "UUID": "6f1c6f8e-6b0a-4c0b-9d57-0b3b1c6a9f10", "N": "1"}
    known = {}
    for option in HANDLER_OPTIONS.values():
        value = values.get(option.value, option.value.lower())
        argument = f"--{option.name}" + (f"={value}" if value else "")
        known[option.name] = _takes(handler, argument, "--help")
        if known[option.name]:
            assert parse_handler_option(argument, kind) == argument
        if option.value == "KEY=VALUE":
            assert not _takes(handler, f"--{option.name}=x", "--help")
        if not option.value:
            assert not _takes(handler, f"--{option.name}=x", "--help")
    assert {name for name, taken in known.items() if taken} == {
        row.name
        for row in HANDLER_OPTIONS.values()
        if not row.system and (not row.kinds or kind in row.kinds)
    }
    usage = subprocess.run([handler, "--help"], capture_output=True, text=True, check=True).stderr
    listed = set(re.findall(r"^ +--([a-z-]+)", usage, re.MULTILINE))
    assert listed - HANDLER_OPTIONS.keys() - OWNED.keys() == set()


def _takes(handler, *arguments):
    return subprocess.run([handler, *arguments], capture_output=True, check=False).returncode == 0
