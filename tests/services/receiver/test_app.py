import gzip
import json
import socket
import threading
import zipfile

import pytest
import requests

from crashtool.errors import InputUnusable, MissingExtra, UsageError
from crashtool.services.receiver import app
from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.received_report import DumpPage
from tests.services.receiver.conftest import connect, exchange, read_answer, wait_until

TOKEN = "a" * 64
SYMBOLS_TOKEN = "b" * 64
DUMP = b"MDMP" + bytes(60)
HEAD = b"POST /u/t/minidump HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"


def post_dump(url, **arguments):
    return requests.post(
        url, files={"upload_file_minidump": ("x.dmp", DUMP)}, timeout=20, **arguments
    )


def error_of(reply):
    error = reply.json()["error"]
    assert error["code"] == reply.status_code
    return reply.status_code, error["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/universe/{token}/minidump",
        "/universe/{token}/minidump/",
        "/post?format=minidump&token={token}",
        "//post?format=minidump&token={token}",
        "/api/post?token={token}&format=minidump",
    ],
)
def test_every_form_of_the_url_is_served(tmp_path, path):
    with start_receiver(tmp_path, token=TOKEN) as receiver:
        reply = post_dump(receiver.url + path.format(token=TOKEN))
        assert reply.json() == {"response": "ok", "_rxid": receiver.inbox.reports()[0].rxid}
        assert error_of(post_dump(receiver.url + path.format(token="c" * 64))) == (
            403,
            "invalid token",
        )
        assert receiver.inbox.count() == 1


def test_the_root_form_takes_token_and_format_from_the_fields(tmp_path):
    with start_receiver(tmp_path, token=TOKEN) as receiver:
        url = receiver.submission_url(form="root") + "?product=P&version=1&guid=g"
        assert post_dump(url, data={"token": TOKEN, "format": "minidump"}).status_code == 200
        assert error_of(post_dump(url, data={"format": "minidump"})) == (403, "invalid token")
        assert error_of(post_dump(url, data={"token": "x", "format": "minidump"}))[0] == 403
        assert error_of(post_dump(url, data={"token": TOKEN})) == (503, "missing format")
        (report,) = receiver.inbox.reports()
        assert report.query == {"product": "P", "version": "1", "guid": "g"}
        assert (report.product, report.version, report.format) == ("P", "1", "minidump")


def test_without_a_token_any_path_takes_a_minidump_and_notes_what_is_missing(receiver):
    assert post_dump(f"{receiver.url}/anything").status_code == 200
    (report,) = receiver.inbox.reports()
    assert report.notes == ("no token: Backtrace answers 403", "no format: Backtrace answers 503")


@pytest.mark.parametrize("path", ["/post?token=x", "/api/post"])
def test_backtraces_own_endpoint_wants_a_format(receiver, path):
    assert error_of(post_dump(receiver.url + path)) == (503, "missing format")


def test_what_is_no_minidump_needs_a_format(receiver):
    reply = requests.post(receiver.url + "/x", data=b"junk", timeout=20)
    assert error_of(reply) == (503, "missing format")


def test_an_unknown_format_is_malformed(receiver):
    assert error_of(post_dump(f"{receiver.url}/u/{TOKEN}/bogus")) == (400, "unknown format bogus")
    reply = post_dump(f"{receiver.url}/", data={"format": "bogus"})
    assert error_of(reply) == (400, "unknown format bogus")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_raw_body_is_taken_plain_or_packed_with_or_without_a_length(receiver, packed, chunked):
    body = gzip.compress(DUMP) if packed else DUMP
    reply = requests.post(
        receiver.submission_url("minidump") + "?version=1.0&blank=",
        data=iter([body[:9], body[9:]]) if chunked else body,
        headers={"Content-Encoding": "gzip"} if packed else {},
        timeout=20,
    )
    assert reply.status_code == 200
    (report,) = receiver.inbox.reports()
    assert report.minidump.read_bytes() == DUMP
    assert report.query == {"version": "1.0", "blank": ""}


