"""How many reports a second the receiver takes, each on disk before its answer, and under searches.

    python benchmarks/receiving.py [--seconds N] [--reports N] [--folder DIR] [--json]

Four kept-alive connections send a small dump again and again: to `crashtool serve`, and to a plain
uvicorn application that writes each body to a file and syncs it, in turns, in one run. Then an
inbox is filled with --reports rows, and uploads are timed while six clients search in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from small_dump import build_small_dump

CONNECTIONS, SEARCHES, ROUNDS = 4, 6, 3
RATE = 300  # requests a second, at least
CRASHTOOL = str(Path(sys.executable).parent / "crashtool")
BOUNDARY = "----benchmark"
WORDS = ("segv", "game", "nothing-like-this")


def make_request(url: str, dump: bytes) -> bytes:
    """A submission as Crashpad sends it."""
    parts = urlsplit(url)
    fields = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("prod", "Game"), ("ver", "1.4.2"), ("guid", str(uuid.uuid4())))
    )
    head = (
        f'{fields}--{BOUNDARY}\r\nContent-Disposition: form-data; name="upload_file_minidump"; '
        'filename="x.dmp"\r\nContent-Type: application/octet-stream\r\n\r\n'
    )
    body = head.encode() + dump + f"\r\n--{BOUNDARY}--\r\n".encode()
    return (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode() + body


def ask(connection: socket.socket, request: bytes) -> float:
    """Send a request, read its answer; the seconds that took. ValueError unless it is 200."""
    began = time.perf_counter()
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ValueError(head)
    length = next(
        int(line[15:])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += receive(connection)
    return time.perf_counter() - began


def receive(connection: socket.socket) -> bytes:
    """The next bytes; ConnectionError when there are none."""
    data = connection.recv(65536)
    if not data:
        raise ConnectionError
    return data


def connect(url: str) -> socket.socket:
    """A connection to a URL's server."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def measure_rate(url: str, request: bytes, seconds: float) -> float:
    """Requests a second over all connections."""
    end = time.perf_counter() + seconds
    counts = []

    def send() -> None:
        count = 0
        with connect(url) as connection:
            while time.perf_counter() < end:
                ask(connection, request)
                count += 1
        counts.append(count)

    began = time.perf_counter()
    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


@contextmanager
def running(*command: str) -> Iterator[str]:
    """A server in a process of its own; its first line is its URL."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


async def sink(_scope: dict, receive: object, send: object) -> None:
    """What is measured against: uvicorn, one file, one fsync."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await asyncio.to_thread(write, body)
    answer = b'{"response":"ok"}'
    head = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})


def write(body: bytes) -> None:
    """One file, on disk."""
    path = Path(os.environ["SINK"], uuid.uuid4().hex)
    with path.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def serve_sink(folder: str) -> None:
    """Run the sink on a free port."""
    import uvicorn

    os.environ["SINK"] = folder
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/u/t/minidump", flush=True)
    config = uvicorn.Config(
        sink, lifespan="off", access_log=False, log_config=None, http="h11", loop="asyncio"
    )
    asyncio.run(uvicorn.Server(config).serve([listener]))


def fill(folder: Path, count: int) -> None:
    """Put rows into an inbox, as many reports would."""
    words = "game 1.4.2 segv_maperr " + " ".join(f"frame{n}::function{n}" for n in range(400))
    with closing(sqlite3.connect(folder / "inbox.sqlite3")) as database, database:
        database.executemany(
            "INSERT INTO reports (rxid, received, format, universe, client, notes, headline,"
            " product, version, signature, symbols, words, found)"
            " VALUES (?, ?, 'minidump', 'u', 'c', '[]', ?, 'Game', '1', ?, 'none', ?, ?)",
            [
                (str(uuid.uuid4()), float(n), f"SEGV in f{n % 500}", f"f{n % 500}", words, words)
                for n in range(count)
            ],
        )


def measure_searches(url: str, request: bytes, seconds: float) -> tuple[list[float], int]:
    """Seconds of each upload while searches run, and how many of those were answered."""
    stop, answered = threading.Event(), []
    host = urlsplit(url).netloc

    def search(number: int) -> None:
        with connect(url) as connection:
            while not stop.is_set():
                word = WORDS[number % len(WORDS)]
                ask(connection, f"GET /?q={word} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                answered.append(number)

    threads = [threading.Thread(target=search, args=(n,)) for n in range(SEARCHES)]
    for thread in threads:
        thread.start()
    taken = []
    end = time.perf_counter() + seconds
    with connect(url) as connection:
        while time.perf_counter() < end:
            taken.append(ask(connection, request))
            time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    return taken, len(answered)


def main() -> int:
    """Measure and print; 1 when the rate is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where to store (default: a temporary folder)")
    parser.add_argument("--sink", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if chosen.sink:
        serve_sink(chosen.sink)
        return 0
    with tempfile.TemporaryDirectory(dir=chosen.folder, ignore_cleanup_errors=True) as name:
        figures = measure(Path(name), chosen.seconds, chosen.reports)
    print(
        json.dumps(figures)
        if chosen.json
        else "\n".join(f"{key:32} {value:10.3f}" for key, value in figures.items())
    )
    return int(figures["serve, requests a second"] < RATE)


def measure(folder: Path, seconds: float, reports: int) -> dict[str, float]:
    """All figures."""
    dump = build_small_dump()
    (folder / "sink").mkdir()
    serve = (CRASHTOOL, "serve", "--port", "0", "--quiet", "--folder", str(folder / "inbox"))
    rates: dict[str, list[float]] = {"serve": [], "sink": []}
    with (
        running(*serve) as url,
        running(sys.executable, __file__, "--sink", str(folder / "sink")) as plain,
    ):
        for _ in range(ROUNDS):
            for kind, place in (("serve", url), ("sink", plain)):
                rates[kind].append(measure_rate(place, make_request(place, dump), seconds))
    with running(CRASHTOOL, "serve", "--port", "0", "--quiet", "--folder", str(folder / "full")):
        pass
    fill(folder / "full", reports)
    with running(*serve[:-1], str(folder / "full")) as url:
        taken, searches = measure_searches(url, make_request(url, dump), seconds * 2)
    best, plain_best = max(rates["serve"]), max(rates["sink"])
    return {
        "serve, requests a second": best,
        "sink, requests a second": plain_best,
        "serve to sink": best / plain_best,
        "upload under searches, median s": statistics.median(taken),
        "upload under searches, longest s": max(taken),
        "searches answered": searches,
    }


if __name__ == "__main__":
    sys.exit(main())
