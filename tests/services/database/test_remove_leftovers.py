import os
import time

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.leftovers import find_leftovers
from crashtool.formats.crashpad.metadata import Metadata, pack_meta
from crashtool.services.database.changing import delete_reports
from crashtool.services.database.remove_leftovers import remove_leftovers
from tests.growth import grows_linearly
from tests.synth.database import (
    LAYOUTS,
    NOW,
    GenericDatabase,
    MacDatabase,
    WindowsDatabase,
    report_id,
    write_attachment,
)

DAY = 86400
FOLDER = {"generic": "pending", "macos": "completed", "windows": "reports"}


@pytest.fixture(params=LAYOUTS)
def made(request, tmp_path):
    database = LAYOUTS[request.param](tmp_path / "db")
    database.put(1, "completed", Metadata(created=NOW), log=b"hello")
    return database, tmp_path / "db" / FOLDER[request.param]


def leftovers(root, now=None):
    return find_leftovers(open_database(root), time.time() if now is None else now)


def kinds(root):
    return [(row.kind, row.uuid) for row in leftovers(root)]


def remove_all(root):
    return remove_leftovers(open_database(root), leftovers(root))


def age(path, days):
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))


def write_lock(path, days_ago):
    path.write_bytes(int(time.time() - days_ago * DAY).to_bytes(8, "little"))


def test_a_whole_database_has_nothing_left_over(made):
    assert kinds(made[0].root) == []


def test_attachments_and_sidecars_of_no_report_are_found_and_deleted(made):
    database, folder = made
    write_attachment(database.root, report_id(50), "big.log", b"x" * 1000)
    (folder / f"{report_id(51)}_sidecar.json").write_text("{}")
    assert kinds(database.root) == [("attachments", report_id(50)), ("sidecar", report_id(51))]
    assert [row.size for row in leftovers(database.root)] == [1000, 2]
    assert len(remove_all(database.root)) == 2
    assert kinds(database.root) == []
    (report,) = open_database(database.root).reports
    assert [file.name for file in report.attachments] == ["log"]


def test_a_sidecar_belongs_to_its_report_and_goes_with_it(made):
    database, _ = made
    (report,) = open_database(database.root).reports
    sidecar = report.path.with_name(f"{report.uuid}_sidecar.json")
    sidecar.write_text("{}")
    assert kinds(database.root) == []
    delete_reports(open_database(database.root), [report])
    assert not sidecar.exists()


def test_what_is_not_named_like_a_report_is_nobodys_business(made):
    database, folder = made
    (database.root / "attachments" / "notes").mkdir()
    (folder / "readme_sidecar.json").write_text("{}")
    (folder / "x.meta").write_bytes(b"")
    assert kinds(database.root) == []


def test_a_report_that_has_come_meanwhile_keeps_what_is_its_own(made):
    database, _ = made
    write_attachment(database.root, report_id(2), "log", b"x")
    found = leftovers(database.root)
    before = open_database(database.root)
    database.put(2, "pending", Metadata(created=NOW))
    assert remove_leftovers(before, found) == []
    assert len(open_database(database.root).reports) == 2


def test_metadata_without_a_minidump_goes_unless_a_handler_has_locked_it(tmp_path):
    root = GenericDatabase(tmp_path / "db").root
    metas = [root / "pending" / f"{report_id(number)}.meta" for number in (1, 2, 3)]
    for meta in metas:
        meta.write_bytes(pack_meta(Metadata(created=NOW)))
    write_lock(metas[1].with_suffix(".lock"), 0)
    write_lock(metas[2].with_suffix(".lock"), 4)
    assert [row.uuid for row in remove_all(root)] == [report_id(1), report_id(3)]
    assert [path.name for path in sorted((root / "pending").iterdir())] == [
        f"{report_id(2)}.lock",
        f"{report_id(2)}.meta",
    ]


@pytest.mark.parametrize(("days", "goes"), [(0, False), (2.9, False), (3.1, True)])
def test_what_is_unfinished_goes_after_three_days(tmp_path, days, goes):
    root = GenericDatabase(tmp_path / "db").root
    dump = root / "new" / f"{report_id(1)}.dmp"
    dump.write_bytes(b"MDMP")
    write_attachment(root, report_id(1), "log", b"x")
    age(dump, days)
    assert bool(remove_all(root)) == goes
    assert dump.exists() != goes
    assert (root / "attachments" / str(report_id(1))).exists() != goes


def test_a_lock_on_nothing_goes_after_three_days(tmp_path):
    root = GenericDatabase(tmp_path / "db").root
    fresh, old = (root / "pending" / f"{report_id(number)}.lock" for number in (1, 2))
    for lock, days in ((fresh, 0), (old, 4)):
        write_lock(lock, days)
        age(lock, days)
    assert [row.kind for row in remove_all(root)] == ["lock"]
    assert fresh.exists()
    assert not old.exists()


def test_records_whose_minidump_is_gone_are_forgotten_but_not_one_under_way(tmp_path):
    database = WindowsDatabase(tmp_path / "db")
    for number, state in enumerate(["pending", "uploading", "completed", "completed"]):
        path = database.put(number, state, Metadata(created=NOW))
        if number < 3:
            path.unlink()
    assert kinds(database.root) == [("record", report_id(0)), ("record", report_id(2))]
    assert len(remove_all(database.root)) == 2
    assert kinds(database.root) == []
    assert [report.uuid for report in open_database(database.root).reports] == [report_id(3)]


def test_attributes_without_a_minidump_are_left_over(tmp_path):
    database = MacDatabase(tmp_path / "db")
    database.put(1, "pending", Metadata(created=NOW))
    database.put(2, "pending", Metadata(created=NOW)).unlink()
    assert kinds(database.root) == [("attributes", report_id(2))]
    assert len(remove_all(database.root)) == 1
    assert kinds(database.root) == []


def test_leftovers_that_may_not_be_deleted_are_told(tmp_path, monkeypatch):
    root = GenericDatabase(tmp_path / "db").root
    write_attachment(root, report_id(5), "log", b"x")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(InputUnusable, match=r"cannot delete what is left over in .*ermission"):
        remove_all(root)


def test_leftovers_are_found_in_linear_time(tmp_path):
    def work(count):
        database = GenericDatabase(tmp_path / str(count))
        for number in range(count):
            database.put(number, "pending", Metadata(created=NOW))
            write_attachment(database.root, report_id(1000 + number), "log", b"x")
        known = open_database(database.root)
        return lambda: find_leftovers(known, NOW)

    assert grows_linearly(work)