def test_an_old_handlers_http_1_0_is_understood(receiver):
    request = (
        b"POST /u/t/minidump HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nMDMP\r\n0\r\n\r\n"
    )
    status, body = exchange(receiver, request)
    assert (status, json.loads(body)["response"]) == (200, "ok")


def test_a_client_that_waits_for_a_yes_gets_it_before_it_sends(receiver):
    head = HEAD % 4 + b"Expect: 100-continue\r\n\r\n"
    with connect(receiver) as connection:
        connection.sendall(head)
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"MDMP")
        assert read_answer(connection)[0] == 200


def test_a_client_that_waits_gets_its_no_before_it_sends(tmp_path):
    head = HEAD % 4 + b"Expect: 100-continue\r\n\r\n"
    with start_receiver(tmp_path, token=TOKEN) as receiver:
        assert exchange(receiver, head)[0] == 403


def test_symbols_are_kept_apart_with_their_tag_and_name(receiver, tmp_path):
    archive = tmp_path / "symbols.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("game.sym", "MODULE Linux x86_64 0 game\n")
    url = receiver.submission_url("symbols")
    requests.post(url + "?upload_file=game.pdb&tag=v1", data=b"pdb", timeout=20).raise_for_status()
    with archive.open("rb") as file:
        requests.post(url, files={"upload_file": file}, data={"tag": "v2"}, timeout=20)
    raw, form = receiver.inbox.reports()
    assert (raw.format, raw.query["tag"], raw.files[0].filename) == ("symbols", "v1", "game.pdb")
    assert (form.fields, form.files[0].filename) == ({"tag": "v2"}, "symbols.zip")
    assert form.files[0].path.read_bytes() == archive.read_bytes()
    assert (raw.minidump, form.minidump) == (None, None)


def test_the_wrong_kind_of_token_is_named(tmp_path):
    with start_receiver(tmp_path, token=TOKEN, symbols_token=SYMBOLS_TOKEN) as receiver:
        url = f"{receiver.url}/u/{TOKEN}/symbols"
        status, message = error_of(requests.post(url, data=b"x", timeout=20))
        assert (status, "a submission token where a symbol token is needed" in message) == (
            403,
            True,
        )
        status, message = error_of(post_dump(f"{receiver.url}/u/{SYMBOLS_TOKEN}/minidump"))
        assert (status, "a symbol token where a submission token is needed" in message) == (
            403,
            True,
        )
        for format_ in ("minidump", "symbols"):
            url = receiver.submission_url(format_, form="post")
            assert requests.post(url, data=DUMP, timeout=20).status_code == 200


def test_one_token_is_good_for_both_when_no_other_is_given(tmp_path):
    with start_receiver(tmp_path, token=TOKEN) as receiver:
        url = receiver.submission_url("symbols")
        assert requests.post(url, data=b"sym", timeout=20).status_code == 200


def test_a_request_that_comes_again_under_its_name_gets_the_same_answer(receiver):
    url = receiver.submission_url()
    replies = [
        post_dump(url, headers={"Idempotency-Key": key}).json()["_rxid"]
        for key in ('"a"', '"a"', '"b"', "")
    ]
    assert replies[0] == replies[1]
    assert len(set(replies)) == receiver.inbox.count() == 3
    assert not list((receiver.inbox.folder / "incoming").iterdir())


def test_an_attachment_follows_its_report(receiver):
    first = post_dump(receiver.submission_url()).json()
    url = receiver.submission_url()
    for key in (first["_rxid"], "1"):
        reply = requests.post(
            url, params={"object": key, "attachment_name": "log é.txt"}, data=b"text", timeout=20
        )
        answer = reply.json()
        assert (answer["response"], answer["attachment_name"]) == ("ok", "log é.txt")
        assert (answer["_rxid"], answer["object"]) == (first["_rxid"], "1")
    (report,) = receiver.inbox.reports()
    assert [file.filename for file in report.files if file.later] == ["log é.txt"] * 2
    assert report.files[2].path.read_bytes() == b"text"


