"""make-url on the command line: what goes to stdout, to stderr, and with which status."""

import json
import shlex
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

TOKEN = "5c267f" + "a1" * 29
SYMBOLS = "77bd10" + "e2" * 29
HOSTED = f"https://submit.backtrace.io/acme/{TOKEN}/minidump"
SELF_HOSTED = f"https://acme.sp.backtrace.io:6098/post?format=minidump&token={TOKEN}"


def test_a_url_is_built_from_universe_and_token(crashtool):
    result = crashtool("make-url", "--universe", "acme", "--token", TOKEN)

    assert (result.exit_code, result.stdout, result.stderr) == (0, HOSTED + "\n", "")


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (["--universe", "acme", "--form", "self-hosted"], SELF_HOSTED),
        (
            ["--host", "crash.acme.net"],
            f"https://crash.acme.net:6098/post?format=minidump&token={TOKEN}",
        ),
        (
            ["--host", "crash.acme.net", "--http"],
            f"http://crash.acme.net:6097/post?format=minidump&token={TOKEN}",
        ),
        (
            ["--host", "crash.acme.net", "--port", "8443", "--format", "json"],
            f"https://crash.acme.net:8443/post?format=json&token={TOKEN}",
        ),
        (
            ["--host", "::1", "--port", "80", "--http", "--universe", "u", "--form", "hosted"],
            f"http://[::1]:80/u/{TOKEN}/minidump",
        ),
    ],
)
def test_a_url_is_built_in_the_form_asked_for(crashtool, options, url):
    result = crashtool("make-url", "--token", TOKEN, *options)

    assert (result.exit_code, result.stdout) == (0, url + "\n")


def test_the_root_form_says_which_annotations_it_needs(crashtool):
    result = crashtool("make-url", "--universe", "acme", "--token", TOKEN, "--form", "root")

    assert result.stdout == "https://acme.sp.backtrace.io:6098/\n"
    assert "  token=5c267f…\n  format=minidump\n" in result.stderr
    assert TOKEN not in result.stderr


def test_tokens_come_from_file_or_environment(crashtool, tmp_path, monkeypatch):
    (tmp_path / "token.txt").write_text(TOKEN + "\n", encoding="utf-8")
    assert crashtool("make-url", "--universe", "acme", "--token-file", "token.txt").stdout == (
        HOSTED + "\n"
    )
    monkeypatch.setenv("CRASHTOOL_TOKEN_FILE", "token.txt")
    assert crashtool("make-url", "--universe", "acme").stdout == HOSTED + "\n"
    monkeypatch.setenv("CRASHTOOL_TOKEN", SYMBOLS)
    assert SYMBOLS in crashtool("make-url", "--universe", "acme").stdout
    monkeypatch.setenv("CRASHTOOL_SYMBOLS_TOKEN", TOKEN)
    result = crashtool("make-url", "--universe", "acme", "--format", "symbols")
    assert result.stdout == f"https://submit.backtrace.io/acme/{TOKEN}/symbols\n"


