"""How fast the receiver gives symbols back: many small files, a large one, and reports meanwhile.

    python benchmarks/symbol_serving.py [--seconds N] [--gigabytes N] [--folder DIR] [--json]

Kept-alive connections ask for a small .sym file: of `crashtool
serve`, and of a plain starlette application that answers the same bytes out of memory, in turns, in
one run. Then a large program is streamed from it and from Python's own file server, and reports are
sent to it beside its own stream and beside the other's. The
target: 500 small requests a second, 0.7 of the file server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from receiving import CRASHTOOL, ask, connect, make_request, measure_rate, running
from small_dump import build_small_dump

RATE, SHARE, ROUNDS = 500, 0.7, 6
BLOCK = 1 << 20
IDENTIFIER = "0123456789ABCDEF0123456789ABCDEF0"
SMALL = f"small.so/{IDENTIFIER}/small.so.sym"
SYMBOLS = f"MODULE Linux x86_64 {IDENTIFIER} small.so\nPUBLIC 1000 0 main\n".encode() * 20


def serve_plain() -> None:
    """What is measured against: one answer out of memory, by starlette on uvicorn."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def answer(_request: object) -> Response:
        return Response(SYMBOLS, media_type="application/octet-stream")

    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    plain = Starlette(routes=[Route("/{path:path}", answer)])
    config = uvicorn.Config(
        plain, lifespan="off", access_log=False, log_config=None, http="h11", loop="asyncio"
    )
    asyncio.run(uvicorn.Server(config).serve([listener]))


def serve_files(folder: str) -> None:
    """Python's own file server on a free port."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def make_get(url: str, path: str) -> bytes:
    """A request for a path."""
    return f"GET /{path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()


def stream(url: str, path: str, stop: threading.Event | None = None) -> float:
    """Bytes a second of one file, which is thrown away."""
    buffer = bytearray(BLOCK)
    began, total = time.perf_counter(), 0
    with connect(url) as connection:
        connection.sendall(
            make_get(url, path).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        while (size := connection.recv_into(buffer)) and not (stop and stop.is_set()):
            total += size
    return total / (time.perf_counter() - began)


def place_files(folder: Path, size: int) -> str:
    """An inbox with a small .sym file and a large program; that one's path of debuginfod."""
    from crashtool.formats.object_file.identify import read_object_files

    own = folder / "symbols" / "upload"
    for name in ("1", "2"):
        (own / name).mkdir(parents=True)
    (own / "1" / "small.so.sym").write_bytes(SYMBOLS)
    program = own / "2" / "large"
    subprocess.run(
        ["gcc", "-x", "c", "-", "-Wl,--build-id", "-o", program],
        input=b"int main(void) { return 0; }",
        check=True,
    )
    build_id = read_object_files(program.read_bytes())[0].build_id
    with program.open("r+b") as file:
        file.truncate(size)
    return f"buildid/{build_id.hex}/executable"


def wait_for(url: str, path: str) -> None:
    """Until the index has a file; AssertionError after a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with connect(url) as connection:
            try:
                ask(connection, make_get(url, path))
            except ValueError:
                time.sleep(0.1)
            else:
                return
    raise AssertionError(f"{path} did not come")


def measure_posts(url: str, request: bytes, seconds: float) -> float:
    """The median seconds of a report."""
    taken = []
    end = time.perf_counter() + seconds
    with connect(url) as connection:
        while time.perf_counter() < end:
            taken.append(ask(connection, request))
    return statistics.median(taken)


def measure_beside_stream(
    url: str, streamed: tuple[str, str], request: bytes, seconds: float
) -> float:
    """The same while a large file, (URL of its server, path), is streamed again and again."""
    stop = threading.Event()

    def keep_on() -> None:
        while not stop.is_set():
            stream(*streamed, stop)

    thread = threading.Thread(target=keep_on)
    thread.start()
    try:
        return measure_posts(url, request, seconds)
    finally:
        stop.set()
        thread.join()


def main() -> int:
    """Measure, print, and say whether the targets are met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve-plain", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve-files", default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_plain:
        serve_plain()
    if options.serve_files:
        serve_files(options.serve_files)
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        figures = measure(folder, options.seconds, int(options.gigabytes * (1 << 30)))
    finally:
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:44} {value:12,.3f}")
    is_good = figures["small requests a second"] >= RATE and figures["stream, share"] >= SHARE
    return 0 if is_good else 1


def measure(folder: Path, seconds: float, size: int) -> dict[str, float]:
    """Every figure, of servers that run side by side and are asked in turns."""
    inbox = folder / "inbox"
    large = place_files(inbox, size)
    script = str(Path(__file__).resolve())
    served = str(inbox / "symbols" / "upload" / "2")
    ours: dict[str, list[float]] = {"small": [], "stream": []}
    theirs: dict[str, list[float]] = {"small": [], "stream": []}
    with (
        running(CRASHTOOL, "serve", "--port", "0", "--folder", str(inbox)) as submission,
        running(sys.executable, script, "--serve-plain") as plain,
        running(sys.executable, script, "--serve-files", served) as files,
    ):
        url = f"http://{urlsplit(submission).netloc}"
        wait_for(url, SMALL)
        work = [
            (ours["small"], lambda: measure_rate(url, make_get(url, SMALL), seconds)),
            (theirs["small"], lambda: measure_rate(plain, make_get(plain, SMALL), seconds)),
            (ours["stream"], lambda: stream(url, large)),
            (theirs["stream"], lambda: stream(files, "large")),
        ]
        stream(files, "large")  # who comes first would read it from the disk
        for index in range(ROUNDS):
            for figures, run in work if index % 2 else reversed(work):
                figures.append(run())
        report = make_request(submission, build_small_dump())
        alone, beside = [], []  # alone: beside a stream that another server sends
        for _ in range(ROUNDS):
            alone.append(measure_beside_stream(url, (files, "large"), report, seconds))
            beside.append(measure_beside_stream(url, (url, large), report, seconds))
    return {
        "small requests a second": statistics.median(ours["small"]),
        "small requests a second, plain starlette": statistics.median(theirs["small"]),
        "small, share": statistics.median(
            one / other for one, other in zip(ours["small"], theirs["small"], strict=True)
        ),
        "stream, MB a second": statistics.median(ours["stream"]) / 1e6,
        "stream, MB a second, Python's file server": statistics.median(theirs["stream"]) / 1e6,
        "stream, share": statistics.median(
            one / other for one, other in zip(ours["stream"], theirs["stream"], strict=True)
        ),
        "report beside another server's stream, ms": statistics.median(alone) * 1e3,
        "report beside its own stream, ms": statistics.median(beside) * 1e3,
        "report beside its own stream, times": statistics.median(
            one / other for one, other in zip(beside, alone, strict=True)
        ),
    }


if __name__ == "__main__":
    sys.exit(main())
