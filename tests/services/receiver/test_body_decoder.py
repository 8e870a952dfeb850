import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser

from crashtool.services.receiver import body_decoder as module
from crashtool.services.receiver.body_decoder import Decoder, Refusal, make_sink, parse_disposition
from crashtool.services.receiver.incoming_report import IncomingReport


def decode(encoding, data, *, limit=1 << 20, step=7):
    decoder = Decoder(encoding, limit)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    out = b"".join(block for piece in pieces for block in decoder.decode(piece))
    decoder.finish()
    return out


@given(st.binary(max_size=2000), st.integers(1, 500))
def test_every_encoding_is_undone(data, step):
    assert decode("", data, step=step) == data
    assert decode("gzip", gzip.compress(data, mtime=0), step=step) == data
    assert decode("deflate", zlib.compress(data), step=step) == data


def test_a_gzip_of_several_members_is_undone():
    assert (
        decode("x-gzip", gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0))
        == b"onetwo"
    )


@pytest.mark.parametrize(
    ("encoding", "data", "status", "words"),
    [
        ("br", b"", 400, "br is not supported"),
        ("gzip", b"plain text", 400, "not valid gzip"),
        ("gzip", gzip.compress(b"data", mtime=0)[:-3], 400, "cut short"),
        ("gzip", gzip.compress(b"data", mtime=0) + b"tail", 400, "not valid gzip"),
        ("gzip", gzip.compress(bytes(5 << 20)), 413, "larger than 1048576"),
        ("", bytes(2 << 20), 413, "larger than 1048576"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused(encoding, data, status, words):
    with pytest.raises(Refusal, match=words) as caught:
        decode(encoding, data, step=1 << 16)
    assert caught.value.status == status


def test_a_bomb_is_never_unpacked_beyond_the_bound():
    bomb = gzip.compress(bytes(200 << 20))
    decoder = Decoder("gzip", 1 << 20)
    sizes = []
    with pytest.raises(Refusal):
        sizes.extend(len(block) for block in decoder.decode(bomb))
    assert sum(sizes) <= 2 << 20


@pytest.mark.parametrize(
    ("header", "name", "filename"),
    [
        (b'form-data; name="a"', b"a", None),
        (b'form-data; name="a"; filename="b.dmp"', b"a", b"b.dmp"),
        (b"form-data; name=a; filename=b.dmp", b"a", b"b.dmp"),
        (b'form-data; filename=""; name="a"', b"a", b""),
        (b'form-data; name="we%22ird%25n%0d%0aame"', b'we"ird%n\r\name', None),
        (b'form-data; name="100%41"', b"100%41", None),
        (rb'form-data; name="a\"b"; filename="c\\d"', b'a"b', rb"c\\d"),
        (rb'form-data; name="a\"; filename="C:\temp\x.dmp"', b"a\\", rb"C:\temp\x.dmp"),
        (b'form-data; name="a;b"; filename="c;d"', b"a;b", b"c;d"),
        (b"form-data; name=f; filename=x; filename*=UTF-8''%e2%82%ac.txt", b"f", "€.txt".encode()),
        (b'form-data; name="f"; filename*=broken', b"f", None),
        (b'form-data; name="\xe9\xff"', b"\xe9\xff", None),
        (b"form-data", None, None),
        (b"", None, None),
    ],
)
def test_a_disposition_gives_name_and_file_name(header, name, filename):
    assert parse_disposition(header) == (name, filename)


def part(name: bytes, value: bytes, extra: bytes = b"") -> bytes:
    return b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        name,
        extra,
        value,
    )


FORM = "multipart/form-data; boundary=B"


def read_form(folder, data, *, step=1 << 16, content_type=FORM):
    draft = IncomingReport(folder)
    try:
        sink = make_sink(draft, content_type, MultipartParser, ("body", ""))
        for at in range(0, len(data), step):
            sink.write(data[at : at + step])
        sink.finish()
    except Refusal:
        draft.discard()
        raise
    return draft


@pytest.mark.parametrize("step", [1, 3, 64, 100_000])
def test_a_form_is_read_alike_in_pieces_of_any_size(tmp_path, step):
    content = bytes(range(256)) * 30 + b"\r\n--B\r\n--\r\n--A"
    data = part(b"key", b"line\r\n--A--\r\nline") + part(b"empty", b"")
    data += part(b"file", content, b'; filename="x"\r\nContent-Type: text/x') + b"--B--\r\n"
    data = data.replace(b"\r\n--B\r\n--\r\n--A", b"\r\n-B\r\n--\r\n--A")
    content = content.replace(b"\r\n--B\r\n--\r\n--A", b"\r\n-B\r\n--\r\n--A")
    draft = read_form(tmp_path / "d", data, step=step)
    assert draft.fields == [(b"key", b"line\r\n--A--\r\nline"), (b"empty", b"")]
    (file,) = draft.files
    assert (file.name, file.filename, file.content_type) == (b"file", b"x", "text/x")
    assert file.path.read_bytes() == content
    draft.discard()
    assert not (tmp_path / "d").exists()


def test_a_minidump_without_a_file_name_is_a_file_all_the_same(tmp_path):
    draft = read_form(tmp_path / "d", part(b"upload_file_minidump", b"MDMP") + b"--B--\r\n")
    assert [(file.name, file.size) for file in draft.files] == [(b"upload_file_minidump", 4)]
    draft.discard()


@pytest.mark.parametrize(
    ("data", "content_type", "words"),
    [
        (part(b"a", b"b"), FORM, "before its closing boundary"),
        (b"", FORM, "before its closing boundary"),
        (b"junk", FORM, "malformed|before its closing"),
        (part(b"a", b"b"), "multipart/form-data", "without a boundary"),
        (b"--B\r\nContent-Type: x\r\n\r\n\r\n--B--\r\n", FORM, "no name"),
        (part(b"a" * 20_000, b"") + b"--B--\r\n", FORM, "headers of a part|malformed"),
        (b"", "application/octet-stream", "the body is empty"),
    ],
)
def test_a_malformed_form_is_refused(tmp_path, data, content_type, words):
    with pytest.raises(Refusal, match=words) as caught:
        read_form(tmp_path / "d", data, content_type=content_type)
    assert caught.value.status == 400


def test_headers_cut_into_many_lines_are_bounded(tmp_path):
    lines = b"".join(b"x-%d: %s\r\n" % (n, b"y" * 3000) for n in range(7))
    data = b"--B\r\n" + lines + b"\r\n\r\n--B--\r\n"
    with pytest.raises(Refusal, match="headers of a part"):
        read_form(tmp_path / "d", data)


def test_the_number_of_parts_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_PARTS", 3)
    with pytest.raises(Refusal, match="more than 3 parts"):
        read_form(tmp_path / "d", part(b"a", b"") * 4 + b"--B--\r\n")


def test_the_size_of_all_fields_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_FIELDS", 100)
    with pytest.raises(Refusal, match="100 bytes of form fields"):
        read_form(tmp_path / "d", part(b"a", b"x" * 60) * 2 + b"--B--\r\n")
