import hashlib
import io
import json
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from crashtool.errors import NETWORK, PARTIAL, REFUSED, REJECTED, CheckFailed
from crashtool.formats.attributes import Attribute
from crashtool.formats.multipart import parse_multipart
from crashtool.model.submission import Receipt
from crashtool.services.files.scratch import Scratch
from crashtool.services.receiver.app import start_receiver
from crashtool.services.scrub.secret_spans import parse_wish
from crashtool.services.sending import preparing as module
from crashtool.services.sending.journal import Journal
from crashtool.services.sending.outcome import find_failure
from crashtool.services.sending.pace import parse_rate
from crashtool.services.sending.request import SendPlan
from crashtool.services.sending.send_events import Silence
from crashtool.services.sending.send_options import SendOptions
from crashtool.services.sending.sender import Sender
from crashtool.services.transport.http import HttpSession
from tests.synth.minidump import MinidumpBuilder
from tests.synth.scripted_server import answer, reset
from tests.synth.submission import make_crashpad


class Run:
    """A job on loopback: what it said, and its receipts."""

    def __init__(self, url, spool, **options):
        self.said = []
        self.spool = spool
        self.events = Silence()
        self.events.warn = lambda path, text: self.said.append(f"{path}: {text}")
        self.events.note = self.said.append
        plan = options.pop("plan", SendPlan(url))._replace(url=url)
        self.session = HttpSession(timeout=20)
        others = {name: options.pop(name) for name in [*options] if name not in SendOptions._fields}
        self.sender = Sender(plan, self.session, self.events, SendOptions(**options), **others)

    def send(self, *inputs):
        with self.session:
            found = self.sender.send_all([str(path) for path in inputs], self.spool, io.BytesIO())
            return list(found)


@pytest.fixture
def spool():
    with Scratch() as scratch:
        yield scratch


@pytest.fixture
def run(spool):
    return lambda url, **options: Run(url, spool, **options)


@pytest.fixture
def copies(dump_path, tmp_path):
    """A folder with four dumps that differ."""
    folder = tmp_path / "dumps"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.dmp").write_bytes(dump_path.read_bytes() + bytes([number]))
    return folder


def test_the_receiver_gets_what_the_receipt_says(dump_path, tmp_path, run):
    with start_receiver(tmp_path / "inbox") as receiver:
        (receipt,) = run(receiver.submission_url(), digests=True).send(dump_path)
        (report,) = receiver.inbox.reports()

    assert (receipt.status, receipt.rxid, receipt.http_status) == ("accepted", report.rxid, 200)
    assert (receipt.tries, receipt.fields, receipt.exit_status) == (1, len(report.fields), 0)
    assert report.minidump.read_bytes() == dump_path.read_bytes()
    assert report.fields["prod"] == report.query["product"] == "Game"
    assert receipt.size == dump_path.stat().st_size
    assert len(receipt.sha256) == 64


@pytest.mark.parametrize("form", ["hosted", "post", "root"])
@pytest.mark.parametrize("gzip", [True, False])
def test_every_form_of_url_works(dump_path, tmp_path, run, form, gzip):
    from crashtool.services.sending.report_url import find_login

    token = "0123456789abcdef" * 4
    with start_receiver(tmp_path / "inbox", token=token) as receiver:
        url = receiver.submission_url(form=form)
        plan = SendPlan(url, gzip=gzip, login=find_login(url, token))
        (receipt,) = run(url, plan=plan).send(dump_path)

        assert (receipt.status, receipt.error) == ("accepted", None)
        assert len(receiver.inbox.reports()) == 1


def test_a_wrong_token_ends_the_job_after_the_first(copies, tmp_path, run):
    with start_receiver(tmp_path / "inbox", token="1" * 64) as receiver:
        url = receiver.submission_url().replace("1" * 64, "2" * 64)
        receipts = run(url).send(copies)

    assert [receipt.status for receipt in receipts] == ["failed"] + ["not sent"] * 3
    assert {receipt.exit_status for receipt in receipts} == {REFUSED}
    assert "2" * 64 not in str(receipts)
    assert find_failure(receipts).exit_status == REFUSED


