"""send-dump with a Crashpad database: what was never uploaded goes, once, and nothing is lost."""

import json
import shutil

import pytest

from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.services.database import changing
from crashtool.services.receiver.app import start_receiver
from crashtool.services.sending.database_reports import UploadReport
from tests.formats.crashpad.test_real_handlers import HANDLERS, crash
from tests.synth.database import LAYOUTS, NOW, GenericDatabase, report_id, write_settings
from tests.synth.minidump import MinidumpBuilder

RIGHT = "right"
FAILED = Metadata(NOW, upload_attempts=1, last_upload_attempt=NOW)
SENT = Metadata(NOW, True, 1, NOW, False, b'{"_rxid":"1"}')


def dump(process_id):
    return MinidumpBuilder().add_system().add_misc(process_id=process_id).pack()


@pytest.fixture
def generic(tmp_path):
    made = GenericDatabase(tmp_path / "db", last=NOW)
    made.add(1, "completed", FAILED, dump(1), log=b"12345")
    made.add(2, "completed", SENT, dump(2))
    made.add(3, "pending", Metadata(NOW), dump(3))
    return made


@pytest.fixture
def receiver(tmp_path):
    with start_receiver(tmp_path / "inbox") as receiver:
        yield receiver


@pytest.fixture
def send(crashtool, receiver):
    def send(*arguments):
        return crashtool("send-dump", "--url", receiver.submission_url(), *arguments)

    return send


def arrived(receiver):
    """The process ids of the minidumps, as `dump` numbers them, with the names of all files."""
    known = {dump(number): number for number in range(9)}
    return sorted(
        (
            known[report.minidump.read_bytes()],
            *sorted(file.filename for file in report.files if file.path != report.minidump),
        )
        for report in receiver.inbox.reports()
    )


def state_of(root, number):
    (report,) = (row for row in open_database(root).reports if row.uuid == report_id(number))
    return report.state, report.uploaded, report.upload_attempts, report.id


def test_what_was_never_uploaded_goes_with_its_attachments_and_is_marked(send, receiver, generic):
    settings = (generic.root / "settings.dat").read_bytes()

    result = send("--json", generic.root)

    assert result.exit_code == 0, result.stderr
    assert arrived(receiver) == [(1, "log"), (3,)]
    ids = {row["path"][-7:-4]: row["rxid"] for row in json.loads(result.stdout)["receipts"]}
    assert state_of(generic.root, 1) == ("completed", True, 2, ids["001"])
    assert state_of(generic.root, 3) == ("completed", True, 1, ids["003"])
    assert not list(generic.root.rglob("*.lock"))
    assert not list((generic.root / "pending").iterdir())
    assert (generic.root / "settings.dat").read_bytes() == settings  # the next crash is not limited

    again = send(generic.root)
    assert again.exit_code == 0
    assert "nothing is left to send; uploaded before: 3" in again.stderr
    assert len(arrived(receiver)) == 2


def test_threads_share_the_reports(send, receiver, generic):
    for number in (4, 5, 6, 7, 8):
        generic.add(number, "pending", Metadata(NOW), dump(number))
    assert send("--jobs", "4", generic.root).exit_code == 0
    assert arrived(receiver) == [(1, "log"), (3,), (4,), (5,), (6,), (7,), (8,)]
    assert all(report.uploaded for report in open_database(generic.root).reports)


def test_without_consent_only_what_was_asked_for_goes(send, receiver, generic):
    write_settings(generic.root, uploads_enabled=False)
    generic.add(4, "pending", Metadata(NOW, upload_explicitly_requested=True), dump(4))

    result = send(generic.root)

    assert result.exit_code == 8
    assert "2 of 3 reports are kept back" in result.stderr
    assert arrived(receiver) == [(4,)]
    assert send(generic.root).exit_code == 4
    assert send("--without-consent", generic.root).exit_code == 0
    assert arrived(receiver) == [(1, "log"), (3,), (4,)]


def test_damaged_settings_are_no_consent(send, receiver, generic):
    (generic.root / "settings.dat").write_bytes(b"damaged")
    assert send(generic.root).exit_code == 4
    assert arrived(receiver) == []


def test_a_report_in_a_handlers_hands_is_left_to_it(send, receiver, generic):
    (generic.root / "pending" / f"{report_id(3)}.lock").write_bytes(bytes(8))
    generic.add(4, "new", None, dump(4))
    result = send(generic.root)
    assert result.exit_code == 8
    assert "locked by a handler" in result.stderr
    assert "being written" in result.stderr
    assert arrived(receiver) == [(1, "log")]


def test_a_report_that_a_handler_took_meanwhile_is_not_sent(generic):
    database = open_database(generic.root)
    (report,) = (row for row in database.reports if row.uuid == report_id(3))
    held = UploadReport(database, report)
    with held.hold(print) as waits:
        assert waits
        assert open_database(generic.root).reports[0].locked
    report.path.unlink()
    with held.hold(print) as waits:
        assert not waits


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_report_that_is_gone_since_it_was_listed_is_no_bug(tmp_path, layout):
    made = LAYOUTS[layout](tmp_path / "db")
    made.put(3, "pending", Metadata(NOW), dump(3))
    database = open_database(made.root)
    (report,) = database.reports
    report.path.unlink()
    said = []
    with UploadReport(database, report).hold(said.append) as waits:
        assert not waits
    assert said == []


