"""inspect with symbol servers, on loopback: as options, variables and settings name them."""

import json

import pytest

from tests.synth.served_crash import ELF_ID, SYM, SYM_PATH, write_crash
from tests.synth.symbol_server import SymbolServer


@pytest.fixture
def server():
    server = SymbolServer({SYM_PATH: SYM})
    yield server
    server.close()


@pytest.fixture
def dump(tmp_path):
    return write_crash(tmp_path / "crash.dmp")


def top_frame(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["crashing_thread"]["frames"][0]


def test_a_server_gives_the_function_and_the_line(crashtool, dump, server):
    frame = top_frame(
        crashtool("inspect", dump, "--json", "--symbol-server", f"breakpad:{server.url}")
    )

    assert (frame["function"], frame["file"], frame["line"]) == ("crash_here", "app.c", 42)


def test_a_folder_that_has_the_file_spares_the_server(crashtool, dump, server, tmp_path):
    (tmp_path / "symbols").mkdir()
    (tmp_path / "symbols" / "app.sym").write_bytes(SYM)

    frame = top_frame(
        crashtool(
            "inspect",
            dump,
            "--json",
            "--symbols",
            tmp_path / "symbols",
            "--symbol-server",
            f"symstore:{server.url}",
        )
    )

    assert frame["function"] == "crash_here"
    assert server.asked == []


def test_offline_uses_what_was_fetched_before(crashtool, dump, server):
    call = ("inspect", dump, "--json", "--symbol-server", f"breakpad:{server.url}")
    assert top_frame(crashtool(*call, "--offline"))["function"] is None
    assert server.asked == []
    crashtool(*call)

    assert top_frame(crashtool(*call, "--offline"))["function"] == "crash_here"
    assert server.asked == [SYM_PATH]


def test_settings_name_servers_too(crashtool, dump, server, tmp_path):
    (tmp_path / "crashtool.toml").write_text(f'symbol_servers = ["breakpad:{server.url}"]\n')

    assert top_frame(crashtool("inspect", dump, "--json"))["function"] == "crash_here"


def test_the_usual_variables_name_servers_too(crashtool, dump, server, monkeypatch):
    monkeypatch.setenv("DEBUGINFOD_URLS", server.url)

    crashtool("inspect", dump)

    assert server.asked == [f"buildid/{ELF_ID}/debuginfo", f"buildid/{ELF_ID}/executable"]


def test_no_server_is_asked_unless_it_is_named(crashtool, dump, server):
    crashtool("inspect", dump, "--symbols", dump.parent)

    assert server.asked == []


def test_what_a_server_said_is_in_the_document(crashtool, dump, server):
    server.files.clear()

    result = crashtool("inspect", dump, "--json", "--symbol-server", f"breakpad:{server.url}")

    (verdict,) = json.loads(result.stdout)["symbols"]
    assert verdict["status"] == "missing"
    assert [(row["place"], row["status"]) for row in verdict["candidates"]] == [
        (f"{server.url}/{SYM_PATH}", "not_found")
    ]


def test_what_is_no_url_fails_a_check(crashtool, dump):
    result = crashtool("inspect", dump, "--symbol-server", "symbols.example.com")

    assert result.exit_code == 4
    assert "is not a URL" in result.stderr
