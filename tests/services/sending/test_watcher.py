"""What a watcher sends, and when, under a clock that the tests turn."""

import os
from contextlib import ExitStack

import pytest

from crashtool.errors import UsageError
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.services.files.scratch import Scratch
from crashtool.services.receiver.app import start_receiver
from crashtool.services.sending.journal import Journal
from crashtool.services.sending.request import SendPlan
from crashtool.services.sending.send_events import Silence
from crashtool.services.sending.send_options import SendOptions
from crashtool.services.sending.sender import Sender
from crashtool.services.sending.watcher import FIRST_WAIT, PATIENCE, Watcher
from crashtool.services.transport.http import HttpSession
from crashtool.services.transport.retry import Clock
from tests.synth.database import NOW, GenericDatabase, write_settings
from tests.synth.minidump import MinidumpBuilder

WRITTEN = 1_790_000_000.0  # Unix time of every file here


def dump(number):
    return MinidumpBuilder().add_system().add_misc(process_id=number).pack()


class Watched:
    """A watcher, what it sends to, and the time it goes by."""

    def __init__(self, tmp_path, stack):
        self.time = 1000.0
        self.age = 60.0  # of the files
        self.said = []
        self.spool = stack.enter_context(Scratch())
        self.folder = tmp_path / "watched"
        self.folder.mkdir()
        self.receiver = stack.enter_context(start_receiver(tmp_path / "inbox"))
        self.session = stack.enter_context(HttpSession(timeout=20))
        self.journal = Journal(tmp_path / "sent.jsonl")
        self.clock = Clock(lambda: self.time, lambda: WRITTEN + self.age, lambda _seconds: None)

    def start(self, *folders, url=None, **options):
        events = Silence()
        events.note = self.said.append
        sender = Sender(
            SendPlan(url or self.receiver.submission_url()),
            self.session,
            events,
            SendOptions(retry_for=0, **options),
            clock=self.clock,
            journal=self.journal,
        )
        watcher = Watcher(sender, [str(path) for path in folders], self.spool, self.clock)
        self.look = lambda: [
            (receipt.path[len(str(tmp)) + 1 :], receipt.status)
            for receipt in watcher.look()
            for tmp in [self.folder]
        ]
        return watcher

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        os.utime(path, (WRITTEN, WRITTEN))
        return path


@pytest.fixture
def watched(tmp_path):
    with ExitStack() as stack:
        yield Watched(tmp_path, stack)


def test_a_folder_gives_each_dump_once_as_they_come(watched):
    watched.write("a.dmp", dump(1))
    watched.write("notes.txt", b"no dump")
    watched.start(watched.folder)
    assert watched.look() == [("a.dmp", "accepted")]
    assert watched.look() == []
    watched.write("b.dmp", dump(2))
    assert watched.look() == [("b.dmp", "accepted")]
    assert watched.look() == []
    assert watched.receiver.inbox.count() == 2


def test_a_file_that_still_grows_is_waited_for(watched):
    watched.age = 0.0
    watched.start(watched.folder)
    watched.write("a.dmp", dump(1)[:64])
    assert watched.look() == []
    watched.write("a.dmp", dump(1))
    watched.time += 1.9
    assert watched.look() == []
    watched.time += 1.9
    assert watched.look() == []
    watched.time += 0.2
    assert watched.look() == [("a.dmp", "accepted")]


def test_a_file_becomes_a_dump_when_its_writer_is_done(watched):
    watched.start(watched.folder)
    watched.write("a.dmp", bytes(32))
    assert watched.look() == []
    watched.write("a.dmp", dump(1))
    assert watched.look() == [("a.dmp", "accepted")]


def test_what_an_outage_kept_back_is_tried_again_later_and_later(watched):
    watched.write("a.dmp", dump(1))
    watched.write("b.dmp", dump(2))
    watched.start(
        watched.folder, url="http://127.0.0.1:9/acme/" + "0123456789abcdef" * 4 + "/minidump"
    )
    assert watched.look() == [("a.dmp", "failed")]  # the rest of the round waits
    assert watched.look() == [("b.dmp", "failed")]
    assert watched.look() == []
    watched.time += FIRST_WAIT
    assert watched.look() == [("a.dmp", "failed")]
    assert watched.look() == [("b.dmp", "failed")]
    watched.time += FIRST_WAIT
    assert watched.look() == []
    watched.time += FIRST_WAIT
    assert watched.look() == [("a.dmp", "failed")]
    assert any("a.dmp: tried again in 120 s" in said for said in watched.said)


def test_what_the_server_does_not_want_is_not_offered_again(watched):
    watched.write("a.dmp", dump(1))
    with start_receiver(watched.folder.parent / "strict", faults=["400"]) as strict:
        watched.start(watched.folder, url=strict.submission_url())
        assert watched.look() == [("a.dmp", "failed")]
        watched.time += 10_000
        assert watched.look() == []


def test_a_refused_token_ends_the_watch(watched):
    watched.write("a.dmp", dump(1))
    watched.write("b.dmp", dump(2))
    with start_receiver(watched.folder.parent / "strict", faults=["403"]) as strict:
        watcher = watched.start(watched.folder, url=strict.submission_url())
        statuses = [receipt.status for receipt in watcher.watch(0.0)]
    assert statuses == ["failed", "not sent"]


def test_a_database_is_sent_from_as_its_reports_come(watched):
    made = GenericDatabase(watched.folder / "db")
    made.add(1, "pending", Metadata(NOW), dump(1))
    watched.start(made.root)
    assert [status for _, status in watched.look()] == ["accepted"]
    assert watched.look() == []
    made.add(2, "pending", Metadata(NOW), dump(2))
    made.add(3, "completed", Metadata(NOW, True, 1, NOW), dump(3))
    assert [status for _, status in watched.look()] == ["accepted"]
    assert watched.receiver.inbox.count() == 2


def test_a_folder_may_become_a_database(watched):
    (watched.folder / "db").mkdir()
    watched.start(watched.folder / "db")
    assert watched.look() == []
    made = GenericDatabase(watched.folder / "db")
    made.add(1, "pending", Metadata(NOW), dump(1))
    assert [status for _, status in watched.look()] == ["accepted"]


def test_missing_consent_is_told_once_and_respected_until_it_is_given(watched):
    made = GenericDatabase(watched.folder / "db", uploads_enabled=False)
    made.add(1, "pending", Metadata(NOW), dump(1))
    watched.start(made.root)
    assert watched.look() == [("db", "failed")]
    assert watched.look() == []
    assert watched.receiver.inbox.count() == 0
    (made.root / "settings.dat").unlink()
    write_settings(made.root, uploads_enabled=True)
    assert [status for _, status in watched.look()] == ["accepted"]


def test_a_lock_is_nothing_to_speak_of_unless_it_stays(watched):
    made = GenericDatabase(watched.folder / "db")
    made.add(1, "pending", Metadata(NOW), dump(1))
    (lock,) = [path.with_suffix(".lock") for path in made.root.rglob("*.dmp")]
    lock.write_bytes(b"")
    watched.start(made.root)
    assert watched.look() == []
    watched.time += PATIENCE
    ((_, status),) = watched.look()
    assert status == "failed"
    assert watched.look() == []
    lock.unlink()
    assert [status for _, status in watched.look()] == ["accepted"]


def test_only_folders_can_be_watched(watched):
    path = watched.write("a.dmp", dump(1))
    for text in (path, watched.folder / "missing", "-"):
        with pytest.raises(UsageError, match="cannot be watched"):
            watched.start(text)
