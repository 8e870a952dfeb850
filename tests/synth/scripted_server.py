"""A receiver on loopback that does what the test has written down, one answer a request."""

import contextlib
import gzip
import json
import socket
import struct
import threading
from typing import NamedTuple

from crashtool.services.transport.retry import Clock

OK = {"response": "ok", "_rxid": "56000000-8be7-5806-0000-000000000000"}


class Received(NamedTuple):
    """A request: its line, headers in lower case, and body as sent and unpacked."""

    line: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self):
        packed = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.raw) if packed else self.raw


def answer(status=200, body=OK, **headers):
    """An answer's bytes; a dict becomes JSON, names of headers take - for _."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(data)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def reset(connection):
    """Close without reading: the client is told that its bytes were thrown away."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class ScriptedServer:
    """`script` is a list of answers (bytes), or functions that get the connection.

    A function is called before the request is read; returning bytes answers and hangs up.
    After the last line of the script, everything is accepted.
    """

    def __init__(self, script=(), context=None):
        self.script = list(script)
        self.received = []
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError, ValueError), connection:
                connection.settimeout(20)
                self.handle(connection)

    def handle(self, connection):
        if self.context:
            with self.context.wrap_socket(connection, server_side=True) as secure:
                self.take_step(secure)
        else:
            self.take_step(connection)

    def take_step(self, connection):
        step = self.script.pop(0) if self.script else answer()
        if callable(step):
            said = step(connection)
            if said:
                connection.sendall(said)
            return
        self.received.append(read_request(connection))
        connection.sendall(step)

    def close(self):
        # shutdown wakes the thread that waits in accept
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)


def read_request(connection):
    stream = connection.makefile("rb")
    line = stream.readline().decode().rstrip()
    headers = {}
    while (text := stream.readline().decode("latin-1").rstrip()) != "":
        name, _, value = text.partition(": ")
        headers[name.lower()] = value
    if headers.get("transfer-encoding") == "chunked":
        raw = b""
        while size := int(stream.readline(), 16):
            raw += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        raw = stream.read(int(headers.get("content-length", 0)))
    return Received(line, headers, raw)


class StoppedClock:
    """Time that passes only by sleeping; `slept` lists how long."""

    def __init__(self, wall=1_700_000_000.0):
        self.time = 0.0
        self.wall = wall
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds

    @property
    def clock(self):
        return Clock(lambda: self.time, lambda: self.wall + self.time, self.sleep, lambda: 0.0)
