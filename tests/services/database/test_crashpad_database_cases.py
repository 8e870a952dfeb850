"""The cases of Crashpad's own CrashReportDatabaseTest and SettingsTest, by their names, with the
same outcome: of all three layouts wherever Crashpad's test is for all.
"""

import os

import pytest

from crashtool.errors import CannotWrite, InputUnusable, UsageError
from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.services.database.changing import (
    delete_reports,
    get_report_for_uploading,
    record_upload_complete,
    request_upload,
)
from crashtool.services.database.locate_database import find_report
from crashtool.services.database.settings_file import change_settings
from crashtool.services.sending.database_reports import walk_unsent
from crashtool.services.sending.outgoing import Outgoing
from crashtool.services.sending.upload_attachments import safe_name
from tests.synth.database import (
    CLIENT,
    LAYOUTS,
    NOW,
    GenericDatabase,
    MacDatabase,
    WindowsDatabase,
    report_id,
    write_settings,
)

NEW = Metadata(NOW)
DAY = 86400
EVERY_LAYOUT = pytest.mark.parametrize("made", LAYOUTS, indirect=True)


@pytest.fixture
def made(tmp_path, request):
    return LAYOUTS[request.param](tmp_path / "crashpad_test_database")


def reports_of(made, state):
    return [row for row in open_database(made.root).reports if row.state == state]


def look_up(made, number):
    return find_report(open_database(made.root), str(report_id(number)))


def upload(made, number, id_):
    database, report = open_database(made.root), look_up(made, number)
    with get_report_for_uploading(database, report):
        record_upload_complete(database, report, id_)


def to_be_sent(made):
    items = walk_unsent(str(made.root), without_consent=False, note=lambda _sentence: None)
    return [item.claim.report.uuid for item in items if isinstance(item, Outgoing)]


@EVERY_LAYOUT
def test_initialize(made, tmp_path):
    first, again = (open_database(made.root).settings for _ in range(2))
    assert first.client_id == again.client_id == CLIENT
    assert first.last_upload_attempt is None
    assert open_database(made.root).reports == ()
    with pytest.raises(InputUnusable):
        open_database(tmp_path / "not_a_database")
    assert not (tmp_path / "not_a_database").exists()


def test_settings_are_absent_until_the_first_use_and_then_one_for_all(tmp_path):
    made = GenericDatabase(tmp_path / "db")
    (made.root / "settings.dat").unlink()
    assert open_database(made.root).settings is None
    assert not (made.root / "settings.dat").exists()
    change_settings(made.root, last_upload_attempt=NOW)
    seen = {open_database(made.root).settings for _ in range(3)}
    assert [settings.last_upload_attempt for settings in seen] == [NOW]


@EVERY_LAYOUT
def test_new_crash_report(made):
    made.put(1, "pending", NEW)
    (report,) = reports_of(made, "pending")
    assert report == look_up(made, 1)
    assert (report.id, report.uploaded, report.created) == ("", False, NOW)
    assert (report.upload_attempts, report.last_upload_attempt) == (0, None)
    assert not report.upload_explicitly_requested
    assert reports_of(made, "completed") == []


@EVERY_LAYOUT
def test_look_up_crash_report(made):
    made.put(1, "pending", NEW)
    before = look_up(made, 1)
    assert made.root in before.path.parents
    assert (before.id, before.uploaded, before.upload_attempts) == ("", False, 0)
    upload(made, 1, "test")
    after = look_up(made, 1)
    assert made.root in after.path.parents
    assert after.path.is_file()
    assert (after.id, after.uploaded, after.upload_attempts) == ("test", True, 1)
    assert after.last_upload_attempt > NOW - 365 * DAY
    assert not after.upload_explicitly_requested