def test_an_attachment_to_nothing_is_refused(receiver):
    url = receiver.submission_url()
    asked = {"object": "77", "attachment_name": "a"}
    assert error_of(requests.post(url, params=asked, data=b"x", timeout=20)) == (
        400,
        "no such object",
    )
    post_dump(url)
    form = requests.post(
        url, params=asked | {"object": "1"}, files={"a": (None, "field")}, timeout=20
    )
    assert error_of(form) == (400, "no attachment in the request")


def test_a_synchronous_submission_tells_what_became_of_it(receiver):
    replies = [post_dump(receiver.submission_url() + "?_mod_sync=1").json() for _ in range(2)]
    assert [reply["unique"] for reply in replies] == [True, False]
    assert [reply["object"] for reply in replies] == ["1", "2"]
    assert len(replies[0]["fingerprint"]) == 64
    fields = requests.post(
        receiver.submission_url("json"), files={"_mod_sync": (None, "1")}, timeout=20
    )
    assert fields.json()["unique"] is True


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a": (None, "b")}, "no minidump in the request"),
        ({}, "the body is empty"),
    ],
)
def test_a_request_without_its_minidump_is_malformed(receiver, files, words):
    reply = requests.post(receiver.submission_url(), files=files, timeout=20)
    assert error_of(reply) == (400, words)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("upload_file_minidump", b"", "the minidump is empty"),
        ("upload_file", b"junk", "not a minidump"),
        ("other", b"junk", "no part called upload_file_minidump"),
    ],
)
def test_what_backtrace_takes_and_cannot_process_is_noted(receiver, name, content, words):
    url = receiver.submission_url()
    assert requests.post(url, files={name: ("x", content)}, timeout=20).status_code == 200
    assert words in receiver.inbox.reports()[0].notes[0]


def test_a_body_beyond_the_bound_is_refused(tmp_path):
    with start_receiver(tmp_path, max_size=1000) as receiver:
        url = receiver.submission_url()
        for body in (bytes(2000), iter([bytes(800), bytes(800)])):
            assert error_of(requests.post(url, data=body, timeout=20))[0] == 413
        bomb = gzip.compress(bytes(1 << 20))
        reply = requests.post(
            url, data=bomb[:900], headers={"Content-Encoding": "gzip"}, timeout=20
        )
        assert error_of(reply) == (413, "the body is larger than 1000 bytes")
        assert not list((tmp_path / "incoming").iterdir())
        assert receiver.inbox.count() == 0


def test_a_client_that_leaves_early_leaves_nothing(tmp_path):
    seen = []
    gone = threading.Event()

    def note(exchange_):
        seen.append(exchange_)
        gone.set()

    with start_receiver(tmp_path, on_exchange=note) as receiver:
        with connect(receiver) as connection:
            connection.sendall(HEAD % 99 + b"\r\nMDMP")
        assert gone.wait(20)
        assert (seen[0].status, seen[0].what) == (
            0,
            "the client went away in the middle of its request",
        )
        assert not list((tmp_path / "incoming").iterdir())
        assert receiver.inbox.count() == 0