def test_outages_are_sat_out_and_the_body_is_sent_from_its_start(dump_path, serve, run, stopped):
    server = serve(answer(503, b""), reset, answer(429, b"", Retry_After="7"))
    job = run(server.url + "/submit", clock=stopped.clock)

    (receipt,) = job.send(dump_path)

    assert (receipt.status, receipt.tries) == ("accepted", 4)
    assert stopped.slept == [1, 2, 7]
    assert [line.split(": ")[1] for line in job.said] == [
        "try 1 failed",
        "try 2 failed",
        "try 3 failed",
    ]
    first, *others = server.received
    assert all(request.body == first.body for request in others)
    assert len(parse_multipart(first.body)) == 4


@pytest.mark.parametrize(
    ("step", "status", "tries", "words"),
    [
        (answer(400, b"Malformed Request"), REJECTED, 1, "Malformed Request"),
        (answer(403, b""), REFUSED, 1, "refused the token"),
        (answer(413, b""), REJECTED, 1, "413"),
        (answer(500, b""), NETWORK, 1, "HTTP 500"),
        (answer(503, b"Invalid Subdomain"), REJECTED, 1, "Invalid Subdomain"),
        (answer(503, b""), NETWORK, 4, "HTTP 503"),
        (answer(429, b""), REJECTED, 4, "limit for reports"),
        (answer(200, {"error": {"message": "quota", "code": 7}}), REJECTED, 1, "quota"),
        (answer(200, b"5f6e7d8c"), REJECTED, 1, "not Backtrace's"),
        (answer(302, b"", Location="http://elsewhere.example/"), REJECTED, 1, "elsewhere.example"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", NETWORK, 4, "after 4 tries"),
        (b"", NETWORK, 4, "before it answered"),
    ],
)
def test_each_no_has_its_class_and_its_number_of_tries(
    dump_path, serve, run, stopped, step, status, tries, words
):
    server = serve(*[step] * 20)

    (receipt,) = run(server.url + "/submit", clock=stopped.clock, retry_for=10).send(dump_path)

    assert (receipt.status, receipt.exit_status, receipt.tries) == ("failed", status, tries)
    assert words in receipt.error
    assert receipt.rxid is None


def test_an_acceptance_without_a_crash_id_is_one(dump_path, serve, run):
    server = serve(answer(200, {"response": "ok"}))

    (receipt,) = run(server.url + "/submit").send(dump_path)

    assert (receipt.status, receipt.rxid) == ("accepted", None)


def test_one_bad_input_does_not_stop_the_others(copies, serve, run):
    (copies / "1.dmp").write_bytes(b"MDMP")
    server = serve()

    receipts = run(server.url + "/submit").send(copies, copies / "gone.dmp")

    assert [receipt.status for receipt in receipts] == [
        "accepted",
        "failed",
        "accepted",
        "accepted",
        "failed",
    ]
    assert find_failure(receipts).exit_status == PARTIAL
    assert len(server.received) == 3


def test_what_was_taken_out_of_a_wrapper_is_said(dump_path, serve, run, spool):
    import gzip

    packed = dump_path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(dump_path.read_bytes()))
    job = run(serve().url + "/submit")

    (receipt,) = job.send(packed)

    assert receipt.status == "accepted"
    assert job.said == [f"{packed}: taken out of gzip"]
    assert not list(Path(spool.folder()).iterdir())


def test_a_second_run_sends_only_the_rest(copies, serve, run, tmp_path):
    server = serve(answer(), answer(500, b""))
    path = tmp_path / "sent.jsonl"
    first = run(server.url + "/submit", journal=Journal(path)).send(copies)
    assert [receipt.status for receipt in first].count("failed") == 1

    again = run(server.url + "/submit", journal=Journal(path))
    second = again.send(copies)

    assert [receipt.status for receipt in second] == ["skipped", "accepted", "skipped", "skipped"]
    assert len(server.received) == 5
    assert second[0].rxid == first[0].rxid
    assert find_failure(second) is None
    assert "accepted before" in again.said[0]


