"""Every kind of process tree under `run`: each crash told once, none invented, statuses kept."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.formats.minidump.file import Minidump
from crashtool.services.handler.following import process_tree
from crashtool.services.handler.following.follow_options import Following
from crashtool.services.handler.following.process_tree import ProcessTree
from crashtool.services.handler.reports.report_database import list_minidumps, prepare_database
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from tests.services.handler.conftest import skip_elsewhere
from tests.services.handler.test_program import processes_naming
from tests.toolchain import need_programs, run_tool

ALL_SEEN = 5  # the status of a program that saw what it would have seen without a tracer
SEGV, ABRT, XCPU = signal.SIGSEGV, signal.SIGABRT, signal.SIGXCPU
# kind: how many processes there are with the program, and the signals of those that crash
KINDS = {
    "forked": (2, [SEGV]),
    "all_is_well": (2, []),
    "executed": (2, [ABRT]),
    "vfork_executes": (2, [SEGV]),
    "vfork_crashes": (2, [SEGV]),
    "spawned": (2, [SEGV]),
    "by_system": (4, [SEGV]),
    "by_popen": (2, [ABRT]),
    "grandchild": (3, [SEGV]),
    "orphan": (3, [SEGV]),
    "daemon_crashes": (3, [SEGV]),
    "job": (2, [SEGV]),
    "seen_by_parent": (2, [ABRT]),
    "thread_of_child": (2, [SEGV]),
    "child_of_thread": (2, [SEGV]),
    "thread_of_child_executes": (2, [SEGV]),
    "eight_at_once": (9, [SEGV, ABRT] * 4),
    "ten_generations": (10, [SEGV]),
    "handled": (2, []),
    "terminated": (3, []),
    "watchdog": (2, [ABRT]),
    "ends_ignored": (2, [SEGV]),
    "told_once": (2, [SEGV]),
    "by_clone3": (2, [SEGV]),
    "odd_signal": (2, [SEGV]),
    "shared_memory": (2, [SEGV]),
    "bare": (2, [SEGV]),
    "reaper": (3, [SEGV]),
    "dies_with_parent": (3, [SEGV]),
    "crash_after_crash": (6, [SEGV] * 5),
    "time_limit": (2, [XCPU]),
}


def need(program):
    if not shutil.which(program):
        pytest.skip(f"needs {program}")


@pytest.fixture(scope="session")
def trees(build):
    return build("trees.c")


@pytest.fixture
def follow(tmp_path):
    """follow(program, ...) -> how it ended; its reports are in tmp_path/database."""
    database = tmp_path / "database"
    prepare_database(database)

    def run(*program, **options):
        following = Following(**options)
        return run_in_subprocess(
            list(map(str, program)), own=OwnWriter(str(database)), following=following
        )

    return run


def assert_reported(result, database, signals):
    """Each crash has one report that tells the process and its signal, and there is no other."""
    assert Counter(crash.fatal.number for crash in result.crashes) == Counter(signals)
    assert len({crash.process_id for crash in result.crashes}) == len(signals)
    seconds = [crash.seconds for crash in result.crashes]
    assert seconds == sorted(seconds)
    told = {}
    for path in list_minidumps(database):
        with Minidump.open(path) as dump:
            told[dump.misc.process_id] = (dump.exception.code, dump.exception.thread_id)
            assert dump.problems == []
    assert told == {
        crash.process_id: (crash.fatal.number, crash.fatal.thread_id) for crash in result.crashes
    }
    assert all(crash.problem is None and crash.command_line for crash in result.crashes)


@pytest.mark.parametrize("kind", KINDS)
def test_crashes_of_all_processes_are_reported_and_nobody_notices(kind, trees, follow, tmp_path):
    processes, signals = KINDS[kind]

    result = follow(trees, kind)

    assert result.status == ALL_SEEN
    assert result.processes == processes
    assert_reported(result, tmp_path / "database", signals)


def test_a_child_that_ends_before_its_parent_tells_of_it_is_counted_once(monkeypatch):
    """A busy machine: the kernel wakes a new process up before its parent stops to tell of it."""
    monkeypatch.setattr(process_tree, "set_options", lambda *_arguments, **_options: None)
    tree = ProcessTree(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        child_process = tree.find(child.pid)
    tree.ended(child.pid, 0)
    tree.forked(tree.processes[tree.root], child.pid)

    assert child_process.parent == os.getpid()
    assert tree.count == 2
    assert list(tree.processes) == [tree.root]


def test_a_program_and_its_child_can_both_crash(trees, follow, tmp_path):
    result = follow(trees, "both")

    assert result.status == -ABRT
    assert [crash.is_program for crash in result.crashes] == [False, True]
    assert_reported(result, tmp_path / "database", [SEGV, ABRT])


@pytest.mark.parametrize("width", ["32", "static"])
def test_children_of_any_width_and_linkage_are_followed(width, build, trees, follow, tmp_path):
    child = build("trees.c", width)

    result = follow("sh", "-c", f"{child} crash; {trees} abort; exit 5")

    assert (result.status, result.processes) == (5, 3)
    assert_reported(result, tmp_path / "database", [SEGV, ABRT])


def test_a_crash_tells_whose_child_it_was_and_how_that_ended(trees, follow):
    (crash,) = follow(trees, "grandchild").crashes

    assert crash.command_line == (trees, "forked")
    assert crash.name == "crash"  # the file's name
    assert (crash.parent_name, crash.parent_status) == ("crash", ALL_SEEN)
    assert any(image == trees for image in crash.images)


def test_scripts_and_pipes_are_followed(trees, follow, tmp_path):
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\n{trees} crash | {trees} seven\n(exec {trees} abort) & wait\n")
    script.chmod(0o755)

    result = follow(script)

    assert result.status == 0
    assert_reported(result, tmp_path / "database", [SEGV, ABRT])


def test_make_is_followed(trees, follow, tmp_path):
    need("make")
    (tmp_path / "Makefile").write_text(
        f"all: a b c\na:\n\t-@{trees} crash\nb:\n\t-@{trees} abort\nc:\n\t-@{trees} all_is_well\n"
    )

    result = follow("make", "-s", "-j4", "-C", tmp_path)

    assert result.status == 0
    assert_reported(result, tmp_path / "database", [SEGV, ABRT])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_python_are_followed(method, follow, tmp_path):
    program = (
        "import multiprocessing as m, os\n"
        "if __name__ == '__main__':\n"
        f"    p = m.get_context({method!r}).Process(target=os.abort); p.start(); p.join()\n"
        "    raise SystemExit(p.exitcode + 10)"
    )

    result = follow(sys.executable, "-c", program)

    assert result.status == 10 - ABRT
    assert_reported(result, tmp_path / "database", [ABRT])


def test_what_outlives_the_program_lives_on_untraced(trees, tmp_path):
    script = (
        "import sys\n"
        "from crashtool.services.handler.run.program import run_program\n"
        "from crashtool.services.handler.following.follow_options import Following\n"
        "result = run_program(sys.argv[1:], following=Following())\n"
        "print(result.status, result.unfollowed[0].reason)"
    )
    ours, theirs = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", script, trees, "outlived"],
        stdin=ours,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    pid, words = done.stdout.split("\n", 1)
    os.close(ours)

    assert words.strip() == f"{ALL_SEEN} {process_tree.OUTLIVES}"
    assert "TracerPid:\t0" in Path("/proc", pid, "status").read_text()
    os.close(theirs)
    wait_until_gone(int(pid))


def test_to_the_end_waits_for_what_outlives_the_program(trees, tmp_path):
    database = tmp_path / "database"
    prepare_database(database)
    script = (
        "import sys\n"
        "from crashtool.services.handler.snapshot.own_writer import OwnWriter\n"
        "from crashtool.services.handler.run.program import run_program\n"
        "from crashtool.services.handler.following.follow_options import Following\n"
        f"own = OwnWriter({str(database)!r})\n"
        "result = run_program(sys.argv[1:], own=own, following=Following(to_the_end=True))\n"
        "print(result.status, len(result.crashes), result.unfollowed)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, trees, "outlived"],
        input="c",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.splitlines()[1] == f"{ALL_SEEN} 1 ()"
    assert len(list_minidumps(database)) == 1


def wait_until_gone(pid):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path("/proc", str(pid), "stat").read_text().rpartition(") ")[2][0]
        except (ProcessLookupError, FileNotFoundError):
            return
        if state == "Z":
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} is still there")


@pytest.mark.parametrize("kind", ["debugger", "attaching"])
def test_a_program_that_traces_its_children_has_them_to_itself(kind, build, follow):
    result = follow(build("debugger.c"), kind)

    assert (result.status, result.processes, result.crashes) == (ALL_SEEN, 1, ())
    assert [row.reason for row in result.unfollowed] == [process_tree.TRACES]


def test_a_debugger_and_what_it_debugs_work_as_ever(trees, follow, tmp_path):
    need("gdb")
    line = ["gdb", "-nx", "-q", "-batch", "-ex", "run", "-ex", "kill", "--args", trees, "crash"]

    result = follow("sh", "-c", '"$@" >/dev/null 2>&1; exit $?', "sh", *line)

    assert result.crashes == ()
    assert [row.name for row in result.unfollowed] == ["gdb"]
    assert result.unfollowed[0].reason == process_tree.TRACES


@pytest.mark.parametrize("attached", [False, True])
def test_strace_works_as_ever(attached, trees, follow, tmp_path):
    need("strace")
    trace = tmp_path / "trace"
    line = f"strace -f -o {trace} {trees} forked"
    if attached:
        line = (
            "sleep 60 & until grep -q sleep /proc/$!/comm; do :; done; "
            f"strace -o {trace} -p $! 2>&1 & until grep -qs resuming {trace}; do sleep 0.02; done; "
            "kill $(jobs -p %1); wait; exit 5"
        )

    result = follow("bash" if attached else "sh", "-c", line)

    assert result.status == ALL_SEEN
    assert result.crashes == ()
    assert ("SIGTERM" if attached else "SIGSEGV") in trace.read_text()
    reasons = {row.reason for row in result.unfollowed}
    assert process_tree.TRACES in reasons
    assert (process_tree.IS_TRACED in reasons) == attached


@pytest.mark.parametrize("options", ["", "detect_leaks=0"])
def test_leaks_are_found_as_ever(options, follow, tmp_path, monkeypatch):
    need_programs("gcc")
    source = tmp_path / "leak.c"
    source.write_text(
        "#include <stdlib.h>\nvoid *volatile kept;\n"
        "int main(int n, char **v) { kept = malloc(n); kept = 0; return v[0] == 0; }\n"
    )
    try:
        run_tool("gcc", "-fsanitize=address", "-o", tmp_path / "leak", source)
    except subprocess.CalledProcessError:
        pytest.skip("needs libasan")
    monkeypatch.setenv("ASAN_OPTIONS", options)

    result = follow("sh", "-c", f"{tmp_path}/leak; exit $?")

    assert result.status == (0 if options else 1)
    assert bool(result.unfollowed) is not bool(options)


def test_nothing_is_left_of_a_tree(trees, follow, tmp_path):
    before = set(Path(tmp_path).iterdir()) | {tmp_path / "database"}

    follow(trees, "eight_at_once")

    assert set(Path(tmp_path).iterdir()) == before
    assert not list((tmp_path / "database").glob("new/*"))


AS_IF = """
import os, signal, sys
from crashtool.services.handler.following import hang, runner
from crashtool.services.handler.following.follow_options import Following
from crashtool.services.handler.following.process_tree import ProcessTree
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.handler.run.program import run_program
{change}
following = Following(to_the_end=True, timeout={timeout})
result = run_program(sys.argv[2:], own=OwnWriter(sys.argv[1]), following=following)
print(result.status, result.timed_out, len(result.hangs), len(result.crashes))
"""
ENDS_BEFORE = """
hold = hang.Freezer.hold
hang.Freezer.hold = lambda self: (os.kill(self.pid, 9), hold(self))[1]
"""
ENDS_WHILE_HELD = """
from crashtool.services.handler.process import freeze
from crashtool.services.handler.process.target import has_ended
def kill_instead(tid):
    os.kill(tid, 9)
    while not has_ended(tid): pass
