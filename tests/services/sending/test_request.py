import json
import struct
from urllib.parse import urlsplit

import pytest

from crashtool.errors import InputUnusable, UsageError
from crashtool.formats.attributes import Attachment, Attribute
from crashtool.formats.minidump import streams, structs
from crashtool.formats.minidump.context import X86Context
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.multipart import parse_multipart
from crashtool.services.files.dump_files import STANDARD_INPUT
from crashtool.services.files.unwrap_dumps import DumpFile
from crashtool.services.sending.refusal import find_refusal
from crashtool.services.sending.request import SendPlan, make_request
from crashtool.services.sending.upload_attachments import make_parts
from tests.formats.minidump.test_writer import INFO
from tests.synth.minidump import MinidumpBuilder, nb10, rsds
from tests.synth.scripted_server import Received, read_request
from tests.synth.submission import CLIENT_ID, REPORT_ID, make_crashpad

URL = "http://127.0.0.1:1/u/t/minidump"
SENTRY_LEAVES_OUT = "Content-Type: application/octet-stream"


class FromFile:
    def __init__(self, path):
        self.stream = path.open("rb")

    def makefile(self, _mode):
        return self.stream


def captured(path) -> Received:
    source = FromFile(path)
    with source.stream:
        return read_request(source)


def join(request):
    return b"".join(request.wrap_body(request.plain))


def dump_file(tmp_path, data, name="x.dmp"):
    path = tmp_path / name
    path.write_bytes(data)
    return DumpFile(str(path), path, len(data))


def make(tmp_path, data, **plan):
    return make_request(dump_file(tmp_path, data), SendPlan(plan.pop("url", URL), **plan))


def crash(**crashpad):
    builder = MinidumpBuilder().add_system().add_misc(5).add_thread(7)
    builder.add_module("/bin/app", 4096, 64).set_exception(7, 11)
    return builder.set_crashpad(make_crashpad(**crashpad))


def pytest_generate_tests(metafunc):
    if "capture" in metafunc.fixturenames:
        from tests.conftest import SHARED

        paths = sorted((SHARED / "captures").glob("*.http"))
        metafunc.parametrize("capture", paths, ids=lambda path: path.stem)


def test_the_request_is_the_one_that_the_handler_sent(capture, tmp_path):
    theirs = captured(capture)
    arguments = json.loads(capture.with_suffix(".json").read_text(encoding="utf-8"))["args"]
    url = next(text[6:] for text in arguments if text.startswith("--url="))
    parts = parse_multipart(theirs.body)
    contents = {part.name: theirs.body[part.start : part.end] for part in parts}
    files = [part.name for part in parts if part.filename and part.name != "upload_file_minidump"]
    for name in files:
        (tmp_path / name).write_bytes(contents[name])

    request = make_request(
        dump_file(tmp_path, contents["upload_file_minidump"], "given.dmp"),
        SendPlan(
            url.partition("#")[0],
            gzip="content-encoding" in theirs.headers,
            attachments=tuple(Attachment(None, str(tmp_path / name)) for name in files),
        ),
    )

    ours = Received(
        "", {name.lower(): value for name, value in request.headers.items()}, join(request)
    )
    assert normalize(ours) == normalize(theirs)
    target = urlsplit(request.url)
    line = f"POST {target.path or '/'}?{target.query} HTTP/1.1"
    if "--no-identify-client-via-url" in arguments or "#" in url:
        line = line.partition("?")[0] + " HTTP/1.1"
    assert line == theirs.line


def normalize(received):
    """Body and headers with one boundary for all, and without what only Sentry's build leaves out.

    A part's type is compared where there is one.
    """
    kind, _, boundary = received.headers["content-type"].partition("=")
    body = received.body.replace(boundary.encode(), b"BOUNDARY")
    assert len(boundary) == len("---MultipartBoundary-") + 32 + 3
    body = body.replace(f"\r\n{SENTRY_LEAVES_OUT}\r\n".encode(), b"\r\n")
    return kind, received.headers.get("content-encoding"), body


