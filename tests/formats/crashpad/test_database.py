import errno
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crashtool.errors import InputUnusable, InUse
from crashtool.formats.crashpad import database as module
from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.metadata import Metadata, pack_windows_metadata
from crashtool.formats.regular_file import open_regular
from crashtool.services.database import locate_database
from crashtool.services.database.locate_database import open_patiently
from tests.synth.database import (
    CLIENT,
    NOW,
    GenericDatabase,
    MacDatabase,
    apple_double,
    report_id,
    windows_report,
    write_attachment,
    write_settings,
    write_windows_database,
)


def snapshot(root: Path) -> dict[str, tuple]:
    """Every file and folder with its content, times and mode."""
    found = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path)] = (status.st_mtime_ns, status.st_ctime_ns, status.st_mode, content)
    return found


def test_a_generic_database_is_read_whole(tmp_path):
    made = GenericDatabase(tmp_path / "db", last=NOW)
    made.add(1, "new", None)
    made.add(2, "pending", Metadata(NOW, upload_explicitly_requested=True), b"MDMP" * 5)
    sent = Metadata(NOW - 50, True, 1, NOW, False, b'{"_rxid":"\xe9"}\r\n')
    made.add(3, "completed", sent, b"MDMP", log=b"12345", cfg=b"")

    database = open_database(tmp_path / "db")

    assert (database.kind, database.problems) == ("generic", ())
    assert database.settings.client_id == CLIENT
    new, pending, completed = database.reports
    assert (new.uuid, new.state, new.uploaded) == (report_id(1), "new", False)
    assert (pending.state, pending.created, pending.total_size) == ("pending", NOW, 20)
    assert pending.upload_explicitly_requested
    assert pending.last_upload_attempt is None
    assert (completed.uploaded, completed.upload_attempts) == (True, 1)
    assert completed.id == '{"_rxid":"\\xe9"}\r\n'
    assert [(file.name, file.size) for file in completed.attachments] == [("cfg", 0), ("log", 5)]
    assert completed.total_size == 9
    assert completed.path.read_bytes() == b"MDMP"


def test_a_locked_report_is_told(tmp_path):
    path = GenericDatabase(tmp_path).add(1, "pending", Metadata(NOW))
    path.with_suffix(".lock").write_bytes(bytes(8))
    (report,) = open_database(tmp_path).reports
    assert report.locked
    assert "locked" in report.reason


def test_what_a_handler_would_delete_is_a_problem_and_stays(tmp_path):
    made = GenericDatabase(tmp_path)
    made.add(1, "pending", None)
    made.add(2, "completed", Metadata(NOW)).with_suffix(".meta").write_bytes(b"\1\0")
    (tmp_path / "pending" / "notes.dmp").write_bytes(b"MDMP")
    (tmp_path / "pending" / f"{report_id(4)}.meta").write_bytes(b"")

    before = snapshot(tmp_path)
    database = open_database(tmp_path)

    assert [report.uuid for report in database.reports] == [report_id(1), report_id(2)]
    assert [report.created for report in database.reports] == [
        int(report.path.stat().st_mtime) for report in database.reports
    ]
    text = "\n".join(database.problems)
    assert f"pending/{report_id(1)}.meta is missing: a handler deletes the minidump" in text
    assert f"completed/{report_id(2)}.meta: " in text
    assert "pending/notes.dmp is not named by a UUID" in text
    assert f"pending/{report_id(4)}.meta has no minidump" in text
    assert snapshot(tmp_path) == before


def test_an_upper_case_name_is_read_and_told(tmp_path):
    path = GenericDatabase(tmp_path).add(0xABC, "pending", Metadata(NOW))
    for file in (path, path.with_suffix(".meta")):
        file.rename(file.with_name(file.stem.upper() + file.suffix))
    database = open_database(tmp_path)
    assert database.reports[0].uuid == report_id(0xABC)
    assert "upper-case name" in database.problems[0]


def test_settings_that_are_missing_or_broken_are_a_problem(tmp_path):
    GenericDatabase(tmp_path)
    (tmp_path / "settings.dat").write_bytes(b"no")
    database = open_database(tmp_path)
    assert database.settings is None
    assert "settings.dat has 2 of 40 bytes" in database.problems[0]
    (tmp_path / "settings.dat").unlink()
    assert "settings.dat is missing" in open_database(tmp_path).problems[0]
    (tmp_path / "settings.dat").mkdir()
    assert "settings.dat" in open_database(tmp_path).problems[0]