def test_settings_hold_a_url_and_flags_build_another(crashtool, tmp_path):
    (tmp_path / "crashtool.toml").write_text(f'url = "{HOSTED}"\n', encoding="utf-8")

    assert crashtool("make-url").stdout == HOSTED + "\n"
    assert (
        crashtool("make-url", "--format", "json").stdout
        == HOSTED.replace("minidump", "json") + "\n"
    )
    built = crashtool("make-url", "--universe", "other", "--token", SYMBOLS)
    assert built.stdout == f"https://submit.backtrace.io/other/{SYMBOLS}/minidump\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no URL given, and nothing to build one from"),
        (["--universe", "acme"], "holds a submission token, and there is none"),
        (["--host", "h", "--format", "symbols"], "holds a symbol token, and there is none"),
        (["--check"], "no URL given"),
        (["--fix", HOSTED, "--form", "root"], "cannot be combined with"),
        ([HOSTED, "--token", TOKEN, "--token-file", "x"], "both give the token"),
        ([HOSTED, "--format", "symbols"], "'symbols' takes a symbol token"),
        (["--universe", "acme", "--host", "https://h", "--token", TOKEN], "not a host name"),
    ],
)
def test_what_is_missing_is_said(crashtool, arguments, message):
    result = crashtool("make-url", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert TOKEN not in result.stderr


def test_the_other_kind_of_token_alone_is_said(crashtool, monkeypatch):
    monkeypatch.setenv("CRASHTOOL_TOKEN", TOKEN)

    result = crashtool("make-url", "--universe", "acme", "--format", "symbols")

    assert result.exit_code == 2
    assert "only the other kind" in result.stderr


def test_converting_takes_the_token_that_the_format_needs(crashtool, monkeypatch):
    asked = crashtool(
        "make-url", HOSTED + "?version=1", "--format", "symbols", "--symbols-token", SYMBOLS
    )
    monkeypatch.setenv("CRASHTOOL_SYMBOLS_TOKEN", SYMBOLS)
    settled = crashtool("make-url", HOSTED + "?version=1", "--format", "symbols")

    expected = f"https://submit.backtrace.io/acme/{SYMBOLS}/symbols?version=1\n"
    assert asked.stdout == settled.stdout == expected


@pytest.mark.parametrize(
    "arguments",
    [["--universe", "acme", "--form", "root"], ["https://crash.acme.net:6098/"]],
)
def test_a_token_that_goes_into_an_annotation_is_checked_too(crashtool, arguments):
    result = crashtool("make-url", *arguments, "--token", TOKEN[:-1])

    assert result.exit_code == 4
    assert "token-not-64-hex" in result.stderr
    assert crashtool("make-url", *arguments, "--token", TOKEN).exit_code == 0


def test_converting_fills_the_root_form_from_settings(crashtool, monkeypatch):
    monkeypatch.setenv("CRASHTOOL_TOKEN", TOKEN)
    monkeypatch.setenv("CRASHTOOL_UNIVERSE", "acme")
    root = "https://crash.acme.net:6098/"

    assert crashtool("make-url", root, "--form", "hosted").stdout == HOSTED + "\n"
    result = crashtool("make-url", HOSTED, "--token", SYMBOLS)
    assert result.stdout == HOSTED.replace(TOKEN, SYMBOLS) + "\n"


def test_converting_mends_what_can_be_mended_first(crashtool):
    result = crashtool("make-url", HOSTED.removeprefix("https://") + "/", "--form", "self-hosted")

    assert (result.exit_code, result.stdout) == (0, SELF_HOSTED + "\n")


def test_a_url_too_wrong_to_convert_is_explained(crashtool):
    result = crashtool("make-url", HOSTED.replace(TOKEN, "<token>"), "--form", "self-hosted")

    assert (result.exit_code, result.stdout) == (4, "")
    assert "placeholder: The URL has a placeholder instead of the token" in result.stderr


def test_a_token_known_as_the_other_kind_is_refused(crashtool, monkeypatch):
    monkeypatch.setenv("CRASHTOOL_SYMBOLS_TOKEN", TOKEN)

    result = crashtool("make-url", "--universe", "acme", "--token", TOKEN)

    assert (result.exit_code, result.stdout) == (4, "")
    assert "wrong-kind-of-token" in result.stderr


def test_check_prints_a_valid_url_and_explains_it(crashtool):
    result = crashtool("make-url", "--check", SELF_HOSTED)

    assert (result.exit_code, result.stdout) == (0, SELF_HOSTED + "\n")
    assert (
        "self-hosted form; host acme.sp.backtrace.io, port 6098, TLS; universe acme"
        in result.stderr
    )
    assert "needs a submission token" in result.stderr
    assert TOKEN not in result.stderr


def test_check_names_the_attributes(crashtool):
    result = crashtool("make-url", "--check", HOSTED + "?version=1&channel=beta")

    assert "attributes version, channel" in result.stderr


def test_check_ends_with_4_on_an_error_and_prints_no_url(crashtool):
    result = crashtool("make-url", "--check", "https://acme.sp.backtrace.io:6098?token=" + TOKEN)

    assert (result.exit_code, result.stdout) == (4, "")
    assert "error: path-missing: There is no `/` after the host." in result.stderr
    assert "corrected: https://acme.sp.backtrace.io:6098/post?" in result.stderr
    assert TOKEN not in result.stderr


def test_check_ends_with_0_on_a_warning(crashtool):
    result = crashtool("make-url", "--check", HOSTED + "/")

    assert (result.exit_code, result.stdout) == (0, HOSTED + "/\n")
    assert "warning: trailing-slash" in result.stderr


def test_check_is_narrowed_by_platform_and_format(crashtool):
    bare = "https://acme.sp.backtrace.io:6098"

    assert crashtool("make-url", "--check", "--platform", "linux", bare).exit_code == 0
    assert crashtool("make-url", "--check", "--platform", "windows", bare).exit_code == 4
    assert crashtool("make-url", "--check", "--format", "json", HOSTED).exit_code == 4


def test_fix_prints_only_the_corrected_url(crashtool):
    result = crashtool("make-url", "--fix", f'"{HOSTED}/"')

    assert (result.exit_code, result.stdout) == (0, HOSTED + "\n")
    assert "fixed: wrapping" in result.stderr


def test_fix_mends_what_it_can_and_says_what_it_cannot(crashtool):
    result = crashtool("make-url", "--fix", "submit.backtrace.io/acme/<TOKEN>/minidump/")

    assert result.exit_code == 4
    assert result.stdout == "https://submit.backtrace.io/acme/<TOKEN>/minidump\n"
    assert "error: placeholder" in result.stderr


def test_code_and_variables_hold_the_whole_url(crashtool):
    root = ["--universe", "acme", "--token", TOKEN, "--form", "root"]
    bare = "https://acme.sp.backtrace.io:6098/"

    assert crashtool("make-url", *root, "--as", "cpp").stdout == (
        f'std::string url("{bare}");\nannotations["token"] = "{TOKEN}";\n'
        'annotations["format"] = "minidump";\n'
    )
    assert crashtool("make-url", *root, "--as", "cmake").stdout == (
        f'set(CRASHPAD_URL "{bare}")\nset(CRASHPAD_ANNOTATION_TOKEN "{TOKEN}")\n'
        'set(CRASHPAD_ANNOTATION_FORMAT "minidump")\n'
    )
    assert crashtool("make-url", *root, "--as", "env").stdout == (
        f"CRASHTOOL_URL={bare}\nCRASHTOOL_TOKEN={TOKEN}\n"
    )
    assert crashtool("make-url", bare, "--as", "env").stdout == f"CRASHTOOL_URL={bare}\n"
    line = crashtool("make-url", SELF_HOSTED.replace("minidump", "symbols"), "--as", "env").stdout
    assert shlex.split(line) == [
        "CRASHTOOL_SYMBOLS_URL=" + SELF_HOSTED.replace("minidump", "symbols")
    ]


@pytest.mark.parametrize("option", [["--json"], ["--as", "json"]])
def test_json_is_one_document_with_all_findings(crashtool, option):
    result = crashtool("make-url", HOSTED + "/#x", *option)
    document = json.loads(result.stdout)

    assert (result.exit_code, result.stderr) == (4, "")
    assert document["corrected"] == HOSTED
    assert (document["valid"], document["form"], document["port"]) == (False, "hosted", 443)
    assert [row["rule"] for row in document["findings"]] == ["fragment", "trailing-slash"]
    assert document["findings"][1]["corrected"] == HOSTED


def test_json_of_a_fixed_url_tells_what_was_mended(crashtool):
    document = json.loads(crashtool("make-url", "--fix", HOSTED + "/", "--json").stdout)

    assert (document["url"], document["valid"]) == (HOSTED, True)
    assert [row["rule"] for row in document["mended"]] == ["trailing-slash"]


def test_json_of_no_url_at_all_has_no_form(crashtool):
    document = json.loads(crashtool("make-url", "--check", "x://y", "--json").stdout)

    assert "form" not in document
    assert not document["valid"]


def test_hostile_text_in_a_url_reaches_no_terminal(crashtool):
    result = crashtool("make-url", "--check", "https://h\x1b[31m!/\u202e")

    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr


# ---- --probe


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        """Silent."""


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Answering) as httpd:
        httpd.asked, httpd.status, httpd.location = [], 404, ""
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def local_url(server):
    return f"http://127.0.0.1:{server.server_port}/acme/{TOKEN}/minidump?version=1"