def test_what_the_server_did_not_accept_stays_as_it_is(crashtool, tmp_path, generic):
    before = {path: path.read_bytes() for path in generic.root.rglob("*") if path.is_file()}
    with start_receiver(tmp_path / "inbox", token=RIGHT) as receiver:
        url = receiver.submission_url().replace(RIGHT, "wrong")
        result = crashtool("send-dump", "--url", url, generic.root)
    assert result.exit_code == 5, result.stderr
    after = {path: path.read_bytes() for path in generic.root.rglob("*") if path.is_file()}
    assert after == before


def test_what_was_accepted_but_could_not_be_marked_is_not_sent_again(
    send, receiver, generic, monkeypatch
):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(changing, "record_upload_complete", fail)
        result = send(generic.root)
    assert result.exit_code == 0
    assert "is not marked as sent" in result.stderr
    assert state_of(generic.root, 3) == ("pending", False, 0, "")

    assert send(generic.root).exit_code == 0
    assert len(arrived(receiver)) == 2
    assert state_of(generic.root, 3)[:2] == ("completed", True)


def test_a_dry_run_touches_nothing(send, receiver, generic):
    before = {path: path.lstat().st_mtime_ns for path in generic.root.rglob("*")}
    result = send("--dry-run", generic.root)
    assert result.exit_code == 0, result.stderr
    assert 'filename="log"' in result.stdout or "log" in result.stdout
    assert {path: path.lstat().st_mtime_ns for path in generic.root.rglob("*")} == before
    assert arrived(receiver) == []


def test_a_copied_windows_database_is_sent_once_and_marked(send, receiver, truth, tmp_path):
    root = tmp_path / "db"
    shutil.copytree(truth / "windows-databases" / "server_403", root)
    first = send("--json", root)
    assert first.exit_code == 0, first.stderr
    assert send(root).exit_code == 0
    (arrived,) = receiver.inbox.reports()
    assert len(arrived.files) == 2  # its attachment
    (report,) = open_database(root).reports
    (receipt,) = json.loads(first.stdout)["receipts"]
    assert (report.state, report.uploaded, report.upload_attempts, report.id) == (
        "completed",
        True,
        2,
        receipt["rxid"],
    )


@pytest.mark.parametrize("layout", ["macos", "windows"])
def test_reports_of_other_systems_are_marked_too(send, receiver, tmp_path, layout):
    made = LAYOUTS[layout](tmp_path / "db")
    made.put(1, "completed", FAILED, dump(1), log=b"12345")
    made.put(2, "completed", SENT, dump(2))
    made.put(3, "pending", Metadata(NOW), dump(3))
    result = send("--jobs", "2", made.root)
    assert result.exit_code == 0, result.stderr
    assert arrived(receiver) == [(1, "log"), (3,)]
    assert state_of(made.root, 1)[:3] == ("completed", True, 2)
    assert state_of(made.root, 3)[:3] == ("completed", True, 1)
    assert "nothing is left to send" in send(made.root).stderr


@pytest.mark.parametrize("layout", ["macos", "windows"])
def test_a_report_of_another_system_that_the_server_refused_waits_as_before(
    crashtool, tmp_path, layout
):
    made = LAYOUTS[layout](tmp_path / "db")
    made.put(3, "pending", Metadata(NOW, upload_explicitly_requested=True), dump(3))
    before = {path: path.read_bytes() for path in made.root.rglob("*") if path.is_file()}
    with start_receiver(tmp_path / "inbox", faults=["400"]) as receiver:
        result = crashtool("send-dump", "--url", receiver.submission_url(), made.root)
    assert result.exit_code == 6, result.stderr
    after = {path: path.read_bytes() for path in made.root.rglob("*") if path.is_file()}
    assert after == before


def test_a_macos_report_without_its_attributes_is_sent_and_said_not_to_be_marked(
    send, receiver, tmp_path
):
    made = LAYOUTS["macos"](tmp_path / "db")
    made.put(3, "pending", Metadata(NOW), dump(3))
    for path in made.root.rglob("._*"):
        path.unlink()
    result = send(made.root)
    assert result.exit_code == 0, result.stderr
    assert "were lost, as some copies lose them" in result.stderr
    assert send(made.root).exit_code == 0
    assert arrived(receiver) == [(3,)]


def test_raw_leaves_attachments_behind_and_says_so(send, receiver, generic):
    result = send("--raw", generic.root)
    assert result.exit_code == 0, result.stderr
    assert "--raw does not send its attachments" in result.stderr
    assert arrived(receiver) == [(1,), (3,)]


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_real_handler_does_not_send_again_what_was_sent_here(
    send, receiver, tmp_path, handler, kind
):
    root = tmp_path / "real"
    write_settings(root)
    (waiting,) = crash(handler, root).reports
    assert send(root).exit_code == 0
    (sent,) = open_database(root).reports
    assert (sent.uuid, sent.state, sent.uploaded) == (waiting.uuid, "completed", True), kind

    crash(handler, root, receiver.submission_url(), "--no-rate-limit")

    contents = [report.minidump.read_bytes() for report in receiver.inbox.reports()]
    assert contents.count(sent.path.read_bytes()) == 1
    assert len(contents) == 2
    assert all(report.uploaded for report in open_database(root).reports)