def test_annotations_of_the_user_win_over_the_dumps(tmp_path):
    request = make(tmp_path, crash().pack(), annotations=(Attribute("ver", "2.0"),))

    assert ("ver", "2.0", "--annotation") in request.fields.sent
    assert request.fields.dropped == (("ver", "1.2.3", "process"),)
    assert f"version=2.0&guid={CLIENT_ID}" in request.url


def test_the_dump_is_named_by_its_report_id(tmp_path):
    request = make(tmp_path, crash().pack())

    assert request.files[0].filename.decode() == f"{REPORT_ID}.dmp"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/my crash.dmp", b"my_crash.dmp"),
        (STANDARD_INPUT, b"minidump.dmp"),
        ("core", b"core.dmp"),
        ("C:\\dumps\\x.mdmp", b"x.dmp"),
        ("all.zip:in/side.dmp", b"side.dmp"),
    ],
)
def test_a_dump_without_a_report_id_is_named_by_its_file(tmp_path, path, name):
    found = dump_file(tmp_path, MinidumpBuilder().add_system().pack())._replace(path=path)

    assert make_request(found, SendPlan(URL)).files[0].filename == name


def test_an_unusable_file_is_called_as_the_user_called_it(tmp_path):
    found = dump_file(tmp_path, b"hello")._replace(path=STANDARD_INPUT)

    with pytest.raises(InputUnusable, match=r"^standard input is .*not a minidump"):
        make_request(found, SendPlan(URL))


def test_modifiers_go_into_the_query(tmp_path):
    request = make(tmp_path, crash().pack(), sync=True, faulting_thread=7)

    assert request.url.endswith("&_mod_sync=1&_mod_faulting_tid=7")


def test_a_thread_that_is_not_there_cannot_be_blamed(tmp_path):
    with pytest.raises(UsageError, match="no thread 8") as caught:
        make(tmp_path, crash().pack(), faulting_thread=8)
    assert caught.value.hint == "its threads: 7"


def test_a_raw_request_is_the_dump_alone(tmp_path):
    data = crash().pack()

    request = make(tmp_path, data, raw=True, gzip=False, annotations=(Attribute("a b", "c&d"),))

    assert join(request) == data
    assert request.headers == {"Content-Type": "application/octet-stream"}
    assert request.url.endswith(f"&guid={CLIENT_ID}&a%20b=c%26d")
    assert request.fields.sent == ()


def test_a_raw_request_has_no_place_for_attachments(tmp_path):
    with pytest.raises(UsageError, match="--raw"):
        make(tmp_path, crash().pack(), raw=True, attachments=(Attachment(None, "x"),))


def test_login_fields_are_sent_and_not_warned_of(tmp_path):
    login = (Attribute("token", "a" * 64), Attribute("format", "minidump"))

    request = make(tmp_path, crash().pack(), login=login)

    assert ("token", "a" * 64, "--token") in request.fields.sent
    assert request.warnings == ()


def warnings_of(tmp_path, builder, **plan):
    return " / ".join(make(tmp_path, builder.pack(), **plan).warnings)


def test_a_good_dump_has_no_warnings(tmp_path):
    assert warnings_of(tmp_path, crash()) == ""


def test_a_snapshot_is_warned_of_unless_a_thread_is_named(tmp_path):
    builder = MinidumpBuilder().add_system().add_thread(7)
    builder.set_crashpad(make_crashpad())

    assert "--faulting-thread TID" in warnings_of(tmp_path, builder)
    assert warnings_of(tmp_path, builder, faulting_thread=7) == ""


def test_a_dump_without_annotations_is_warned_of(tmp_path):
    builder = MinidumpBuilder().add_system().add_thread(7).set_exception(7, 11)
    builder.add_module("/bin/app", 4096, 64)

    request = make(tmp_path, builder.pack())

    assert "no Crashpad annotations" in request.warnings[0]
    assert request.fields.sent == ()
    assert request.url == URL


