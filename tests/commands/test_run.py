import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

import pty

from crashtool.errors import InputUnusable
from crashtool.formats.minidump.file import Minidump
from crashtool.services.handler.crashpad_handler import find
from crashtool.services.handler.crashpad_handler.handler_command_line import compose_command
from crashtool.services.handler.reports import report_database
from crashtool.services.handler.reports.report_database import prepare_database
from crashtool.services.handler.run import exit_like, reported_run
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess
from crashtool.services.receiver.app import start_receiver
from tests.services.handler.conftest import (  # noqa: F401 (fixtures)
    build,
    sentry_handler,
    upstream_handler,
)

CRASHTOOL = [sys.executable, "-m", "crashtool"]


@pytest.fixture
def crash(build):  # noqa: F811
    return build("crash.c")


@pytest.fixture
def run(tmp_path, sentry_handler):  # noqa: F811
    """run("--option", program, ...) in a process of its own, with a database of its own."""

    def invoke(*arguments, **options):
        line = [*CRASHTOOL, "run", "--database", tmp_path / "database", *arguments]
        return subprocess.run(
            line, capture_output=True, text=True, check=False, cwd=tmp_path, **options
        )

    return invoke


@pytest.fixture
def report(monkeypatch, crashtool, sentry_handler):  # noqa: F811
    """report("--option", program, ...) in this process, the program's streams leading nowhere."""
    monkeypatch.setattr(reported_run, "run_program", run_in_subprocess)
    monkeypatch.setattr(
        exit_like, "exit_like", lambda status: click.get_current_context().exit(status)
    )
    return lambda *arguments: crashtool("run", "--database", "database", *arguments)


@pytest.fixture
def start(tmp_path, sentry_handler):  # noqa: F811
    """The same, not waited for; its first line, "ready", is."""
    started = []

    def invoke(*arguments, **options):
        line = [*CRASHTOOL, "run", "--database", tmp_path / "database", *arguments]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, **options)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield invoke
    for process in started:
        process.kill()
        process.communicate()


def test_the_status_of_a_program_is_its_own(run, crash):
    assert run("--", crash, "seven").returncode == 7
    assert run(crash, "term").returncode == -signal.SIGTERM
    assert run("true").returncode == 0


def test_a_crash_is_reported_on_stderr_and_kills_crashtool_alike(run, crash, tmp_path):
    done = run("--annotation", "ver=1.4.2", crash, "fpe")

    assert done.returncode == -signal.SIGFPE
    assert done.stdout == ""
    assert "SIGFPE / FPE_INTDIV" in done.stderr
    assert "1.4.2" in done.stderr
    (dump,) = tmp_path.glob("database/pending/*.dmp")
    assert f"minidump: {dump}" in done.stderr


def test_a_url_that_no_report_could_go_to_is_told_before_the_program_runs(run, crash):
    done = run("--url", "nowhere", crash, "seven")

    assert done.returncode == 7
    assert done.stderr.startswith(
        "crashtool: warning: no report will be sent: the URL nowhere cannot be used "
    )


def test_streams_are_the_programs_own(run, crash):
    done = run(crash, "echo", input="one\ntwo\n")

    assert (done.stdout, done.stderr) == ("one\ntwo\n", "bye\n")


def test_a_crash_is_shown_as_inspect_shows_it(report, crash, crashtool, tmp_path):
    result = report("--annotation", "ver=1.4.2", crash, "fpe")

    (dump,) = tmp_path.glob("database/pending/*.dmp")
    assert result.exit_code == -signal.SIGFPE
    shown = crashtool("inspect", dump).stdout
    assert result.stderr.startswith(f"minidump: {dump}\n" + shown.partition("WHERE")[0][:200])
    stack = result.stderr.partition("STACK")[2]
    assert re.search(r"fpe .* main .* __libc_start_main.* _start ", stack, re.DOTALL)
    assert "scanning" not in stack  # the program's own files are at hand, libc's too


def test_quiet_says_no_more_than_the_report(report, crash):
    result = report("--quiet", crash, "null")

    assert "minidump:" not in result.stderr
    assert "SIGSEGV" in result.stderr


