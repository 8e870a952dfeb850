"""The edges of the standard streams: full, closed, without a reader, in another code page."""

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from crashtool.cli import main
from crashtool.commands import root_command, standard_streams
from crashtool.commands.command_table import COMMANDS
from crashtool.commands.standard_streams import Outlet
from crashtool.services.receiver.app import start_receiver
from tests.commands.transcript_inputs import make_inputs
from tests.synth.database import windows_report, write_windows_database

TOKEN = "ab" * 32
CALLS = (
    ("--help",),
    ("--version",),
    ("make-url", "--universe", "acme", "--token", TOKEN),
    ("annotate", "prod=Game"),
    ("annotate", "prod=Game", "--json"),
    ("send-dump", "--dry-run", "game.dmp"),
    ("send-dump", "--dry-run", "--json", "game.dmp"),
    ("inspect", "game.dmp"),
    ("inspect", "--json", "game.dmp"),
    ("inspect", "--ci", "github", "snapshot.dmp"),
    ("inspect", "--color", "always", "game.dmp"),
    ("triage", "--jobs", "1", "game.dmp"),
    ("triage", "--jobs", "1", "--rows", "-", "game.dmp"),
    ("upload-symbols", "--dry-run", "build"),
    ("symbols", "check", "build"),
    ("symbols", "find", "0403020106050807090A0B0C0D0E0F100", "--symbols", "build"),
    ("symbols", "cache", "--cache", "kept"),
    ("database", "list", "db"),
    ("database", "settings", "db", "--json"),
    ("doctor", "--help"),
    ("scaffold", "cmake"),
    ("completion", "bash"),
    ("run", "--help"),
    ("smoke", "--help"),
    ("serve", "--help"),
    ("serve", "--show-settings"),
)
BOUNDARY = re.compile(r"MultipartBoundary-\w+|MultipartBoundary[\w-]+")  # random
FULL, CLOSED, GONE = ">/dev/full", ">&-", "| true"
posix = pytest.mark.skipif(
    os.name != "posix" or not Path("/dev/full").exists(), reason="needs /dev/full and a POSIX shell"
)


@pytest.fixture(scope="module")
def healthy(folder):
    """What a call answers when nothing is wrong, each asked for once."""
    answers = {}

    def ask(call):
        if call not in answers:
            answers[call] = BOUNDARY.sub("", run(call, "", folder)[1])
        return answers[call]

    return ask


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    make_inputs(folder)
    write_windows_database(folder / "db", [windows_report(1)])
    return folder


