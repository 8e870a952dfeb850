"""Servers that are never silent and never done: each exchange has an end."""

import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from crashtool.errors import TimedOut, TooLarge
from crashtool.services.transport import http
from crashtool.services.transport.connection import Patience, TooSlow
from crashtool.services.transport.http import HttpSession
from tests.commands.transcript_inputs import windows_crash

TIMEOUT = 0.6
START = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "head": (START, b"X"),
    "status": (b"", b"H"),
    "headers": (START, b"X-A: b\r\n"),
    "continues": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (START + b"Content-Type: application/json\r\n\r\n", b" "),
    "body-of-a-size": (START + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks": (START + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "chunk-size": (START + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "error-body": (b"HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n", b" "),
    "temporary": (b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 9999\r\n\r\n", b" "),
}


@contextmanager
def dripping(start, drop, *, pause=0.05, is_deaf=False):
    """A server that says `start`, and then `drop` again and again; its URL."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    threads = []

    def drip(connection):
        with connection:
            try:
                while is_deaf and not stop.wait(pause):
                    connection.recv(1)
                connection.recv(65536)
                connection.sendall(start)
                while not stop.wait(pause):
                    connection.sendall(drop)
            except OSError:
                pass

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=drip, args=(connection,), daemon=True))
            threads[-1].start()

    threads.append(threading.Thread(target=accept, daemon=True))
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(10)


@pytest.mark.parametrize("kind", DRIPS)
@pytest.mark.parametrize("method", ["get", "post", "download"])
def test_a_server_that_drips_is_given_up(kind, method, tmp_path):
    with (
        dripping(*DRIPS[kind]) as url,
        HttpSession(timeout=TIMEOUT) as session,
        (tmp_path / "file").open("wb") as target,
    ):
        more = {"get": (), "post": (b"body",), "download": (target, 1 << 30)}[method]
        began = time.monotonic()
        with pytest.raises(TimedOut, match=r"too slow: after 0\.6 s less than 4 KiB a second"):
            getattr(session, method)(url + "/f", *more)
        assert time.monotonic() - began < TIMEOUT + 10


def test_a_proxy_that_drips_is_given_up(monkeypatch):
    with dripping(START, b"X: y\r\n") as url, HttpSession(timeout=TIMEOUT) as session:
        monkeypatch.setenv("HTTPS_PROXY", url)
        with pytest.raises(TimedOut):
            session.get("https://crashes.example/")


def test_a_server_that_reads_drop_by_drop_is_given_up():
    with (
        dripping(b"", b"", is_deaf=True) as url,
        HttpSession(timeout=TIMEOUT) as session,
        pytest.raises(TimedOut),
    ):
        session.post(url, bytes(64 << 20))


def test_what_comes_across_earns_time_and_what_is_done_between_costs_none():
    patience = Patience(10)
    patience.note(1 << 20, 200)  # 4096 bytes a second are 256 s

    with socket.socket() as sock:
        patience.limit(sock)
        assert sock.gettimeout() == 10
        patience.note(0, 60)
        patience.limit(sock)
        assert sock.gettimeout() == pytest.approx(6)
        patience.note(0, 7)
        with pytest.raises(TooSlow):
            patience.limit(sock)


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n"], ids=["plain", "chunked"])
def test_a_download_without_end_is_bounded(monkeypatch, tmp_path, head):
    monkeypatch.setattr(http, "UNPROMISED", 1 << 20)
    block = bytes(1 << 16)
    drop = b"10000\r\n" + block + b"\r\n" if head else block
    with dripping(START + head + b"\r\n", drop, pause=0) as url, HttpSession() as session:
        with (
            (tmp_path / "f").open("wb") as target,
            pytest.raises(TooLarge, match="1,048,576 bytes"),
        ):
            session.download(url, target, 8 << 30)
        assert (tmp_path / "f").stat().st_size <= 1 << 20


def test_more_than_fits_is_refused_by_its_promise(tmp_path):
    start = START + b"Content-Length: 2000000\r\n\r\n"
    with (
        dripping(start, b"x") as url,
        HttpSession() as session,
        (tmp_path / "f").open("wb") as target,
        pytest.raises(TooLarge),
    ):
        session.download(url, target, 1 << 20)


@pytest.mark.parametrize("kind", ["body", "head", "continues"])
@pytest.mark.parametrize(
    "command",
    [
        ("send-dump", "--retry-for", "0", "--url", "{}/u/" + "a" * 64 + "/minidump", "crash.dmp"),
        ("upload-symbols", "--retry-for", "0", "--url", "{}/u/" + "a" * 64 + "/symbols", "a.sym"),
        ("make-url", "--probe", "{}/u/" + "a" * 64 + "/minidump"),
        (
            "symbols",
            "fetch",
            "--all-modules",
            "--to",
            "store",
            "--symbol-server",
            "{}/",
            "crash.dmp",
        ),
    ],
    ids=lambda row: row[0],
)
def test_no_command_is_held_by_a_server_that_drips(crashtool, tmp_path, command, kind):
    (tmp_path / "crash.dmp").write_bytes(windows_crash().pack())
    (tmp_path / "a.sym").write_text(f"MODULE Linux x86_64 {'AB' * 16}0 a\nPUBLIC 10 0 main\n")
    with dripping(*DRIPS[kind]) as url:
        began = time.monotonic()
        words = [word.format(url) for word in command]
        result = crashtool(*words, "--timeout", TIMEOUT, "--json")
        assert time.monotonic() - began < 20
    assert result.exit_code == (4 if command[0] == "symbols" else 7), result.output
    assert "too slow" in json.dumps(json.loads(result.stdout)) + result.stderr
