import sqlite3
from contextlib import closing

import pytest

from crashtool.errors import CannotWrite, InputUnusable, UsageError
from crashtool.services.receiver import connections
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.listing import Query
from crashtool.services.receiver.received_report import DumpPage


@pytest.fixture
def inbox(tmp_path):
    opened = Inbox(tmp_path / "inbox").open()
    yield opened
    opened.close()


def keep(inbox, content=b"MDMP", name=b"upload_file_minidump", request_name="", **about):
    draft = inbox.start_draft()
    draft.fields.append((b"k\xff", b"v\xe9"))
    draft.add_file(name, b"../../x", "text/html").write(content)
    try:
        return inbox.keep(draft, **({"format": "minidump", "name": request_name} | about))
    finally:
        draft.discard()


def test_a_report_is_kept_with_all_it_came_with(inbox):
    kept = keep(inbox, universe="u", client="curl", query=[("a", "1"), ("a", "2")], notes=("n",))
    assert inbox.reports() == [kept]
    assert inbox.find(kept.rxid) == inbox.find(kept.rxid.upper()) == inbox.find("1") == kept
    assert (kept.universe, kept.client, kept.notes, kept.query) == ("u", "curl", ("n",), {"a": "2"})
    assert kept.fields == {"k\udcff": "v\udce9"}
    (file,) = kept.files
    assert (file.filename, file.size, file.later) == ("../../x", 4, False)
    assert kept.minidump == file.path
    assert file.path.read_bytes() == b"MDMP"
    assert file.path.parent.parent.parent == inbox.folder
    assert not list((inbox.folder / "incoming").iterdir())


@pytest.mark.parametrize(
    "key", ["zz", "", "ffffffffffffffff", "2", "00000000-0000-0000-0000-000000000000"]
)
def test_a_report_that_is_not_there_is_not_found(inbox, key):
    keep(inbox)
    assert inbox.find(key) is None
    with pytest.raises(InputUnusable, match="holds no report"):
        inbox.get(key)


def test_the_newest_reports_come_last(inbox):
    rxids = [keep(inbox).rxid for _ in range(4)]
    assert [report.rxid for report in inbox.reports()] == rxids
    assert [report.rxid for report in inbox.reports(newest=2)] == rxids[2:]
    assert inbox.count() == 4


def test_a_minidump_is_found_by_name_or_else_by_content(inbox):
    assert keep(inbox, name=b"other").minidump
    assert keep(inbox, name=b"upload_file", content=b"junk").minidump
    assert keep(inbox, name=b"other", content=b"junk").minidump is None
    assert keep(inbox, format="symbols").minidump is None
    gone = keep(inbox, name=b"other")
    gone.files[0].path.unlink()
    assert gone.minidump is None


def test_an_attachment_can_follow_later(inbox):
    report = keep(inbox)
    draft = inbox.start_draft()
    draft.add_file(b"attachment", b"log.txt", "").write(b"text")
    more = inbox.keep_later(report, draft)
    assert [(file.filename, file.later) for file in more.files] == [
        ("../../x", False),
        ("log.txt", True),
    ]
    assert more.files[1].path.read_bytes() == b"text"
    assert more.minidump == report.minidump
    assert inbox.reports() == [more]


def test_what_was_read_from_a_minidump_is_remembered(inbox):
    report = keep(inbox)
    inbox.describe(report, DumpPage("crash \udcff", "page"))
    again = inbox.get(report.rxid)
    assert (again.headline, again.page) == ("crash \\udcff", "page")


def test_a_fingerprint_is_new_once(inbox):
    first, second = keep(inbox), keep(inbox)
    assert inbox.remember_fingerprint(first, "f")
    assert not inbox.remember_fingerprint(second, "f")
    assert inbox.remember_fingerprint(first, "f")


def test_a_closed_inbox_can_still_be_read(inbox):
    kept = keep(inbox)
    inbox.close()
    inbox.close()
    assert inbox.reports() == [kept]
    assert Inbox(inbox.folder).count() == 1


def test_what_a_killed_receiver_left_half_done_is_removed(inbox):
    kept = keep(inbox)
    half = inbox.start_draft().add_file(b"a", b"b", "")
    half.write(b"half")
    half.close()
    unrecorded = inbox.folder / "reports" / "00000000-0000-0000-0000-000000000000"
    unrecorded.mkdir()
    (unrecorded / "0.bin").write_bytes(b"junk")
    (kept.files[0].path.parent / "stray.bin").write_bytes(b"junk")
    inbox.close()

    again = Inbox(inbox.folder).open()

    assert again.reports() == [kept]
    assert sorted(path.name for path in (again.folder / "reports").rglob("*")) == sorted(
        [kept.rxid, kept.files[0].path.name]
    )
    assert not list((again.folder / "incoming").iterdir())
    again.close()