def test_what_was_stored_but_not_answered_is_stored_once(dump_path, tmp_path, run):
    with start_receiver(tmp_path / "inbox", faults=["truncate:1"]) as receiver:
        url = receiver.submission_url()
        journals = [Journal(tmp_path / "sent.jsonl") for _ in range(2)]  # of two processes
        first, second = (
            run(url, journal=journal, retry_for=0).send(dump_path)[0] for journal in journals
        )
        (report,) = receiver.inbox.reports()
        assert (first.status, second.status, second.rxid) == ("failed", "accepted", report.rxid)

        for _ in range(2):
            (again,) = run(url, journal=journals[1], again=True).send(dump_path)
            assert again.status == "accepted"
        assert receiver.inbox.count() == 3


@pytest.mark.parametrize("options", [{}, {"again": True}])
def test_all_tries_of_a_submission_have_one_name(dump_path, serve, run, tmp_path, stopped, options):
    server = serve(answer(503, b""), reset, answer(200))
    journal = Journal(tmp_path / "sent.jsonl")
    run(server.url + "/submit", journal=journal, clock=stopped.clock, **options).send(dump_path)
    names = {request.headers["idempotency-key"] for request in server.received}
    assert len(server.received) >= 2
    assert len(names) == 1


def test_again_sends_what_was_accepted(dump_path, serve, run, tmp_path):
    server = serve()
    journal = Journal(tmp_path / "sent.jsonl")
    for _ in range(2):
        (receipt,) = run(server.url + "/submit", journal=journal, again=True).send(dump_path)

        assert receipt.status == "accepted"
    assert len(server.received) == 2


def test_a_journal_that_cannot_be_written_is_said(dump_path, serve, run, tmp_path):
    (tmp_path / "file").touch()
    job = run(serve().url + "/submit", journal=Journal(tmp_path / "file" / "x"))

    assert job.send(dump_path)[0].status == "accepted"
    assert "cannot be written" in job.said[0]


def test_several_are_sent_at_once(copies, tmp_path, run):
    with start_receiver(tmp_path / "inbox") as receiver:
        receipts = run(receiver.submission_url(), jobs=3).send(copies)
        arrived = {report.rxid for report in receiver.inbox.reports()}

    assert {receipt.rxid for receipt in receipts} == arrived
    assert len(arrived) == 4


def test_jobs_really_run_side_by_side(copies, serve, run):
    both = threading.Barrier(2, timeout=20)

    job = run(serve().url + "/submit", jobs=2)
    job.events.show_request = lambda _path, _request: both.wait()

    assert len(job.send(copies)) == 4


def test_a_bug_in_a_thread_comes_to_light(copies, serve, run):
    job = run(serve().url + "/submit", jobs=2)

    def fail(_path, _request):
        raise ZeroDivisionError

    job.events.show_request = fail

    with pytest.raises(ZeroDivisionError):
        job.send(copies)


def test_an_interrupt_leaves_an_account_of_what_was_begun(copies, serve, run):
    job = run(serve().url + "/submit")
    seen = []

    def interrupt(path, _request):
        seen.append(path)
        if len(seen) == 2:
            raise KeyboardInterrupt

    job.events.show_request = interrupt
    done = []
    with pytest.raises(KeyboardInterrupt):
        done.extend(job.sender.send_all([str(copies)], job.spool, io.BytesIO()))

    assert [receipt.status for receipt in job.sender.list_interrupted()] == ["interrupted"]
    assert job.sender.list_interrupted()[0].path == seen[1]
    job.session.close()


