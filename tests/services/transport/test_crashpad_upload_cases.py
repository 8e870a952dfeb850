"""The cases of Crashpad's own tests of what it uploads, by their names, with the same outcome:
MinidumpToUploadParameters, HTTPMultipartBuilder, URLEncode and CrackURL, SplitString, UUID.
"""

from io import BytesIO
from uuid import UUID

import pytest

from crashtool.errors import UsageError
from crashtool.formats.attributes import Attachment, Attribute, parse_pair
from crashtool.formats.crashpad.database import UUID_NAME
from crashtool.formats.minidump.crashpad_info import (
    AnnotationObject,
    CrashpadInfo,
    ModuleAnnotations,
)
from crashtool.formats.multipart import FormField, FormFile, MultipartBody, make_boundary
from crashtool.formats.submission_url.url_parts import split_url
from crashtool.formats.submission_url.url_rules import check_url
from crashtool.model.submission import Field, identify_by_url, upload_fields
from crashtool.services.files.unwrap_dumps import DumpFile
from crashtool.services.sending.request import SendPlan, make_request
from tests.synth.minidump import MinidumpBuilder

GUID = "00112233-4455-6677-8899-aabbccddeeff"
LOSES = "this one loses"


def test_precedence_rules():
    """MinidumpToUploadParameters.PrecedenceRules: of ten keys, who wins."""
    first = ModuleAnnotations(
        0,
        ("list of module 0, line 1", "list of module 0, line 2"),
        (
            ("m0-a", "goat"),
            ("m0-b", "doge"),
            ("list_annotations", LOSES),
            ("guid", LOSES),
            ("first", LOSES),
            ("second", "module 0"),
        ),
        (
            AnnotationObject("m0-c", 1, b"star"),
            AnnotationObject("m0-d", 0xFFFA, b"\x42"),
            AnnotationObject("guid", 1, LOSES.encode()),
            AnnotationObject("list_annotations", 1, LOSES.encode()),
            AnnotationObject("first", 1, LOSES.encode()),
        ),
    )
    second = ModuleAnnotations(
        1,
        ("list of module 1, line 1", "list of module 1, line 2"),
        (
            ("m1-a", "bear"),
            ("list_annotations", LOSES),
            ("guid", LOSES),
            ("first", LOSES),
            ("second", LOSES),
        ),
        (
            AnnotationObject("m1-c", 0xBEEF, b"abc"),
            AnnotationObject("m1-d", 1, b"moon"),
            AnnotationObject("guid", 1, LOSES.encode()),
            AnnotationObject("list_annotations", 1, LOSES.encode()),
            AnnotationObject("second", 1, LOSES.encode()),
        ),
    )
    process = (
        ("process-1", "abcdefg"),
        ("list_annotations", LOSES),
        ("guid", LOSES),
        ("first", "process"),
    )
    info = CrashpadInfo(1, UUID(int=1), UUID(GUID), process, (first, second), 0)

    assert {field.name: field.value for field in upload_fields(info)} == {
        "process-1": "abcdefg",
        "first": "process",
        "second": "module 0",
        "m0-a": "goat",
        "m0-b": "doge",
        "m0-c": "star",
        "m1-a": "bear",
        "m1-d": "moon",
        "guid": GUID,
        "list_annotations": "list of module 0, line 1\nlist of module 0, line 2\n"
        "list of module 1, line 1\nlist of module 1, line 2",
    }


def lines_of(fields, files=()):
    """The lines of a body, with its boundary apart; a boundary has 1 to 70 characters."""
    raw = b"".join(MultipartBody(fields, files, make_boundary()))
    boundary, *lines = raw.removesuffix(b"\r\n").split(b"\r\n")
    assert 3 <= len(boundary) <= 72
    return [line.replace(boundary, b"BOUNDARY") for line in lines]


def disposition(name, filename=None):
    extra = b'; filename="%s"' % filename if filename else b""
    return b'Content-Disposition: form-data; name="%s"' % name + extra


def test_three_string_fields(tmp_path):
    """HTTPMultipartBuilder.ThreeStringFields, from the annotations on: they are sorted by key."""
    pairs = [("key1", "test"), ("key2", "This is another test."), ("key-three", "More tests")]
    sent = [
        FormField(field.name.encode(), field.value.encode())
        for field in request_with(tmp_path, pairs).fields.sent
        if field.name != "guid"
    ]
    assert lines_of(sent) == [
        disposition(b"key-three"),
        b"",
        b"More tests",
        b"BOUNDARY",
        disposition(b"key1"),
        b"",
        b"test",
        b"BOUNDARY",
        disposition(b"key2"),
        b"",
        b"This is another test.",
        b"BOUNDARY--",
    ]


def test_three_file_attachments():
    content = b"This is a test.\n"
    kinds = (
        (b"first", b"minidump.dmp", "application/octet-stream"),
        (b"second", b"minidump.dmp", "text/plain"),
        (b'"third 50% silly"', b"test%foo.txt", "text/plain"),
    )
    files = [
        FormFile(name, filename, len(content), lambda: BytesIO(content), kind)
        for name, filename, kind in sorted(kinds)
    ]
    assert lines_of([], files) == [
        disposition(b"%22third 50%25 silly%22", b"test%25foo.txt"),
        b"Content-Type: text/plain",
        b"",
        content,
        b"BOUNDARY",
        disposition(b"first", b"minidump.dmp"),
        b"Content-Type: application/octet-stream",
        b"",
        content,
        b"BOUNDARY",
        disposition(b"second", b"minidump.dmp"),
        b"Content-Type: text/plain",
        b"",
        content,
        b"BOUNDARY--",
    ]