def test_what_the_handlers_reader_refuses_is_sent_with_its_annotations_and_said(tmp_path):
    data = bytearray(crash().pack())
    data[6] = 1

    request = make(tmp_path, bytes(data))

    assert "sent here: 3" in request.warnings[0]
    assert [field.name for field in request.fields.sent] == ["guid", "prod", "ver"]


def test_damage_is_warned_of(tmp_path):
    data = crash().add_stream(0x12345, bytes(4000)).pack()

    assert "damaged" in " ".join(make(tmp_path, data[:-3000]).warnings)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("db_password", "x", "looks like a secret"),
        ("ApiKey", "x", "looks like a secret"),
        ("token", "x", "puts a token into every dump"),
        ("format", "json", "can take the place of the URL's own format"),
        ("note", "a1" * 32, "looks like a token"),
    ],
)
def test_what_should_not_leave_the_house_is_warned_of(tmp_path, name, value, words):
    builder = crash(annotations=[(name, value)])

    assert words in warnings_of(tmp_path, builder)


def test_an_empty_secret_is_none(tmp_path):
    builder = crash(annotations=[("password", ""), ("prod", "Game"), ("ver", "1")])

    assert warnings_of(tmp_path, builder) == ""


def test_an_attachment_takes_the_place_of_an_annotation(tmp_path):
    (tmp_path / "prod").write_bytes(b"file")

    request = make(
        tmp_path, crash().pack(), attachments=(Attachment(None, str(tmp_path / "prod")),)
    )

    assert [file.name for file in request.files] == [b"prod", b"upload_file_minidump"]
    assert [field.name for field in request.fields.sent] == ["guid", "ver"]
    assert "product=Game" in request.url, "the handler's query still has it"
    assert "takes the place" in request.warnings[0]


def test_attachments_are_renamed_rather_than_lost(tmp_path):
    (tmp_path / "d").mkdir()
    for name in ("é x.txt", "log.txt", "d/log.txt"):
        (tmp_path / name).write_bytes(b"x")
    warnings = []

    parts = make_parts(
        [Attachment(None, str(tmp_path / name)) for name in ("é x.txt", "log.txt", "d/log.txt")]
        + [Attachment("log.txt", str(tmp_path / "log.txt"))],
        warnings,
    )

    assert list(parts) == ["__x.txt", "log.txt", "log-1.txt", "log-2.txt"]
    assert len(warnings) == 3


def test_an_empty_attachment_is_warned_of(tmp_path):
    (tmp_path / "e").touch()
    warnings = []

    make_parts([Attachment(None, str(tmp_path / "e"))], warnings)

    assert warnings == ["the attachment e is empty"]


def test_a_folder_or_a_missing_file_cannot_be_attached(tmp_path):
    with pytest.raises(InputUnusable, match="is a folder"):
        make_parts([Attachment(None, str(tmp_path))], [])
    with pytest.raises(InputUnusable, match=r"cannot read the attachment .*gone"):
        make_parts([Attachment(None, str(tmp_path / "gone"))], [])


