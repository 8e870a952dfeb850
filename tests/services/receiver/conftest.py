import socket
import time
import urllib.parse

import pytest

from crashtool.services.receiver.app import start_receiver


@pytest.fixture
def receiver(tmp_path):
    with start_receiver(tmp_path / "inbox") as running:
        yield running


def connect(receiver) -> socket.socket:
    parts = urllib.parse.urlsplit(receiver.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError(data)
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return int(head.split()[1]), body


def exchange(receiver, request: bytes) -> tuple[int, bytes]:
    with connect(receiver) as connection:
        connection.sendall(request)
        return read_answer(connection)


def wait_until(condition, seconds=20):
    """Wait for something that another thread or process brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)
