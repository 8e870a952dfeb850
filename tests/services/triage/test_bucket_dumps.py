"""Minidumps in object stores: in memory, and in a real server of S3's protocol."""

import json
import sys
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import pytest

from crashtool.errors import MissingExtra, NothingFound
from crashtool.services.files.scratch import Scratch
from crashtool.services.triage.bucket_dumps import is_bucket, list_keys, walk_bucket
from tests.services.symbol_upload.test_s3 import endpoint, files  # noqa: F401 (fixtures)
from tests.synth.crashes import crash, name_symbols

DRAW = "game::draw | game::load [memory]"


@pytest.fixture
def store():
    """An object store in this process, with three crashes and something else."""
    fsspec = pytest.importorskip("fsspec", reason="needs fsspec")
    found = fsspec.filesystem("memory")
    for number in range(3):
        found.pipe(f"/triage/day/{number}.dmp", crash(number + 1, "draw", "load", "main"))
    found.pipe("/triage/day/notes.txt", b"nothing")
    yield found
    found.rm("/triage", recursive=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("s3://a/b", True), ("gs://a", True), ("a/b.dmp", False), ("C:\\a", False), ("://a", False)],
)
def test_what_is_an_object_store(text, expected):
    assert is_bucket(text) == expected


def test_minidumps_are_found_by_content_in_order_and_are_gone_once_read(store):
    with Scratch() as scratch:
        found = list(walk_bucket("memory://triage", scratch))
        assert [one.path for one in found] == [f"memory://triage/day/{n}.dmp" for n in range(3)]
        assert all(one.temporary for one in found)
    assert list_keys("memory://triage/day/1.dmp") == ["memory://triage/day/1.dmp"]


def test_where_nothing_is_it_is_said(store):
    with pytest.raises(NothingFound, match="nothing at memory://triage/none"):
        list_keys("memory://triage/none")


def test_without_fsspec_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match="s3"):
        list_keys("s3://bucket/day")


def test_one_that_cannot_be_had_is_unreadable_and_the_others_are_read(store, monkeypatch):
    opening = type(store).open

    def refuse(self, path, *arguments, **options):
        if path.endswith("1.dmp"):
            raise OSError("503 Slow Down")
        return opening(self, path, *arguments, **options)

    monkeypatch.setattr(type(store), "open", refuse)
    with Scratch() as scratch:
        found = list(walk_bucket("memory://triage", scratch))
    assert [getattr(one, "error", None) is not None for one in found] == [False, True, False]
    assert "503" in found[1].error.what


@pytest.mark.parametrize("jobs", [1, 2])
def test_triage_groups_what_is_in_a_store(store, crashtool, tmp_path, jobs):
    (tmp_path / "game.sym").write_bytes(name_symbols())
    result = crashtool(
        "triage",
        "memory://triage/day",
        "--symbols",
        "game.sym",
        "--no-local-symbols",
        "--json",
        "--jobs",
        jobs,
    )
    answer = json.loads(result.stdout)
    assert [(row["signature"], row["count"]) for row in answer["groups"]] == [(DRAW, 3)]
    assert answer["groups"][0]["example"].startswith("memory://triage/day/")


class BusyFront(BaseHTTPRequestHandler):
    """In front of an S3 server: every twentieth request for an object is answered by 503."""

    protocol_version = "HTTP/1.1"
    target, lock = "", Lock()
    asked, given = 0, Counter()

    def _pass_on(self):
        is_object = self.command == "GET" and ".dmp" in self.path
        with self.lock:
            type(self).asked += is_object
            is_refused = is_object and self.asked % 20 == 0
        if is_refused:
            return self._answer(503, [], b"<Error><Code>SlowDown</Code></Error>")
        connection = HTTPConnection(self.target, timeout=60)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection.request(self.command, self.path, body, dict(self.headers))
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        with self.lock:
            if is_object and reply.status in (200, 206):
                self.given[self.path] += 1
        return self._answer(reply.status, reply.getheaders(), content)

    def _answer(self, status, headers, content):
        self.send_response(status)
        length = str(len(content))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = _pass_on  # noqa: N815 (http.server's names)

    def log_message(self, *_):
        pass


@pytest.fixture
def busy_store(files, endpoint, monkeypatch):  # noqa: F811
    """Sixty minidumps in a server that is busy now and then; what it has given."""
    import s3fs

    files.mkdir("busy")
    for number in range(60):
        files.pipe(f"busy/day/{number:02}.dmp", crash(number + 1, "draw", "load", "main"))
    target = endpoint.removeprefix("http://")
    front = type("Front", (BusyFront,), {"target": target, "asked": 0, "given": Counter()})
    with ThreadingHTTPServer(("127.0.0.1", 0), front) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        s3fs.S3FileSystem.clear_instance_cache()
        yield front
        s3fs.S3FileSystem.clear_instance_cache()
        server.shutdown()
        thread.join()


def test_a_store_that_is_busy_now_and_then_gives_each_object_once(busy_store, crashtool):
    result = crashtool("triage", "s3://busy/day", "--no-local-symbols", "--json", "--jobs", 2)
    assert json.loads(result.stdout)["totals"]["inputs"] == 60
    assert (result.exit_code, result.stderr) == (0, "")
    assert busy_store.asked >= 63
    assert len(busy_store.given) == 60
    assert set(busy_store.given.values()) == {1}


def test_a_real_server(files, crashtool, tmp_path):  # noqa: F811
    files.mkdir("crashes")
    for number in range(3):
        files.pipe(f"crashes/day/{number}.dmp", crash(number + 1, "draw", "load", "main"))
    (tmp_path / "game.sym").write_bytes(name_symbols())
    result = crashtool(
        "triage",
        "s3://crashes/day",
        "--symbols",
        "game.sym",
        "--no-local-symbols",
        "--json",
        "--jobs",
        2,
    )
    (group,) = json.loads(result.stdout)["groups"]
    assert (group["signature"], group["count"]) == (DRAW, 3)
