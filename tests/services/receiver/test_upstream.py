"""Symbol servers behind a receiver: asked once, kept, and not believed."""

import io
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from crashtool.formats.identifiers import BuildId
from crashtool.formats.symbol_request import parse_symbol_request
from crashtool.services.files.scratch import Scratch
from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.upstream import ABSENT_SECONDS, REST_SECONDS, Upstream, walk_places
from crashtool.services.symbols.server import parse_server
from tests.services.receiver.crashes import BUILD_ID, make_symbols

IDENTIFIER = BuildId(BUILD_ID).debug_id.breakpad
PATH = f"libplay.so/{IDENTIFIER}/libplay.so.sym"
SYM = zipfile.ZipFile(io.BytesIO(make_symbols())).read(PATH)


class Server:
    """A symbol server: what it answers to each path, and what it was asked for."""

    def __init__(self):
        self.files, self.asked, self.headers = {}, [], []
        self.status = 404
        self.gate = threading.Event()
        self.gate.set()


@pytest.fixture
def server():
    own = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            own.asked.append(self.path)
            own.headers.append(dict(self.headers))
            assert own.gate.wait(30)
            content = own.files.get(self.path.partition("?")[0].lstrip("/"))
            self.send_response(own.status if content is None else 200)
            self.send_header("content-length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    own.url = f"http://127.0.0.1:{http.server_port}"
    yield own
    own.gate.set()
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def ask(server, tmp_path):
    """ask(path) -> the answer; `ask.now[0]` is the time, `ask.told` what was said."""
    now, told = [1000.0], []
    with Scratch() as scratch:
        upstream = Upstream(
            [f"breakpad:{server.url}?key=secret"],
            tmp_path,
            scratch,
            tell=told.append,
            clock=lambda: now[0],
        )

        def find(path=PATH):
            return upstream.find(parse_symbol_request(path), path)

        find.now, find.told = now, told
        yield find


def test_a_file_is_asked_for_once_and_kept(ask, server):
    server.files[PATH] = SYM
    for _ in range(3):
        assert ask().path.read_bytes() == SYM
    assert server.asked == [f"/{PATH}?key=secret"]
    assert "secret" not in "".join(ask.told)


def test_an_absence_is_believed_for_a_bounded_time(ask, server):
    for _ in range(3):
        assert ask() == (None, True)
    assert len(server.asked) == 1
    server.files[PATH] = SYM
    ask.now[0] += ABSENT_SECONDS + 1
    assert ask().path is not None


def test_a_server_that_fails_is_no_absence_and_rests(ask, server):
    server.status = 500
    assert ask() == (None, False)
    server.files[PATH] = SYM
    assert ask() == (None, False)
    assert len(server.asked) == 1
    ask.now[0] += REST_SECONDS + 1
    assert ask().path is not None


def test_what_is_not_the_file_that_was_asked_for_is_not_given_on(ask, server):
    for content in (SYM.replace(IDENTIFIER.encode(), b"0" * 33), b"<html>not found</html>", b""):
        server.files[PATH] = content
        assert ask().path is None
        ask.now[0] += ABSENT_SECONDS + 1
    assert "not the file that was asked for" in ask.told[0]
    server.files[PATH] = SYM
    assert ask().path.read_bytes() == SYM


def test_clients_that_ask_at_once_share_one_request(ask, server):
    server.files[PATH] = SYM
    server.gate.clear()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(4)]
    for thread in threads:
        thread.start()
    server.gate.set()
    for thread in threads:
        thread.join(30)
    assert [answer.path.read_bytes() for answer in answers] == [SYM] * 4
    assert len(server.asked) == 1


PDB = "497B72F6390A44FC878E5A2D63B6CC4B1"
BUILD = "ab" * 20


@pytest.mark.parametrize(
    ("server_text", "path", "places"),
    [
        ("debuginfod:", f"buildid/{BUILD.upper()}/debuginfo", [f"buildid/{BUILD}/debuginfo"]),
        ("debuginfod:", f"_.debug/elf-buildid-sym-{BUILD}/_.debug", [f"buildid/{BUILD}/debuginfo"]),
        ("build-id:", f"buildid/{BUILD}/executable", [f".build-id/ab/{BUILD[2:]}"]),
        ("symstore:", f"App.pdb/{PDB}/App.pdb", [f"App.pdb/{PDB}/App.pdb"]),
        ("symstore:", f"ap/App.pdb/{PDB}/App.pdb", [f"App.pdb/{PDB}/App.pdb"]),
        ("symstore2:", f"App.pdb/{PDB}/App.pdb", [f"ap/App.pdb/{PDB}/App.pdb"]),
        ("ssqp:", f"App.pdb/{PDB}/App.pdb", [f"app.pdb/{PDB.lower()}/app.pdb"]),
        ("breakpad:", f"try/App.pdb/{PDB}/App.sym", [f"App.pdb/{PDB}/App.sym"]),
        ("symstore:", f"buildid/{BUILD}/debuginfo", []),
        ("debuginfod:", f"App.pdb/{PDB}/App.pdb", []),
        ("symstore:", f"..\\x.pdb/{PDB}/..\\x.pdb", []),
        ("breakpad:", f"a:b/{PDB}/a:b.sym", []),
        ("breakpad:", f"../{PDB}/...sym", []),
    ],
)
def test_a_path_is_built_anew_by_the_servers_convention(server_text, path, places):
    server = parse_server(f"{server_text}http://localhost")
    assert list(walk_places(server, parse_symbol_request(path), path)) == places


@contextmanager
def chain(tmp_path, *servers, **options):
    with start_receiver(tmp_path / "inbox", symbol_servers=servers, **options) as receiver:
        yield receiver


def get(receiver, path, **options):
    return requests.get(f"{receiver.url}/{path}", timeout=30, **options)


def test_a_receiver_gives_what_a_server_behind_it_has(tmp_path, server):
    server.files[PATH] = SYM
    with chain(tmp_path, f"breakpad:{server.url}") as receiver:
        assert get(receiver, PATH).content == SYM
        assert get(receiver, "buildid/" + "0" * 40 + "/executable").status_code == 404
    server.files.clear()
    with chain(tmp_path, f"breakpad:{server.url}") as receiver:
        assert get(receiver, PATH).content == SYM
    assert server.asked == [f"/{PATH}"]


def test_a_server_that_does_not_answer_is_told_apart_from_an_absence(tmp_path, server):
    server.status = 503
    with chain(tmp_path, f"breakpad:{server.url}") as receiver:
        reply = get(receiver, PATH)
        assert (reply.status_code, reply.headers["retry-after"]) == (502, "30")
        assert get(receiver, "other.so/" + "1" * 33 + "/other.so.sym").status_code == 502


def test_no_token_goes_to_a_server_behind_and_none_is_asked_without_it(tmp_path, server):
    token = "5ca1ab1e" * 8
    with chain(tmp_path, f"breakpad:{server.url}", token=token) as receiver:
        assert get(receiver, PATH).status_code == 401
        assert server.asked == []
        assert get(receiver, f"symbols/{token}/{PATH}").status_code == 404
        assert get(receiver, PATH.replace("play", "clay"), auth=("x", token)).status_code == 404
    assert len(server.asked) == 2
    assert token not in str(server.asked) + str(server.headers)
    assert "Authorization" not in str(server.headers)
