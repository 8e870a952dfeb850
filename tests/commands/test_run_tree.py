"""What `run` says of the processes that a program starts, of hangs, and to a CI system."""

import json
import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path

import pytest

from crashtool.formats.minidump.file import Minidump
from crashtool.services.handler.reports.delivery import find_report
from crashtool.services.receiver.app import start_receiver
from tests.commands.test_run import crash, report, run  # noqa: F401 (fixtures)
from tests.services.handler.conftest import build, sentry_handler  # noqa: F401 (fixtures)
from tests.services.handler.test_process_trees import trees, wait_until_gone  # noqa: F401


def test_each_crash_is_reported_in_the_order_of_time_and_counted(report, trees, tmp_path):  # noqa: F811
    result = report("sh", "-c", f"{trees} crash; {trees} abort; {trees} seven; exit 3")

    assert (result.exit_code, result.stdout) == (3, "")
    first, second, summary = (
        result.stderr.index(words)
        for words in ("crash 1: SIGSEGV in", "crash 2: SIGABRT in", "2 of 4 processes crashed: ")
    )
    assert first < result.stderr.index(f"command: {trees} crash\n") < second < summary
    assert "started by sh (" in result.stderr
    assert "which ended with exit status 3" in result.stderr
    assert result.stderr.count("minidump: ") == result.stderr.count("PROBLEMS  none") == 2
    assert len(list(tmp_path.glob("database/pending/*.dmp"))) == 2


def test_a_tree_without_a_crash_is_none_of_our_business(report, trees):  # noqa: F811
    result = report(trees, "all_is_well")

    assert (result.exit_code, result.stderr) == (5, "")
    assert "0 of 2 processes crashed" in report("--verbose", trees, "all_is_well").stderr


def test_a_report_file_holds_all_of_them(report, trees, tmp_path):  # noqa: F811
    report("--report", "crash.txt", "sh", "-c", f"{trees} crash; {trees} abort; exit 3")

    text = (tmp_path / "crash.txt").read_text()
    assert text.count("SIGNATURE") == 2
    assert text.index("crash 1: SIGSEGV") < text.index("crash 2: SIGABRT")


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [("*trees* crash", 1), ("*do_abo*", 1), ("*", 0), ("nothing", 2)],
)
def test_expected_crashes_are_counted_and_not_kept(pattern, kept, report, trees, tmp_path):  # noqa: F811
    pattern = pattern.replace("*trees*", trees)

    result = report("--ignore", pattern, "sh", "-c", f"{trees} crash; {trees} abort; exit 3")

    assert result.exit_code == 3
    assert f"{kept} of 3 processes crashed" in result.stderr
    expected = ["", "1 more crash was expected", "2 more crashes were expected"][2 - kept]
    assert f"{expected}: --ignore {pattern}" in result.stderr or not expected
    assert len(list(tmp_path.glob("database/*/*.dmp"))) == kept


def test_a_death_test_of_googletest_is_expected(report, trees):  # noqa: F811
    flag = "--gtest_internal_run_death_test=math_test.cc|12|0|5"

    result = report("sh", "-c", f"{trees} abort '{flag}'; exit 3")

    assert "0 of 2 processes crashed\n" in result.stderr
    assert "1 more crash was expected: a death test of googletest" in result.stderr


def test_children_are_left_alone_if_asked(report, trees, tmp_path):  # noqa: F811
    result = report("--no-children", trees, "executed")

    assert (result.exit_code, result.stderr) == (5, "")
    assert not list(tmp_path.glob("database/*/*.dmp"))


def test_a_handler_that_is_insisted_on_dumps_no_children(report, trees, tmp_path):  # noqa: F811
    result = report("--writer", "handler", trees, "executed")

    assert "dumps only the program itself" in result.stderr
    assert "1 of 2 processes crashed" in result.stderr
    assert not list(tmp_path.glob("database/*/*.dmp"))