def test_links_are_not_followed_out_of_the_database(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    root = tmp_path / "db"
    made = GenericDatabase(root)
    made.add(1, "pending", Metadata(NOW), note=b"x")
    (root / "pending" / f"{report_id(2)}.dmp").symlink_to(secret)
    (root / "attachments" / str(report_id(1)) / "link").symlink_to(secret)
    (root / "settings.dat").unlink()
    (root / "settings.dat").symlink_to(secret)

    database = open_database(root)

    assert [report.uuid for report in database.reports] == [report_id(1)]
    assert [file.name for file in database.reports[0].attachments] == ["note"]
    text = "\n".join(database.problems)
    assert f"pending/{report_id(2)}.dmp is not a file" in text
    assert "link is not a file" in text
    assert "settings.dat is a link" in text


def test_a_linked_attachments_folder_is_left_alone(tmp_path):
    root = tmp_path / "db"
    GenericDatabase(root).add(1, "pending", Metadata(NOW))
    write_attachment(tmp_path / "elsewhere", report_id(1), "secret", b"secret")
    shutil.rmtree(root / "attachments")
    (root / "attachments").symlink_to(tmp_path / "elsewhere" / "attachments")
    assert open_database(root).reports[0].attachments == ()


def test_files_larger_than_any_of_crashpads_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_METADATA", 50)
    made = GenericDatabase(tmp_path)
    made.add(1, "completed", Metadata(NOW, id=b"x" * 100))
    database = open_database(tmp_path)
    assert "larger than any that Crashpad writes" in database.problems[0]


def test_a_folder_with_settings_alone_is_a_fresh_database(tmp_path):
    write_settings(tmp_path)
    database = open_database(tmp_path)
    assert (database.kind, database.reports, database.problems) == ("generic", (), ())


def test_a_folder_that_is_no_database_is_unusable(tmp_path):
    with pytest.raises(InputUnusable, match="not a Crashpad database"):
        open_database(tmp_path)
    with pytest.raises(InputUnusable, match="not a Crashpad database"):
        open_database(tmp_path / "absent")


def test_a_copied_mac_database_is_read_from_its_sidecars(tmp_path):
    made = MacDatabase(tmp_path)
    made.add(1, "new")
    made.add(2, "pending", creation_time=str(NOW))
    made.add(
        3,
        "completed",
        creation_time=str(NOW),
        uploaded="1",
        id="answer",
        upload_count="1",
        last_upload_time=str(NOW + 1),
    )
    write_attachment(tmp_path, report_id(3), "._log.txt", b"")
    write_attachment(tmp_path, report_id(3), "log.txt", b"abc")

    database = open_database(tmp_path)

    assert database.kind == "macos"
    new, pending, completed = database.reports
    assert (pending.created, completed.id, completed.uploaded) == (NOW, "answer", True)
    assert completed.last_upload_attempt == NOW + 1
    assert [file.name for file in completed.attachments] == ["log.txt"]
    assert new.created == int(new.path.stat().st_mtime)
    assert database.problems == ()


def test_a_mac_database_whose_attributes_were_lost_says_so(tmp_path):
    path = MacDatabase(tmp_path).add(1, "completed", creation_time=str(NOW))
    path.with_name("._" + path.name).unlink()
    os.utime(path, (NOW, NOW))
    database = open_database(tmp_path)
    assert (database.kind, database.reports[0].created) == ("macos", NOW)
    assert "attributes were lost" in database.problems[0]


def test_a_mac_report_under_another_name_is_told(tmp_path):
    made = MacDatabase(tmp_path)
    made.add(1, "pending", uuid=str(report_id(2)), creation_time="1")
    assert "is not its name" in open_database(tmp_path).problems[0]


def test_a_damaged_sidecar_is_a_problem_of_its_report_alone(tmp_path):
    made = MacDatabase(tmp_path)
    path = made.add(1, "pending", creation_time="1")
    made.add(2, "pending", creation_time="2")
    path.with_name("._" + path.name).write_bytes(b"junk")
    database = open_database(tmp_path)
    assert [report.created for report in database.reports][1:] == [2]
    assert "AppleDouble file is damaged" in database.problems[0]


def test_an_empty_mac_database_is_known_by_its_mark(tmp_path):
    root = tmp_path / "db"
    GenericDatabase(root)
    mark = apple_double({"org.chromium.crashpad.database.initialized": b"1"})
    (tmp_path / "._db").write_bytes(mark)
    assert open_database(root).kind == "macos"


def test_a_windows_database_is_read_whole(tmp_path):
    reports = [
        windows_report(1),
        windows_report(2, "uploading", upload_attempts=1, last_upload_attempt=NOW),
        windows_report(3, "completed", uploaded=True, id=b"answer"),
    ]
    write_windows_database(tmp_path, reports)
    write_attachment(tmp_path, report_id(2), "log.txt", b"abc")
    (tmp_path / "reports" / f"{report_id(4)}.dmp").write_bytes(b"MDMP")

    database = open_database(tmp_path)

    assert database.kind == "windows"
    assert [report.state for report in database.reports] == [
        "pending",
        "uploading",
        "completed",
        "new",
    ]
    assert database.reports[1].total_size == 7
    assert database.reports[2].id == "answer"
    assert database.problems == (
        f"reports/{report_id(4)}.dmp has no record: it is not complete, or lost",
    )


@pytest.mark.parametrize(
    "name", ["..\\x.dmp", "../x.dmp", "C:x.dmp", "..", ". .", "/etc/passwd", "a\x01b", ""]
)
def test_a_windows_record_may_not_lead_out_of_the_database(tmp_path, name):
    root = tmp_path / "db"
    root.mkdir()
    (tmp_path / "x.dmp").write_bytes(b"outside")
    report = windows_report(1)._replace(name=name)
    write_windows_database(root, [])
    (root / "metadata").write_bytes(pack_windows_metadata([report]))
    database = open_database(root)
    assert database.reports == ()
    assert "names a file outside the database" in database.problems[0]


def test_a_windows_record_without_its_minidump_is_told(tmp_path):
    write_windows_database(tmp_path, [windows_report(1)])
    (tmp_path / "reports" / f"{report_id(1)}.dmp").unlink()
    database = open_database(tmp_path)
    assert database.reports == ()
    assert "is missing, though it has a record" in database.problems[0]


def test_windows_metadata_that_is_gone_or_broken_leaves_the_minidumps(tmp_path):
    write_windows_database(tmp_path, [windows_report(1)])
    (tmp_path / "metadata").write_bytes(b"DAPC")
    broken = open_database(tmp_path)
    assert [report.state for report in broken.reports] == ["new"]
    assert "a handler overwrites it" in broken.problems[0]
    (tmp_path / "metadata").unlink()
    assert open_database(tmp_path).problems[0] == "metadata is missing"


@pytest.fixture
def hold(monkeypatch):
    """Have another program hold the files of a name, for as many tries as told."""

    def hold(name, tries):
        real = module.open_regular
        left = [tries]

        def open_or_not(path, *arguments, **options):
            if path.name == name and left[0]:
                left[0] -= 1
                error = PermissionError(13, "Permission denied", str(path))
                error.winerror = 33
                raise error
            return real(path, *arguments, **options)

        monkeypatch.setattr(module, "open_regular", open_or_not)

    return hold


@pytest.mark.parametrize("name", ["metadata", "settings.dat"])
def test_what_another_program_holds_is_neither_missing_nor_damaged(name, hold, tmp_path):
    write_windows_database(tmp_path, [windows_report(1)])
    hold(name, -1)

    with pytest.raises(InUse, match=rf"{name} is locked by another program$"):
        open_database(tmp_path)


def test_a_meta_file_that_another_program_holds_is_no_deleted_report(hold, tmp_path):
    GenericDatabase(tmp_path, last=NOW).add(2, "pending", Metadata(NOW))
    name = next(tmp_path.rglob("*.meta")).name
    hold(name, -1)

    with pytest.raises(InUse, match=r"locked by another program$"):
        open_database(tmp_path)


def test_a_lock_of_milliseconds_is_waited_for(hold, tmp_path, monkeypatch):
    write_windows_database(tmp_path, [windows_report(1)])
    monkeypatch.setattr(locate_database, "PAUSE", 0)
    hold("settings.dat", 3)

    assert open_patiently(tmp_path).settings.uploads_enabled


def test_a_lock_that_stays_is_said(hold, tmp_path, monkeypatch, crashtool):
    write_windows_database(tmp_path / "db", [windows_report(1)])
    monkeypatch.setattr(locate_database, "PAUSE", 0)
    hold("settings.dat", -1)

    for command in (["database", "list"], ["database", "settings"], ["send-dump", "--dry-run"]):
        result = crashtool(*command, tmp_path / "db")
        assert result.exit_code == 3
        assert "settings.dat is locked by another program" in result.stderr
        assert "retires it unsent" not in result.stdout
        assert "missing" not in result.output


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    data=st.binary(max_size=200), name=st.sampled_from(["settings.dat", "metadata", "meta", "dmp"])
)
def test_no_bytes_in_any_file_stop_the_reading(tmp_path_factory, data, name):
    root = tmp_path_factory.mktemp("db")
    if name == "metadata":
        write_windows_database(root, [windows_report(1)])
        (root / name).write_bytes(data)
    else:
        path = GenericDatabase(root).add(1, "pending", Metadata(NOW))
        (root / name if name == "settings.dat" else path.with_suffix("." + name)).write_bytes(data)
    assert len(open_database(root).reports) == 1


