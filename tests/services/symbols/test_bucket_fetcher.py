"""Object stores that are slow: a real S3 client against a server that drips."""

import socket
import threading
from contextlib import closing
from io import BytesIO

import pytest

from crashtool.errors import TimedOut
from crashtool.services.symbols.bucket_fetcher import FIRST_PIECE, BucketFetcher

HEAD = (
    b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "x"\r\n'
    b"Last-Modified: Mon, 30 Nov 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n"
)  # fmt: skip


class DrippingStore:
    """Answers each request at once up to a point, then with a byte now and then, without end."""

    def __init__(self, drips):
        self._drips = drips
        self._end = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._end.set()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer):
        with peer, peer.makefile("rb") as lines:
            try:
                while method := lines.readline().split(b" ")[0]:
                    while lines.readline().strip():
                        pass
                    if self._drips == "head" or method == b"GET":
                        self._drip(peer, method)
                    else:
                        peer.sendall(HEAD % (FIRST_PIECE * 4) + b"\r\n")
            except OSError:
                return

    def _drip(self, peer, method):
        peer.sendall(HEAD % FIRST_PIECE + (b"\r\n" if method == b"GET" else b"X-Slow: "))
        while not self._end.wait(0.05):
            peer.sendall(b"x")


@pytest.fixture(params=["head", "body"])
def store(request, monkeypatch):
    pytest.importorskip("s3fs")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with closing(DrippingStore(request.param)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_store_that_drips_has_an_end(store):
    target = BytesIO()

    with pytest.raises(TimedOut, match="less than 4 KiB a second"):
        BucketFetcher(2.0).fetch("s3://bucket/app.sym", target, 1 << 30)
    assert target.getvalue() == b""


@pytest.mark.parametrize("size", [0, 1, FIRST_PIECE, FIRST_PIECE * 5 + 3])
def test_a_file_comes_whole_in_pieces(size):
    fsspec = pytest.importorskip("fsspec")
    store, content = fsspec.filesystem("memory"), bytes(range(256)) * (size // 256 + 1)
    store.pipe("/pieces/app.sym", content[:size])
    target = BytesIO()
    fetcher = BucketFetcher()

    assert fetcher.fetch("memory://pieces/app.sym", target, 1 << 30) == 200
    assert fetcher.fetch("memory://pieces/other", BytesIO(), 1 << 30) == 404
    assert target.getvalue() == content[:size]