def test_json_has_a_row_for_each_crash(report, trees, tmp_path):  # noqa: F811
    report("--json", "--report", "r.json", "sh", "-c", f"{trees} crash; {trees} abort; exit 3")

    document = json.loads((tmp_path / "r.json").read_text())
    assert document["run"]["processes"] == 3
    assert document["run"]["crashed"] is False
    assert [row["signal"] for row in document["crashes"]] == ["SIGSEGV", "SIGABRT"]
    assert [row["command_line"][-1] for row in document["crashes"]] == ["crash", "abort"]
    assert [row["signature"].split(" ")[0] for row in document["crashes"]] == ["crash", "do_abort"]
    assert document["hangs"] == []


def test_json_lines_are_a_line_for_each_and_one_for_the_run(report, trees, tmp_path):  # noqa: F811
    command = f"{trees} crash; {trees} abort; exit 3"
    report("--json-lines", "--report", "r.jsonl", "sh", "-c", command)

    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [sorted(row) for row in rows] == [
        ["crash", "schema_version"],
        ["crash", "schema_version"],
        ["run", "schema_version"],
    ]
    assert rows[1]["crash"]["parent_ended"] == "exit status 3"


def test_every_crash_is_sent(report, trees, tmp_path):  # noqa: F811
    with start_receiver(tmp_path / "inbox") as receiver:
        url = receiver.submission_url()
        result = report("--url", url, "sh", "-c", f"{trees} crash; {trees} abort; exit 3")
        sent = receiver.inbox.reports()

        assert len(sent) == 2
        assert all(one.rxid in result.stderr for one in sent)


@pytest.mark.parametrize("kind", ["hangs", "stubborn"])
def test_what_still_runs_is_reported_and_ended(kind, run, trees, tmp_path):  # noqa: F811
    done = run("--timeout", "1", "--json", "--report", "r.json", trees, kind, timeout=60)

    document = json.loads((tmp_path / "r.json").read_text())
    assert done.returncode == 124
    assert document["run"]["timed_out"] == 1
    assert document["run"]["signal"] == ("SIGTERM" if kind == "hangs" else "SIGKILL")
    assert document["crashes"] == []
    program, child = document["hangs"]
    assert (program["command_line"][1], child["command_line"][1]) == (kind, "waits")
    assert child["parent_id"] == program["process_id"]
    assert child["thread_count"] == 2
    assert ["hang", "still running after 1 s"] in [
        [one["name"], one["value"]] for one in child["annotations"]
    ]
    wait_until_gone(child["process_id"])
    for path in tmp_path.glob("database/pending/*.dmp"):
        with Minidump.open(path) as dump:
            assert dump.exception.code == 0xFFFFFFFF


def test_a_hang_shows_all_threads_of_what_nobody_waits_for(report, trees):  # noqa: F811
    result = report("--timeout", "1", trees, "hangs")

    assert result.exit_code == 124
    assert "hang 1: crash (process" in result.stderr
    assert "whose children still ran" in result.stderr
    assert "still ran after 1 s; started by crash (" in result.stderr
    assert result.stderr.count("STACK of thread") == 1
    assert result.stderr.count("stop_here") >= 2  # both threads of the child
    assert "timed out after 1 s: 2 processes still ran, and were ended" in result.stderr


def test_a_program_that_ends_in_time_has_its_own_status(report, trees):  # noqa: F811
    result = report("--timeout", "60", trees, "seven")

    assert (result.exit_code, result.stderr) == (7, "")