TRUTH = {
    "uploads_disabled": ("completed", False, 0, "", "disabled"),
    "uploaded": ("completed", True, 1, "11111111-2222-3333-4444-555555555555", "uploaded"),
    "no_gzip_no_identify": (
        "completed",
        True,
        1,
        "11111111-2222-3333-4444-555555555555",
        "uploaded",
    ),
    "server_500": ("pending", False, 1, "", "failed (1 attempt)"),
    "server_403": ("pending", False, 1, "", "failed (1 attempt)"),
    "connection_refused": ("pending", False, 1, "", "failed (1 attempt)"),
    "bad_url": ("pending", False, 1, "", "failed (1 attempt)"),
    "no_url": ("pending", False, 0, "", "no handler with a URL"),
}


@pytest.mark.parametrize("situation", TRUTH)
def test_what_the_real_windows_handler_left_is_read(truth, situation):
    state, uploaded, attempts, answer, words = TRUTH[situation]
    folder = truth / "windows-databases" / situation
    before = snapshot(folder)
    database = open_database(folder)
    assert snapshot(folder) == before
    assert (database.kind, database.problems) == ("windows", ())
    (report,) = database.reports
    assert report.path.stem == str(report.uuid)
    assert (report.state, report.uploaded, report.upload_attempts) == (state, uploaded, attempts)
    assert report.id == answer
    assert (report.last_upload_attempt is not None) is (attempts > 0)
    assert [(file.name, file.size) for file in report.attachments] == [("note.txt", 14)]
    assert report.total_size == report.path.stat().st_size + 14
    assert words in report.reason


