"""symbols find and symbols fetch, with folders and a symbol server on loopback."""

import json

import pytest

from tests.synth.object_files import BUILD_ID, build_sym
from tests.synth.served_crash import BREAKPAD_ID, LINES, SYM, SYM_PATH, write_crash
from tests.synth.symbol_server import SymbolServer

OTHER_SYM = build_sym("0" * 31 + "10", lines=LINES)


@pytest.fixture
def server():
    server = SymbolServer({SYM_PATH: SYM})
    yield server
    server.close()


@pytest.fixture
def dump(tmp_path):
    libc = "/lib/x86_64-linux-gnu/libc.so.6", 0x800000, bytes(20)
    return write_crash(tmp_path / "crash.dmp", libc)


@pytest.fixture
def symbols(tmp_path):
    folder = tmp_path / "symbols"
    folder.mkdir()
    (folder / "app.sym").write_bytes(SYM)
    return folder


@pytest.mark.parametrize("wanted", [BREAKPAD_ID, BREAKPAD_ID.lower(), BUILD_ID.hex()])
def test_an_identifier_is_found(crashtool, symbols, wanted):
    result = crashtool("symbols", "find", wanted, "--symbols", symbols)
    assert result.exit_code == 0, result.stderr
    assert "found" in result.stdout
    assert "app.sym" in result.stdout


def test_a_dump_asks_for_its_own_modules_and_on_request_for_the_systems(crashtool, dump, symbols):
    options = ("symbols", "find", "--json", dump, "--symbols", symbols)
    own = crashtool(*options)
    (module,) = json.loads(own.stdout)["modules"]
    assert own.exit_code == 0
    assert (module["name"], module["found"], module["debug_id"]) == ("app", True, BREAKPAD_ID)

    everything = crashtool(*options, "--all-modules")
    document = json.loads(everything.stdout)
    assert everything.exit_code == document["error"]["exit_status"] == 4
    assert [row["found"] for row in document["modules"]] == [True, False]


def test_a_file_of_another_build_is_a_mismatch_and_status_4(crashtool, dump, symbols):
    (symbols / "app.sym").write_bytes(OTHER_SYM)
    result = crashtool("symbols", "find", dump, "--symbols", symbols)
    assert result.exit_code == 4
    assert "mismatch" in result.stdout
    assert "no symbols for 1 of 1 modules: app" in result.stderr


def test_what_names_no_module_is_status_3(crashtool, symbols, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for wanted in ("frobnicate", tmp_path / "notes.txt"):
        assert crashtool("symbols", "find", wanted, "--symbols", symbols).exit_code == 3


def test_nothing_asked_and_nowhere_to_look_are_usage_errors(crashtool, symbols, dump):
    assert crashtool("symbols", "find", "--symbols", symbols).exit_code == 2
    assert crashtool("symbols", "find", dump).exit_code == 2
    assert crashtool("symbols", "fetch", dump).exit_code == 2


def test_fetch_fills_a_store_that_inspect_reads(crashtool, dump, server, tmp_path):
    store = tmp_path / "store"
    options = ("symbols", "fetch", dump, "--to", store, "--symbol-server", f"breakpad:{server.url}")
    first = crashtool(*options, "--json")
    assert first.exit_code == 0, first.stderr
    assert (store / SYM_PATH).read_bytes() == SYM

    again = crashtool(*options)
    assert again.exit_code == 0, again.stderr
    assert (store / SYM_PATH).read_bytes() == SYM
    shown = crashtool("inspect", dump, "--json", "--symbols", store)
    frame = json.loads(shown.stdout)["crashing_thread"]["frames"][0]
    assert (frame["function"], frame["line"]) == ("crash_here", 42)


def test_what_a_server_lacks_is_status_4_and_leaves_no_file(crashtool, dump, server, tmp_path):
    server.files.clear()
    store = tmp_path / "store"
    result = crashtool(
        "symbols", "fetch", dump, "--to", store, "--symbol-server", f"breakpad:{server.url}"
    )
    assert result.exit_code == 4
    assert "app" in result.stderr
    assert not [path for path in store.rglob("*") if path.is_file()]


def test_a_file_of_another_build_is_not_kept(crashtool, dump, server, tmp_path):
    server.files[SYM_PATH] = OTHER_SYM
    store = tmp_path / "store"
    result = crashtool(
        "symbols", "fetch", dump, "--to", store, "--symbol-server", f"breakpad:{server.url}"
    )
    assert result.exit_code == 4
    assert not [path for path in store.rglob("*") if path.is_file()]


def test_fetch_offline_is_refused_before_anything_is_made(crashtool, dump, server, tmp_path):
    store = tmp_path / "store"
    result = crashtool(
        "symbols", "fetch", dump, "--to", store, "--offline", "--symbol-server", server.url
    )
    assert result.exit_code == 2
    assert not store.exists()
    assert not server.asked