def test_progress_counts_the_bytes_before_compression(dump_path, serve, run):
    told = []

    @contextmanager
    def progress(label, total):
        told.append((label, total))
        yield told.append

    job = run(serve().url + "/submit")
    job.events.progress = progress

    job.send(dump_path)

    (label, total), *counts = told
    assert label == str(dump_path)
    assert counts[-1] == total


def test_an_attachment_that_vanishes_is_the_inputs_failure(dump_path, serve, run, tmp_path):
    from crashtool.formats.attributes import Attachment

    log = tmp_path / "log"
    log.write_text("x")
    server = serve()
    job = run(server.url + "/submit", plan=SendPlan("", attachments=(Attachment(None, str(log)),)))
    job.events.show_request = lambda _path, _request: log.unlink()

    (receipt,) = job.send(dump_path)

    assert (receipt.status, receipt.code) == ("failed", "input_unusable")
    assert "log" in receipt.error


def test_a_dump_that_vanishes_is_a_failure_and_not_the_end(dump_path, serve, run, tmp_path):
    server = serve()
    path = tmp_path / "sent.jsonl"
    run(server.url + "/submit", journal=Journal(path)).send(dump_path)
    job = run(server.url + "/submit", journal=Journal(path))
    job.events.show_request = lambda _path, _request: dump_path.unlink()

    (receipt,) = job.send(dump_path)

    assert (receipt.status, receipt.code) == ("failed", "input_unusable")
    assert "No such file" in receipt.error


def test_a_dump_that_is_gone_once_it_was_sent_stays_accepted(dump_path, serve, run, tmp_path):
    job = run(serve().url + "/submit", journal=Journal(tmp_path / "sent.jsonl"))

    @contextmanager
    def remove_at_the_end(_label, _total):
        yield lambda _done: None
        dump_path.unlink()

    job.events.progress = remove_at_the_end

    assert job.send(dump_path)[0].status == "accepted"


def test_the_query_arrives_as_it_was_built(dump_path, serve, run):
    server = serve()

    run(server.url + "/submit?token=a%20b&x=1").send(dump_path)

    guid = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    assert server.received[0].line == (
        f"POST /submit?token=a%20b&x=1&product=Game&version=1.2.3&guid={guid} HTTP/1.1"
    )


def test_a_dry_run_needs_no_session(dump_path, spool):
    shown = []
    events = Silence()
    events.show_request = lambda path, request: shown.append((path, request))
    sender = Sender(SendPlan("http://127.0.0.1:1/x"), None, events, SendOptions(digests=True))

    (receipt,) = sender.send_all([str(dump_path)], spool, io.BytesIO())

    assert (receipt.status, receipt.exit_status) == ("checked", 0)
    assert shown[0][1].fields.sent


def failed(status, code="x"):
    return Receipt("p", "failed", exit_status=status, code=code)


def test_the_exit_status_is_that_of_all_or_partial():
    fine = Receipt("p", "accepted")

    assert find_failure([fine, fine]) is None
    assert find_failure([]) is None
    assert find_failure([failed(5), failed(5)]).exit_status == 5
    assert find_failure([failed(5), failed(7)]).exit_status == PARTIAL
    assert find_failure([fine, failed(7)]).exit_status == PARTIAL
    assert find_failure([failed(4, "check_failed")]).code == CheckFailed.code
    assert "1 of 2" in find_failure([fine, failed(7)]).what


def test_receipts_can_be_written_as_json(dump_path, serve, run):
    from crashtool.render.receipts import receipt_document

    (receipt,) = run(serve().url + "/submit").send(dump_path)

    document = json.loads(json.dumps(receipt_document(receipt)))
    assert document["error"] is None
    assert document["status"] == "accepted"


def with_secrets(path, tmp_path):
    """The dump with a secret in a comment, which anybody may add."""
    token = "ghp_" + "Ab3" * 12
    target = tmp_path / "secret.dmp"
    builder = MinidumpBuilder().add_system().add_thread(7).set_exception(7, 11)
    builder.add_stream(10, token.encode() + b"\0").set_crashpad(make_crashpad())
    target.write_bytes(builder.pack())
    return target, token.encode()