def test_probe_asks_for_the_root_alone_and_without_the_token(crashtool, server):
    result = crashtool("make-url", "--probe", local_url(server))

    assert result.exit_code == 0
    assert [path for path, _ in server.asked] == ["/"]
    assert TOKEN not in str(server.asked)
    assert "answers (HTTP 404): name, network and encryption are in order" in result.stderr


@pytest.mark.parametrize(
    ("status", "words"),
    [(407, "a proxy asks for a password"), (502, "not well"), (304, "HTTP 304")],
)
def test_probe_explains_the_answer(crashtool, server, status, words):
    server.status = status

    result = crashtool("make-url", "--probe", "--insecure", local_url(server))

    assert result.exit_code == 0
    assert words in result.stderr
    assert "not verified" in result.stderr


def test_probe_finds_a_redirecting_host(crashtool, server):
    server.status, server.location = 301, "https://elsewhere.net/login?next=secret"

    result = crashtool("make-url", "--probe", local_url(server))
    document = json.loads(crashtool("make-url", "--probe", local_url(server), "--json").stdout)

    assert (result.exit_code, result.stdout) == (4, "")
    assert "redirecting-host" in result.stderr
    assert "https://elsewhere.net/login." in result.stderr
    assert document["findings"][-1]["rule"] == "redirecting-host"
    assert document["probe"]["status"] == 301


def test_probe_says_what_is_wrong_with_the_url_before_it_fails(crashtool):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/acme/{TOKEN}/minidump/"
        result = crashtool("make-url", "--probe", "--timeout", "5", url)

    assert (result.exit_code, result.stdout) == (7, "")
    assert "trailing-slash" in result.stderr
    assert "refused" in result.stderr


def test_probe_needs_a_server_to_ask(crashtool):
    result = crashtool("make-url", "--probe", "x://y")

    assert result.exit_code == 4
    assert "not probed" in result.stderr