def test_verbose_says_what_the_handler_said(report, crash):
    result = report("--verbose", "--attachment", "gone.log", crash, "null")

    assert "gone.log: No such file" in result.stderr


def test_a_report_can_go_to_a_file(report, crash, tmp_path):
    result = report("--report", "crash.txt", crash, "null")

    assert "SIGSEGV" in (tmp_path / "crash.txt").read_text()
    assert "SIGSEGV" not in result.stderr


def test_arguments_behind_the_program_are_the_programs(run):
    assert run("sh", "-c", "exit 9").returncode == 9
    assert run("echo", "--json", "--", "--help").stdout == "--json -- --help\n"


def test_json_goes_to_a_file_and_holds_the_crash(report, crash, tmp_path):
    result = report("--json", "--report", "crash.json", "--mode", "socket", crash, "abort")

    document = json.loads((tmp_path / "crash.json").read_text())
    assert result.stderr == ""
    assert document["run"]["signal"] == "SIGABRT"
    assert document["run"]["mode"] == "socket"
    assert document["crash_info"]["type"].startswith("SIGABRT")
    assert Path(document["run"]["report"]["minidump"]).is_file()


def test_json_without_a_file_goes_to_stderr(report):
    result = report("--json", "sh", "-c", "exit 3")

    document = json.loads(result.stderr)
    assert (result.stdout, result.exit_code) == ("", 3)
    assert document["run"]["exit_status"] == 3
    assert document["run"]["crashed"] is False


def test_a_report_that_cannot_be_written_is_shown(report, crash):
    result = report("--report", "nowhere/crash.txt", crash, "null")

    assert result.exit_code == -signal.SIGSEGV
    assert "cannot write nowhere/crash.txt" in result.stderr
    assert "SIGSEGV" in result.stderr


def test_no_report_is_said_and_the_status_kept(report, crash, tmp_path):
    breaks_its_database = "rm -r database && touch database && exec $0 null"

    result = report("--writer", "handler", "sh", "-c", breaks_its_database, crash)

    assert result.exit_code == -signal.SIGSEGV
    assert "the handler left no report" in result.stderr
    assert "handler: " in result.stderr


def test_json_tells_of_a_crash_without_a_report(report, crash):
    result = report("--json", "--writer", "handler", crash, "main_thread_gone")

    document = json.loads(result.stderr)["run"]
    assert (document["crashed"], document["report"]) == (True, None)
    assert "first thread had ended" in document["problem"]


def test_a_problem_is_a_warning(report, crash):
    result = report("--writer", "handler", crash, "main_thread_gone")

    assert "warning: the program's first thread" in result.stderr


def test_trouble_with_the_report_keeps_the_status(report, crash, monkeypatch):
    def fail(*_arguments):
        raise InputUnusable("it is damaged")

    monkeypatch.setattr(reported_run.ReportedRun, "find_delivery", fail)

    result = report(crash, "null")

    assert result.exit_code == -signal.SIGSEGV
    assert "no report: it is damaged" in result.stderr


def test_a_missing_program_is_127_and_one_that_cannot_run_126(run, tmp_path):
    (tmp_path / "data").write_text("no program")

    for name, status, words in (
        ("no-such-program", 127, "no such program in PATH"),
        ("./nothing", 127, "no such file"),
        ("data", 127, "did you mean ./data ?"),
        ("./data", 126, "not executable"),
        (str(tmp_path), 126, "is a folder"),
    ):
        done = run(name)
        assert (done.returncode, words in done.stderr) == (status, True), name


def test_what_cannot_work_is_refused_before_the_program_runs(run, tmp_path):
    marker = tmp_path / "ran"
    for arguments, status, words in (
        (["--handler", "nothing"], 3, "no crashpad_handler at"),
        (["--annotation", "k"], 2, "not an annotation"),
        (["--attachment", "log=file"], 2, "after its file"),
        (["--writer", "own", "--handler", "nothing"], 2, "leave --handler out"),
        (["--writer", "own", "--mode", "socket"], 2, "leave --mode socket out"),
    ):
        done = run(*arguments, "touch", marker)
        assert (done.returncode, words in done.stderr) == (status, True), done.stderr
        assert not marker.exists()