def test_no_attachment_can_be_called_like_the_dump(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(UsageError, match="upload_file_minidump"):
        make_parts([Attachment("upload_file_minidump", str(tmp_path / "x"))], [])


def refusal_of(builder, change=lambda data: data):
    return find_refusal(Minidump(change(builder.pack())))


def test_crashpads_own_dumps_are_not_refused():
    assert refusal_of(crash()) is None
    assert refusal_of(crash(), lambda data: data + b"trailing") is None
    assert refusal_of(MinidumpBuilder().add_system()) is None
    for architecture in ("x86", "x86_64", "arm", "arm64"):
        builder = MinidumpBuilder().add_system(architecture=architecture).add_memory_info(0, 1)
        builder.add_thread(1, registers={}).set_crashpad(make_crashpad())
        builder.add_module("/a", 1, 1, codeview=rsds(bytes(16)))
        assert refusal_of(builder.add_module("/b", 2, 1, build_id=bytes(20))) is None


def patched(offset, value):
    return lambda data: data[:offset] + value + data[offset + len(value) :]


@pytest.mark.parametrize(
    ("builder", "change", "words"),
    [
        (crash(), patched(6, b"\x01\x00"), "version is 0x1a793"),
        (crash().add_stream(streams.SYSTEM_INFO, bytes(56)), bytes, "several streams"),
        (crash(), lambda data: data[:150], "cut short"),
        (crash(), patched(8, b"\xff\x00"), "cut short"),
        (MinidumpBuilder().add_module("/a", 1, 1), bytes, "no CrashpadInfo"),
        (crash(version=2), bytes, "version 2"),
        (
            MinidumpBuilder(padded=True).add_module("/a", 1, 1).set_crashpad(make_crashpad()),
            bytes,
            "padded",
        ),
        (MinidumpBuilder().add_stream(streams.MISC_INFO, bytes(1368)), bytes, "1368 bytes"),
        (MinidumpBuilder().add_stream(streams.CRASHPAD_INFO, bytes(40)), bytes, "cut short"),
        (
            MinidumpBuilder().add_stream(streams.MODULE_LIST, b"\1").set_crashpad(make_crashpad()),
            bytes,
            "padded or damaged",
        ),
        (MinidumpBuilder(padded=True).add_thread(7), bytes, "thread list is padded"),
        (crash().add_thread(8, registers={"flags": 0}), bytes, "thread 8's registers"),
        (crash().add_thread(9, registers={}, layout=X86Context), bytes, "thread 9's registers"),
        (crash().add_module("/b", 1, 1, codeview=nb10(1)), bytes, "module's debug id"),
        (crash().add_module("/b", 1, 1, codeview=rsds(bytes(16))[:-1]), bytes, "module's debug id"),
        (
            MinidumpBuilder().add_memory_info(0, 1).add_stream(streams.MEMORY_INFO_LIST, b"x"),
            bytes,
            "several streams",
        ),
        (
            MinidumpBuilder().add_stream(streams.MEMORY_INFO_LIST, bytes(16)),
            bytes,
            "list of memory regions",
        ),
    ],
)
def test_each_thing_that_crashpads_reader_refuses_is_named(builder, change, words):
    assert words in refusal_of(builder, change)


def test_more_threads_than_are_read_of_any_dump_are_not_gone_through():
    threads = struct.pack("<I", 1 << 18) + bytes(structs.ThreadRecord.SIZE << 18)
    builder = MinidumpBuilder().add_stream(streams.THREAD_LIST, threads)
    assert "a list of 262,144 entries" in refusal_of(builder)


def test_annotations_of_modules_and_what_lies_behind_the_end_are_looked_at():
    data = crash(modules=INFO.modules).pack()
    info = Minidump(data).find_place(streams.CRASHPAD_INFO).rva
    record = structs.CrashpadInfoRecord.read(data, info)
    size = info + structs.CrashpadInfoRecord.offset_of("module_list_size")
    link = record.module_list_rva + structs.Count.SIZE + structs.ModuleLink.offset_of("size")
    before = crash().add_thread(99, registers={}).pack()
    threads = Minidump(before).find_place(streams.THREAD_LIST)
    last = threads.rva + threads.size - 4  # the RVA of its context

    def refusal(data, offset, value):
        return find_refusal(Minidump(patched(offset, struct.pack("<I", value))(data)))

    assert refusal(data, link, 28) is None
    assert "the form of 2017 and before" in refusal(data, link, 20)
    assert "list of annotated modules is padded" in refusal(data, size, record.module_list_size + 4)
    assert "list of annotated modules is padded" in refusal(data, size, 3)
    assert "it is damaged (context cut short" in refusal(before, last, len(before))


def test_bytes_that_are_not_utf_8_arrive_as_they_are_in_the_dump(tmp_path):
    request = make(tmp_path, crash(annotations=[("k\udcff", "v\udce9")]).pack(), gzip=False)

    assert b'name="k\xff"\r\n\r\nv\xe9\r\n' in join(request)
