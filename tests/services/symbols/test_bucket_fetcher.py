"""Object stores that are slow: a real S3 client against a server that drips."""

import json
import socket
import threading
import time
from contextlib import ExitStack, closing
from io import BytesIO

import pytest

from crashtool.errors import NETWORK, TimedOut
from crashtool.services.symbols.bucket_calls import FIRST_PIECE
from crashtool.services.symbols.bucket_fetcher import BucketFetcher
from crashtool.services.symbols.bucket_target import BucketTarget
from tests.synth.object_files import full_elf

HEAD = (
    b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "x"\r\n'
    b"Last-Modified: Mon, 30 Nov 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n"
)
UPLOAD = b"<Result><UploadId>1</UploadId><ETag>x</ETag></Result>"  # of its beginning and end


class DrippingStore:
    """Answers each request at once up to a point, then with a byte now and then, without end."""

    def __init__(self, drips):
        self._drips = drips
        self.asked = []
        self._end = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop_dripping(self):
        """Answer whole from now on; what drips goes on dripping."""
        self._drips = ""

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
                while line := lines.readline():
                    method, place, _ = line.split(b" ")
                    self.asked.append((method, place))
                    size = 0
                    while header := lines.readline().strip():
                        name, _, value = header.lower().partition(b":")
                        if name == b"expect":
                            peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                        size = int(value) if name == b"content-length" else size
                    lines.read(size)
                    if self._drips in ("head", method.decode()):
                        self._drip(peer, method)
                    elif method == b"HEAD" and self._drips != "GET":
                        peer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    else:
                        size = FIRST_PIECE * 4 if method in (b"HEAD", b"GET") else len(UPLOAD)
                        body = b"" if method in (b"HEAD", b"GET") else UPLOAD
                        peer.sendall(HEAD % size + b"\r\n" + body)
            except OSError:
                return

    def _drip(self, peer, method):
        peer.sendall(HEAD % FIRST_PIECE + (b"\r\n" if method == b"GET" else b"X-Slow: "))
        while not self._end.wait(0.05):
            peer.sendall(b"x")


@pytest.fixture(params=["head", "GET"])
def store(request, open_store):
    return open_store(request.param)


@pytest.fixture
def open_store(monkeypatch):
    pytest.importorskip("s3fs")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with ExitStack() as stack:

        def open_store(drips):
            server = stack.enter_context(closing(DrippingStore(drips)))
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            return server

        yield open_store


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_store_that_drips_has_an_end(store):
    target = BytesIO()

    with pytest.raises(TimedOut, match="less than 4 KiB a second"):
        BucketFetcher(2.0).fetch("s3://bucket/app.sym", target, 1 << 30)
    assert target.getvalue() == b""


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("drips", ["head", "PUT"])
def test_a_store_that_takes_a_file_by_drips_has_an_end(open_store, drips, crashtool, tmp_path):
    open_store(drips)
    (tmp_path / "app").write_bytes(full_elf())
    began = time.monotonic()

    result = crashtool(
        "upload-symbols",
        "--json",
        "--allow-empty",
        "--timeout",
        "2",
        tmp_path / "app",
        "--to",
        "s3://bucket/symbols",
    )

    (row,) = json.loads(result.stdout)["requests"]
    assert (result.exit_code, row["status"]) == (NETWORK, "failed")
    assert "s3 store: after 2 s less than 4 KiB a second had gone through" in row["reason"]
    assert time.monotonic() - began < 40


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_hangs_on_the_way_to_a_store_holds_up_no_other_file(open_store):
    stuck = open_store("PUT")
    target = BucketTarget("s3://bucket/symbols", 3.0)
    with pytest.raises(TimedOut):
        target.write("app", iter([b"whole"]))
    stuck.stop_dripping()
    target._timeout = 30.0

    target.write("other", iter([b"whole"]))
    assert [
        place for method, place in stuck.asked if method == b"POST" and b"uploadId=" in place
    ] == [b"/bucket/symbols/other?uploadId=1"]


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