@EVERY_LAYOUT
def test_record_upload_attempt(made):
    failed_twice = NEW._replace(upload_attempts=2, last_upload_attempt=NOW + 5)
    made.put(1, "pending", NEW)
    made.put(2, "pending", failed_twice)
    made.put(3, "pending", NEW)
    upload(made, 3, "abc123")
    upload(made, 2, "third time's the charm")
    rows = [look_up(made, number) for number in (1, 2, 3)]
    assert [row.upload_attempts for row in rows] == [0, 3, 1]
    assert [row.uploaded for row in rows] == [False, True, True]
    assert [row.id for row in rows] == ["", "third time's the charm", "abc123"]
    assert rows[0].last_upload_attempt is None
    assert rows[1].last_upload_attempt >= rows[2].last_upload_attempt > 0


@EVERY_LAYOUT
def test_get_completed_and_not_uploaded_reports(made):
    for number in range(5):
        made.put(number, "pending", NEW)
    for number in (1, 4, 2):
        upload(made, number, f"report{number}")
    assert [row.uuid for row in reports_of(made, "pending")] == [report_id(0), report_id(3)]
    completed = reports_of(made, "completed")
    assert sorted(row.id for row in completed) == ["report1", "report2", "report4"]
    assert all(row.uploaded and row.upload_attempts == 1 for row in completed)

    made.put(5, "completed", NEW)  # as SkipReportUpload leaves it
    skipped = look_up(made, 5)
    assert (skipped.uploaded, skipped.upload_attempts, skipped.last_upload_attempt) == (
        False,
        0,
        None,
    )
    assert skipped.reason.startswith("never sent")


@EVERY_LAYOUT
def test_dueling_uploads(made):
    if os.name == "nt" and not isinstance(made, WindowsDatabase):
        pytest.skip("Windows has no locks of POSIX")
    made.put(1, "pending", NEW)
    database, report = open_database(made.root), look_up(made, 1)
    with get_report_for_uploading(database, report):
        if isinstance(made, WindowsDatabase):  # there nobody but a pending report is taken up
            assert reports_of(made, "pending") == []
        else:
            with pytest.raises(InputUnusable, match="locked by a handler"):
                get_report_for_uploading(database, report).__enter__()
        record_upload_complete(database, report, "")
    assert look_up(made, 1).uploaded


@EVERY_LAYOUT
@pytest.mark.parametrize("state", ["pending", "completed"])
def test_what_was_uploaded_since_it_was_listed_does_not_wait_any_more(made, state):
    path = made.put(1, state, NEW)
    database, report = open_database(made.root), look_up(made, 1)
    with get_report_for_uploading(database, report) as waits:
        assert waits
    upload(made, 1, "by a handler")
    if not path.exists():
        return  # then nobody can hold it either
    with get_report_for_uploading(database, report) as waits:
        assert not waits
    assert look_up(made, 1).id == "by a handler"


def test_dueling_uploads_on_windows_with_a_handler(tmp_path):
    made = WindowsDatabase(tmp_path / "db")
    made.put(1, "uploading", NEW)
    with pytest.raises(InputUnusable, match="being uploaded by a handler"):
        get_report_for_uploading(open_database(made.root), look_up(made, 1)).__enter__()
    assert look_up(made, 1).state == "uploading"


@pytest.mark.parametrize("age", [60, 400])
def test_interrupted_ios_uploads(tmp_path, age):
    made = MacDatabase(tmp_path / "db")
    made.add(1, "pending", creation_time=str(NOW), upload_start_time=str(NOW - age))
    report = look_up(made, 1)
    assert (report.locked, report.locked_since) == (True, NOW - age)
    assert "locked by a handler since" in report.reason
    assert to_be_sent(made) == []


@EVERY_LAYOUT
def test_upload_already_uploaded(made):
    made.put(1, "pending", NEW)
    assert to_be_sent(made) == [report_id(1)]
    upload(made, 1, "")
    assert to_be_sent(made) == []


@EVERY_LAYOUT
def test_move_database(made, tmp_path):
    path = made.put(1, "pending", NEW, b"MDMP")
    made.root = made.root.rename(tmp_path / "elsewhere")
    report = look_up(made, 1)
    assert not path.exists()
    assert report.path.read_bytes() == b"MDMP"
    assert report.created == NOW