def request_with(tmp_path, annotations=(), attachments=()):
    path = tmp_path / "x.dmp"
    path.write_bytes(MinidumpBuilder().add_system().pack())
    plan = SendPlan(
        "http://127.0.0.1:1/u/t/minidump",
        annotations=tuple(Attribute(*pair) for pair in annotations),
        attachments=tuple(Attachment(*pair) for pair in attachments),
    )
    return make_request(DumpFile(str(path), path, path.stat().st_size), plan)


def test_overwrite_form_data_with_escaped_key(tmp_path):
    key = 'a 100% "silly"\r\ntest'
    request = request_with(tmp_path, [(key, "some dummy value"), (key, "overwrite")])
    sent = [field.value for field in request.fields.sent if field.name == key]
    assert sent == ["overwrite"]
    assert lines_of([FormField(key.encode(), b"overwrite")]) == [
        disposition(b"a 100%25 %22silly%22%0d%0atest"),
        b"",
        b"overwrite",
        b"BOUNDARY--",
    ]


def test_overwrite_file_attachment(tmp_path):
    """An attachment cannot overwrite another; both are sent, the second with another name."""
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode())
    pairs = [("same", str(tmp_path / "one")), ("same", str(tmp_path / "two"))]
    request = request_with(tmp_path, attachments=pairs)
    names = [file.name for file in request.files if file.name != b"upload_file_minidump"]
    assert names == [b"same", b"same-1"]


def test_shared_form_data_and_attachment_key_namespace(tmp_path):
    (tmp_path / "prod").write_bytes(b"file")
    request = request_with(
        tmp_path, [("one", "11111"), ("prod", "a field")], [(None, str(tmp_path / "prod"))]
    )
    assert [file.name for file in request.files] == [b"prod", b"upload_file_minidump"]
    assert "prod" not in [field.name for field in request.fields.sent]


def test_a_value_that_looks_like_a_boundary_survives():
    """HTTPTransport.ValidFormData: `--abcdefg123` is a value as any other."""
    assert lines_of([FormField(b"key1", b"--abcdefg123")])[2] == b"--abcdefg123"


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("", ""),
        (" !#$&'()*+,/:;=?@[]", "%20%21%23%24%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D"),
        ("AZaz09-_.~", "AZaz09-_.~"),
        ("http://a.com/p.html?x=1&y=2", "http%3A%2F%2Fa.com%2Fp.html%3Fx%3D1%26y%3D2"),
    ],
)
def test_url_encode(value, encoded):
    url = identify_by_url("http://h/p", (Field("prod", value, ""),))
    assert url == f"http://h/p?product={encoded}"


def test_crack_url_bad():
    rules = {finding.rule for finding in check_url("file://path/to/file")}
    assert "scheme-unknown" in rules
    for url in ("http://127.0.0.1", "https://127.0.0.1"):
        assert "path-missing" in {finding.rule for finding in check_url(url)}


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "rest"),
    [
        ("http://stuff/", "http", "stuff", None, "/"),
        ("https://stuff/", "https", "stuff", None, "/"),
        ("http://stuff:999/", "http", "stuff", "999", "/"),
        ("http://stuff:999/things", "http", "stuff", "999", "/things"),
        ("http://stuff:999/things?blah=stuff:3", "http", "stuff", "999", "/things?blah=stuff:3"),
    ],
)
def test_crack_url_ok(url, scheme, host, port, rest):
    parts = split_url(url)
    query = f"?{parts.query}" if parts.query is not None else ""
    assert (parts.scheme, parts.host, parts.port, parts.path + query) == (scheme, host, port, rest)


@pytest.mark.parametrize("text", ["", "no equals", "=", "=beginequals"])
def test_split_string_first_fails(text):
    with pytest.raises(UsageError):
        parse_pair(text)


def test_split_string_first_of_equals():
    assert parse_pair("EndsEquals=") == ("EndsEquals", "")
    assert parse_pair("key=VALUE") == ("key", "VALUE")
    assert parse_pair("a=b=c") == ("a", "b=c")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("c6849cb5-fe14-4a79-8978-9ae6034c521d", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", True),
        ("5762c15D-50b5-4171-a2e9-7429c9EC6CAB", True),
        ("5762c15d-50b5-4171-a2e9-7429c9ec6cab9", False),
        ("5762c15d-50b5-4171-a2e9-7429c9ec6ca", False),
        ("{5762c15d-50b5-4171-a2e9-7429c9ec6cab}", False),
        ("5762c15d-50b5-4171-a2e9-7429c9ec6cab\n", False),
        ("5762c15d50b54171a2e97429c9ec6cab", False),
        ("5762c15d-50b5-4171-a2e9-7429c9ec6cag", False),
        ("5762c15d-50b5-4171-a2e9_7429c9ec6cab", False),
        (" 5762c15d-50b5-4171-a2e9-7429c9ec6cab", False),
        ("", False),
    ],
)
def test_uuid_from_string(text, is_one):
    assert bool(UUID_NAME.fullmatch(text)) is is_one