def test_a_program_is_needed(crashtool):
    result = crashtool("run")

    assert result.exit_code == 2
    assert "no program given" in result.stderr


def test_other_platforms_get_a_clear_message(crashtool, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    result = crashtool("run", "true")

    assert result.exit_code == 2
    assert "riscv64" in result.stderr


@pytest.mark.parametrize("handler", ["sentry_handler", "upstream_handler"])
def test_the_handler_sends_the_report(handler, request, run, crash, tmp_path):
    path = request.getfixturevalue(handler).path
    (tmp_path / "game.log").write_text("the log")
    with start_receiver(tmp_path / "inbox") as receiver:
        done = run(
            "--handler",
            path,
            "--url",
            receiver.submission_url(),
            "--annotation",
            "prod=Game",
            "--attachment",
            "game.log",
            crash,
            "null",
        )
        (report,) = receiver.inbox.reports()
        (log,) = [file for file in report.files if file.name == "game.log"]

        assert done.returncode == -signal.SIGSEGV
        assert report.rxid in done.stderr
        assert report.fields["prod"] == "Game"
        assert log.path.read_text() == "the log"
        with Minidump.open(report.minidump) as dump:
            assert dump.exception.code == signal.SIGSEGV


def test_a_report_that_was_sent_says_so(report, crash, tmp_path):
    with start_receiver(tmp_path / "inbox") as receiver:
        result = report("--url", receiver.submission_url(), crash, "null")
        (received,) = receiver.inbox.reports()

    assert "sent; the server answered" in result.stderr
    assert received.rxid in result.stderr


def test_a_report_that_was_not_sent_says_so(report, crash):
    result = report("--url", "http://127.0.0.1:9/", crash, "null")

    assert "not sent: the upload failed" in result.stderr


def test_a_database_without_consent_is_named(report, crash, tmp_path):
    report(crash, "null")
    settings = tmp_path / "database/settings.dat"
    data = bytearray(settings.read_bytes())
    data[8] = 0
    settings.write_bytes(data)

    result = report("--url", "http://127.0.0.1:9/", crash, "null")

    assert "uploads are disabled in" in result.stderr


def test_reports_go_to_the_users_state_folder_unless_told(tmp_path, crash, sentry_handler):  # noqa: F811
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}

    subprocess.run(
        [*CRASHTOOL, "run", crash, "null"], env=environment, capture_output=True, check=False
    )

    assert len(list(tmp_path.glob("crashtool/database/pending/*.dmp"))) == 1


def test_a_signal_to_crashtool_alone_reaches_the_program_once(start, crash):
    process = start(crash, "counts_signals")

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 11


def test_a_signal_to_the_whole_group_reaches_the_program_once(start, crash):
    process = start(crash, "counts_signals", start_new_session=True)

    os.killpg(process.pid, signal.SIGTERM)

    assert process.wait(20) == 11


