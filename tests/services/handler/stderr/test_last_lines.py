"""--attach-stderr: what is known of a stderr at a crash, and what a program sees of that."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

import pty

from crashtool.services.handler.stderr.last_lines import MAX_LINES, split_lines
from tests.services.handler.conftest import skip_elsewhere
from tests.services.handler.test_process_trees import trees  # noqa: F401 (a fixture)
from tests.services.handler.test_program import processes_naming

CRASHTOOL = [sys.executable, "-m", "crashtool", "run", "--attach-stderr"]
KINDS = (
    "import os, stat, sys; kinds = [stat.S_IFMT(os.fstat(n).st_mode) for n in (0, 1, 2)]; "
    "same = os.fstat(1).st_ino == os.fstat(2).st_ino; "
    "open(sys.argv[1], 'w').write(repr((kinds, same, os.isatty(1), os.isatty(2))))"
)


@pytest.fixture
def run(tmp_path):
    """run(arguments, ...) -> the process's end; its stderr is a pipe unless told otherwise."""
    skip_elsewhere()
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}

    def invoke(*arguments, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        line = [*CRASHTOOL, "--database", tmp_path / "database", *arguments]
        return subprocess.run(
            line, check=False, cwd=tmp_path, env=environment, timeout=120, **options
        )

    return invoke


@pytest.fixture
def lines(run, tmp_path):
    """lines(arguments, ...) -> those of each crash, in order, as the JSON document has them."""

    def find(*arguments, **options):
        run("--json", "--report", "r.json", *arguments, **options)
        document = json.loads((tmp_path / "r.json").read_text())
        return [row["stderr"] for row in document["crashes"] + document["hangs"]]

    return find


def read_attachments(folder):
    return [path.read_bytes() for path in sorted(folder.glob("database/attachments/*/stderr.txt"))]


def test_each_crash_has_what_stood_on_the_runs_stderr_until_then(lines, trees, tmp_path):  # noqa: F811
    script = f"echo one >&2; {trees} crash; echo two >&2; {trees} abort; echo three >&2; exit 3"

    first, second = lines("sh", "-c", script)

    assert first == ["one"]
    assert (second[0], second[-1]) == ("one", "two")  # between them the shell's own words
    assert sorted(map(len, read_attachments(tmp_path))) == sorted(
        len("".join(line + "\n" for line in one)) for one in (first, second)
    )


@pytest.mark.parametrize("writer", ["own", "handler"])
def test_the_programs_own_crash_has_them_whoever_writes(writer, lines, trees, tmp_path, request):  # noqa: F811
    if writer == "handler":
        request.getfixturevalue("sentry_handler")
    script = f"echo one >&2; exec {trees} crash"

    assert lines("--writer", writer, "sh", "-c", script) == [["one"]]
    assert read_attachments(tmp_path) == [b"one\n"]


def test_a_file_is_read_up_to_where_the_process_stands_in_it(lines, trees, tmp_path):  # noqa: F811
    (tmp_path / "log").write_text("of another run\n" * 3)
    script = f"exec 2>log; echo one >&2; {trees} crash; echo two >&2; exit 3"

    assert lines("sh", "-c", script) == [["one"]]


def test_a_pipe_between_two_processes_is_theirs(lines, trees):  # noqa: F811
    assert lines("sh", "-c", f"echo one >&2; {trees} crash 2>&1 | cat") == [None]


def test_a_closed_stderr_has_no_lines(lines, trees):  # noqa: F811
    assert lines("sh", "-c", f"echo one >&2; {trees} crash 2>&-; exit 3") == [None]


def test_what_hangs_has_them_too(lines, trees):  # noqa: F811
    assert ["one"] in lines("--timeout", "1", "sh", "-c", f"echo one >&2; exec {trees} waits")


def test_a_live_process_has_those_of_its_file(run, trees, tmp_path):  # noqa: F811
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            ["sh", "-c", f"echo one >&2; exec {trees} hangs"],
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout.readline() == b"ready\n"
    try:
        run("--pid", str(process.pid), "--json", "--report", "r.json")
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its child has the pipe, too
        process.communicate()

    assert json.loads((tmp_path / "r.json").read_text())["hangs"][0]["stderr"] == ["one"]


def test_the_attachment_is_bounded(run, trees, tmp_path):  # noqa: F811
    script = f"seq 200000 >&2; {trees} crash; exit 3"

    done = run("sh", "-c", script)

    (data,) = read_attachments(tmp_path)
    assert len(data) == 1 << 16
    assert data.endswith(b"\n199999\n200000\n")
    assert done.stderr.startswith(b"1\n2\n3\n")
    assert b"\n199999\n200000\n" in done.stderr


def test_a_full_pipe_hides_no_lines(trees, tmp_path):  # noqa: F811
    """Nobody reads the run's stderr until the crash is reported."""
    ours, theirs = os.pipe()
    script = f"seq 12000 >&2; echo done >&2; {trees} crash; exit 3"
    line = [*CRASHTOOL, "--database", tmp_path / "database", "--report", tmp_path / "r"]
    process = subprocess.Popen([*line, "sh", "-c", script], stderr=theirs, cwd=tmp_path)
    os.close(theirs)
    deadline = time.monotonic() + 60
    while not read_attachments(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)

    (data,) = read_attachments(tmp_path)
    assert data.endswith(b"\n12000\ndone\n")
    with open(ours, "rb") as file:  # noqa: PTH123 (a descriptor)
        text = file.read()
    assert process.wait(60) == 3
    assert text.startswith("".join(f"{number}\n" for number in range(1, 12001)).encode() + b"done")


def test_what_a_program_sees_stays_the_same(run, tmp_path):
    """Pipes stay pipes, sockets sockets, one stream one, and files and terminals themselves."""
    program = [sys.executable, "-c", KINDS]
    first, second = socket.socketpair()
    with first, second, (tmp_path / "log").open("w") as log:
        for number, streams in enumerate(
            (
                {},
                {"stderr": subprocess.STDOUT},
                {"stderr": second},
                {"stderr": log},
                {"stdout": second, "stderr": second},
                {"stderr": subprocess.DEVNULL},
            )
        ):
            alone, under = tmp_path / f"alone{number}", tmp_path / f"under{number}"
            options = {
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                **streams,
            }
            subprocess.run([*program, alone], check=True, **options)
            run(*program, under, **options)
            assert under.read_text() == alone.read_text(), streams


def test_a_terminal_is_left_alone(run, tmp_path):
    primary, secondary = pty.openpty()

    done = run("sh", "-c", "test -t 2 && exit 3", stderr=secondary)

    os.close(secondary)
    said = os.read(primary, 1 << 16)
    os.close(primary)
    assert done.returncode == 3
    assert b"stderr is a terminal, which is left alone" in said


def test_both_streams_in_one_keep_their_order(run):
    script = "for i in $(seq 300); do echo out $i; echo err $i >&2; done"

    done = run("sh", "-c", script, stderr=subprocess.STDOUT)

    wanted = "".join(f"out {number}\nerr {number}\n" for number in range(1, 301))
    assert (done.stdout.decode(), done.returncode) == (wanted, 0)


def test_a_reader_that_goes_ends_the_writer(tmp_path):
    skip_elsewhere()
    line = [*CRASHTOOL, "--database", tmp_path / "database", "sh", "-c", "exec yes >&2"]
    process = subprocess.Popen(line, stderr=subprocess.PIPE)
    assert process.stderr.read(4) == b"y\ny\n"

    process.stderr.close()

    assert process.wait(60) == -signal.SIGPIPE


def test_what_outlives_the_run_still_has_its_stderr(trees, tmp_path):  # noqa: F811
    unique = f"{tmp_path}/relayed"
    script = f'(read line <&3; echo "late $line" >&2) 3<"{tmp_path}/fifo" & : {unique}; exit 4'
    os.mkfifo(tmp_path / "fifo")
    line = [*CRASHTOOL, "--database", unique, "bash", "-c", script]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    fifo = os.open(tmp_path / "fifo", os.O_WRONLY)

    assert process.wait(60) == 4
    os.write(fifo, b"words\n")
    os.close(fifo)
    assert process.stderr.read() == b"late words\n"
    process.stderr.close()
    deadline = time.monotonic() + 20
    while processes_naming(unique) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_naming(unique) == []


def test_nothing_is_left_of_it(run, trees, tmp_path):  # noqa: F811
    run("sh", "-c", f"echo one >&2; {trees} crash; exit 3")

    assert list((tmp_path / "temporary").iterdir()) == []
    assert processes_naming(str(tmp_path)) == []


def test_where_no_process_can_be_had_the_program_has_its_own_stderr(tmp_path):
    skip_elsewhere()
    script = (
        "import os, sys\n"
        "from crashtool.services.handler.stderr import stderr_relay\n"
        "from crashtool.services.handler.stderr.taken_stderr import taking_last_lines\n"
        "stderr_relay._become_relay = lambda *_: os._exit(1)\n"
        "with taking_last_lines(print) as taken: print(taken)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert "no last lines of stderr are attached: " in done.stdout
    assert done.stdout.endswith("None\n")


def test_hostile_lines_are_harmless_everywhere(run, trees, tmp_path):  # noqa: F811
    hostile = r"printf '\033[2J::error::x\n::error::<b>]]>\n\377\376\n' >&2"
    script = f"{hostile}; {trees} crash; exit 3"
    summary = tmp_path / "summary.md"
    os.environ["GITHUB_STEP_SUMMARY"] = str(summary)
    try:
        run("--report", "r", "--junit", "j.xml", "--ci", "github", "sh", "-c", script)
    finally:
        del os.environ["GITHUB_STEP_SUMMARY"]

    report = (tmp_path / "r").read_bytes()
    assert b"STDERR  the last lines, of all who write there\n  \\x1b[2J::error::x\n" in report
    assert b"\n  \\x3a:error::<b>]]>\n" in report
    assert b"\x1b" not in report
    (case,) = ET.parse(tmp_path / "j.xml").getroot().iter("testcase")  # noqa: S314 (our own)
    assert "::error::<b>]]>" in case.find("system-err").text


def test_lines_are_split_and_bounded():
    assert split_lines(b"") == ()
    assert split_lines(b"one\r\ntwo") == ("one", "two")
    assert split_lines(b"\xff\n") == ("�",)
    assert split_lines(b"\n\n") == ("", "")
    assert len(split_lines(b"x\n" * 100)) == MAX_LINES


def test_the_file_of_one_crash_is_not_that_of_the_next(lines, trees, tmp_path):  # noqa: F811
    script = f"echo one >&2; {trees} crash; {trees} abort 2>&-; exit 3"

    assert lines("sh", "-c", script) == [["one"], None]
    assert read_attachments(tmp_path) == [b"one\n"]
    assert Path(tmp_path / "temporary").is_dir()
