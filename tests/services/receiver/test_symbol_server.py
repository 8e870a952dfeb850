"""Symbols that were uploaded, given back to debuggers: to real ones, by every spelling of keys."""

import io
import os
import shutil
import subprocess
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
import requests

from crashtool.commands.dump_pages import DumpPages
from crashtool.formats.identifiers import BuildId
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.receiver.app import start_receiver
from crashtool.services.symbols.session import SymbolPlan, open_session
from tests.services.receiver.conftest import wait_until
from tests.services.receiver.crashes import BUILD_ID, make_dump, send_symbols

TOKEN = "5ca1ab1e" * 8
SOURCE = "int twice(int n) { return 2 * n; }\nint main(void) { return twice(21); }\n"


@pytest.fixture
def start(tmp_path):
    """start(token=…, sources=…): a receiver that unpacks symbols."""
    with closing(DumpPages()) as pages:
        yield lambda **options: start_receiver(tmp_path / "inbox", read_dump=pages, **options)


@pytest.fixture
def receiver(start):
    with start() as running:
        yield running


def pack(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def upload(receiver, content=None):
    rxid = send_symbols(receiver, content)
    wait_until(lambda: receiver.inbox.get(rxid).headline)


def get(receiver, path, **options):
    return requests.get(f"{receiver.url}/{path}", timeout=20, **options)


IDENTIFIER = BuildId(BUILD_ID).debug_id.breakpad


def test_a_sym_file_comes_back_by_breakpads_path_in_any_letter_case(receiver):
    assert get(receiver, f"libplay.so/{IDENTIFIER}/libplay.so.sym").status_code == 404
    upload(receiver)
    reply = get(receiver, f"libplay.so/{IDENTIFIER}/libplay.so.sym?code_file=x&code_id=y")
    assert reply.status_code == 200
    assert reply.content.startswith(b"MODULE Linux x86_64")
    assert get(receiver, f"LIBPLAY.SO/{IDENTIFIER.lower()}/libplay.so.SYM").content == reply.content
    assert get(receiver, f"try/libplay.so/{IDENTIFIER}/libplay.so.sym").status_code == 200


def test_files_are_there_after_a_restart(start):
    with start() as receiver:
        upload(receiver)
    with start() as receiver:
        path = f"libplay.so/{IDENTIFIER}/libplay.so.sym"
        wait_until(lambda: get(receiver, path).status_code == 200)
        assert get(receiver, path).content.startswith(b"MODULE Linux")


def test_head_ranges_and_sizes(receiver):
    upload(receiver)
    path = f"{receiver.url}/libplay.so/{IDENTIFIER}/libplay.so.sym"
    whole = requests.get(path, timeout=20)
    head = requests.head(path, timeout=20)
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["x-debuginfod-size"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]
    part = requests.get(path, headers={"range": "bytes=7-11"}, timeout=20)
    assert (part.status_code, part.content) == (206, whole.content[7:12])


def test_crashtool_reads_a_crash_with_a_receiver_as_its_symbol_server(receiver, tmp_path):
    upload(receiver)
    dump = tmp_path / "crash.dmp"
    dump.write_bytes(make_dump())
    plan = SymbolPlan(servers=(f"breakpad:{receiver.url}",))
    with open_session(plan, str(tmp_path / "cache")) as symbols:
        report = read_report(str(dump), "", InspectOptions(symbols=symbols))
    assert report.crashed_thread.frames[0].function == "Player::jump"


def test_with_a_token_the_path_or_the_header_must_have_it(start):
    with start(token=TOKEN) as receiver:
        upload(receiver)
        path = f"libplay.so/{IDENTIFIER}/libplay.so.sym"
        assert get(receiver, path).status_code == 401
        assert get(receiver, f"symbols/{'0' * 64}/{path}").status_code == 401
        assert get(receiver, f"symbols/{TOKEN}/{path}").status_code == 200
        assert get(receiver, path, auth=("any", TOKEN)).status_code == 200
        assert receiver.symbol_server == f"{receiver.url}/symbols/{TOKEN}"


def test_the_inbox_says_what_to_type_in_a_debugger(start):
    with start(token=TOKEN) as receiver:
        page = get(receiver, "", auth=("any", TOKEN)).text
        assert f"export DEBUGINFOD_URLS={receiver.symbol_server}" in page
        assert f"srv*C:\\symbols*{receiver.symbol_server}" in page
        assert TOKEN not in get(receiver, "").text


def test_a_page_of_another_site_gets_nothing(receiver):
    upload(receiver)
    path = f"libplay.so/{IDENTIFIER}/libplay.so.sym"
    assert get(receiver, path, headers={"origin": "https://evil.example"}).status_code == 403
    assert get(receiver, path, headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "path",
    [
        "../reports.sqlite",
        "..%2f..%2fetc%2fpasswd",
        f"buildid/{'0' * 40}/executable",
        f"buildid/{'0' * 40}/source/etc/passwd",
        "index2.txt",
        "pingme.txt",
        f"libplay.so/{IDENTIFIER}/file.ptr",
        f"libplay.so/{IDENTIFIER}/libplay.so.sy_",
        f"libplay.so/{IDENTIFIER}/..%2f..%2f..%2fsettings",
        "symbols//",
        "symbols/x/../../y",
        f"{'a/' * 400}",
        "%00/%00/%00",
        f"libplay.so/{IDENTIFIER[:-1]}1/libplay.so.sym",
    ],
)
def test_keys_that_name_no_upload_give_nothing(receiver, path):
    upload(receiver)
    reply = get(receiver, path)
    assert reply.status_code == 404
    assert b"root:" not in reply.content
    assert reply.headers["content-type"] == "application/json"


@pytest.fixture
def program(tmp_path):
    """A stripped program, its debug file, and its source; by gcc."""
    if not shutil.which("gcc") or not shutil.which("objcopy"):
        pytest.skip("needs gcc and binutils")
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "twice.c").write_text(SOURCE, encoding="utf-8")
    for command in (
        ["gcc", "-g", "-O0", "-Wl,--build-id", "-o", "twice", str(folder / "twice.c")],
        ["objcopy", "--only-keep-debug", "twice", "twice.debug"],
        ["objcopy", "--strip-debug", "twice"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def build_id_of(path):
    from crashtool.formats.object_file.identify import read_object_files
    from crashtool.services.symbols.mapped_file import map_file

    return read_object_files(map_file(str(path)))[0].build_id.hex


def test_a_stripped_program_is_never_given_as_debug_file(receiver, program):
    build_id = build_id_of(program / "twice")
    upload(receiver, pack({"twice": (program / "twice").read_bytes()}))
    assert get(receiver, f"buildid/{build_id}/executable").status_code == 200
    assert get(receiver, f"buildid/{build_id}/debuginfo").status_code == 404
    upload(receiver, pack({"twice.debug": (program / "twice.debug").read_bytes()}))
    debug = get(receiver, f"buildid/{build_id}/debuginfo").content
    assert debug == (program / "twice.debug").read_bytes()
    assert get(receiver, f"buildid/{build_id}/executable").content != debug
    for spelling in (
        f"_.debug/elf-buildid-sym-{build_id.upper()}/_.debug",
        f".build-id/{build_id[:2]}/{build_id[2:]}.debug",
    ):
        assert get(receiver, spelling).content == debug


def test_source_comes_from_the_folders_that_are_named_alone(start, program, tmp_path):
    (tmp_path / "secret.c").write_text("secret", encoding="utf-8")
    (program / "out.c").symlink_to(tmp_path / "secret.c")
    with start(sources=[str(program)]) as receiver:
        upload(receiver, pack({"twice.debug": (program / "twice.debug").read_bytes()}))
        build_id = build_id_of(program / "twice")
        found = get(receiver, f"buildid/{build_id}/source/srv/build/bin/../build/twice.c")
        assert found.text == SOURCE
        for path in ("etc/passwd", "srv/secret.c", "build/out.c", "build/../../secret.c"):
            assert get(receiver, f"buildid/{build_id}/source/{path}").status_code == 404
        assert get(receiver, f"buildid/{'0' * 40}/source/build/twice.c").status_code == 404


def run_gdb(program, environment, *commands):
    """gdb's words on a copy of the program that lies alone."""
    lonely = program.parent / "lonely"
    lonely.mkdir()
    shutil.copy(program / "twice", lonely / "twice")
    if not shutil.which("gdb"):
        pytest.skip("needs gdb")
    arguments = [
        part for text in ("set debuginfod enabled on", *commands) for part in ("-ex", text)
    ]
    return subprocess.run(
        ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled on", *arguments, "twice"],
        cwd=lonely,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("token", [None, TOKEN])
def test_gdb_finds_debug_files_and_source_with_the_one_address(start, program, token):
    (program.parent / "source").mkdir()
    shutil.move(program / "twice.c", program.parent / "source" / "twice.c")
    with start(sources=[str(program.parent / "source")], token=token) as receiver:
        upload(receiver, pack({"twice.debug": (program / "twice.debug").read_bytes()}))
        result = run_gdb(
            program,
            {
                "DEBUGINFOD_URLS": receiver.symbol_server,
                "DEBUGINFOD_CACHE_PATH": str(program.parent / "cache"),
            },
            "info line twice",
            "list twice",
        )
        if "not compiled in" in result.stdout + result.stderr:
            pytest.skip("this gdb has no debuginfod")
        assert "Line 1 of" in result.stdout
        assert "return 2 * n" in result.stdout


def test_pdb_and_pe_of_the_corpus_come_back_by_symsrvs_keys(receiver, shared_truth):
    folder = shared_truth / "windows" / "bin"
    pdb = next(iter(sorted(folder.rglob("*.pdb"))))
    program = next(
        path for path in (pdb.with_suffix(".exe"), pdb.with_suffix(".dll")) if path.exists()
    )
    upload(receiver, pack({pdb.name: pdb.read_bytes(), program.name: program.read_bytes()}))
    from crashtool.formats.object_file.identify import read_object_files
    from crashtool.services.symbols.mapped_file import map_file

    debug_id = read_object_files(map_file(str(pdb)))[0].debug_id.breakpad
    code_id = str(read_object_files(map_file(str(program)))[0].code_id)
    for key in (debug_id, debug_id.lower()):
        assert get(receiver, f"{pdb.name}/{key}/{pdb.name}").content == pdb.read_bytes()
    image_id = code_id[:8].upper() + code_id[8:]
    name = program.name
    assert get(receiver, f"{name}/{image_id}/{name}").content == program.read_bytes()
    assert get(receiver, f"other.dll/{image_id}/other.dll").status_code == 404


@pytest.fixture
def shared_truth(truth) -> Path:
    return truth


def test_a_section_comes_from_the_debug_file_else_from_the_program(receiver, program):
    build_id = build_id_of(program / "twice")
    files = {name: (program / name).read_bytes() for name in ("twice", "twice.debug")}
    assert get(receiver, f"buildid/{build_id}/section/.text").status_code == 404
    upload(receiver, pack(files))
    for name, home in ((".debug_info", "twice.debug"), (".text", "twice"), (".eh_frame", "twice")):
        dumped = program / "section"
        subprocess.run(
            ["objcopy", "--dump-section", f"{name}={dumped}", program / home, program / "unused"],
            check=True,
        )
        reply = get(receiver, f"buildid/{build_id}/section/{name}")
        assert reply.content == dumped.read_bytes()
        assert reply.headers["x-debuginfod-size"] == str(len(reply.content))
        head = requests.head(reply.url, timeout=20)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(reply.content))
        again = requests.get(
            reply.url, headers={"if-none-match": reply.headers["etag"]}, timeout=20
        )
        assert again.status_code == 304
    for name in ("", ".none", "..", "%2e%2e%2fetc%2fpasswd", ".bss"):
        assert get(receiver, f"buildid/{build_id}/section/{name}").status_code == 404


def test_what_a_client_has_is_not_sent_again(receiver):
    upload(receiver)
    path = f"libplay.so/{IDENTIFIER}/libplay.so.sym"
    whole = get(receiver, path)
    tag, date = whole.headers["etag"], whole.headers["last-modified"]
    for headers in (
        {"if-none-match": tag},
        {"if-none-match": f'"x", W/{tag}'},
        {"if-none-match": "*"},
        {"if-modified-since": date},
    ):
        reply = get(receiver, path, headers=headers)
        assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", tag)
    for headers in (
        {"if-none-match": '"x"', "if-modified-since": date},
        {"if-modified-since": "yesterday"},
    ):
        assert get(receiver, path, headers=headers).content == whole.content
    assert whole.headers["cache-control"] == "private, no-cache"


def test_ranges_are_those_of_http(receiver):
    upload(receiver)
    path = f"libplay.so/{IDENTIFIER}/libplay.so.sym"
    whole = get(receiver, path)
    size, tag = len(whole.content), whole.headers["etag"]
    parts = {
        "0-0": whole.content[:1],
        "-4": whole.content[-4:],
        f"{size - 2}-": whole.content[-2:],
        f"5-{size + 9}": whole.content[5:],
    }
    for wanted, part in parts.items():
        reply = get(receiver, path, headers={"range": f"bytes={wanted}"})
        assert (reply.status_code, reply.content) == (206, part)
        assert reply.headers["content-range"].endswith(f"/{size}")
    beyond = get(receiver, path, headers={"range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for known, status in ((tag, 206), ('"other"', 200)):
        reply = get(receiver, path, headers={"range": "bytes=0-1", "if-range": known})
        assert reply.status_code == status


def make_hostile_keys():
    """A thousand and more paths that lead out of everything that is served."""
    ups = (
        "../",
        "..%2f",
        "%2e%2e/",
        "%2e%2e%2f",
        "..\\",
        "..%5c",
        "....//",
        "%252e%252e%252f",
        "%c0%ae%c0%ae/",
        "..;/",
        "..%00/",
        "%u002e%u002e/",
        "/..//",
        "./.././",
    )
    targets = ("etc/passwd", "secret.txt", "reports.sqlite", "proc/self/environ", "symbols/", "")
    places = (
        "{up}{target}",
        "buildid/{id}/section/{up}{target}",
        "buildid/{id}/source/{up}{target}",
        "buildid/{up}{target}/executable",
        "x.so/{key}/{up}{target}",
        ".build-id/{up}{target}",
        "symbols/{up}{target}",
        "try/{up}x/{key}/{target}.sym",
        "{target}/{up}",
        "x.so/{up}/{target}",
        "buildid/{id}/source/build/{up}{target}",
        "_.debug/elf-buildid-sym-{up}{id}/{target}",
        "x.pdb/{up}{key}/{target}",
    )
    for up in ups:
        for target in targets:
            for place in places:
                yield place.format(up=up * 6, target=target, id=BUILD_ID.hex(), key="1" * 33)


def test_a_thousand_hostile_keys_read_nothing_outside_and_list_nothing(start, tmp_path):
    """Sent as they are: no client mends them."""
    import socket
    from urllib.parse import urlsplit

    (tmp_path / "secret.txt").write_text("root:SECRET", encoding="utf-8")
    (tmp_path / "source").mkdir()
    keys = list(make_hostile_keys())
    assert len(set(keys)) > 1000
    with start(sources=[str(tmp_path / "source")]) as receiver:
        upload(receiver)
        address = urlsplit(receiver.url)
        for key in keys:
            with socket.create_connection((address.hostname, address.port), timeout=20) as wire:
                head = f"GET /{key} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                wire.sendall(head.encode())
                answer = b""
                while block := wire.recv(1 << 16):
                    answer += block
            assert answer.split(b" ", 2)[1] in (b"404", b"400", b"405"), (key, answer)
            assert b"root:" not in answer
            assert b"SQLite format" not in answer
            assert b"libplay" not in answer  # what was uploaded


def test_gdb_may_have_the_token_in_a_header(start, program):
    with start(token=TOKEN) as receiver:
        upload(receiver, pack({"twice.debug": (program / "twice.debug").read_bytes()}))
        headers = program.parent / "headers"
        headers.write_text(f"Authorization: Bearer {TOKEN}\n", encoding="utf-8")
        result = run_gdb(
            program,
            {
                "DEBUGINFOD_URLS": receiver.url,
                "DEBUGINFOD_HEADERS_FILE": str(headers),
                "DEBUGINFOD_CACHE_PATH": str(program.parent / "cache"),
            },
            "info line twice",
        )
        if "not compiled in" in result.stdout + result.stderr:
            pytest.skip("this gdb has no debuginfod")
        assert "Line 1 of" in result.stdout


def test_a_large_file_comes_whole_and_the_connection_goes_on(receiver, program):
    """The system copies it to the connection: nothing of it goes through the server's hands."""
    large = program / "large"
    large.write_bytes((program / "twice").read_bytes() + os.urandom(1 << 16) * 100)
    upload(receiver, pack({"twice": large.read_bytes()}))
    path = f"buildid/{build_id_of(program / 'twice')}/executable"
    with requests.Session() as session:
        for _ in range(2):
            reply = session.get(f"{receiver.url}/{path}", timeout=20)
            assert reply.content == large.read_bytes()
            assert reply.headers["content-length"] == str(len(reply.content))
        part = session.get(f"{receiver.url}/{path}", headers={"range": "bytes=-9"}, timeout=20)
        assert part.content == large.read_bytes()[-9:]
        with session.get(f"{receiver.url}/{path}", stream=True, timeout=20) as left:
            left.raw.read(100)  # and no more
        assert session.head(f"{receiver.url}/{path}", timeout=20).content == b""
    assert get(receiver, path).content == large.read_bytes()
