"""Who may send and read: programs and the inbox's own pages, no page of another site."""

import http.client
import socket

import pytest

from crashtool.services.receiver.app import start_receiver
from tests.services.receiver.conftest import connect, exchange, read_answer, wait_until
from tests.services.receiver.crashes import send_crash

TOKEN, SYMBOLS = "a" * 64, "b" * 64
BOUNDARY = "----x"
FIELD = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
FILE = (
    '--{}\r\nContent-Disposition: form-data; name="{}"; filename="f"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
)
PROGRAMS = [
    {},  # handlers
    {"Host": "localhost:{port}"},
    {"Host": "LOCALHOST"},
    {"Host": "127.0.0.1"},
    {"Host": "127.8.9.10:{port}"},
    {"Host": "[::1]:{port}"},
    {"Host": "[::ffff:127.0.0.1]"},
    {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
]
PAGES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://localhost:{port}"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "Cross-Site"},
]
NAMES = [
    {"Host": "evil.example"},
    {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost.evil.example"},
    {"Host": "0.0.0.0:{port}"},
    {"Host": "192.0.2.1"},
    {"Host": "127.0.0.1:80@evil.example"},
    {"Host": "2130706433.evil"},
]
READ = (
    "/",
    "/api/reports",
    "/api/groups",
    "/api/events",
    "/api/openapi.json",
    "/inbox.js",
    "/reports/{rxid}",
    "/api/reports/{rxid}",
    "/reports/{rxid}/files/1",
)


def ask(receiver, method, path, headers, body=None):
    port = int(receiver.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value.format(port=port))
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("headers", PROGRAMS, ids=str)
def test_programs_send_and_the_inboxs_own_page_reads(receiver, headers):
    assert ask(receiver, "POST", "/u/t/minidump", headers, b"MDMP") == 200
    assert ask(receiver, "GET", "/api/reports", headers) == 200


@pytest.mark.parametrize("headers", PAGES + NAMES, ids=str)
def test_pages_of_other_sites_write_nothing_and_read_nothing(tmp_path, headers):
    said = []
    with start_receiver(tmp_path, on_exchange=said.append, faults=["500:1"]) as receiver:
        assert send_crash_unless_struck(receiver) == 500
        rxid = send_crash(receiver)
        before = receiver.inbox.reports()
        later = f"/u/t/minidump?object={rxid}&attachment_name=a"
        refused = 421 if headers in NAMES else 403
        for path in ("/u/t/minidump", "/post?format=symbols&token=t", "/", later):
            assert ask(receiver, "POST", path, headers, b"MDMP") == refused
        for path in READ:
            assert ask(receiver, "GET", path.format(rxid=rxid), headers) == refused
        assert receiver.inbox.reports() == before
        assert not [row for row in said[2:] if row.report]


def send_crash_unless_struck(receiver):
    return ask(receiver, "POST", "/u/t/minidump", {}, b"MDMP")


def test_a_refused_page_uses_up_no_fault(tmp_path):
    with start_receiver(tmp_path, faults=["503:1"]) as receiver:
        assert ask(receiver, "POST", "/u/t/minidump", {"Origin": "null"}, b"MDMP") == 403
        assert ask(receiver, "POST", "/u/t/minidump", {}, b"MDMP") == 503


def test_a_link_on_another_site_opens_the_inbox_and_a_frame_does_not(receiver):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask(receiver, "GET", "/", link | {"Sec-Fetch-Dest": "document"}) == 200
    for kind in ("iframe", "embed", "object", "frame"):
        assert ask(receiver, "GET", "/", link | {"Sec-Fetch-Dest": kind}) == 403
    assert (
        ask(receiver, "POST", "/u/t/minidump", link | {"Sec-Fetch-Dest": "document"}, b"MDMP")
        == 403
    )


def test_a_name_that_is_given_is_served(tmp_path):
    with start_receiver(tmp_path, names=["Crashes.Test"]) as receiver:
        assert ask(receiver, "POST", "/u/t/minidump", {"Host": "crashes.test:80"}, b"MDMP") == 200
        assert ask(receiver, "GET", "/", {"Host": "crashes.test."}) == 200
        assert ask(receiver, "GET", "/", {"Host": "x.crashes.test"}) == 421


def test_with_a_token_the_loopback_inbox_is_read_with_it_alone(tmp_path):
    with start_receiver(tmp_path, token=TOKEN) as receiver:
        rxid = send_crash(receiver)
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        for path in READ:
            place = path.format(rxid=rxid)
            assert ask(receiver, "GET", place, {}) == 401
            assert ask(receiver, "GET", place, {"Authorization": f"Bearer {SYMBOLS}"}) == 401
            assert ask(receiver, "GET", place, bearer | {"Origin": "http://evil.example"}) == 403
            if path != "/api/events":
                assert ask(receiver, "GET", place, bearer) == 200


@pytest.mark.parametrize("scheme", ["Token", "Digest", "Basic", "ApiKey", "Bearer:", "", "x-y"])
def test_a_token_behind_another_word_than_bearer_opens_nothing(tmp_path, scheme):
    with start_receiver(tmp_path, token=TOKEN) as receiver:
        assert ask(receiver, "GET", "/", {"Authorization": f"{scheme} {TOKEN}"}) == 401
        assert ask(receiver, "GET", "/", {"Authorization": f"bEARER  {TOKEN}"}) == 200


@pytest.fixture
def closed(tmp_path):
    """A receiver that lets nobody in without one of its two tokens."""
    with start_receiver(tmp_path, token=TOKEN, symbols_token=SYMBOLS) as receiver:
        yield receiver


def head(path, length, *more):
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
EARLY = {
    "wrong-token-in-url": ("/u/" + "c" * 64 + "/minidump", b"MDMP", ()),
    "raw-without-token": ("/", b"MDMP" + bytes(1 << 16), ()),
    "raw-post-without-token": ("/post?format=minidump", b"MDMP", ()),
    "file-first": (
        "/",
        FILE.format(BOUNDARY, "upload_file_minidump").encode() + bytes(1_200_000),
        (FORM,),
    ),
    "wrong-token-in-field": (
        "/",
        (FIELD.format(BOUNDARY, "token", "wrong") + FIELD.format(BOUNDARY, "a", "b")).encode(),
        (FORM,),
    ),
    "many-files": (
        "/",
        "".join(FILE.format(BOUNDARY, f"f{n}") + "x\r\n" for n in range(20)).encode(),
        (FORM,),
    ),
    "unknown-format": ("/post?format=nonsense", b"x", (FORM,)),
    "larger-than-may-be": ("/", b"x", (FORM, "X: large")),
    "unknown-encoding": ("/", b"x", (FORM, "Content-Encoding: br")),
    "no-such-object": ("/?object=ffff&attachment_name=a", b"MDMP", ()),
}


@pytest.mark.parametrize("case", EARLY)
def test_without_the_token_the_answer_comes_before_the_body_and_nothing_is_kept(closed, case):
    """The connection ends in order: no reset eats the answer while the client still sends."""
    receiver = closed
    path, sent, more = EARLY[case]
    length = (8 << 30) if "X: large" in more else 1 << 30
    with connect(receiver) as connection:
        connection.sendall(head(path, length, *more) + sent)
        status, _ = read_answer(connection)
        connection.sendall(bytes(1 << 20))  # it is still taken, and forgotten
        assert status in (400, 403, 413)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    incoming = receiver.inbox.folder / "incoming"
    wait_until(lambda: not list(incoming.iterdir()))
    assert receiver.inbox.count() == 0


def test_a_token_that_does_not_come_in_time_is_not_waited_for(closed, monkeypatch):
    from crashtool.services.receiver import receive_submission

    monkeypatch.setattr(receive_submission, "UNKNOWN_SECONDS", 0.2)
    receiver = closed
    with connect(receiver) as connection:
        connection.sendall(head("/", 1000, FORM) + f"--{BOUNDARY}\r\n".encode())
        assert read_answer(connection)[0] == 403


@pytest.mark.parametrize("order", ["token-first", "small-file-first"])
def test_a_form_that_brings_the_token_may_be_large(closed, order):
    receiver = closed
    fields = FIELD.format(BOUNDARY, "format", "minidump") + FIELD.format(BOUNDARY, "token", TOKEN)
    file = FILE.format(BOUNDARY, "upload_file_minidump")
    small = FILE.format(BOUNDARY, "log") + "line\r\n"
    start = fields if order == "token-first" else small + fields
    body = (start + file).encode() + b"MDMP" + bytes(5 << 20) + f"\r\n--{BOUNDARY}--\r\n".encode()
    assert exchange(receiver, head("/", len(body), FORM) + body)[0] == 200
    (report,) = receiver.inbox.reports()
    assert report.minidump.stat().st_size == 4 + (5 << 20)


def test_a_symbol_token_lets_no_minidump_in(closed):
    receiver = closed
    fields = FIELD.format(BOUNDARY, "format", "minidump") + FIELD.format(BOUNDARY, "token", SYMBOLS)
    file = FILE.format(BOUNDARY, "upload_file_minidump") + "MDMP"
    body = f"{fields}{file}\r\n--{BOUNDARY}--\r\n".encode()
    status, answer = exchange(receiver, head("/", len(body), FORM) + body)
    assert (status, b"a symbol token where" in answer) == (403, True)


def test_nobody_without_the_token_learns_which_reports_there_are(closed):
    receiver = closed
    send_crash(receiver)
    answers = set()
    for number in ("1", "2", "ffff", receiver.inbox.reports()[0].rxid):
        for path in (
            f"/post?object={number}&attachment_name=a",
            f"/?object={number}&attachment_name=a",
        ):
            answers.add(exchange(receiver, head(path, 4) + b"MDMP"))
            form = f"{FIELD.format(BOUNDARY, 'a', 'b')}--{BOUNDARY}--\r\n".encode()
            answers.add(exchange(receiver, head(path, len(form), FORM) + form))
    assert len(answers) == 1
    assert answers.pop()[0] == 403
    assert len(receiver.inbox.reports()[0].files) == 1