def run(arguments, redirection, folder):
    """The call with its streams redirected as a shell does it; the status is crashtool's own."""
    own, _, reader = redirection.partition("|")
    script = f'{{ "$0" -m crashtool "$@" {own}; echo $? > "$STATUS"; }}'
    script += f" | {reader}" if reader else ""
    with tempfile.TemporaryDirectory() as aside:
        status = Path(aside, "status")
        done = subprocess.run(
            ["/bin/sh", "-c", script, sys.executable, *arguments],
            cwd=folder,
            env=os.environ | {"STATUS": str(status)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return int(status.read_text(encoding="ascii")), done.stdout, done.stderr


def test_every_command_is_tried():
    assert {call[0] for call in CALLS} >= set(COMMANDS)


@posix
@pytest.mark.parametrize("call", CALLS, ids=" ".join)
@pytest.mark.parametrize("redirection", [FULL, CLOSED, GONE])
def test_an_answer_that_is_lost_is_said_in_one_line(call, redirection, folder):
    status, _, said = run(call, redirection, folder)

    lost = [line for line in said.splitlines() if "cannot write the answer to stdout" in line]
    assert status == 9
    assert len(lost) == (redirection != GONE)
    assert "Traceback" not in said
    assert "error" not in said.replace("".join(lost), "")  # nothing else is to blame


@posix
@pytest.mark.parametrize("call", CALLS, ids=" ".join)
@pytest.mark.parametrize("redirection", ["2>/dev/full <&-", "2>&-"])
def test_stderr_and_stdin_change_no_answer(call, redirection, folder, healthy):
    status, out, said = run(call, redirection, folder)

    assert (status, "Traceback" in said) == (0, False)
    assert BOUNDARY.sub("", out) == healthy(call)


@posix
@pytest.mark.parametrize("command", ["inspect", "send-dump --dry-run"])
def test_a_closed_stdin_is_said(command, folder):
    status, _, said = run([*command.split(), "-"], "<&-", folder)

    assert (status, said) == (3, "crashtool: error: cannot read standard input: it is closed\n")


@posix
def test_a_failed_check_stays_one_when_its_answer_is_lost(folder):
    status, _, said = run(["inspect", "--fail-on-crash", "game.dmp"], FULL, folder)

    assert status == 4
    assert "No space left" in said


@posix
def test_a_closed_stdout_is_not_the_next_file_that_is_opened(folder):
    status, _, _ = run(["inspect", "--html", "page.html", "game.dmp"], CLOSED, folder)

    assert status == 9
    assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@posix
def test_the_rest_of_many_dumps_is_not_read_for_nobody(folder):
    status, _, said = run(["inspect", "game.dmp", "absent.dmp"], GONE, folder)

    assert (status, said) == (9, "")


class Full(io.RawIOBase):
    """A pipe that is busy at first, as one that somebody made non-blocking."""

    def __init__(self):
        self.answers = [None, 2]
        self.written = b""

    def writable(self):
        return True

    def write(self, data):
        count = self.answers.pop(0) if self.answers else len(data)
        self.written += bytes(data[: count or 0])
        return count


def test_a_pipe_that_is_busy_is_waited_for():
    raw = Full()
    stream = io.BufferedWriter(Outlet(raw, pytest.fail))
    stream.write(b"abcdef")
    stream.flush()

    assert raw.written == b"abcdef"


@pytest.fixture
def call_main(monkeypatch, folder):
    """main(), its stdout and stderr in an encoding: what was written, as bytes, and the status."""
    monkeypatch.chdir(folder)

    def call(*arguments, encoding="cp1252", newline="\r\n"):
        out, err = io.BytesIO(), io.BytesIO()
        for name, buffer in (("stdout", out), ("stderr", err)):
            stream = io.TextIOWrapper(buffer, encoding, "backslashreplace", newline)
            monkeypatch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        return end.value.code, out.getvalue(), err.getvalue()

    return call


@pytest.mark.parametrize("form", ["arguments", "shell", "windows", "cpp", "toml", "cmake", "json"])
def test_answers_for_programs_are_utf8_whatever_the_code_page(form, call_main):
    status, out, _ = call_main("annotate", "prod=日本", "--as", form)

    assert status == 0
    assert b"\r" not in out
    text = out.decode()
    assert "\\u65e5" not in text or form == "json"
    assert "日本" in text or form in ("json", "cpp")


def test_a_toml_answer_is_read_back(call_main, folder):
    out = call_main("annotate", "prod=日本 →", "--as", "toml")[1]
    (folder / "again.toml").write_bytes(out)

    assert call_main("annotate", "--from", "again.toml")[1].decode() == (
        "--annotation=prod=日本 →\n"
    )


def test_pages_are_utf8_in_pipes(call_main, folder):
    (folder / "größe.dmp").write_bytes((folder / "game.dmp").read_bytes())
    out = call_main("inspect", "größe.dmp")[1]

    assert b"\\u" not in out
    assert b"\r" not in out
    assert "größe" in out.decode()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp932"])
def test_pythonioencoding_is_respected(encoding, call_main, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    status, out, err = call_main("annotate", "prod=größe", encoding=encoding)

    if encoding == "cp1252":
        assert (status, out) == (0, "--annotation=prod=größe\n".encode(encoding))
    else:
        assert (status, out) == (9, b"")
        assert b"error: cannot write the answer: " + encoding.encode() in err
        assert b"PYTHONIOENCODING=utf-8" in err


def test_what_an_encoding_lacks_is_a_word_for_people(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "ascii"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, "ascii"))
    streams = standard_streams.StandardStreams()
    sys.stdout.write("a → b … 日 \udcff")
    sys.stderr.write("a → b … 日")
    streams.restore()

    assert out.getvalue() == b"a -> b ... ? \xff"
    assert err.getvalue() == rb"a -> b ... \u65e5"


@posix
@pytest.mark.parametrize("form", ["arguments", "shell", "toml", "cpp", "json"])
@pytest.mark.parametrize("words", [(b"a=\xe9",), (b"\xe9=a",), (b"--attach", b"caf\xe9.log")])
def test_bytes_that_are_no_utf8_are_no_annotation(words, form):
    done = subprocess.run(
        [sys.executable, "-m", "crashtool", "annotate", *words, "--as", form],
        capture_output=True,
        check=False,
    )

    assert done.returncode == 4
    assert b"UTF-8" in done.stderr + done.stdout
    assert b"Traceback" not in done.stderr


@posix
@pytest.mark.parametrize(
    "options",
    [(), ("--json",), ("--html", "page.html"), ("--ci", "github"), ("--color", "always")],
)
def test_no_file_name_that_is_no_utf8_ends_a_command(options, folder):
    name = b"caf\xe9\n.dmp"
    Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(  # noqa: PTH118
        (folder / "game.dmp").read_bytes()
    )
    summary = folder / "summary.md"
    done = subprocess.run(
        [sys.executable, "-m", "crashtool", "inspect", *options, name],
        cwd=folder,
        env=os.environ | {"GITHUB_STEP_SUMMARY": str(summary)},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    if options == ("--json",):
        assert json.loads(done.stdout)


def read_as_on_windows(monkeypatch, arguments):
    """Call main() with argv, os.name being nt until the arguments are read."""
    make_context, own = root_command.CommandTable.make_context, os.name

    def on_windows_no_more(self, *args, **kwargs):
        monkeypatch.setattr(os, "name", own)
        return make_context(self, *args, **kwargs)

    monkeypatch.setattr(root_command.CommandTable, "make_context", on_windows_no_more)
    monkeypatch.setattr(sys, "argv", ["crashtool", *arguments])
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize(
    "value",
    ["50%%", "%USERNAME%", "$HOME", "${HOME}", "$$", "~", "~root", "*.log", "[a-z]*", "'q'", "a?"],
)
def test_arguments_are_what_was_given(value, monkeypatch, capsys, folder):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("USERNAME", "leaked")
    monkeypatch.setenv("a", "leaked")

    assert read_as_on_windows(monkeypatch, ["annotate", f"a={value}"]) == 0
    assert capsys.readouterr().out == f"--annotation=a={value}\n"


def test_a_file_with_brackets_in_its_name_is_itself(monkeypatch, capsys, tmp_path):
    make_inputs(tmp_path)
    (tmp_path / "snapshot.dmp").rename(tmp_path / "crash[1].dmp")
    (tmp_path / "game.dmp").rename(tmp_path / "crash1.dmp")
    monkeypatch.chdir(tmp_path)

    read_as_on_windows(monkeypatch, ["inspect", "--json", "crash[1].dmp"])
    assert json.loads(capsys.readouterr().out)["path"] == "crash[1].dmp"


def test_a_pattern_of_an_option_is_not_expanded(monkeypatch, capsys, tmp_path):
    make_inputs(tmp_path)
    (tmp_path / "other.sym").write_bytes((tmp_path / "build" / "game.sym").read_bytes())
    monkeypatch.chdir(tmp_path)

    arguments = ["upload-symbols", "--dry-run", "--json", "build", "--exclude", "*.sym"]
    read_as_on_windows(monkeypatch, arguments)
    document = json.loads(capsys.readouterr().out)
    assert document["files"] == []
    assert "other.sym" not in json.dumps(document)


@posix
def test_an_upload_goes_on_although_its_answer_is_lost(folder, tmp_path):
    with start_receiver(tmp_path / "inbox", token=TOKEN, symbols_token=TOKEN[::-1]) as receiver:
        url = receiver.submission_url("symbols")
        status, _, said = run(["upload-symbols", "--url", url, "build"], FULL, folder)
        (report,) = receiver.inbox.reports()

    assert (status, said.count("\n")) == (9, 1)
    assert [file.filename for file in report.files]


@posix
@pytest.mark.parametrize("redirection", [FULL, CLOSED, ">&- 2>&-"])
def test_a_receiver_receives_although_nobody_reads_its_lines(redirection, tmp_path, folder):
    port = free_port()
    script = f'exec "$0" -m crashtool serve --port {port} --folder "$1" {redirection}'
    with subprocess.Popen(
        ["/bin/sh", "-c", script, sys.executable, str(tmp_path / "inbox")],
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}/acme/{TOKEN}/minidump"
            words = ["send-dump", "--url", url, "--retry-for", "30", "game.dmp"]
            assert run(words, "", folder)[0] == 0
        finally:
            server.terminate()
        assert server.wait(30) == 9


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@posix
def test_debug_files_may_have_names_that_are_no_utf8(folder, corpus):
    program = corpus.parent / "findings/inputs/game/c"
    if not program.exists():
        pytest.skip("needs findings/ (set CRASHTOOL_SHARED to the folder that holds it)")
    place = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))
    place.mkdir()
    shutil.copy(program, place / os.fsdecode(b"caf\xe9\nx"))
    shutil.copy(program.with_name("x.dmp"), place)

    shown = run(
        ["inspect", place / "x.dmp", "--symbols", place, "--cache", place / "k"], "", folder
    )
    assert (shown[0], shown[2]) == (0, "")
    assert "c.c:" in shown[1]
    assert run(["symbols", "dump", "--store", place / "s", place], "", folder)[0] == 0
