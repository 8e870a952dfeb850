"""What a receiver that others can reach has to bear."""

import gzip
import io
import socket
import threading
import zipfile

import pytest
import requests

from crashtool.services.receiver import incoming_report, symbol_folder, web_server
from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.received_report import DumpPage
from tests.services.receiver.conftest import connect, wait_until
from tests.services.receiver.crashes import send_crash, send_symbols

TOKEN = "0123456789abcdef" * 4
HEAD = b"POST /u/t/minidump HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
def strict(tmp_path, monkeypatch):
    """A receiver that has little patience: (it, what it said)."""
    monkeypatch.setattr(web_server, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(web_server, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(web_server, "WATCH_SECONDS", 0.05)
    said = []
    with start_receiver(tmp_path, on_exchange=lambda row: said.append(row.what)) as receiver:
        yield receiver, said


def is_ended(connection):
    connection.settimeout(20)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("sent", [b"", b"POST /u/t/minidump HTTP/1.1\r\nHost: a"])
def test_a_head_that_does_not_end_ends_the_connection(strict, sent):
    receiver, said = strict
    with connect(receiver) as connection:
        connection.sendall(sent)
        assert is_ended(connection)
    assert said == ["a client was too slow with the head of its request"]
    assert send_crash(receiver)


def test_a_head_that_comes_drop_by_drop_gains_no_time(strict):
    receiver, said = strict
    stop = threading.Event()
    with connect(receiver) as connection:

        def drip():
            while not stop.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        connection.sendall(b"POST / HTTP/1.1\r\nX: ")
        thread = threading.Thread(target=drip)
        thread.start()
        assert is_ended(connection)
        stop.set()
        thread.join()
    assert said == ["a client was too slow with the head of its request"]


def test_a_body_that_stops_ends_the_connection_and_leaves_nothing(strict):
    receiver, said = strict
    with connect(receiver) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\nMDMP")
        assert is_ended(connection)
    wait_until(lambda: len(said) == 2)
    assert "a client was too slow with the body of its request" in said
    assert receiver.inbox.count() == 0
    assert not list((receiver.inbox.folder / "incoming").iterdir())


def test_a_connection_that_is_kept_may_be_used_again(strict):
    receiver, said = strict
    with requests.Session() as session:
        for _ in range(3):
            session.post(receiver.submission_url(), data=b"MDMP", timeout=20).raise_for_status()
    wait_until(lambda: len(said) >= 3)
    assert said == ["minidump"] * 3


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01 this is TLS\r\n\r\n", HEAD + b"X: " + b"a" * 100_000, b"POST\r\n\r\n"],
)
def test_what_is_no_http_or_too_large_a_head_is_refused_and_told(strict, sent):
    receiver, said = strict
    with connect(receiver) as connection:
        connection.sendall(sent)
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")
    assert said == ["what was sent is not HTTP, or its head is too large"]


def test_a_body_without_end_is_bounded(tmp_path):
    with start_receiver(tmp_path, max_size=100_000) as receiver, connect(receiver) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        blocks = b"".join([b"1000\r\n" + b"x" * 0x1000 + b"\r\n"] * (1 << 14))
        with pytest.raises(OSError):  # noqa: PT011 (a reset or a broken pipe)
            connection.sendall(blocks)
        assert receiver.inbox.count() == 0
        assert not list((tmp_path / "incoming").iterdir())


def is_reachable():
    try:
        with socket.create_server(("0.0.0.0", 0)):  # noqa: S104
            return True
    except OSError:
        return False


@pytest.mark.skipif(not is_reachable(), reason="cannot listen for others here")
def test_from_elsewhere_the_inbox_is_read_with_the_token_alone(tmp_path):
    with start_receiver(tmp_path, host="0.0.0.0", token=TOKEN) as receiver:  # noqa: S104
        rxid = send_crash(receiver)
        for path in ("/", "/api/reports", "/api/events", f"/reports/{rxid}", "/inbox.js"):
            for options in (
                {},
                {"auth": ("me", "wrong")},
                {"headers": {"Authorization": "Basic é"}},
                {"headers": {"Authorization": "Bearer " + TOKEN[1:]}},
            ):
                reply = requests.get(receiver.url + path, timeout=20, **options)
                assert reply.status_code == 401
                assert reply.headers["WWW-Authenticate"].startswith("Basic ")
        for options in (
            {"auth": ("anyone", TOKEN)},
            {"headers": {"Authorization": f"Bearer {TOKEN}"}},
        ):
            assert requests.get(receiver.url, timeout=20, **options).status_code == 200
            assert (
                requests.get(receiver.url + "/api/reports", timeout=20, **options).json()["total"]
                == 1
            )


def test_fifty_uploads_at_once_all_arrive(tmp_path):
    failures = []

    def send(number):
        try:
            send_crash(receiver, b"MDMP" + bytes([number]) * 200_000)
        except requests.RequestException as error:
            failures.append(error)

    with start_receiver(tmp_path) as receiver:
        threads = [threading.Thread(target=send, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        contents = {report.minidump.read_bytes()[4] for report in receiver.inbox.reports()}
    assert contents == set(range(50))


def post_packed(receiver, content, path="/u/t/minidump"):
    return requests.post(
        receiver.url + path, data=content, headers={"Content-Encoding": "gzip"}, timeout=60
    )


def test_a_body_that_unpacks_to_much_more_is_refused_and_leaves_nothing(receiver):
    packed = gzip.compress(b"MDMP" + bytes(300 << 20), 9)
    assert post_packed(receiver, packed).status_code == 413
    wait_until(lambda: not list((receiver.inbox.folder / "incoming").iterdir()))
    assert receiver.inbox.count() == 0


def test_a_dump_of_zeros_is_no_bomb(receiver):
    assert post_packed(receiver, gzip.compress(b"MDMP" + bytes(50 << 20))).status_code == 200


def test_unpacking_holds_up_nobody(tmp_path, monkeypatch):
    """Two bodies whose blocks are written as slowly as the test wishes, and a small request."""
    allowed, reached = threading.Event(), threading.Semaphore(0)
    write = incoming_report.DraftFile.write

    def wait_and_write(file, data):
        if file.size > 2 << 20:
            reached.release()
            assert allowed.wait(60)
        write(file, data)

    monkeypatch.setattr(incoming_report.DraftFile, "write", wait_and_write)
    with start_receiver(tmp_path) as receiver:
        packed = gzip.compress(b"MDMP" + bytes(8 << 20))
        senders = [threading.Thread(target=post_packed, args=(receiver, packed)) for _ in range(2)]
        for sender in senders:
            sender.start()
        assert all(reached.acquire(timeout=30) for _ in senders)
        try:
            assert send_crash(receiver)
        finally:
            allowed.set()
        for sender in senders:
            sender.join()
        assert receiver.inbox.count() == 3


def test_many_files_keep_no_descriptors_and_too_many_are_refused(receiver, monkeypatch):
    opened = []
    make = incoming_report.IncomingReport.add_file

    def add_file(self, *arguments):
        assert sum(not file._stream.closed for file in self.files) == 0
        opened.append(make(self, *arguments))
        return opened[-1]

    monkeypatch.setattr(incoming_report.IncomingReport, "add_file", add_file)
    files = [(f"f{number}", ("name", b"x")) for number in range(500)]
    url = receiver.submission_url()
    assert requests.post(url, files=files, timeout=60).status_code == 200
    assert len(opened) == len(receiver.inbox.reports()[0].files) == 500
    reply = requests.post(url, files=[*files, ("one", ("more", b"x"))], timeout=60)
    assert (reply.status_code, "more than 500 files" in reply.text) == (413, True)


def test_a_value_of_any_size_makes_a_page_of_bounded_size(receiver):
    secret = "0123456789abcdef" * 4
    big = "<&\u202e\"'" * 3_000_000
    near = "x" * 4090 + " " + secret
    many = {f"name{number}": "v" for number in range(5000)}
    rxid = send_crash(receiver, fields={"big": big, "near": near, "prod": "Game", **many})
    wait_until(lambda: receiver.inbox.find(rxid))

    page = requests.get(f"{receiver.url}/reports/{rxid}", timeout=60).text
    told = requests.get(f"{receiver.url}/api/reports/{rxid}", timeout=60).json()

    assert len(page) < 1 << 20
    assert "… (15,000,000 characters)" in page
    assert "and 4,003 more" in page
    assert secret[:20] not in page
    assert len(told["fields"]["big"]) < 70_000
    assert told["fields"]["near"] == "x" * 4090 + " 012345…"
    assert len(told["fields"]) == 5003
    assert receiver.inbox.get(rxid).fields["big"] == big, "what is stored is whole"


def test_a_page_of_a_minidump_is_kept_within_bounds(receiver):
    report = receiver.inbox.get(send_crash(receiver))
    receiver.inbox.describe(
        report, DumpPage("h" * 10_000, "t" * (8 << 20), "s" * 9999, "", "a" * (9 << 20))
    )
    kept = receiver.inbox.get(report.rxid)
    assert (len(kept.headline), len(kept.signature), kept.article) == (2000, 2000, "")
    assert len(kept.page) < 1_100_000
    assert "crashtool inspect" in kept.page
    assert len(requests.get(f"{receiver.url}/reports/{report.rxid}", timeout=60).text) < 2 << 20


def test_many_members_take_time_by_their_number_and_have_a_bound(receiver, monkeypatch):
    """Each file was counted anew among all that were there."""
    listed = []
    monkeypatch.setattr(symbol_folder.Path, "iterdir", lambda self: listed.append(self) or iter(()))
    monkeypatch.setattr(symbol_folder, "MAX_FILES", 300)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(400):
            archive.writestr(f"{number}.sym", f"MODULE Linux x86_64 {number:032X}0 a{number}\n")
    with start_receiver(receiver.inbox.folder.parent / "other") as other:
        report = other.inbox.get(send_symbols(other, packed.getvalue()))
        complaints = []
        listed.clear()
        folder = symbol_folder.SymbolFolder(other.inbox.folder)
        names = folder.unpack(report, complaints.append)
    assert len(names) == 300
    assert complaints == ["more than 300 debug files: the others are left out"]
    assert len(listed) < 10