def test_a_full_disk_is_the_servers_fault(receiver, monkeypatch):
    def fail(*_arguments, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(receiver.inbox, "keep", fail)
    status, message = error_of(post_dump(receiver.submission_url()))
    assert (status, "No space left on device" in message) == (500, True)


@pytest.mark.parametrize("status", [429, 500, 503, 302])
def test_a_status_is_committed_as_often_as_told_and_nothing_is_kept(tmp_path, status):
    with start_receiver(tmp_path, faults=[f"{status}:2@3"]) as receiver:
        for _ in range(2):
            reply = post_dump(receiver.submission_url(), allow_redirects=False)
            assert (reply.status_code, reply.headers["Retry-After"]) == (status, "3")
            assert ("location" in reply.headers) is (status == 302)
        assert receiver.inbox.count() == 0
        assert post_dump(receiver.submission_url()).status_code == 200


@pytest.mark.parametrize("kind", ["reset", "close"])
def test_a_connection_is_ended_without_an_answer(tmp_path, kind):
    with start_receiver(tmp_path, faults=[f"{kind}:1"]) as receiver:
        with pytest.raises(requests.ConnectionError):
            post_dump(receiver.submission_url())
        assert receiver.inbox.count() == 0
        assert post_dump(receiver.submission_url()).status_code == 200


def test_a_truncated_answer_breaks_off_after_the_report_was_taken(tmp_path):
    with start_receiver(tmp_path, faults=["truncate:1"]) as receiver:
        with pytest.raises(requests.RequestException):
            post_dump(receiver.submission_url())
        assert receiver.inbox.count() == 1


def test_an_error_may_come_with_a_200(tmp_path):
    with start_receiver(tmp_path, faults=["refuse:1", "html:1"]) as receiver:
        reply = post_dump(receiver.submission_url())
        assert (reply.status_code, "error" in reply.json()) == (200, True)
        assert post_dump(receiver.submission_url()).headers["Content-Type"].startswith("text/html")
        assert receiver.inbox.count() == 0


def test_a_hanging_request_does_not_outlive_the_receiver(tmp_path):
    seen = threading.Event()
    with start_receiver(tmp_path, faults=["hang"], on_exchange=lambda _: seen.set()) as receiver:
        connection = connect(receiver)
        connection.sendall(HEAD % 4 + b"\r\nMDMP")
        assert seen.wait(20)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    connection.settimeout(20)
    with connection, pytest.raises(ConnectionResetError):
        raise ConnectionResetError(connection.recv(1))


def test_a_client_may_leave_a_hanging_receiver(tmp_path):
    with start_receiver(tmp_path, faults=["hang:1"]) as receiver:
        with pytest.raises(requests.Timeout):
            requests.post(receiver.submission_url(), data=DUMP, timeout=0.3)
        assert post_dump(receiver.submission_url()).status_code == 200


def test_a_slow_answer_is_a_good_one(tmp_path):
    with start_receiver(tmp_path, faults=["slow@0.2"]) as receiver:
        reply = post_dump(receiver.submission_url())
        assert reply.status_code == 200
        assert reply.elapsed.total_seconds() >= 0.2


def test_what_is_refused_is_slow_as_well_but_no_report(tmp_path):
    with start_receiver(tmp_path, token="ab" * 32, faults=["slow@0.2"]) as receiver:
        url = receiver.submission_url().replace("ab" * 32, "cd" * 32)
        reply = post_dump(url)
        assert reply.status_code == 403
        assert reply.elapsed.total_seconds() >= 0.2
    with start_receiver(tmp_path, token="ab" * 32, faults=["503:1/report"]) as receiver:
        assert post_dump(url.replace(url.split("/")[2], receiver.url[7:])).status_code == 403
        replies = [post_dump(receiver.submission_url()).status_code for _ in range(2)]
        assert replies == [503, 200]


@pytest.mark.parametrize("kind", ["reset", "close", "hang"])
def test_a_report_that_shall_fail_is_read_and_its_connection_dealt_with(tmp_path, kind):
    with start_receiver(tmp_path, faults=[f"{kind}:1/report"]) as receiver:
        with pytest.raises(requests.RequestException):
            requests.post(receiver.submission_url(), data=DUMP, timeout=0.5)
        assert receiver.inbox.count() == 0
        assert post_dump(receiver.submission_url()).status_code == 200
        assert receiver.inbox.count() == 1


def test_a_slow_answer_does_not_hold_up_the_end(tmp_path):
    done = threading.Event()
    with start_receiver(tmp_path, faults=["slow@600"]) as receiver:
        inbox = receiver.inbox

        def send():
            with pytest.raises(requests.RequestException):
                raise requests.RequestException(post_dump(receiver.submission_url()))
            done.set()

        thread = threading.Thread(target=send)
        thread.start()
        wait_until(inbox.count)
    assert done.wait(20)
    thread.join()


def test_an_upload_in_progress_does_not_hold_up_the_end(tmp_path):
    with start_receiver(tmp_path) as receiver:
        connection = connect(receiver)
        connection.sendall(HEAD % 99 + b"\r\nMDMP")
        wait_until(lambda: list((tmp_path / "incoming").glob("*/0.dmp")))
    connection.close()
    assert not list((tmp_path / "incoming").iterdir())


def test_many_clients_at_once_all_get_their_own_report(receiver):
    replies = []

    def send(number):
        reply = post_dump(receiver.submission_url(), data={"n": str(number)})
        replies.append((number, reply.json()["_rxid"]))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = {(int(report.fields["n"]), report.rxid) for report in receiver.inbox.reports()}
    assert stored == set(replies)
    assert len(stored) == 12


def test_minidumps_are_read_after_the_answer_and_again_at_the_next_start(tmp_path):
    def read(path, _symbols):
        content = path.read_bytes()
        if content.startswith(b"MDMPunusable"):
            raise InputUnusable("no use")
        if content.startswith(b"MDMPbug"):
            raise ZeroDivisionError("oops")
        return DumpPage("SIGSEGV in game", "the page")

    with start_receiver(tmp_path) as receiver:
        url = receiver.submission_url()
        for content in (b"MDMP", b"MDMPunusable", b"MDMPbug"):
            requests.post(url, data=content, timeout=20).raise_for_status()
        requests.post(receiver.submission_url("json"), data=b"{}", timeout=20).raise_for_status()
    with start_receiver(tmp_path, read_dump=read) as receiver:
        post_dump(receiver.submission_url())
        wait_until(
            lambda: [report.headline for report in receiver.inbox.reports()].count(None) == 1
        )
        reports = receiver.inbox.reports()
    assert [report.headline for report in reports] == [
        "SIGSEGV in game",
        "no use",
        "cannot be shown: ZeroDivisionError('oops')",
        None,
        "SIGSEGV in game",
    ]
    assert reports[0].page == "the page"


def test_a_port_that_is_taken_is_told(receiver, tmp_path):
    port = int(receiver.url.rsplit(":", 1)[1])
    with pytest.raises(UsageError, match="cannot listen"), start_receiver(tmp_path, port=port):
        pass


def test_an_address_that_is_not_ours_is_told(tmp_path):
    with (
        pytest.raises(UsageError, match="cannot listen"),
        start_receiver(tmp_path, host="192.0.2.1"),
    ):
        pass


def test_it_listens_on_ipv6_too(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with start_receiver(tmp_path, host="::1") as receiver:
        assert receiver.url.startswith("http://[::1]:")
        assert post_dump(receiver.submission_url()).status_code == 200
        assert requests.get(receiver.url + "/", timeout=20).status_code == 200


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    place = tmp_path / "inbox"
    place.write_text("notes")
    with pytest.raises(InputUnusable, match="is a file"), start_receiver(place):
        pass


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(app, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtra) as caught, start_receiver(tmp_path):
        pass
    assert "crashtool[serve]" in caught.value.hint


def test_a_longer_path_that_names_no_format_is_any_other_path(receiver):
    assert post_dump(receiver.url + "/some/other/place").status_code == 200
    assert receiver.inbox.reports()[0].universe == ""


def test_a_fault_may_be_an_answer_without_content(tmp_path):
    with start_receiver(tmp_path, faults=["304"]) as receiver:
        reply = post_dump(receiver.submission_url(), allow_redirects=False)
        assert (reply.status_code, reply.content) == (304, b"")