def test_a_scrubbed_copy_is_sent_and_the_dump_stays_as_it_was(dump_path, tmp_path, run, spool):
    path, token = with_secrets(dump_path, tmp_path)
    before = path.read_bytes()
    told = []
    with start_receiver(tmp_path / "inbox") as receiver:
        job = run(receiver.submission_url(), digests=True, scrub=(parse_wish("secrets"),))
        job.events.tell_scrubbed = lambda *row: told.append(row)
        (receipt,) = job.send(path)
        (report,) = receiver.inbox.reports()
    arrived = report.minidump.read_bytes()
    assert receipt.status == "accepted"
    assert [(row.kind, row.places) for row in receipt.scrubbed] == [("GitHub token", 1)]
    assert told == [(str(path), receipt.scrubbed)]
    assert token not in arrived
    assert arrived == before.replace(token, b"x" * len(token))
    assert hashlib.sha256(arrived).hexdigest() == receipt.sha256
    assert path.read_bytes() == before
    assert not list(Path(spool.folder()).iterdir())
    assert not any("secret" in sentence for sentence in job.said)


def test_what_cannot_be_scrubbed_is_not_sent(tmp_path, run, serve):
    path = tmp_path / "cut.dmp"
    path.write_bytes(b"MDMP")
    server = serve()
    (receipt,) = run(server.url, scrub=(parse_wish("secrets"),)).send(path)
    assert receipt.exit_status == 3
    assert str(path) in receipt.error
    assert server.received == []


@pytest.mark.parametrize("limit", ["SEARCHED", "MAX_SEARCHED"])
def test_secrets_are_warned_of_in_the_first_dumps_of_a_call(
    tmp_path, run, serve, monkeypatch, limit
):
    path, token = with_secrets(None, tmp_path)
    other = tmp_path / "other.dmp"
    other.write_bytes(path.read_bytes() + b"!")
    size = path.stat().st_size
    monkeypatch.setattr(module, limit, {"SEARCHED": size, "MAX_SEARCHED": 1}[limit])
    server = serve(*[answer(200, b'{"response":"ok","_rxid":"1"}')] * 2)
    job = run(server.url)
    receipts = job.send(path, other)
    (warning,) = [text for text in job.said if "secrets" in text]
    assert "GitHub token (1)" in warning
    assert token.decode() not in warning
    assert [any("secrets" in text for text in row.warnings) for row in receipts] == [True, False]


def test_a_report_that_cannot_be_told_from_others_is_warned_of(tmp_path, spool):
    path = tmp_path / "crash.dmp"
    crashpad = make_crashpad()._replace(annotations=(("ver", "1"),), modules=())
    builder = MinidumpBuilder().add_system().add_thread(7).set_exception(7, 11)
    path.write_bytes(builder.set_crashpad(crashpad).pack())
    said = []
    for annotations in ((), (Attribute("product", "game"),)):
        events = Silence()
        events.warn = lambda _path, text: said.append(text)
        sender = Sender(SendPlan("https://example.com/u/t/minidump", annotations), None, events)
        list(sender.send_all([str(path)], spool, io.BytesIO()))
    (warning,) = said
    assert "no `prod` annotation" in warning


class ToldMeanwhile(threading.Event):
    """Is set as soon as somebody has to wait for it."""

    def wait(self, timeout=None):
        if timeout is None or timeout > 0:
            self.set()
        return self.is_set()


def test_whoever_waits_for_its_turn_can_be_told_to_stop(copies, tmp_path, run):
    with start_receiver(tmp_path / "inbox") as receiver:
        job = run(receiver.submission_url(), pace=parse_rate("1/h"), stopped=ToldMeanwhile())
        receipts = job.send(copies)
        assert receiver.inbox.count() == 1
    assert [receipt.status for receipt in receipts] == ["accepted", *["not sent"] * 3]
    assert receipts[1].error == "not tried: told to stop"