freeze.interrupt = kill_instead
"""
CALLED_OFF = """
take = runner.Runner._take_end
def take_and_tell(self, tid, status):
    take(self, tid, status)
    if tid == self.pid: os.kill(os.getpid(), signal.SIGTERM)
runner.Runner._take_end = take_and_tell
"""


def run_as_if(change, timeout, tmp_path, *program, **options):
    database = tmp_path / "database"
    prepare_database(database)
    script = AS_IF.format(change=change, timeout=timeout)
    done = subprocess.run(
        [sys.executable, "-c", script, database, *program],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
        **options,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("change", [ENDS_BEFORE, ENDS_WHILE_HELD])
def test_a_program_that_ends_just_when_time_is_up_is_not_waited_for(change, tmp_path):
    skip_elsewhere()

    (last,) = run_as_if(change, 0.5, tmp_path, shutil.which("sleep"), "60")

    assert last == "-9 0.0 0 0"


def test_a_slow_machine_costs_no_thread(trees, tmp_path):
    """The time for threads to stop is over before any has: only those in the kernel are left."""
    no_patience = "from crashtool.services.handler.process import freeze\nfreeze._PATIENCE = 0"

    (last,) = run_as_if(no_patience, None, tmp_path, trees, "thread_of_child")

    assert last == f"{ALL_SEEN} 0.0 0 1"
    (path,) = list_minidumps(tmp_path / "database")
    with Minidump.open(path) as dump:
        assert len(dump.threads) == 9


def test_a_signal_ends_the_wait_for_what_outlives_the_program(trees, tmp_path):
    ours, theirs = os.pipe()
    try:
        pid, last = run_as_if(CALLED_OFF, None, tmp_path, trees, "outlived", stdin=ours)
    finally:
        os.close(ours)
        os.close(theirs)

    assert last == f"{ALL_SEEN} 0.0 0 0"
    wait_until_gone(int(pid))


def test_without_children_only_the_program_is_followed(trees, tmp_path):
    database = tmp_path / "database"
    prepare_database(database)

    result = run_in_subprocess([trees, "both"], own=OwnWriter(str(database)))

    assert (result.status, result.processes) == (-ABRT, 1)
    assert_reported(result, database, [ABRT])


def test_a_set_user_id_program_keeps_its_rights(tmp_path, trees):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv")
    folder = Path("/tmp") / f"crashtool-setuid-{os.getpid()}"  # noqa: S108 (others must reach it)
    folder.mkdir(mode=0o755)
    try:
        source = folder / "who.c"
        source.write_text(
            "#include <stdio.h>\n#include <unistd.h>\n"
            'int main(int n, char **v) { printf("%d %s\\n", geteuid(), v[n - 1]); return n; }\n'
        )
        run_tool("gcc", "-o", folder / "who", source)
        (folder / "who").chmod(0o4755)
        database = folder / "database"
        script = (
            "import sys\n"
            "from crashtool.services.handler.run.program import run_program\n"
            "from crashtool.services.handler.following.follow_options import Following\n"
            "result = run_program(sys.argv[1:], following=Following())\n"
            "print(result.status, [row.reason for row in result.unfollowed])"
        )
        line = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            sys.executable,
            "-c",
            script,
            "sh",
            "-c",
            f"{folder}/who a last; exit $?",
        ]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        unread = ("Permission denied", "ModuleNotFound", "loading shared libraries")
        if any(words in done.stderr for words in unread):
            pytest.skip("needs an installation that others may read")
        assert done.stdout.splitlines() == ["0 last", f"3 {[process_tree.HAS_RIGHTS]}"]
        assert not database.exists()
    finally:
        shutil.rmtree(folder)


def repeat(rounds, trees, follow, database):
    """Runs of fifty processes of which ten crash, each told once; which processes are left."""
    known = frozenset()
    for _ in range(rounds):
        result = follow(trees, "fifty")
        written = list_minidumps(database)

        assert (result.status, result.processes) == (ALL_SEEN, 50)
        signals = Counter(crash.fatal.number for crash in result.crashes)
        assert signals == {SEGV: 5, ABRT: 5}
        assert len({crash.process_id for crash in result.crashes}) == 10
        assert {path.stem for path in written - known} == {crash.uuid for crash in result.crashes}
        assert not list(database.glob("new/*"))
        assert result.unfollowed == ()
        known = written
    return processes_naming(trees)


def test_fifty_processes_lose_and_leave_nothing(build, follow, tmp_path):
    program = tmp_path / "lonely"
    shutil.copy(build("trees.c"), program)

    assert repeat(2, str(program), follow, tmp_path / "database") == []


@pytest.mark.slow
def test_fifty_processes_two_hundred_times_lose_and_leave_nothing(build, follow, tmp_path):
    program = tmp_path / "lonely"
    shutil.copy(build("trees.c"), program)

    assert repeat(200, str(program), follow, tmp_path / "database") == []


def need_namespaces():
    need("unshare")
    if subprocess.run(["unshare", "-p", "-f", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs PID namespaces of one's own")


@pytest.mark.parametrize("kind", ["crash", "abort"])
def test_process_1_of_a_namespace_crashes_once(kind, trees, follow, tmp_path):
    """Traced, it survives every signal, and would fault for ever."""
    need_namespaces()

    result = follow("unshare", "-p", "-f", trees, kind)

    assert result.status == -SEGV  # abort ends with a forbidden instruction where SIGABRT does not
    assert [crash.parent_name for crash in result.crashes] == ["unshare"]
    assert_reported(result, tmp_path / "database", [SEGV])


def test_a_trap_ends_process_1_of_a_namespace(build, follow, tmp_path):
    need_namespaces()

    result = follow("unshare", "-p", "-f", build("crash.c"), "trap")

    assert result.status in (1, -signal.SIGKILL)  # which unshare makes of it
    assert_reported(result, tmp_path / "database", [signal.SIGTRAP])


def test_what_is_sent_to_process_1_of_a_namespace_is_no_crash(trees, follow, tmp_path):
    need_namespaces()
    script = "kill -QUIT $$; kill -SEGV $$; exit 5"

    result = follow("unshare", "-p", "-f", "sh", "-c", script)

    assert (result.status, result.crashes) == (ALL_SEEN, ())


@pytest.mark.parametrize(("kind", "number"), [("crash", SEGV), ("abort", ABRT)])
@pytest.mark.parametrize("wrapper", [["timeout", "60"], ["unshare", "-f"]])
def test_who_ends_as_its_child_did_has_no_crash(wrapper, kind, number, trees, follow, tmp_path):
    need(wrapper[0])

    result = follow(*wrapper, trees, kind)

    assert result.status == -number
    assert_reported(result, tmp_path / "database", [number])
    assert not result.crashes[0].is_program


def test_who_aborts_as_its_child_did_has_its_own_crash(trees, follow, tmp_path):
    result = follow(trees, "both_abort")

    assert result.status == -ABRT
    assert_reported(result, tmp_path / "database", [ABRT, ABRT])


@pytest.mark.parametrize("kind", ["crash", "abort"])
def test_a_run_in_a_run_leaves_one_report(kind, trees, follow, tmp_path):
    inner = [sys.executable, "-m", "crashtool", "run", "--database", tmp_path / "inner"]

    result = follow(*inner, trees, kind)

    number = SEGV if kind == "crash" else ABRT
    assert result.status == -number
    assert_reported(result, tmp_path / "database", [number])


def test_what_wines_server_traces_is_left_to_it(trees, follow, tmp_path):
    wine = tmp_path / "wine64-preloader"
    shutil.copy(trees, wine)

    result = follow("sh", "-c", f"{wine} crash; {trees} abort; exit 5")

    assert result.status == ALL_SEEN
    assert [row.reason for row in result.unfollowed] == [process_tree.IS_SERVED]
    assert_reported(result, tmp_path / "database", [ABRT])


def test_a_program_that_starts_others_without_end_is_ended(trees, tmp_path):
    """Those that begin between the list of all and its last are killed at their first stop."""
    few = (
        "from crashtool.services.handler.following import stop_watch\n"
        "hang.MAX_HANGS = 1; stop_watch.KILL_SECONDS = 0.1"
    )

    (last,) = run_as_if(few, 1, tmp_path, trees, "multiplies")

    status, seconds, hangs, crashes = last.split()
    assert (status, seconds, crashes) == ("-9", "1", "0")
    assert int(hangs) > 1
    assert len(list_minidumps(tmp_path / "database")) == 1
    deadline = time.monotonic() + 20
    while any(b"multiplies" in line for line in processes_naming(trees)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_forbids_others_to_read_it_is_told(build):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv")
    folder = Path("/tmp") / f"crashtool-undumpable-{os.getpid()}"  # noqa: S108 (as above)
    folder.mkdir(mode=0o755)
    script = (
        "import sys\n"
        "from crashtool.services.handler.run.program import run_program\n"
        "from crashtool.services.handler.following.follow_options import Following\n"
        "from crashtool.services.handler.snapshot.own_writer import OwnWriter\n"
        "own = OwnWriter('/nonexistent')\n"
        "result = run_program(sys.argv[1:], own=own, following=Following())\n"
        "print(result.status, result.problem)"
    )
    line = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]
    try:
        shutil.copy(build("crash.c"), folder)
        done = subprocess.run(
            [*line, "-c", script, folder / "crash", "undumpable"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        shutil.rmtree(folder)

    if done.returncode:
        pytest.skip("needs an installation that others may read")
    assert done.stdout.startswith("-11 the program's memory is out of reach: it lets root alone")