@pytest.fixture
def sleeper(trees):  # noqa: F811
    process = subprocess.Popen(
        [trees, "hangs"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its child has the pipe, too
    process.communicate()


def test_a_live_process_is_reported_and_lives_on(report, sleeper, tmp_path):  # noqa: F811
    result = report("--pid", str(sleeper.pid))

    (dump,) = tmp_path.glob("database/pending/*.dmp")
    assert result.exit_code == 0
    assert f"crash (process {sleeper.pid}), as it runs\n" in result.stderr
    assert f"minidump: {dump}\n" in result.stderr
    assert "hangs" in result.stderr.partition("STACK")[2]
    assert sleeper.poll() is None
    assert "TracerPid:\t0" in Path(f"/proc/{sleeper.pid}/status").read_text()
    assert find_report(tmp_path / "database", dump.stem) is not None


def test_a_process_that_has_ended_is_told(report):  # noqa: F811
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        result = report("--pid", str(child.pid))

    assert result.exit_code == 3
    assert f"process {child.pid} has ended; its parent has not asked how" in result.stderr


def test_a_live_process_is_killed_if_asked(report, sleeper):  # noqa: F811
    report("--pid", str(sleeper.pid), "--kill")

    assert sleeper.wait(20) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--pid", "4194999"], 3, "there is no process 4194999"),
        (["--pid", "1", "true"], 2, "cannot be combined with a program"),
        (["--pid", "1", "--timeout", "3"], 2, "cannot be combined with a program"),
        (["--pid", "1", "--mode", "socket"], 2, "leave --handler, --mode and --writer out"),
        (["--kill", "true"], 2, "--kill requires --pid"),
        (["--json", "--json-lines", "true"], 2, "cannot be combined"),
        (["--timeout", "0", "true"], 2, "--timeout"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, status, words, report):  # noqa: F811
    result = report(*arguments)

    assert result.exit_code == status
    assert words in result.stderr


def test_a_process_that_another_traces_is_not_dumped(report, sleeper):  # noqa: F811
    other = subprocess.Popen(["strace", "-qq", "-o", os.devnull, "-p", str(sleeper.pid)])
    try:
        deadline = time.monotonic() + 20
        status = Path(f"/proc/{sleeper.pid}/status")
        while "TracerPid:\t0" in status.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        result = report("--pid", str(sleeper.pid))
    finally:
        other.terminate()
        other.wait(20)

    assert result.exit_code == 2
    assert "strace (process" in result.stderr


def test_github_gets_annotations_and_a_summary(report, trees, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path(__file__).resolve().parents[2]))

    result = report("--ci", "github", "sh", "-c", f"{trees} crash; {trees} abort; exit 3")

    lines = [line for line in result.stderr.splitlines() if line.startswith("::")]
    assert result.stdout == ""
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error"]
    assert "file=tests/programs/trees.c,line=" in lines[0]
    assert f"command: {trees} crash" in lines[0]
    summary = (tmp_path / "summary.md").read_text()
    assert "2 of 3 processes crashed" in summary
    assert summary.count("### ") == 3


def test_junit_has_a_failure_for_each_crash(report, trees, tmp_path):  # noqa: F811
    command = f"{trees} crash; {trees} abort; exit 3"
    report("--junit", "j.xml", "--ignore", "*do_abort*", "sh", "-c", command)
    report("--junit", "well.xml", trees, "seven")

    root = ET.parse(tmp_path / "j.xml").getroot()  # noqa: S314 (our own)
    bad, expected = root.iter("testcase")
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert "SIGSEGV" in bad.find("failure").get("message")
    assert "STACK" in bad.find("failure").text
    assert "--ignore *do_abort*" in expected.find("system-out").text
    (well,) = ET.parse("well.xml").getroot().iter("testcase")  # noqa: S314
    assert (list(well), "seven" in well.get("name")) == ([], True)


def test_hostile_command_lines_stay_one_harmless_line(report, trees, tmp_path):  # noqa: F811
    name = "\x1b[2J\n::error::<b>]]>"
    arguments = ["sh", "-c", f'{trees} crash "$1"; exit 3', "sh", name]
    result = report("--ci", "github", "--junit", "j.xml", *arguments)

    lines = [line for line in result.stderr.splitlines() if line.startswith("::")]
    assert len(lines) == 1
    assert "\x1b" not in result.stderr
    (case,) = ET.parse("j.xml").getroot().iter("testcase")  # noqa: S314
    assert "<b>]]>" in case.get("name")


def test_where_tracing_is_not_permitted_the_program_runs(run, trees):  # noqa: F811
    """Inside another run the program is traced already."""
    done = run("sh", "-c", 'exec "$@"', "sh", "strace", "-qq", "-f", "-o", os.devnull, "true")
    assert done.returncode == 0

    program = [trees, "executed"]
    outer = run("--", os.sys.executable, "-m", "crashtool", "run", "--database", "inner", *program)

    assert outer.returncode == 5
    assert "no crash of this program is seen: " in outer.stderr
    assert "traces it already" in outer.stderr
    assert outer.stderr.count("crash 1: SIGABRT") == 1