@EVERY_LAYOUT
def test_report_removed(made):
    made.put(1, "pending", NEW).unlink()
    with pytest.raises(UsageError, match="no report"):
        look_up(made, 1)


@EVERY_LAYOUT
def test_delete_report(made):
    for number in (1, 2, 3, 4):
        made.put(number, "pending", NEW, log=b"attached")
    upload(made, 3, "1")
    upload(made, 4, "2")
    for number in (2, 4):
        report = look_up(made, number)
        delete_reports(open_database(made.root), [report])
        assert not report.path.exists()
        assert not report.attachments[0].path.parent.exists()
        with pytest.raises(UsageError):
            look_up(made, number)
    database = open_database(made.root)
    assert {row.uuid for row in database.reports} == {report_id(1), report_id(3)}
    assert database.problems == ()
    names = [path.name for path in made.root.rglob("*") if str(report_id(2)) in path.name]
    assert names == []


@EVERY_LAYOUT
def test_delete_report_emptying_database(made):
    made.put(1, "pending", NEW)
    upload(made, 1, "1")
    delete_reports(open_database(made.root), [look_up(made, 1)])
    assert open_database(made.root).reports == ()
    if isinstance(made, WindowsDatabase):
        assert len((made.root / "metadata").read_bytes()) == 16


@EVERY_LAYOUT
def test_read_empty_database(made):
    assert open_database(made.root).reports == ()
    assert open_database(made.root).problems == ()
    made.put(2, "pending", NEW)
    assert look_up(made, 2).state == "pending"


@EVERY_LAYOUT
def test_request_upload(made):
    made.put(0, "pending", NEW)
    made.put(1, "completed", NEW, log=b"attached")  # skipped
    request_upload(open_database(made.root), look_up(made, 1))
    pending = {row.uuid: row for row in reports_of(made, "pending")}
    assert pending.keys() == {report_id(0), report_id(1)}
    assert not pending[report_id(0)].upload_explicitly_requested
    assert pending[report_id(1)].upload_explicitly_requested
    assert [file.name for file in pending[report_id(1)].attachments] == ["log"]
    assert open_database(made.root).problems == ()

    request_upload(open_database(made.root), look_up(made, 0))
    assert look_up(made, 0).upload_explicitly_requested

    upload(made, 0, "1")
    assert not look_up(made, 0).upload_explicitly_requested
    with pytest.raises(UsageError, match="Crashpad sends nothing twice"):
        request_upload(open_database(made.root), look_up(made, 0))


@EVERY_LAYOUT
def test_attachments(made):
    made.put(1, "pending", NEW, some_file=b"test data")
    (file,) = look_up(made, 1).attachments
    assert (file.name, file.size, file.path.read_bytes()) == ("some_file", 9, b"test data")
    assert safe_name("some_file") == "some_file"
    assert safe_name("not/a valid fi!e") != "not/a valid fi!e"


@EVERY_LAYOUT
def test_orphaned_attachments(made):
    orphan = made.root / "attachments" / str(report_id(9))
    orphan.mkdir(parents=True)
    (orphan / "file1").write_bytes(b"x")
    made.put(1, "pending", NEW, file1=b"1")
    (report,) = open_database(made.root).reports
    assert [file.path.parent.name for file in report.attachments] == [str(report_id(1))]
    delete_reports(open_database(made.root), [report])
    assert (orphan / "file1").is_file()


