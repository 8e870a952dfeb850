"""Replies that are unpacked while they arrive, and what has no end."""

import gzip
import io
import zlib

import pytest

from crashtool.errors import NetworkFailure
from crashtool.services.transport.content_encoding import MAX_BLOCK, decode_reply
from crashtool.services.transport.http import HttpSession

TEXT = bytes(range(256)) * 9000
RAW_DEFLATE = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": gzip.compress(TEXT),
    "GZIP ": gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:]),
    "x-gzip": gzip.compress(TEXT) + b"\n bytes after the end",
    "deflate": zlib.compress(TEXT),
    "Deflate": RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush(),
    "identity": TEXT,
    "": TEXT,
}


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("size", [1, 1000, 1 << 22])
def test_a_body_is_unpacked_however_it_is_cut(encoding, size):
    blocks = list(decode_reply(cut(PACKED[encoding], size), encoding, "host"))

    assert b"".join(blocks) == TEXT
    assert max(map(len, blocks)) <= max(MAX_BLOCK, len(PACKED[encoding]))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "Deflate"])
@pytest.mark.parametrize("lost", [1, 5, 9, 1000, None])
def test_a_body_without_its_end_is_none(encoding, lost):
    packed = PACKED[encoding]
    kept = packed[: len(packed) - lost] if lost else b""

    with pytest.raises(NetworkFailure, match="cut short"):
        list(decode_reply(cut(kept, 700), encoding, "host"))


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("gzip", b"not gzip", "is not valid gzip"),
        ("br", b"\x0b\x02", "sends br, an encoding that was not asked for"),
        ("gzip, gzip", b"", "sends gzip, gzip, an encoding"),
    ],
)
def test_what_is_not_of_its_encoding_is_a_failure(encoding, body, words):
    with pytest.raises(NetworkFailure, match=words):
        list(decode_reply([body], encoding, "host"))


def test_a_download_that_ends_early_and_tells_no_length_fails(serve):
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n"
    server = serve(head + PACKED["gzip"][:-9])
    target = io.BytesIO()

    with HttpSession() as session, pytest.raises(NetworkFailure, match="cut short"):
        session.download(server.url, target, 1 << 30)
