import gzip
import hashlib
import io
import os
import zlib

import pytest

from crashtool.formats.multipart import BLOCK, FormFile
from crashtool.services.transport import balance
from crashtool.services.transport.balance import Balance
from crashtool.services.transport.upload_body import (
    LEAST_CHUNK,
    CountedBody,
    FileBody,
    GzipBody,
    HashedFile,
)


def file_of(data):
    return FormFile(b"n", b"f", len(data), lambda: io.BytesIO(data))


DATA = os.urandom(BLOCK) + bytes(3 * BLOCK) + b"end"


def test_a_file_is_its_bytes_each_time():
    body = FileBody(file_of(DATA))

    assert [b"".join(body), b"".join(body)] == [DATA, DATA]
    assert body.size == len(DATA)


def test_gzip_gives_the_same_bytes_back_each_time():
    body = GzipBody(FileBody(file_of(DATA)))

    assert body.size is None
    assert gzip.decompress(b"".join(body)) == DATA
    assert gzip.decompress(b"".join(body)) == DATA


class Decided(Balance):
    """Deflate two blocks, then store all."""

    def __init__(self):
        super().__init__()
        self.weighed = []
        self._decisions = iter([False, False])

    is_network_faster = property(lambda self: next(self._decisions, True), lambda *_: None)

    def add(self, size, *_seconds):
        self.weighed.append(size)


def test_what_a_network_takes_faster_than_one_compresses_is_stored_in_the_same_stream():
    data = os.urandom(BLOCK) + b"text" * BLOCK
    packed = b"".join(GzipBody(FileBody(file_of(data)), Decided()))
    assert gzip.decompress(packed) == data
    assert len(packed) > 3 * BLOCK
    unpacker = zlib.decompressobj(31)  # one member: what follows the first is not read by all
    assert unpacker.decompress(packed) == data
    assert unpacker.eof
    assert unpacker.unused_data == b""


def test_a_large_body_is_weighed_part_by_part_and_a_small_one_when_it_was_answered(monkeypatch):
    scale = Decided()
    small = GzipBody(FileBody(file_of(DATA)), scale)
    b"".join(small)
    assert scale.weighed == []
    small.weigh(1.0)
    assert scale.weighed == [len(DATA)]

    monkeypatch.setattr(balance, "WEIGHED", BLOCK)
    large = GzipBody(FileBody(file_of(os.urandom(4 * BLOCK))), scale)
    b"".join(large)
    large.weigh(1.0)
    assert scale.weighed[1:] == [BLOCK] * 4


def test_a_slow_network_gets_all_of_it_compressed(monkeypatch):
    monkeypatch.setattr(balance, "WEIGHED", BLOCK)
    monkeypatch.setattr(balance, "MUCH_FASTER", 1e9)
    assert len(b"".join(GzipBody(FileBody(file_of(b"text" * BLOCK * 4))))) < BLOCK


def test_what_compresses_well_does_not_go_in_crumbs():
    blocks = list(GzipBody(FileBody(file_of(bytes(64 * BLOCK)))))

    assert all(len(block) >= LEAST_CHUNK for block in blocks[:-1])


def test_an_empty_body_can_be_compressed():
    assert gzip.decompress(b"".join(GzipBody(FileBody(file_of(b""))))) == b""


def test_counting_begins_anew_at_each_try():
    seen = []
    body = CountedBody(FileBody(file_of(DATA)), seen.append)

    list(body)
    list(body)

    assert body.size == len(DATA)
    assert seen == [BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, len(DATA)] * 2


@pytest.mark.parametrize("data", [b"", b"x", DATA])
def test_the_hash_is_there_without_sending(data):
    assert HashedFile(file_of(data)).sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_that_was_sent_is_not_read_again_for_its_hash():
    opened = []

    def open_file():
        opened.append(1)
        return io.BytesIO(DATA)

    hashed = HashedFile(FormFile(b"n", b"f", len(DATA), open_file))
    hashed.wanted = True
    b"".join(FileBody(hashed.form_file))

    assert hashed.sha256 == hashlib.sha256(DATA).hexdigest()
    assert len(opened) == 1


def test_a_try_that_was_cut_off_does_not_spoil_the_hash():
    hashed = HashedFile(file_of(DATA))
    hashed.wanted = True
    next(iter(FileBody(hashed.form_file)))

    assert hashed.sha256 == hashlib.sha256(DATA).hexdigest()