def test_clean_broken_database(tmp_path):
    """What Crashpad deletes in it is named, with nothing deleted."""
    now = NOW + 4 * DAY
    made = GenericDatabase(tmp_path / "db")
    made.put(1, "pending", None)
    made.put(2, "pending", NEW).unlink()
    stale = made.put(3, "new", None)
    os.utime(stale, (NOW, NOW))
    locked = made.put(4, "pending", NEW)
    locked.with_suffix(".lock").write_bytes((now - 3 * DAY).to_bytes(8, "little"))
    held = made.put(5, "pending", NEW)
    held.with_suffix(".lock").write_bytes((now - 3 * DAY + 1).to_bytes(8, "little"))
    before = sorted(made.root.rglob("*"))

    database = open_database(made.root, now=now)

    problems = "\n".join(database.problems)
    assert f"pending/{report_id(1)}.meta is missing: a handler deletes the minidump" in problems
    assert f"pending/{report_id(2)}.meta has no minidump" in problems
    prunings = {row.uuid: row.pruning for row in database.reports}
    assert prunings[report_id(3)].endswith("it was left unfinished 4 days ago")
    assert prunings[report_id(4)].endswith("its lock is 3 days old")
    assert prunings[report_id(5)] == ""
    assert sorted(made.root.rglob("*")) == before


@EVERY_LAYOUT
def test_total_size_main_report_only(made):
    made.put(1, "pending", NEW, b"x" * 50)
    assert look_up(made, 1).total_size == 50


@EVERY_LAYOUT
def test_get_report_size_with_attachments(made):
    made.put(1, "pending", NEW, b"x" * 5, some_file=b"y" * 4, other=b"z" * 2)
    assert look_up(made, 1).total_size == 11


@EVERY_LAYOUT
def test_initialize_from_larger_file_retains_client_id(made):
    path = made.root / "settings.dat"
    path.write_bytes(path.read_bytes() + b"8 bytes.")
    assert open_database(made.root).settings.client_id == CLIENT
    assert change_settings(made.root, uploads_enabled=True).client_id == CLIENT
    assert path.stat().st_size == 40


def test_settings_client_id_and_defaults(tmp_path):
    made = change_settings(tmp_path)
    assert made.client_id.int
    assert (made.uploads_enabled, made.last_upload_attempt) == (False, None)
    assert open_database(tmp_path).settings == made


def test_settings_uploads_enabled(tmp_path):
    write_settings(tmp_path, uploads_enabled=False)
    for wanted in (True, False):
        change_settings(tmp_path, uploads_enabled=wanted)
        assert open_database(tmp_path).settings.uploads_enabled is wanted


def test_settings_last_upload_attempt_time(tmp_path):
    write_settings(tmp_path)
    change_settings(tmp_path, last_upload_attempt=NOW)
    assert open_database(tmp_path).settings.last_upload_attempt == NOW


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may write what is read-only"
)
def test_settings_read_only(tmp_path):
    write_settings(tmp_path)
    path = tmp_path / "settings.dat"
    path.chmod(0o400)
    assert open_database(tmp_path).settings.client_id == CLIENT
    with pytest.raises(CannotWrite, match="cannot write"):
        change_settings(tmp_path, uploads_enabled=True)


@pytest.mark.parametrize("bad", [b"test bad file", b""])
def test_settings_bad_file_is_recovered_with_a_new_id_when_asked(tmp_path, bad):
    GenericDatabase(tmp_path)
    path = tmp_path / "settings.dat"
    path.write_bytes(bad)
    assert open_database(tmp_path).settings is None
    with pytest.raises(InputUnusable, match=r"settings\.dat"):
        change_settings(tmp_path, uploads_enabled=True)
    assert path.read_bytes() == bad
    recovered = change_settings(tmp_path, uploads_enabled=True, reset=True)
    assert recovered.client_id not in (CLIENT, 0)
    assert open_database(tmp_path).settings == recovered
    assert recovered.uploads_enabled
    kept = change_settings(tmp_path, reset=True)
    assert kept == recovered, "good settings stay"


def test_settings_unlink_file(tmp_path):
    write_settings(tmp_path, uploads_enabled=True, last=NOW)
    (tmp_path / "settings.dat").unlink()
    made = change_settings(tmp_path, last_upload_attempt=NOW)
    assert made.client_id != CLIENT
    assert (made.uploads_enabled, made.last_upload_attempt) == (False, NOW)
