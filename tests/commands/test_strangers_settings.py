"""A stranger's crashtool.toml: in every command the user's token stays at home."""

import json
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.commands.transcript_inputs import windows_crash

SECRET, SYMBOL_SECRET = "5ec2e7" + "0" * 58, "5ec2e8" + "0" * 58
STRANGERS = "b" * 64
ANSWER = json.dumps({"response": "ok", "_rxid": "1"}).encode()


@contextmanager
def listening(redirect=""):
    """A server that takes all and remembers every byte that was said to it."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            heard.append(f"{self.requestline}\n{self.headers}".encode() + body)
            self.send_response(307 if redirect else 200)
            if redirect:
                self.send_header("location", redirect)
            self.send_header("content-length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 (names of http.server)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        server.heard = heard
        server.place = f"127.0.0.1:{server.server_address[1]}"
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def stranger():
    with listening() as server:
        yield server


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The folder that `crashtool` works in, and a user with both tokens."""
    monkeypatch.setenv("CRASHTOOL_TOKEN", SECRET)
    monkeypatch.setenv("CRASHTOOL_SYMBOLS_TOKEN", SYMBOL_SECRET)
    (tmp_path / "crash.dmp").write_bytes(windows_crash().pack())
    (tmp_path / "game.sym").write_text(
        "MODULE Linux x86_64 45E07FE79CAC31169A0459CA63D608A70 game\nPUBLIC 10 0 main\n"
    )

    def write(text):
        (tmp_path / "crashtool.toml").write_text(text, encoding="utf-8")

    return write