@pytest.mark.parametrize("moves", [1, 9])
def test_a_report_that_a_handler_moves_meanwhile_is_found_where_it_went(
    tmp_path, monkeypatch, moves
):
    database = GenericDatabase(tmp_path / "db")
    path = database.add(1, "pending", Metadata(NOW))
    database.add(2, "completed", Metadata(NOW))
    walk, left = module._walk_folders, [moves]

    def walk_and_move(*arguments):
        found = list(walk(*arguments))
        if left[0]:
            left[0] -= 1
            for suffix in (".dmp", ".meta"):
                here = next(tmp_path.rglob(f"{path.stem}{suffix}"))
                other = "completed" if here.parent.name == "pending" else "pending"
                here.rename(tmp_path / "db" / other / here.name)
        return found

    monkeypatch.setattr(module, "_walk_folders", walk_and_move)
    reports = module.open_database(tmp_path / "db").reports
    states = {str(row.uuid): row.state for row in reports}
    assert states.get(path.stem) == ("completed" if moves == 1 else None)
    assert len(states) == (2 if moves == 1 else 1)


def test_metadata_that_a_failing_disk_keeps_is_not_called_damaged(tmp_path, monkeypatch):
    database = GenericDatabase(tmp_path)
    database.add(1, "completed", Metadata(NOW, uploaded=True))
    database.add(2, "pending", Metadata(NOW))
    bad = tmp_path / "completed" / f"{report_id(1)}.meta"

    def fail(path):
        if Path(path) == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return open_regular(path)

    monkeypatch.setattr(module, "open_regular", fail)
    pending, completed = open_database(tmp_path).reports
    assert not pending.unread
    assert completed.unread == "Input/output error"
    assert "cannot be read (Input/output error)" in completed.reason
    assert "deletes" not in "".join(open_database(tmp_path).problems)
