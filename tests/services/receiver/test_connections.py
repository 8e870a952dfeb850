"""Receiving and reading do not wait for one another; what is promised is on the disk."""

import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest

from crashtool.services.receiver.connections import GroupCommit, Shared
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.report_rows import NewReport
from tests.services.receiver.conftest import connect, read_answer, wait_until
from tests.services.receiver.crashes import send_crash


@pytest.fixture
def inbox(tmp_path):
    opened = Inbox(tmp_path / "inbox").open()
    yield opened
    opened.close()


def keep(inbox, name="", content=b"MDMP"):
    draft = inbox.start_draft()
    draft.fields.append((b"prod", b"Game"))
    draft.add_file(b"upload_file_minidump", b"x.dmp", "").write(content)
    draft.add_file(b"log", b"game.log", "text/plain").write(b"line")
    try:
        return inbox.keep(
            draft, format="minidump", notes=("a note",), query=[("a", "b")], name=name
        )
    finally:
        draft.discard()


def test_a_search_that_takes_long_holds_up_no_report(receiver):
    searching, found = threading.Event(), threading.Event()

    def search():
        with receiver.inbox._connections.reading() as database:
            database.create_function("wait", 0, lambda: (searching.set(), found.wait(60))[1])
            database.execute("SELECT wait()").fetchone()

    thread = threading.Thread(target=search)
    thread.start()
    assert searching.wait(20)
    try:
        rxid = send_crash(receiver)
        assert receiver.inbox.find(rxid), "and others read meanwhile"
        assert found.is_set() is False
    finally:
        found.set()
        thread.join()


def test_what_keep_gives_is_what_is_found_afterwards(inbox):
    keep(inbox)
    kept = keep(inbox)
    assert kept == inbox.find(kept.rxid)
    assert kept.minidump.read_bytes() == b"MDMP"


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are looked up in /proc")
def test_all_of_a_report_is_synced_in_its_place_before_its_row(inbox, monkeypatch):
    done = []
    sync, transaction = os.fsync, inbox._connections.transaction

    def fsync(descriptor):
        sync(descriptor)
        done.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    def begin(**options):
        done.append("transaction")
        return transaction(**options)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(inbox._connections, "transaction", begin)
    kept = keep(inbox)
    folder = kept.minidump.parent
    assert done == [
        *(str(file.path) for file in kept.files),
        str(folder),
        str(folder.parent),
        "transaction",
    ]
    with transaction() as database:
        assert database.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_reports_that_come_at_once_are_committed_together_and_fail_alone(inbox, monkeypatch):
    """Two wait while a third holds the turn; one of the two cannot be inserted."""
    sizes, holding, go = [], threading.Event(), threading.Event()
    commit = inbox._commit

    def count(batch):
        sizes.append(len(batch))
        if len(sizes) == 1:
            holding.set()
            assert go.wait(20)
        commit(batch)

    insert = NewReport.insert

    def refuse(self, database):
        insert(self, database)
        if "bad" in self._row[3]:
            raise sqlite3.IntegrityError("this one")

    monkeypatch.setattr(inbox, "_commits", GroupCommit(count))
    monkeypatch.setattr(NewReport, "insert", refuse)
    results = {}

    def work(name, universe=""):
        draft = inbox.start_draft()
        draft.add_file(b"upload_file_minidump", b"x", "").write(b"MDMP")
        try:
            results[name] = inbox.keep(draft, format="minidump", universe=universe)
        except sqlite3.Error as error:
            results[name] = error

    first = threading.Thread(target=work, args=("first",))
    first.start()
    assert holding.wait(20)
    others = [threading.Thread(target=work, args=row) for row in (("good",), ("bad", "bad"))]
    for thread in others:
        thread.start()
    wait_until(lambda: len(inbox._commits._waiting) == 2)
    go.set()
    for thread in (first, *others):
        thread.join()

    assert sizes == [1, 2]
    assert isinstance(results["bad"], sqlite3.IntegrityError)
    assert {report.rxid for report in inbox.reports()} == {
        results["first"].rxid,
        results["good"].rxid,
    }
    assert len(list((inbox.folder / "reports").iterdir())) == 2


def test_a_commit_that_fails_fails_for_all_of_its_pieces():
    def fail(_batch):
        raise OSError("the disk is full")

    for _ in range(2):
        with pytest.raises(OSError, match="the disk is full"):
            GroupCommit(fail).do(Shared())


def test_an_answer_on_a_kept_connection_does_not_wait_for_the_clients_system(receiver):
    """Without TCP_NODELAY each one after the first takes the 40 ms of a delayed acknowledgement."""
    request = b"POST /u/t/minidump HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nMDMP"
    taken = []
    with connect(receiver) as connection:
        for _ in range(12):
            began = time.perf_counter()
            connection.sendall(request)
            assert read_answer(connection)[0] == 200
            taken.append(time.perf_counter() - began)
    assert min(taken[1:]) < 0.035


def test_dumps_are_read_when_nothing_arrives_or_after_a_while(receiver):
    from crashtool.services.receiver import describer
    from crashtool.services.receiver.received_report import DumpPage

    read = []
    reader = describer.Describer(
        receiver.inbox, lambda *_: read.append(time.monotonic()) or DumpPage("x", "y")
    )
    try:
        reader.add(receiver.inbox.get(send_crash(receiver)))
        wait_until(lambda: read)
        receiver.inbox._busy_at = time.monotonic() + 60  # as if they came without a pause
        began = time.monotonic()
        report = receiver.inbox.get(send_crash(receiver))
        receiver.inbox._busy_at = time.monotonic() + 60
        reader.add(report)
        wait_until(lambda: len(read) > 1)
        assert read[1] - began >= describer.MAX_PATIENCE
    finally:
        reader.stop()
