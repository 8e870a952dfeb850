"""Symbol servers, real ones on loopback: every convention, every refusal, every bad answer."""

import gzip
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from crashtool.errors import BadUrl, InputUnusable, MissingExtra
from crashtool.formats.identifiers import BuildId, DebugId
from crashtool.model.module import Module
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbols import fetching
from crashtool.services.symbols import server as server_module
from crashtool.services.symbols.cache import SymbolCache
from crashtool.services.symbols.server import (
    ABSENT,
    Server,
    ServerSource,
    key_of,
    parse_debuginfod_urls,
    parse_search_path,
    parse_server,
)
from crashtool.services.symbols.servers import open_servers
from crashtool.services.symbols.session import SymbolPlan
from tests.synth.cabinet import build_cabinet
from tests.synth.object_files import (
    BUILD_ID,
    GUID,
    UUID,
    build_elf,
    build_macho,
    build_pe,
    build_sym,
    full_elf,
)
from tests.synth.pdb import build_pdb
from tests.synth.symbol_server import SymbolServer, send, status

ELF_ID = BuildId(BUILD_ID)
APP = Module(0x400000, 0x1000, "app", "/opt/app", ELF_ID.hex, "/opt/app", ELF_ID.debug_id)
GAME = Module(
    0x400000,
    0x12000,
    "Game.exe",
    "C:\\Game.exe",
    "5CAB1E0012000",
    "C:\\build\\Game.pdb",
    DebugId.from_guid(GUID, 1),
)
LIBRARY = Module(
    0x400000,
    0x1000,
    "libx.dylib",
    "/lib/libx.dylib",
    UUID.hex(),
    "libx.dylib",
    DebugId.from_uuid(UUID),
)
SYM_PATH = f"app/{ELF_ID.debug_id.breakpad}/app.sym"
PDB_ID = GAME.debug_id.breakpad
PDB_PATH = f"Game.pdb/{PDB_ID}/Game.pdb"
EXE_PATH = "Game.exe/5CAB1E0012000/Game.exe"
SYM = build_sym(ELF_ID.debug_id.breakpad)