PLACES = {
    "url": 'url = "http://{place}/post?format=minidump"\n'
    'symbols_url = "http://{place}/post?format=symbols"\n',
    "own-token": f'url = "http://{{place}}/post?format=minidump&token={STRANGERS}"\n'
    f'symbols_url = "http://{{place}}/post?format=symbols&token={STRANGERS}"\n',
    "root": 'url = "http://{place}/"\nsymbols_url = "http://{place}/"\n',
    "servers": 'symbol_servers = ["http://{place}/"]\nurl = "http://{place}/"\n',
}
COMMANDS = {
    "send-dump": ("send-dump", "crash.dmp"),
    "send-dump-token-file": ("send-dump", "--token-file", "token", "crash.dmp"),
    "send-dump-token": ("send-dump", "--token", SECRET, "crash.dmp"),
    "upload-symbols": ("upload-symbols", "game.sym"),
    "upload-symbols-token-file": ("upload-symbols", "--token-file", "token", "game.sym"),
    "make-url-probe": ("make-url", "--probe"),
    "make-url": ("make-url", "--format", "symbols"),
    "inspect": ("inspect", "crash.dmp"),
    "symbols-find": ("symbols", "find", "crash.dmp", "--all-modules"),
    "symbols-fetch": ("symbols", "fetch", "crash.dmp", "--all-modules", "--to", "store"),
    "annotate": ("annotate", "a=b"),
    "run": ("run", "--", "true"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_gives_a_strangers_server_the_token(
    crashtool, project, stranger, tmp_path, command, place
):
    (tmp_path / "token").write_text(SECRET)
    project(PLACES[place].format(place=stranger.place))

    result = crashtool(*COMMANDS[command])

    told = b"".join(stranger.heard)
    for secret in (SECRET, SYMBOL_SECRET):
        assert secret.encode() not in told
        assert secret not in result.output, "nor is it put into a URL that leads there"
    sends = command.startswith(("send-dump", "upload-symbols"))
    if sends and place in ("url", "root"):
        assert result.exit_code == 2
        assert f"not sent to {stranger.place}: only a project file names it" in result.stderr
        assert stranger.heard == []
    if sends and place == "own-token":
        assert result.exit_code == 0, "a file's own token may go where the file points"
        assert STRANGERS.encode() in told


def test_the_token_goes_once_the_user_lists_the_host(crashtool, project, stranger, monkeypatch):
    project(PLACES["url"].format(place=stranger.place))
    monkeypatch.setenv("CRASHTOOL_TOKEN_HOSTS", stranger.place)

    assert crashtool("send-dump", "crash.dmp").exit_code == 0
    assert crashtool("upload-symbols", "game.sym").exit_code == 0
    assert SECRET.encode() in b"".join(stranger.heard)


@pytest.mark.parametrize("option", ["--host", "--universe"])
def test_a_flag_beats_all_of_the_file(crashtool, project, stranger, option):
    project(PLACES["url"].format(place=stranger.place))

    result = crashtool("send-dump", "--dry-run", option, "acme", "crash.dmp")

    assert result.exit_code == 0, result.stderr
    assert stranger.place not in result.output
    assert "acme" in result.stdout
    assert "submit.backtrace.io" in result.stdout or "https://acme:6098" in result.stdout


def test_show_settings_says_what_was_refused_and_why(crashtool, project, stranger):
    project(
        PLACES["url"].format(place=stranger.place)
        + 'universe = "u"\nhandler = "x"\nattachments = ["/etc/passwd"]\n'
    )

    rows = json.loads(crashtool("send-dump", "--show-settings", "--json").stdout)["settings"]
    run = json.loads(crashtool("run", "--show-settings", "--json").stdout)["settings"]

    assert rows["url"]["source"].endswith("crashtool.toml")
    assert rows["token"]["value"] is None
    assert rows["token"]["source"].startswith("environment CRASHTOOL_TOKEN, refused: the token is")
    assert rows["attachments"]["source"].startswith("refused:")
    assert "may not give handler" in run["handler"]["source"]


@pytest.mark.skipif(os.name == "nt", reason="a program without an extension")
@pytest.mark.parametrize("command", [("run", "--", "true"), ("smoke",)], ids=lambda row: row[0])
def test_a_program_that_a_file_names_is_not_started(crashtool, project, tmp_path, command):
    program = tmp_path / "handler"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    project('handler = "handler"\n')

    result = crashtool(*command)

    assert result.exit_code == 2
    assert "may not give handler" in result.stderr
    assert not (tmp_path / "started").exists()


def test_a_file_outside_the_project_is_not_sent(crashtool, project, stranger, tmp_path):
    secret = tmp_path.parent / f"{tmp_path.name}-secret"
    secret.write_text("the contents")
    own = PLACES["own-token"].format(place=stranger.place)
    for name in (str(secret), f"../{secret.name}", f"x={secret}"):
        project(own + f'attachments = ["{name}"]\n')
        result = crashtool("send-dump", "crash.dmp")
        assert result.exit_code == 2, result.output
        assert "outside its folder" in result.stderr
    assert stranger.heard == []
    assert crashtool("send-dump", "crash.dmp", "--attachment", secret).exit_code == 0
    secret.unlink()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_redirect_never_carries_the_token(crashtool, project, stranger, host):
    """By a host that has the user's trust: neither URL, fields nor credentials go on."""
    onward = f"http://{host}:{stranger.place.rpartition(':')[2]}/"
    project("")
    with listening(redirect=onward) as trusted:
        base = f"http://{trusted.place}"
        crashtool("send-dump", "--url", f"{base}/post?format=minidump&token={SECRET}", "crash.dmp")
        crashtool("send-dump", "--url", f"{base}/", "crash.dmp")
        crashtool("upload-symbols", "--url", f"{base}/post?format=symbols", "game.sym")
        crashtool("make-url", "--probe", f"{base}/post?format=minidump&token={SECRET}")
        crashtool("inspect", "crash.dmp", "--symbol-server", f"http://me:{SECRET}@{trusted.place}/")
        crashtool("inspect", "crash.dmp", "--symbol-server", f"{base}/x?sig={SECRET}")
        assert SECRET.encode() in b"".join(trusted.heard), "the test would show it"
    told = b"".join(stranger.heard)
    for secret in (SECRET, SYMBOL_SECRET):
        assert secret.encode() not in told
    assert b"Authorization" not in told
