"""A receiver that does nothing but count: reads a POST, answers as Backtrace does.

`python benchmarks/sink.py` prints its submission URL, then serves one connection after the other
until its stdin ends, and then prints how many requests have come. It is no part of what is
measured, and so must be faster than any sender.
"""

from __future__ import annotations

import json
import socket
import sys
import threading

BLOCK = 1 << 20  # bytes
TOKEN = "0123456789abcdef" * 4


def serve(listener: socket.socket, sizes: list[int]) -> None:
    """Answer every request on every connection, forever; note the size of each body."""
    buffer = bytearray(BLOCK)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                while (size := answer_request(connection, buffer)) is not None:
                    sizes.append(size)
            except ConnectionError:
                continue


def answer_request(connection: socket.socket, buffer: bytearray) -> int | None:
    """Read one request and answer it; the size of its body, None when the peer has no more."""
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(65536)
        if not block:
            return None
        received += block
    head, _, body = received.partition(b"\r\n\r\n")
    headers = dict(parse_headers(head))
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        size = count_chunks(connection, buffer, body)
    else:
        size = int(headers.get("content-length", "0"))
        drain(connection, buffer, size - len(body))
    answer = json.dumps({"response": "ok", "_rxid": f"{size:032x}"}).encode()
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer)
    )
    return size


def parse_headers(head: bytes) -> list[tuple[str, str]]:
    """Header names in lower case, and values."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    return [
        (name.strip().lower(), value.strip())
        for name, _, value in (line.partition(":") for line in lines)
    ]


def drain(connection: socket.socket, buffer: bytearray, size: int) -> None:
    """Read `size` bytes and forget them."""
    view = memoryview(buffer)
    while size > 0:
        received = connection.recv_into(view[: min(size, BLOCK)])
        if not received:
            raise ConnectionError("the sender stopped early")
        size -= received


def count_chunks(connection: socket.socket, buffer: bytearray, pending: bytes) -> int:
    """Read a chunked body (RFC 9112, 7.1) without trailers; returns its size."""
    total = 0
    while True:
        while b"\r\n" not in pending:
            pending += receive(connection)
        head, _, pending = pending.partition(b"\r\n")
        size = int(head.partition(b";")[0], 16)
        total += size
        left = size + 2 - len(pending)
        if left > 0:
            drain(connection, buffer, left)
        pending = pending[size + 2 :]
        if size == 0:
            return total


def receive(connection: socket.socket) -> bytes:
    """A few bytes: the rest of a body is not to be copied about."""
    block = connection.recv(64)
    if not block:
        raise ConnectionError("the sender stopped early")
    return block


def main() -> None:
    """Listen on a free loopback port, print the URL, serve until stdin ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        print(f"http://127.0.0.1:{port}/benchmark/{TOKEN}/minidump", flush=True)
        sizes: list[int] = []
        threading.Thread(target=serve, args=(listener, sizes), daemon=True).start()
        sys.stdin.read()
        print(len(sizes))


if __name__ == "__main__":
    main()