def test_a_stopped_program_stops_and_goes_on(start, crash):
    process = start(crash, "counts_signals")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    program = int(children[0])

    os.kill(program, signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while not is_stopped(program) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_stopped(program)
    os.kill(program, signal.SIGCONT)
    os.kill(program, signal.SIGTERM)

    assert process.wait(20) == 11


def is_stopped(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "tT"


def test_a_terminated_program_terminates_crashtool(start, crash):
    process = start(crash, "waits")

    process.send_signal(signal.SIGHUP)

    assert process.wait(20) == -signal.SIGHUP


class Terminal:
    """crashtool on a terminal of its own, as the foreground job."""

    def __init__(self, *line):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execv(line[0], list(map(str, line)))  # noqa: S606 (pty.fork asks for it)

    def read_until(self, text):
        seen = b""
        while text not in seen:
            seen += os.read(self.master, 1024)

    def type(self, text):
        os.write(self.master, text)

    def wait(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            time.sleep(0.01)
        raise AssertionError("it does not end")

    def close(self):
        os.close(self.master)


@pytest.fixture
def terminal(tmp_path, sentry_handler):  # noqa: F811
    opened = []

    def open_terminal(*arguments, line=(*CRASHTOOL, "run")):
        opened.append(Terminal(*line, "--database", tmp_path / "database", *arguments))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


def test_control_c_reaches_the_program_once(terminal, crash):
    job = terminal(crash, "counts_signals")
    job.read_until(b"ready")

    job.type(b"\x03")

    assert os.waitstatus_to_exitcode(job.wait()) == 11


TYPED_EARLY = """
import os, signal, sys, time
from crashtool.services.handler.process import launch
from crashtool.services.handler.run.program import run_program
act = {place}
def act_late():
    print("blocked", flush=True)
    while not signal.sigpending():
        time.sleep(0.01)
    return act()
{place} = act_late
sys.exit(100 - run_program(sys.argv[3:]).status)
"""


@pytest.mark.parametrize("place", ["os.fork", "launch.allow_tracing"])
def test_control_c_before_there_is_a_program_ends_it(place, terminal, crash):
    job = terminal(crash, "waits", line=[sys.executable, "-c", TYPED_EARLY.format(place=place)])
    job.read_until(b"blocked")

    job.type(b"\x03")

    assert os.waitstatus_to_exitcode(job.wait()) == 102


JOB_CONTROL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-m", "crashtool", "run", *sys.argv[1:]])
status = os.waitpid(job, os.WUNTRACED)[1]
print("stopped" if os.WIFSTOPPED(status) else "ended", flush=True)
os.killpg(job, signal.SIGCONT)
os.killpg(job, signal.SIGTERM)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]))
"""


def test_control_z_stops_the_job_and_it_can_be_continued(terminal, crash):
    job = terminal(crash, "counts_signals", line=[sys.executable, "-c", JOB_CONTROL])
    job.read_until(b"ready")

    job.type(b"\x1a")
    job.read_until(b"stopped")

    assert os.waitstatus_to_exitcode(job.wait()) == 11


def test_control_backslash_is_a_crash_of_the_program(terminal, crash, tmp_path):
    job = terminal("--report", tmp_path / "report", crash, "waits")
    job.read_until(b"ready")

    job.type(b"\x1c")

    assert os.waitstatus_to_exitcode(job.wait()) == -signal.SIGQUIT
    assert "SIGQUIT" in (tmp_path / "report").read_text()


@pytest.fixture
def no_handler(monkeypatch):
    """A machine without a crashpad_handler."""
    monkeypatch.setattr(find, "_from_extra", lambda: None)
    monkeypatch.setattr(find, "DEBIAN", Path("/nothing"))
    monkeypatch.setattr(find, "NAMES", ())


@pytest.fixture
def report_own(monkeypatch, crashtool, build, no_handler):  # noqa: F811
    """As `report`, where there is no handler."""
    del no_handler
    build("crash.c")  # skips where no program can be built, or run
    monkeypatch.setattr(reported_run, "run_program", run_in_subprocess)
    monkeypatch.setattr(
        exit_like, "exit_like", lambda status: click.get_current_context().exit(status)
    )
    return lambda *arguments: crashtool("run", "--database", "database", *arguments)


def test_crashtool_writes_the_minidump_where_there_is_no_handler(report_own, crash, tmp_path):
    result = report_own("--annotation", "ver=1.4.2", crash, "fpe")

    (dump,) = tmp_path.glob("database/pending/*.dmp")
    assert result.exit_code == -signal.SIGFPE
    assert f"minidump: {dump}\n" in result.stderr
    assert "written by crashtool itself, not by a crashpad_handler: no crashpad_handler found" in (
        result.stderr
    )
    assert "Linux minidump written by crashtool" in result.stderr
    assert "1.4.2" in result.stderr
    stack = result.stderr.partition("STACK")[2]
    assert re.search(r"fpe .* main .* __libc_start_main.* _start ", stack, re.DOTALL)


def test_crashtool_writes_the_minidump_where_a_handler_lacks_its_libraries(
    report_own, crash, tmp_path, monkeypatch
):
    words = "error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    source = tmp_path / "handler.c"
    source.write_text(
        f'#include <stdio.h>\nint main(void) {{ puts("crashpad_handler: {words}"); return 127; }}'
    )
    handler = tmp_path / "crashpad_handler"
    subprocess.run(["gcc", "-o", handler, source], check=True)
    monkeypatch.setattr(find, "DEBIAN", handler)

    result = report_own(crash, "fpe")

    assert result.exit_code == -signal.SIGFPE
    assert f"not by a crashpad_handler: {handler} does not start" in result.stderr
    assert "libcurl.so.4" in result.stderr


def test_a_handler_that_is_insisted_on_must_be_there(report_own, tmp_path):
    marker = tmp_path / "ran"

    result = report_own("--writer", "handler", "touch", marker)

    assert result.exit_code == 3
    assert "no crashpad_handler found" in result.stderr
    assert not marker.exists()


def test_json_names_the_writer(report_own, crash):
    document = json.loads(report_own("--json", crash, "null").stderr)["run"]

    assert (document["mode"], document["writer"]) == ("own", "crashtool")


def test_what_crashtool_wrote_is_sent_once_with_its_attachments(
    report_own, crash, tmp_path, crashtool
):
    (tmp_path / "game.log").write_text("the log")
    with start_receiver(tmp_path / "inbox") as receiver:
        url = receiver.submission_url()
        result = report_own(
            "--url", url, "--annotation", "prod=Game", "--attachment", "log=game.log", crash, "null"
        )
        again = crashtool("send-dump", "--url", url, "database")
        (received,) = receiver.inbox.reports()

    assert "sent; the server answered" in result.stderr
    assert received.rxid in result.stderr
    assert received.fields["prod"] == "Game"
    assert [file.path.read_text() for file in received.files if file.name == "log"] == ["the log"]
    assert "nothing is left to send" in again.stderr
    assert len(list(tmp_path.glob("database/completed/*.dmp"))) == 1


def test_what_crashtool_wrote_and_could_not_send_waits(report_own, crash, tmp_path, monkeypatch):
    monkeypatch.setattr("crashtool.services.handler.reports.own_delivery._RETRY_SECONDS", 0)

    result = report_own(
        "--url", "http://127.0.0.1:9/post?format=minidump&token=" + "a" * 64, crash, "null"
    )

    assert "not sent: " in result.stderr
    assert "refused" in result.stderr
    assert len(list(tmp_path.glob("database/pending/*.dmp"))) == 1


def test_what_crashtool_wrote_is_not_sent_without_consent(report_own, crash, tmp_path):
    settings = prepare_database(tmp_path / "database")
    options = settings.replace(options=0)
    (tmp_path / "database/settings.dat").write_bytes(options.pack())
    with start_receiver(tmp_path / "inbox") as receiver:
        result = report_own("--url", receiver.submission_url(), crash, "null")

        assert receiver.inbox.reports() == []
    assert "not sent: uploads are disabled in" in result.stderr


def test_a_handler_sends_what_crashtool_wrote(report_own, crash, tmp_path, sentry_handler):  # noqa: F811
    report_own("--annotation", "prod=Game", crash, "null")
    with start_receiver(tmp_path / "inbox") as receiver:
        line = compose_command(sentry_handler, tmp_path / "database", url=receiver.submission_url())
        line.remove("--no-periodic-tasks")
        run_in_subprocess(["sleep", "2"], line, mode="socket")
        (received,) = receiver.inbox.reports()

    assert received.fields["prod"] == "Game"
    assert len(list(tmp_path.glob("database/completed/*.dmp"))) == 1


def test_the_handlers_own_reason_for_a_failed_upload_is_told(report, crash, tmp_path):
    with start_receiver(tmp_path / "inbox") as receiver:
        plain = receiver.submission_url()
        result = report("--url", plain.replace("http:", "https:"), crash, "null")

    assert "not sent: the upload failed" in result.stderr
    said = [line for line in result.stderr.splitlines() if line.startswith("handler: ")]
    assert any(re.search(r"curl|SSL|TLS", line) for line in said), result.stderr


@pytest.mark.parametrize("place", ["file/database", "/proc/nothing/database"])
def test_a_program_runs_where_its_database_cannot_be_made(
    place, report, crash, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    assert report("--database", place, "sh", "-c", "exit 9").exit_code == 9
    assert list((tmp_path / "temporary").iterdir()) == []  # what nobody needed is removed

    result = report("--database", place, crash, "null")

    assert result.exit_code == -signal.SIGSEGV
    assert result.stderr.count("warning: ") == 1, result.stderr
    assert f"{place}: " in result.stderr
    (dump,) = (tmp_path / "temporary").glob("crashtool-run-*/pending/*.dmp")
    assert f"minidump: {dump}" in result.stderr
    assert "SIGSEGV" in result.stderr


def test_a_program_runs_where_nothing_can_be_kept(report, crash, monkeypatch):
    monkeypatch.setattr(report_database, "_list_temporary", lambda: iter([Path("/proc/nothing")]))

    result = report("--database", "/proc/nothing/database", crash, "null")

    assert result.exit_code == -signal.SIGSEGV
    assert "no report will be kept" in result.stderr
    assert report("--database", "/proc/nothing/database", "sh", "-c", "exit 9").exit_code == 9


def test_a_home_that_cannot_be_written_costs_no_run(tmp_path, crash, sentry_handler):  # noqa: F811
    del sentry_handler
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("XDG_")
    } | {"HOME": "/proc/nothing", "TMPDIR": str(tmp_path)}

    done = subprocess.run(
        [*CRASHTOOL, "run", crash, "null"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == -signal.SIGSEGV
    assert f"reports of this run go to {tmp_path}/crashtool-run-" in done.stderr


FULL_DISK = """
mount -t tmpfs -o size=64k none "$1" && shift && exec "$@"
"""


@pytest.mark.parametrize("writer", ["handler", "own"])
def test_a_full_disk_costs_no_run(writer, tmp_path, crash, sentry_handler):  # noqa: F811
    del sentry_handler
    (tmp_path / "full").mkdir()
    (tmp_path / "tmp").mkdir()
    inside = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        FULL_DISK,
        "sh",
        tmp_path / "full",
    ]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs unshare and mounts of one's own")

    done = subprocess.run(
        [
            *inside,
            *CRASHTOOL,
            "run",
            "--writer",
            writer,
            "--database",
            tmp_path / "full/database",
            crash,
            "null",
        ],
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "No space left on device" in done.stderr
    assert done.stderr.count("warning: ") == 1, done.stderr
    assert len(list(tmp_path.glob("tmp/crashtool-run-*/pending/*.dmp"))) == 1
    assert done.returncode == -signal.SIGSEGV


FAILING_HANDLER = r"""
#include <signal.h>
#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
  if (!strcmp(words[1], "--help") || !strcmp(words[1], "--version"))
    return puts("--initial-client-fd") < 0;
  fputs("something is broken\n", stderr);
  END
}
"""


@pytest.mark.parametrize("end", ["return 1;", "*(volatile int *)0 = 1;"])
@pytest.mark.parametrize("kind", ["fpe", "abort", "trap", "threads", "crowd"])
def test_crashtool_steps_in_where_a_handler_fails_at_the_crash(
    end, kind, report_own, crash, tmp_path, monkeypatch
):
    (tmp_path / "handler.c").write_text(FAILING_HANDLER.replace("END", end))
    handler = tmp_path / "crashpad_handler"
    subprocess.run(["gcc", "-o", handler, tmp_path / "handler.c"], check=True)
    monkeypatch.setattr(find, "DEBIAN", handler)

    result = report_own("--annotation", "ver=1.4.2", crash, kind)

    name = {"fpe": "SIGFPE", "abort": "SIGABRT", "trap": "SIGTRAP"}.get(kind, "SIGSEGV")
    assert result.exit_code == -signal.Signals[name]
    assert "not by a crashpad_handler: the handler left no report" in result.stderr
    assert "handler: something is broken" in result.stderr
    assert f"{name} / " in result.stderr
    assert "1.4.2" in result.stderr
    stack = result.stderr.partition("STACK")[2]
    assert re.search("main .*crash.c" if kind in ("fpe", "abort", "trap") else "do_crash", stack)