def packed(path):
    return f"{path[:-1]}_"


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The seconds between tries, which no test sits out."""
    seconds = []
    monkeypatch.setattr(fetching, "sleep", seconds.append)
    return seconds


@pytest.fixture
def serve():
    servers = []

    def start(files=None):
        servers.append(SymbolServer(files))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def cache(tmp_path):
    return SymbolCache(str(tmp_path / "cache"))


@pytest.fixture
def ask(cache):
    """Candidates from a server, as a new call of crashtool gets them."""
    with Scratch() as scratch:

        def search(url, module=APP, **options):
            plan = SymbolPlan(**({"servers": (url,), "timeout": 5.0} | options))
            sources = open_servers(plan, cache, scratch)
            return [row for source in sources for row in source.walk_candidates(module)]

        yield search


def rows(candidates):
    return [(row.status, row.kind) for row in candidates]


@pytest.mark.parametrize(
    ("convention", "module", "files"),
    [
        ("breakpad", APP, {SYM_PATH: SYM}),
        ("symstore", GAME, {PDB_PATH: build_pdb(), EXE_PATH: build_pe()}),
        ("symstore2", GAME, {f"ga/{PDB_PATH}": build_pdb(), f"ga/{EXE_PATH}": build_pe()}),
        ("ssqp", GAME, {PDB_PATH.lower(): build_pdb(), EXE_PATH.lower(): build_pe()}),
        (
            "ssqp",
            APP,
            {
                f"_.debug/elf-buildid-sym-{ELF_ID}/_.debug": full_elf(),
                f"app/elf-buildid-{ELF_ID}/app": build_elf(),
            },
        ),
        (
            "ssqp",
            LIBRARY,
            {
                f"_.dwarf/mach-uuid-sym-{UUID.hex()}/_.dwarf": build_macho(file_type=10),
                f"libx.dylib/mach-uuid-{UUID.hex()}/libx.dylib": build_macho(),
            },
        ),
        (
            "debuginfod",
            APP,
            {f"buildid/{ELF_ID}/debuginfo": full_elf(), f"buildid/{ELF_ID}/executable": full_elf()},
        ),
        ("build-id", APP, {f".build-id/01/{BUILD_ID.hex()[2:]}.debug": full_elf()}),
    ],
)
def test_each_convention_finds_its_files(convention, module, files, serve, ask):
    server = serve(files)

    found = [row for row in ask(f"{convention}:{server.url}/", module) if row.status == "found"]

    assert [Path(row.path).read_bytes() for row in found] == list(files.values())
    assert [row.place for row in found] == [f"{server.url}/{path}" for path in files]


def test_without_a_convention_each_that_fits_is_tried(serve, ask):
    server = serve({SYM_PATH: SYM})

    candidates = ask(server.url)

    assert rows(candidates)[0] == ("found", "sym")
    assert server.asked == [
        SYM_PATH,
        f"_.debug/elf-buildid-sym-{ELF_ID}/_.debug",
        f"app/elf-buildid-{ELF_ID}/app",
        f"buildid/{ELF_ID}/debuginfo",
        f"buildid/{ELF_ID}/executable",
        f".build-id/{str(ELF_ID)[:2]}/{str(ELF_ID)[2:]}.debug",
        f".build-id/{str(ELF_ID)[:2]}/{str(ELF_ID)[2:]}",
    ]


def test_without_a_convention_no_path_is_asked_for_in_two_spellings(serve, ask):
    server = serve()

    ask(server.url, GAME)

    assert server.asked == [PDB_PATH, EXE_PATH, f"Game.pdb/{PDB_ID}/Game.sym"]


def test_nothing_is_asked_before_the_iterator_gets_there(serve, cache):
    server = serve({PDB_PATH: build_pdb()})
    with Scratch() as scratch:
        plan = SymbolPlan(servers=(f"symstore:{server.url}",))
        (source,) = open_servers(plan, cache, scratch)
        candidates = source.walk_candidates(GAME)
        assert server.asked == []

        assert next(candidates).status == "found"

    assert server.asked == [PDB_PATH]


def test_a_module_without_identifiers_is_asked_for_nowhere(serve, ask):
    server = serve()
    nil = APP._replace(code_id="0" * 40, debug_id=DebugId(bytes(16)))

    assert ask(server.url, nil) == []
    assert server.asked == []


def test_a_file_is_fetched_once_and_then_comes_from_the_cache(serve, ask):
    server = serve({SYM_PATH: SYM})

    first = ask(f"breakpad:{server.url}")
    second = ask(f"breakpad:{server.url}")
    offline = ask(f"breakpad:{server.url}", offline=True)

    assert first == second == offline
    assert server.asked == [SYM_PATH]


def test_offline_asks_nobody_and_says_so(serve, ask):
    server = serve({SYM_PATH: SYM})

    (row,) = ask(f"breakpad:{server.url}", offline=True)

    assert (row.status, row.note) == ("not_found", "not asked: --offline")
    assert server.asked == []


def test_a_file_that_is_not_there_is_not_asked_for_again_for_a_day(serve, ask, cache):
    server = serve()

    assert rows(ask(f"breakpad:{server.url}")) == [("not_found", "sym")]
    server.files[SYM_PATH] = SYM
    (again,) = ask(f"breakpad:{server.url}")
    assert again.status == "not_found"
    assert "less than a day ago" in again.note
    assert len(server.asked) == 1

    yesterday = time.time() - 86401
    os.utime(cache.path_of(key_of(f"{server.url}/{SYM_PATH}"), ABSENT), (yesterday, yesterday))

    assert rows(ask(f"breakpad:{server.url}")) == [("found", "sym")]


@pytest.mark.parametrize(
    ("code", "outcome", "note"),
    [
        (404, "not_found", ""),
        (410, "not_found", ""),
        (401, "denied", "HTTP 401"),
        (403, "denied", "HTTP 403"),
        (429, "failed", "HTTP 429"),
        (500, "failed", "HTTP 500"),
        (204, "failed", "HTTP 204"),
    ],
)
def test_each_http_status_has_its_word(code, outcome, note, serve, ask):
    server = serve()
    server.every = status(code)

    (row,) = ask(f"breakpad:{server.url}")

    assert (row.status, row.note) == (outcome, note)


def test_only_absence_is_remembered(serve, ask):
    server = serve({SYM_PATH: SYM})
    for code in (401, 500):
        server.every = status(code)
        ask(f"breakpad:{server.url}")
    server.every = None

    assert rows(ask(f"breakpad:{server.url}")) == [("found", "sym")]


def test_silence_is_a_timeout_and_the_server_is_not_asked_again(serve, ask):
    server = serve()
    over = threading.Event()
    server.every = lambda _: over.wait(10)

    candidates = ask(f"symstore:{server.url}", GAME, timeout=0.2)
    over.set()

    assert rows(candidates) == [("timeout", "pdb"), ("timeout", "pe")]
    assert "silent for 0.2 s" in candidates[0].note
    assert server.asked == [PDB_PATH]


def cut_short(handler):
    send(handler, SYM, Content_Length=len(SYM) + 100)


def lie_about_packing(handler):
    send(handler, SYM, Content_Encoding="gzip")


@pytest.mark.parametrize("answer", [cut_short, lie_about_packing])
def test_an_answer_that_is_not_whole_is_not_kept(answer, serve, ask, cache):
    server = serve()
    server.every = answer

    (row,) = ask(f"breakpad:{server.url}")

    assert row.status == "failed"
    assert cache.size == 0
    assert list(cache.walk()) == []


@pytest.mark.parametrize("files", [{SYM_PATH: SYM}, {}])
def test_one_bad_answer_does_not_condemn_a_server_but_three_do(files, serve, cache):
    server = serve(files)
    names = [f"app{index}" for index in range(6)]
    server.every = cut_short
    with Scratch() as scratch:
        plan = SymbolPlan(servers=(f"breakpad:{server.url}",))
        (source,) = open_servers(plan, cache, scratch)
        for name in names[:2]:
            list(source.walk_candidates(APP._replace(debug_file=name)))
        server.every = None
        (good,) = source.walk_candidates(APP)
        server.every = cut_short
        bad = [
            row
            for name in names[2:]
            for row in source.walk_candidates(APP._replace(debug_file=name))
        ]

    assert good.status == ("found" if files else "not_found")
    assert [row.status for row in bad] == ["failed"] * 4
    assert len(server.asked) == 5 * 3 + 1  # each thrice; the last was not asked for


def test_a_server_that_is_not_there_fails(ask):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    (row,) = ask(f"breakpad:http://127.0.0.1:{port}")

    assert row.status == "failed"
    assert "refused" in row.note


def test_more_than_the_limit_is_not_kept(serve, ask, cache, monkeypatch):
    monkeypatch.setattr(server_module, "MAX_FILE", 1000)
    server = serve({SYM_PATH: SYM + b"x" * 2000})

    (row,) = ask(f"breakpad:{server.url}")

    assert row.status == "failed"
    assert "more than 1,000 bytes" in row.note
    assert cache.size == 0


def test_a_small_answer_that_unpacks_to_more_than_the_limit_is_not_kept(
    serve, ask, cache, monkeypatch
):
    monkeypatch.setattr(server_module, "MAX_FILE", 1 << 20)
    packed = gzip.compress(bytes(64 << 20))
    server = serve()
    server.every = lambda handler: send(handler, packed, Content_Encoding="gzip")

    (row,) = ask(f"breakpad:{server.url}")

    assert row.status == "failed"
    assert cache.size == 0


def test_a_page_instead_of_a_file_is_malformed_and_not_kept(serve, ask, cache):
    server = serve({SYM_PATH: b"<!DOCTYPE html><title>Sign in</title>"})

    (row,) = ask(f"breakpad:{server.url}")

    assert (row.status, row.note) == ("malformed", "what it sent: it is not a debug file")
    assert list(cache.walk()) == []


def test_a_file_of_another_build_is_a_mismatch_and_not_kept(serve, ask, cache):
    server = serve({SYM_PATH: build_sym("F" * 32 + "0")})

    (row,) = ask(f"breakpad:{server.url}")

    assert row.status == "mismatch"
    assert row.note == f"it has {'F' * 32}0, the dump wants {ELF_ID.debug_id.breakpad}"
    assert row.path == ""
    assert list(cache.walk()) == []


def test_a_debuginfod_that_gives_another_build_is_found_out(serve, ask):
    server = serve({f"buildid/{ELF_ID}/debuginfo": full_elf(build_id=bytes(range(50, 70)))})

    assert rows(ask(f"debuginfod:{server.url}"))[0] == ("mismatch", "elf")


def test_a_cut_debug_file_is_malformed(serve, ask):
    server = serve({f"buildid/{ELF_ID}/debuginfo": full_elf()[:70]})

    assert rows(ask(f"debuginfod:{server.url}"))[0] == ("malformed", "elf")


def test_what_a_symstore_does_not_have_is_asked_for_in_a_cabinet(serve, ask):
    server = serve({packed(PDB_PATH): build_cabinet({"Game.pdb": build_pdb()})})

    found = rows(ask(f"symstore:{server.url}", GAME))[:2]

    assert found == [("not_found", "pdb"), ("found", "pdb")]


def test_a_server_of_unknown_layout_is_not_asked_for_cabinets(serve, ask):
    server = serve({})

    assert not any(row.place.endswith("_") for row in ask(server.url, GAME))


@pytest.mark.parametrize("encoded", [True, False])
def test_packed_files_are_unpacked(encoded, serve, ask):
    server = serve({SYM_PATH: gzip.compress(SYM)})
    if encoded:
        server.every = lambda handler: send(handler, gzip.compress(SYM), Content_Encoding="gzip")

    (row,) = ask(f"breakpad:{server.url}")

    assert row.status == "found"
    assert Path(row.path).read_bytes() == SYM


def test_redirects_are_followed_without_the_password(serve, ask):
    target = serve({"elsewhere": SYM})
    server = serve()
    server.every = lambda handler: send(handler, status=302, Location=f"{target.url}/elsewhere")
    url = server.url.replace("://", "://me:se%20cret@")

    (row,) = ask(f"breakpad:{url}")

    assert row.status == "found"
    assert server.headers[0]["authorization"] == "Basic bWU6c2UgY3JldA=="
    assert "authorization" not in target.headers[0]


def test_a_redirect_within_the_host_keeps_the_password(serve, ask):
    server = serve({"elsewhere": SYM})
    server.answers[SYM_PATH] = lambda handler: send(handler, status=302, Location="/elsewhere")

    (row,) = ask(f"breakpad:{server.url.replace('://', '://me:secret@')}")

    assert row.status == "found"
    assert all("authorization" in headers for headers in server.headers)


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "http://[bad", "{same}"])
def test_a_redirect_that_leads_nowhere_fails(location, serve, ask):
    server = serve()
    server.every = lambda handler: send(
        handler, status=302, Location=location.format(same=handler.path)
    )

    (row,) = ask(f"breakpad:{server.url}")

    assert row.status == "failed"


def test_secrets_of_a_url_are_sent_and_never_shown(serve, ask):
    server = serve({SYM_PATH + "?sig=SECRET": SYM})
    url = server.url.replace("://", "://me:HIDDEN@")

    (row,) = ask(f"breakpad:{url}/?sig=SECRET")

    assert row.status == "found"
    assert "SECRET" not in row.place + row.note
    assert "HIDDEN" not in row.place + row.note


def test_names_from_a_dump_cannot_lead_elsewhere_on_a_server(serve, ask):
    server = serve()

    for name in ("..", "a:b", "x\n\ny", "/etc/.."):
        assert ask(f"breakpad:{server.url}", APP._replace(debug_file=name)) == []
    ask(f"breakpad:{server.url}", APP._replace(debug_file="a b?c#d%2e.so"))

    assert server.asked == [f"a b?c#d%2e.so/{ELF_ID.debug_id.breakpad}/a b?c#d%2e.so.sym"]


def test_a_cache_that_cannot_be_written_is_said(serve, tmp_path):
    server = serve({SYM_PATH: SYM})
    (tmp_path / "file").write_text("in the way")
    cache = SymbolCache(str(tmp_path / "file"))
    with Scratch() as scratch:
        (source,) = open_servers(SymbolPlan(servers=(f"breakpad:{server.url}",)), cache, scratch)

        (row,) = source.walk_candidates(APP)

    assert row.status == "failed"
    assert "cannot write" in row.note


def test_an_absence_that_cannot_be_remembered_does_no_harm(serve, ask, cache, monkeypatch):
    server = serve()
    put = cache.put

    def refuse(key, name, write):
        if name == ABSENT:
            raise InputUnusable("disk full")
        return put(key, name, write)

    monkeypatch.setattr(cache, "put", refuse)

    assert rows(ask(f"breakpad:{server.url}")) == [("not_found", "sym")]


def test_processes_that_fetch_one_file_at_once_all_get_it(serve, tmp_path):
    server = serve({SYM_PATH: SYM})
    script = (
        "import sys\n"
        "from tests.services.symbols.test_server import *\n"
        "with Scratch() as scratch:\n"
        "    plan = SymbolPlan(servers=('breakpad:' + sys.argv[1],))\n"
        "    (source,) = open_servers(plan, SymbolCache(sys.argv[2]), scratch)\n"
        "    (row,) = source.walk_candidates(APP)\n"
        "    assert open(row.path, 'rb').read() == SYM, row\n"
    )

    runs = [
        subprocess.Popen([sys.executable, "-c", script, server.url, tmp_path]) for _ in range(3)
    ]

    assert [run.wait(60) for run in runs] == [0, 0, 0]


def test_a_convention_is_named_before_the_url():
    assert parse_server("ssqp:https://host/path/") == Server("https://host/path", ("ssqp",))
    assert parse_server("https://host?x=1").query == "x=1"
    assert len(parse_server("s3://bucket/prefix").conventions) > 1


@pytest.mark.parametrize("text", ["", "host/path", "symstore:host", "ftp://host", "/folder"])
def test_what_is_no_url_fails_a_check(text):
    with pytest.raises(BadUrl, match="is not a URL"):
        parse_server(text)


@pytest.mark.parametrize(
    ("text", "folders", "urls"),
    [
        ("", [], []),
        ("srv*", [], []),
        ("C:\\sym", ["C:\\sym"], []),
        (" C:\\a ; ;C:\\b", ["C:\\a", "C:\\b"], []),
        ("srv*https://one", [], ["https://one"]),
        ("SRV*C:\\cache*https://one/", ["C:\\cache"], ["https://one"]),
        ("srv*C:\\a*\\\\host\\b*https://one", ["C:\\a", "\\\\host\\b"], ["https://one"]),
        ("symsrv*symsrv.dll*C:\\a*https://one", ["C:\\a"], ["https://one"]),
        ("cache*C:\\c;srv*https://one;https://two", ["C:\\c"], ["https://one", "https://two"]),
    ],
)
def test_symbol_paths_of_windows_are_understood(text, folders, urls):
    found, servers = parse_search_path(text)

    assert found == folders
    assert servers == [Server(url, ("symstore",)) for url in urls]


def test_debuginfod_urls_have_blanks_and_policies_between_them():
    assert parse_debuginfod_urls(" ima:enforcing https://one/ http://two ima:ignore ") == [
        Server("https://one", ("debuginfod",)),
        Server("http://two", ("debuginfod",)),
    ]


def test_folders_of_a_search_path_are_looked_in_before_servers_are_asked(serve, ask, tmp_path):
    folder = tmp_path / "store" / "Game.pdb" / PDB_ID
    folder.mkdir(parents=True)
    (folder / "Game.pdb").write_bytes(build_pdb())
    server = serve()
    text = f"srv*{tmp_path / 'store'}*{server.url};{tmp_path / 'gone'}"

    candidates = ask("", GAME, servers=(), nt_symbol_path=text)

    assert rows(candidates)[0] == ("found", "pdb")
    assert server.asked == [PDB_PATH, packed(PDB_PATH), EXE_PATH, packed(EXE_PATH)]


def test_servers_of_the_usual_variable_are_asked(serve, ask):
    server = serve({f"buildid/{ELF_ID}/debuginfo": full_elf()})

    candidates = ask("", servers=(), debuginfod_urls=f"{server.url} {server.url}/")

    assert rows(candidates) == [("found", "elf"), ("not_found", "elf")]


@pytest.fixture
def bucket():
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    store.pipe("/symbols/" + SYM_PATH, SYM)
    store.pipe(f"/symbols/a b/{ELF_ID.debug_id.breakpad}/a b.sym", SYM)
    yield store
    store.rm("/symbols", recursive=True)


def test_object_stores_are_asked_through_fsspec(bucket, ask):
    candidates = ask("breakpad:memory://symbols")

    assert rows(candidates) == [("found", "sym")]
    assert candidates[0].place == f"memory://symbols/{SYM_PATH}"


def test_names_in_object_stores_are_not_quoted(bucket, ask):
    assert rows(ask("breakpad:memory://symbols", APP._replace(debug_file="a b"))) == [
        ("found", "sym")
    ]


def test_what_an_object_store_does_not_have_is_not_found(bucket, ask):
    candidates = ask("breakpad:memory://symbols", APP._replace(debug_file="other"))

    assert rows(candidates) == [("not_found", "sym")]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PermissionError("no"), "denied"),
        (OSError("broken"), "failed"),
        (RuntimeError("credentials"), "failed"),
        (ImportError("s3fs"), "failed"),
    ],
)
def test_failures_of_an_object_store_have_their_words(error, outcome, bucket, ask, monkeypatch):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("fsspec.core.url_to_fs", fail)

    assert rows(ask("breakpad:memory://symbols")) == [(outcome, "sym")]


def test_more_than_the_limit_from_an_object_store_is_not_kept(bucket, ask, cache, monkeypatch):
    monkeypatch.setattr(server_module, "MAX_FILE", 10)

    (row,) = ask("breakpad:memory://symbols")

    assert row.status == "failed"
    assert "more than 10 bytes" in row.note
    assert cache.size == 0


def test_without_fsspec_the_extra_is_named(ask, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)

    (row,) = ask("breakpad:s3://bucket")

    assert row.status == "failed"
    assert "crashtool[s3]" in row.note
    assert MissingExtra("x", "s3").hint in row.note


def test_a_source_needs_no_fetcher_to_answer_from_the_cache(cache):
    server = Server("https://host", ("breakpad",))
    cache.put(key_of(f"https://host/{SYM_PATH}"), "app.sym", lambda file: file.write(SYM))
    with Scratch() as scratch:
        (row,) = ServerSource(server, cache, scratch, None).walk_candidates(APP)

    assert row.status == "found"


def in_turn(*answers):
    """One answer after the other, the last for ever."""
    left = list(answers)

    def give(handler):
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return give


def broken_off(handler):
    send(handler, SYM[:20], Content_Length=len(SYM))


@pytest.mark.parametrize("trouble", [status(503), status(429), status(502), broken_off])
def test_what_may_pass_is_tried_again(trouble, serve, ask, waits):
    server = serve()
    server.answers[SYM_PATH] = in_turn(trouble, trouble, lambda handler: send(handler, SYM))

    (row,) = ask(f"breakpad:{server.url}")

    assert row.status == "found"
    assert Path(row.path).read_bytes() == SYM
    assert server.asked == [SYM_PATH] * 3
    assert waits == [0.5, 2.0]


def test_what_will_not_pass_is_asked_once(serve, ask):
    server = serve()
    server.answers[SYM_PATH] = status(500)

    (row,) = ask(f"breakpad:{server.url}")

    assert row.note == "HTTP 500"
    assert len(server.asked) == 1


def test_nobody_there_is_not_waited_for(ask, waits):
    (row,) = ask("breakpad:http://127.0.0.1:9")

    assert row.status == "failed"
    assert waits == []


def test_a_server_that_only_fails_is_given_up(serve, cache):
    server = serve()
    server.every = status(500)
    with Scratch() as scratch:
        (source,) = open_servers(SymbolPlan(servers=(f"breakpad:{server.url}",)), cache, scratch)
        modules = [APP._replace(debug_file=f"lib{number}.so") for number in range(9)]
        found = [next(source.walk_candidates(module)) for module in modules]

    assert [(row.status, row.note) for row in found] == [("failed", "HTTP 500")] * 9
    assert len(server.asked) == server_module.MAX_FAILURES


def test_progress_is_told_of_what_takes_its_time(serve, cache, monkeypatch):
    monkeypatch.setattr(fetching, "WORTH_TELLING", len(SYM))
    server = serve({SYM_PATH: SYM})
    told = []

    @contextmanager
    def progress(label, total):
        told.append((label, total))
        yield told.append
        told.append("end")

    plan = SymbolPlan(servers=(f"breakpad:{server.url}",), progress=progress)
    with Scratch() as scratch:
        (source,) = open_servers(plan, cache, scratch)
        assert next(source.walk_candidates(APP)).status == "found"

    assert told == [("app.sym", len(SYM)), len(SYM), "end"]