def test_a_report_that_the_database_does_not_take_leaves_nothing(inbox):
    draft = inbox.start_draft()
    draft.fields.append((b"a", b"b"))
    with inbox._connections.transaction() as database:
        database.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON attributes"
            " BEGIN SELECT RAISE(ABORT, ''); END"
        )
    with pytest.raises(sqlite3.Error):
        inbox.keep(draft, format="minidump")
    assert inbox.reports() == []
    assert not list((inbox.folder / "reports").iterdir())
    with inbox._connections.transaction() as database:
        database.execute("DROP TRIGGER full")
    keep(inbox)


def test_a_folder_has_one_receiver_at_a_time(inbox):
    with pytest.raises(UsageError, match="another receiver is using"):
        Inbox(inbox.folder).open()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotWrite, match="cannot write reports to"):
        Inbox(tmp_path / "file" / "inbox").open()
    with pytest.raises(InputUnusable, match="is a file"):
        Inbox(tmp_path / "file").open()


def test_a_folder_without_an_inbox_holds_none(tmp_path):
    with pytest.raises(InputUnusable, match="holds no inbox"):
        Inbox(tmp_path).reports()


def test_a_file_that_is_no_inbox_is_told(tmp_path):
    (tmp_path / "inbox.sqlite3").write_bytes(b"not a database at all" * 100)
    inbox = Inbox(tmp_path)
    with pytest.raises(InputUnusable, match="is not an inbox"):
        inbox.open()
    (tmp_path / "inbox.sqlite3").unlink()
    inbox.open().close()


def test_a_database_that_the_machine_does_not_open_is_no_fault_of_its_file(tmp_path):
    (tmp_path / "inbox.sqlite3").mkdir()
    with pytest.raises(CannotWrite, match=r"inbox\.sqlite3: unable to open database file"):
        Inbox(tmp_path).open()


def test_a_database_of_another_program_in_its_way_is_no_fault_of_its_file(inbox, monkeypatch):
    monkeypatch.setattr(connections, "PATIENCE", 0)
    inbox.close()
    path = inbox.folder / "inbox.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CannotWrite, match="database is locked"):
            inbox.open()


def test_an_inbox_of_another_version_is_left_alone(inbox):
    inbox.close()
    with sqlite3.connect(inbox.folder / "inbox.sqlite3") as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(InputUnusable, match="schema 7"):
        Inbox(inbox.folder).open()


def test_what_is_sent_again_under_its_name_is_the_report_that_is_there(inbox):
    first = keep(inbox, request_name="a")
    assert keep(inbox, request_name="a") == first
    others = [
        keep(inbox, request_name="b"),
        keep(inbox, request_name="a", content=b"MDMP other"),
        keep(inbox),
        keep(inbox),
    ]
    assert len({report.rxid for report in (first, *others)}) == 5
    assert inbox.count() == len(list((inbox.folder / "reports").iterdir())) == 5


def test_what_comes_twice_at_a_time_is_stored_once(inbox, monkeypatch):
    first = keep(inbox, request_name="a")
    select = inbox._select
    blind = iter([True])  # the first look finds nothing: the other is not stored yet
    monkeypatch.setattr(
        inbox, "_select", lambda *query: [] if next(blind, False) else select(*query)
    )
    assert keep(inbox, request_name="a") == first
    assert len(list((inbox.folder / "reports").iterdir())) == 1


OLD_TABLES = """
CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rxid TEXT NOT NULL UNIQUE, received REAL NOT NULL,
    format TEXT NOT NULL, universe TEXT NOT NULL, client TEXT NOT NULL, notes TEXT NOT NULL,
    fingerprint TEXT, headline TEXT, page TEXT
);
CREATE TABLE attributes (
    report INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE, source TEXT NOT NULL,
    name BLOB NOT NULL, value BLOB NOT NULL
);
CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    report INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE, stored TEXT NOT NULL,
    name BLOB NOT NULL, filename BLOB NOT NULL, content_type TEXT NOT NULL, size INTEGER NOT NULL,
    later INTEGER NOT NULL
);
INSERT INTO reports VALUES (1, 'rx', 1.5, 'minidump', 'u', 'c', '[]', NULL, 'old', 'old page');
INSERT INTO attributes VALUES (1, 'query', CAST('product' AS BLOB), CAST('Url' AS BLOB)),
    (1, 'form', CAST('prod' AS BLOB), CAST('Game' AS BLOB)),
    (1, 'query', CAST('version' AS BLOB), CAST('2' AS BLOB));
PRAGMA user_version = 1;
"""


def test_an_inbox_of_the_first_version_is_brought_up_to_date(tmp_path):
    with sqlite3.connect(tmp_path / "inbox.sqlite3") as database:
        database.executescript(OLD_TABLES)
    database.close()
    (tmp_path / "reports" / "rx").mkdir(parents=True)
    inbox = Inbox(tmp_path).open()
    (row,) = inbox.rows(Query())
    assert (row.rxid, row.product, row.version, row.group) == ("rx", "Game", "2", "minidump")
    assert inbox.get("rx").headline is None  # so that it is read again
    inbox.close()
