import email
import email.policy
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.multipart import (
    BLOCK,
    FormField,
    FormFile,
    MultipartBody,
    escape_name,
    make_boundary,
    parse_multipart,
    read_blocks,
)

BOUNDARY = "---MultipartBoundary-0123456789abcdefghijABCDEFGHIJKL---"
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


def file_of(data, name=b"file", size=None, **values):
    return FormFile(
        name, b"f.bin", len(data) if size is None else size, lambda: io.BytesIO(data), **values
    )


def join(body):
    return b"".join(body)


def test_a_body_is_byte_for_byte_what_crashpad_sends():
    body = MultipartBody(
        [FormField(b"new\nline", b"a\r\nb")], [file_of(b"MDMP", b"upload")], BOUNDARY
    )

    assert (
        join(body)
        == (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="new%0aline"\r\n\r\na\r\nb\r\n'
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="upload"; filename="f.bin"\r\n'
            f"Content-Type: application/octet-stream\r\n\r\nMDMP\r\n--{BOUNDARY}--\r\n"
        ).encode()
    )
    assert body.content_type == f"multipart/form-data; boundary={BOUNDARY}"


def test_a_part_may_go_without_a_content_type():
    assert b"Content-Type" not in join(MultipartBody([], [file_of(b"x", content_type=None)], "b"))


def test_names_are_escaped_as_crashpad_escapes_them():
    assert escape_name(b'a"b%c\rd\ne') == b"a%22b%25c%0dd%0ae"


@given(
    fields=st.lists(st.tuples(names, st.binary(max_size=200)), max_size=6),
    files=st.lists(st.tuples(names, st.binary(max_size=3000)), max_size=4),
)
def test_any_body_is_read_back_and_has_the_size_it_says(fields, files):
    body = MultipartBody(
        [FormField(name.encode(), value) for name, value in fields],
        [file_of(data, name.encode()) for name, data in files],
        BOUNDARY,
    )

    raw = join(body)

    assert len(raw) == body.size
    assert join(body) == raw, "a body can be sent again"
    if fields or files:
        parts = parse_multipart(raw)
        contents = [raw[part.start : part.end] for part in parts]
        assert contents == [value for _, value in fields] + [data for _, data in files]
        assert [part.name for part in parts] == [name for name, _ in fields + files]
        assert [part.filename for part in parts] == [None] * len(fields) + ["f.bin"] * len(files)


@given(st.lists(st.text("abc123", max_size=9), min_size=1, max_size=5), st.binary(max_size=500))
def test_another_parser_finds_the_same_parts(values, data):
    fields = [
        FormField(f"k{number}".encode(), value.encode()) for number, value in enumerate(values)
    ]
    body = MultipartBody(fields, [file_of(data)], BOUNDARY)
    head = f"MIME-Version: 1.0\r\nContent-Type: {body.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + join(body), policy=email.policy.HTTP)

    parts = list(message.iter_parts())

    assert [part.get_param("name", header="content-disposition") for part in parts] == [
        *(f"k{number}" for number in range(len(values))),
        "file",
    ]
    assert [part.get_payload() for part in parts[:-1]] == values
    assert parts[-1].get_filename() == "f.bin"


def test_large_files_come_in_large_blocks():
    data = bytes(3 * BLOCK + 5)

    sizes = [len(block) for block in MultipartBody([], [file_of(data)], "b")]

    assert max(sizes) == BLOCK
    assert len(sizes) <= 6


def test_a_file_that_grows_is_cut_at_its_announced_size():
    assert join(read_blocks(file_of(b"0123456789", size=4))) == b"0123"


def test_a_file_that_shrinks_is_an_error_that_says_where():
    with pytest.raises(MalformedFile, match=r"f\.bin became shorter .* offset 0xa"):
        join(read_blocks(file_of(b"0123456789", size=20)))


def test_a_file_that_cannot_be_opened_is_named():
    def refuse():
        raise PermissionError(13, "Permission denied")

    with pytest.raises(InputUnusable, match=r"cannot read log\.txt: Permission denied"):
        list(read_blocks(FormFile(b"log", b"log.txt", 5, refuse)))


def test_a_boundary_looks_like_the_handlers_and_differs_each_time():
    one, two = make_boundary(), make_boundary()

    assert one != two
    assert one.startswith("---MultipartBoundary-")
    assert len(one) == len(BOUNDARY)
    seeded = [make_boundary(random.Random(1)) for _ in range(2)]  # noqa: S311 (no secret)
    assert seeded[0] == seeded[1]


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", 0),
        (b"hello\r\nworld", 0),
        (b"--b\r\nContent-Disposition: form-data", 5),
        (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nvalue', 45),
    ],
)
def test_what_is_no_whole_body_is_refused(data, where):
    with pytest.raises(MalformedFile) as caught:
        parse_multipart(data)
    assert caught.value.offset == where


def test_a_part_without_a_name_has_none():
    assert parse_multipart(b"--b\r\nX: y\r\n\r\nv\r\n--b--")[0].name == ""
