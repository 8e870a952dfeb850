import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.errors import ProgramNotExecutable, ProgramNotFound, UsageError
from crashtool.formats.minidump.file import Minidump
from crashtool.services.handler.process.supported import check_platform
from crashtool.services.handler.reports.report_database import list_minidumps, prepare_database
from tests.toolchain import run_tool

CRASHES = {
    "null": "SIGSEGV",
    "abort": "SIGABRT",
    "assert": "SIGABRT",
    "fpe": "SIGFPE",
    "ill": "SIGILL",
    "trap": "SIGTRAP",
    "bus": "SIGBUS",
    "call_null": "SIGSEGV",
    "wild_jump": "SIGSEGV",
    "wild_write": "SIGSEGV",
    "raise": "SIGSEGV",
    "quit": "SIGQUIT",
    "sys": "SIGSYS",
    "file_limit": "SIGXFSZ",
    "lost_stack": "SIGSEGV",
    "overflow": "SIGSEGV",
    "overflow_with_handler": "SIGSEGV",
    "own_handler_rethrows": "SIGSEGV",
    "own_handler_crashes": "SIGSEGV",
    "alternate_stack": "SIGABRT",
    "ignored_fault": "SIGSEGV",
    "blocked_fault": "SIGSEGV",
    "threads": "SIGSEGV",
    "crowd": "SIGSEGV",
    "churn": "SIGSEGV",
    "spawn_many": "SIGSEGV",
    "closes_all": "SIGSEGV",
    "new_session": "SIGSEGV",
    "executes": "SIGSEGV",
    "thread_executes": "SIGSEGV",
}
NO_CRASHES = {
    "seven": 7,
    "own_handler_recovers": 3,
    "ignored_signal": 4,
    "wait_for_all": 5,
    "child_crashes": 6,
    "daemonizes": 0,
    "term": -signal.SIGTERM,
    "killed": -signal.SIGKILL,
}
TELLING = ("null", "abort", "trap", "overflow", "lost_stack", "threads", "crowd", "executes")


def assert_true_dump(result, delivery, name):
    """The dump tells what the kernel told, and the program died of it all the same."""
    number = signal.Signals[name]
    assert result.problem is None, result.handler_log
    assert result.status == -number
    assert result.handler_status == 0, result.handler_log
    assert result.fatal.number == number
    assert delivery is not None, result.handler_log
    with Minidump.open(delivery.path) as dump:
        exception = dump.exception
        context = dump.context(exception.context)
        assert (exception.code, exception.thread_id) == (number, result.fatal.thread_id)
        assert context.instruction_pointer == result.fatal.instruction_pointer
        assert context.stack_pointer == result.fatal.stack_pointer
        assert dump.system.architecture == result.fatal.architecture
        assert exception.thread_id in [thread.id for thread in dump.threads]
        assert dump.problems == []


@pytest.mark.parametrize("kind", CRASHES)
def test_a_crash_is_dumped_and_kills_as_it_would_have(kind, sentry_handler, build, crash_under):
    result, delivery = crash_under(sentry_handler, [build("crash.c"), kind])

    assert result.mode == "trace"
    assert_true_dump(result, delivery, CRASHES[kind])


@pytest.mark.parametrize("kind", NO_CRASHES)
def test_an_end_that_is_no_crash_leaves_no_report(kind, sentry_handler, build, crash_under):
    result, delivery = crash_under(sentry_handler, [build("crash.c"), kind])

    assert result.status == NO_CRASHES[kind]
    assert result.fatal is None
    assert delivery is None


@pytest.mark.parametrize("kind", TELLING)
def test_a_running_handler_is_asked_over_its_socket(kind, any_handler, build, crash_under):
    result, delivery = crash_under(any_handler, [build("crash.c"), kind], mode="socket")

    assert result.mode == "socket"
    assert_true_dump(result, delivery, CRASHES[kind])


@pytest.mark.parametrize("kind", ["null", "threads", "overflow"])
def test_upstreams_handler_starts_at_the_crash(kind, upstream_handler, build, crash_under):
    result, delivery = crash_under(upstream_handler, [build("crash.c"), kind])

    assert_true_dump(result, delivery, CRASHES[kind])


@pytest.mark.parametrize("mode", ["trace", "socket"])
@pytest.mark.parametrize("kind", ["null", "abort", "fpe", "overflow", "lost_stack", "threads"])
def test_32_bit_programs_are_dumped(kind, mode, sentry_handler, build, crash_under):
    result, delivery = crash_under(sentry_handler, [build("crash.c", "32"), kind], mode=mode)

    assert result.fatal.architecture == "x86"
    assert_true_dump(result, delivery, CRASHES[kind])


@pytest.mark.parametrize("kind", ["null", "overflow", "wait_for_all"])
def test_static_programs_are_run(kind, sentry_handler, build, crash_under):
    result, delivery = crash_under(sentry_handler, [build("crash.c", "static"), kind])

    if kind in CRASHES:
        assert_true_dump(result, delivery, CRASHES[kind])
    else:
        assert result.status == NO_CRASHES[kind]


@pytest.mark.parametrize("kind", ["uncaught", "at"])
def test_uncaught_exceptions_are_crashes(kind, sentry_handler, build, crash_under):
    result, delivery = crash_under(sentry_handler, [build("crash.cpp"), kind])

    assert_true_dump(result, delivery, "SIGABRT")


def test_a_null_object_is_a_crash(sentry_handler, build, crash_under):
    result, delivery = crash_under(sentry_handler, [build("crash.cpp"), "null_object"])

    assert_true_dump(result, delivery, "SIGSEGV")


def test_python_programs_are_dumped(sentry_handler, crash_under):
    crash = [sys.executable, "-c", "import ctypes; ctypes.string_at(0)"]

    assert_true_dump(*crash_under(sentry_handler, crash), "SIGSEGV")


def test_rust_programs_are_dumped(sentry_handler, crash_under, tmp_path):
    if shutil.which("rustc") is None:
        pytest.skip("needs rustc")
    source = tmp_path / "crash.rs"
    source.write_text("fn main() { unsafe { *(std::ptr::null_mut::<i32>().wrapping_add(1)) = 1 } }")
    built = subprocess.run(
        ["rustc", "-o", tmp_path / "rust", source], capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip("rustc does not work here")

    result, delivery = crash_under(sentry_handler, [str(tmp_path / "rust")])

    assert result.status in (-signal.SIGSEGV, -signal.SIGABRT)  # newer ones check and abort
    assert_true_dump(result, delivery, signal.Signals(-result.status).name)


def test_a_shell_that_executes_the_program_is_followed(sentry_handler, build, crash_under):
    script = ["sh", "-c", f"cd /; exec env -i {build('crash.c')} null"]

    assert_true_dump(*crash_under(sentry_handler, script), "SIGSEGV")


def test_a_signal_from_outside_is_a_crash(sentry_handler, crash_under):
    killer = "import os, signal; os.kill(os.getppid(), signal.SIGSEGV)"
    script = f'"{sys.executable}" -c "{killer}"; sleep 20'

    result, delivery = crash_under(sentry_handler, ["sh", "-c", script])

    assert result.fatal.code == 0  # SI_USER
    assert_true_dump(result, delivery, "SIGSEGV")


def test_a_socket_that_the_program_closed_is_made_up_for(sentry_handler, build, crash_under):
    result, delivery = crash_under(sentry_handler, [build("crash.c"), "closes_all"], mode="socket")

    assert result.mode == "trace"
    assert_true_dump(result, delivery, "SIGSEGV")


def test_a_program_whose_first_thread_has_ended_is_said_to_be_undumpable(
    sentry_handler, build, crash_under
):
    result, delivery = crash_under(sentry_handler, [build("crash.c"), "main_thread_gone"])

    assert result.status == -signal.SIGSEGV
    assert delivery is None
    assert "first thread had ended" in result.problem


def test_the_program_notices_nothing(sentry_handler, build, tmp_path, monkeypatch):
    monkeypatch.delenv("CRASHTOOL_NO_LOCAL_SYMBOLS")  # which no program under `run` gets
    program = [build("crash.c"), "count_environment"]
    alone = subprocess.run(program, capture_output=True, text=True, check=True)

    under = subprocess.run(
        [sys.executable, "-m", "crashtool", "run", "--database", tmp_path / "db", *program],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (under.stdout, under.stderr, under.returncode) == (alone.stdout, "", 0)


@pytest.mark.parametrize("mode", ["trace", "socket"])
def test_ignored_ends_of_children_stay_ignored(mode, sentry_handler, tmp_path):
    line = [sys.executable, "-m", "crashtool", "run", "--mode", mode]
    line += ["--database", str(tmp_path / "db")]
    show = "import signal; print(signal.getsignal(signal.SIGCHLD).name)"
    script = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    script += "os.execv(sys.argv[1], sys.argv[1:])"

    done = subprocess.run(
        [sys.executable, "-c", script, *line, sys.executable, "-c", show],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr, done.returncode) == ("SIG_IGN\n", "", 0)


def test_a_handler_that_hangs_is_given_up(build, crash_under, tmp_path, sentry_handler):
    hanging = sentry_handler._replace(path=build_hanging(tmp_path))

    result, delivery = crash_under(hanging, [build("crash.c"), "null"], handler_seconds=0.5)

    assert result.status == -signal.SIGSEGV
    assert "did not end within 0.5 s" in result.problem
    assert delivery is None


def test_a_handler_that_fails_at_the_crash_says_why(sentry_handler, build, crash_under):
    gone = sentry_handler._replace(path="/nonexistent/handler")

    result, delivery = crash_under(gone, [build("crash.c"), "null"])

    assert result.status == -signal.SIGSEGV
    assert "cannot execute /nonexistent/handler: No such file" in result.handler_log
    assert delivery is None


def test_a_program_that_cannot_be_executed_is_told_apart(sentry_handler, crash_under, tmp_path):
    script = tmp_path / "script"
    script.write_text("echo no first line")
    script.chmod(0o755)
    orphan = tmp_path / "orphan"
    orphan.write_text("#!/nonexistent/interpreter\n")
    orphan.chmod(0o755)

    with pytest.raises(ProgramNotExecutable, match="Exec format error"):
        crash_under(sentry_handler, [str(script)])
    with pytest.raises(ProgramNotFound, match="interpreter"):
        crash_under(sentry_handler, [str(orphan)])


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("launch.seize", "does not permit tracing a program: Operation not", "SYS_PTRACE"),
        ("launch.fork_unseen", "cannot start a process: Operation not", "ulimit -u"),
        ("os.fork", "cannot start a process: Operation not", "ulimit -u"),
    ],
)
def test_a_system_that_forbids_it_is_named_and_nothing_run(name, words, hint, sentry_handler):
    script = textwrap.dedent(f"""
        import os
        from crashtool.errors import CrashtoolError
        from crashtool.services.handler.process import launch
        from crashtool.services.handler.run import program

        def refuse(*_pid, **_options):
            raise PermissionError(1, "Operation not permitted")

        {name} = refuse
        try:
            program.run_program(["echo", "it ran"], [{sentry_handler.path!r}])
        except CrashtoolError as error:
            print(error.what, "|", error.hint)
    """)

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert words in done.stdout
    assert hint in done.stdout
    assert "it ran" not in done.stdout


@pytest.mark.parametrize(("system", "machine"), [("linux", "aarch64"), ("win32", "AMD64")])
def test_other_platforms_are_named(system, machine, monkeypatch):
    monkeypatch.setattr("crashtool.services.handler.process.supported.sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)

    with pytest.raises(UsageError, match=machine):
        check_platform()


def repeat(handler, build, crash_under, times):
    kinds = ("null", "abort", "trap", "crowd", "raise")
    program = build("crash.c")
    for turn in range(times):
        kind = kinds[turn % len(kinds)]
        mode = "socket" if turn % 2 else "trace"
        result, delivery = crash_under(handler, [program, kind], mode=mode)
        assert result.mode == mode
        assert_true_dump(result, delivery, CRASHES[kind])


def processes_naming(text):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in line:
                found.append(line)
    return found


def test_run_after_run_nothing_is_lost_nor_left(sentry_handler, build, crash_under, tmp_path):
    repeat(sentry_handler, build, crash_under, 20)

    assert processes_naming(str(tmp_path)) == []


@pytest.mark.slow
def test_two_hundred_runs_lose_and_leave_nothing(any_handler, build, crash_under, tmp_path):
    repeat(any_handler, build, crash_under, 200)

    assert processes_naming(str(tmp_path)) == []


def test_a_killed_runner_leaves_neither_program_nor_helper(sentry_handler, build, tmp_path):
    program = tmp_path / "lonely"
    shutil.copy(build("crash.c"), program)
    line = [sys.executable, "-m", "crashtool", "run", "--database", tmp_path / "db", program]
    with subprocess.Popen([*line, "waits"], stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout.readline() == "ready\n"
        assert len(processes_naming(str(program))) == 3  # runner, program, helper
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()

    deadline = time.monotonic() + 10
    while processes_naming(str(program)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_naming(str(program)) == []


@pytest.mark.parametrize("mode", ["trace", "socket"])
@pytest.mark.parametrize("kind", ["null", "threads", "thread_executes", "changes_user"])
def test_a_runner_killed_during_a_dump_leaves_no_stopped_program(
    kind, mode, sentry_handler, build, tmp_path
):
    """The program is not traced then: the handler is to do that."""
    if kind == "changes_user" and os.geteuid() != 0:
        pytest.skip("needs root")
    program = tmp_path / "lonely"
    shutil.copy(build("crash.c"), program)
    script = textwrap.dedent(f"""
        import os
        from crashtool.services.handler.following import handover
        from crashtool.services.handler.run.program import run_program
        handover.TraceRequest.request = lambda *_: os.kill(os.getpid(), 9)
        handover.SocketClient.wait_for_dump = handover.TraceRequest.request
        handler = [{sentry_handler.path!r}, "--database={tmp_path / "db"}"]
        run_program([{str(program)!r}, {kind!r}], handler, mode={mode!r})
    """)

    done = subprocess.run([sys.executable, "-c", script], check=False)

    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while processes_naming(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_naming(str(tmp_path)) == []


KILL_HANDLER = """
import ctypes, os, pathlib, signal
for entry in pathlib.Path("/proc").iterdir():
    try:
        line = (entry / "cmdline").read_bytes()
    except OSError:
        continue
    if b"initial-client-" + b"fd=" in line and {folder!r}.encode() in line:
        os.kill(int(entry.name), signal.SIGKILL)
ctypes.string_at(0)
"""


def test_a_handler_that_was_killed_is_made_up_for(sentry_handler, crash_under, tmp_path):
    program = [sys.executable, "-c", KILL_HANDLER.format(folder=str(tmp_path))]

    result, delivery = crash_under(sentry_handler, program, mode="socket")

    assert result.mode == "trace"
    assert_true_dump(result, delivery, "SIGSEGV")


def test_what_outlives_a_program_does_not_keep_its_handler(
    sentry_handler, build, crash_under, tmp_path
):
    """It has inherited the handler's socket."""
    script = f"sleep 300 & echo $! > {tmp_path}/pid; exec {build('crash.c')} null"

    result, delivery = crash_under(
        sentry_handler, ["sh", "-c", script], mode="socket", handler_seconds=5
    )

    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # and it is still there
    assert result.mode == "socket"
    assert_true_dump(result, delivery, "SIGSEGV")


def test_a_handler_that_does_not_answer_is_not_waited_for(sentry_handler, build, tmp_path):
    hanging = build_hanging(tmp_path)
    script = textwrap.dedent(f"""
        from crashtool.errors import InputUnusable
        from crashtool.services.handler.crashpad_handler import socket_client
        socket_client._ANSWER_SECONDS = 0.2
        try:
            socket_client.SocketClient.start([{hanging!r}])
        except InputUnusable as error:
            print(error.what)
    """)

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"{hanging} does not serve its socket: it does not answer within 0.2 s\n"
    assert processes_naming(hanging) == []


def build_hanging(folder):
    """A program that does nothing, for ever."""
    source = folder / "hang.c"
    source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }")
    run_tool("gcc", "-o", folder / "hang", source)
    return str(folder / "hang")


def run_changed(change, handler, program, database, mode="trace"):
    """Run with something in the runner changed; what run_program gave, as text."""
    script = textwrap.dedent(f"""
        import os
        from crashtool.services.handler.crashpad_handler import inject, socket_client, trace_request
        from crashtool.services.handler.following import handover
        from crashtool.services.handler.run.program import run_program
        {change}
        null = os.open(os.devnull, os.O_RDWR)
        line = [{handler.path!r}, "--database={database}", "--no-periodic-tasks"]
        print(run_program({program!r}, line, mode={mode!r}, streams=(null, null, null)))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("handover.find_scratch = lambda *_: None", "no writable memory left"),
        ("handover.read_memory = lambda *_: os.stat('/nonexistent')", "memory is out of reach"),
        ("handover.TraceRequest.request = lambda *_: 'given up'", "given up"),
    ],
)
def test_a_program_that_cannot_be_dumped_still_dies_as_it_would(
    change, words, sentry_handler, build, tmp_path
):
    program = [build("crash.c"), "abort"]

    text = run_changed(change, sentry_handler, program, tmp_path / "db")

    assert text.startswith("RunResult(status=-6")
    assert words in text


def test_a_program_without_any_memory_is_dumped_by_crashtool(sentry_handler, build, tmp_path):
    database = tmp_path / "db"
    prepare_database(database)
    change = (
        "from crashtool.services.handler.snapshot.own_writer import OwnWriter; "
        "handover.find_scratch = lambda *_: None; "
        "run = run_program; "
        f"run_program = lambda *a, **o: run(*a, own=OwnWriter({str(database)!r}), **o)"
    )

    text = run_changed(change, sentry_handler, [build("crash.c"), "threads"], database)

    assert text.startswith("RunResult(status=-11")
    assert "own_reason='the program has no writable memory left'" in text
    assert len(list_minidumps(database)) == 1


FILTER = """
import ctypes, os, struct, sys
lines = [(0x20, 0, 0, 0), (0x15, 0, 1, 101), (0x06, 0, 0, ACTION), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
program = ctypes.create_string_buffer(struct.pack("@HP", 4, ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(program))) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.parametrize("action", ["0x50001", "0x80000000"])  # EPERM, the process is killed
def test_a_filter_against_tracing_does_not_keep_the_program(action, build, tmp_path):
    line = ["-m", "crashtool", "run", "--database", str(tmp_path), "--", build("crash.c"), "seven"]

    done = subprocess.run(
        [sys.executable, "-c", FILTER.replace("ACTION", action), *line],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 7, done.stderr
    assert "no crash of this program is seen: tracing is not permitted (" in done.stderr


def test_a_program_runs_where_no_process_can_be_beside_it(build, tmp_path):
    line = [sys.executable, "-m", "crashtool", "run", "--writer", "own", "--database", tmp_path]

    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 8; exec "$@"', "sh", *line, "--", build("crash.c"), "seven"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 7, done.stderr
    assert "no crash of this program is seen: cannot start a process: Too many" in done.stderr


@pytest.mark.parametrize("kind", ["null", "threads"])
def test_a_program_killed_while_frozen_is_just_killed(kind, sentry_handler, build, tmp_path):
    change = (
        "find = handover.find_scratch; "
        "handover.find_scratch = lambda tid, *rest: "
        "(os.kill(tid, 9), __import__('time').sleep(0.1), find(tid, *rest))[2]"
    )

    text = run_changed(change, sentry_handler, [build("crash.c"), kind], tmp_path / "db")

    assert text.startswith("RunResult(status=-9")


def test_a_program_killed_while_it_asks_is_just_killed(sentry_handler, build, tmp_path):
    change = "inject.resume = lambda tid: os.kill(tid, 9)"

    text = run_changed(
        change, sentry_handler, [build("crash.c"), "null"], tmp_path / "db", mode="socket"
    )

    assert text.startswith("RunResult(status=-9")
    assert "killed from outside" in text


@pytest.mark.parametrize("kind", ["null", "abort", "threads"])
def test_a_handler_killed_just_after_it_was_asked_is_made_up_for(
    kind, sentry_handler, build, tmp_path
):
    change = (
        "wait = socket_client.SocketClient.wait_for_dump; "
        "socket_client.SocketClient.wait_for_dump = lambda self, *rest: "
        "(os.kill(self.pid, 9), wait(self, *rest))[1]"
    )

    text = run_changed(
        change, sentry_handler, [build("crash.c"), kind], tmp_path / "db", mode="socket"
    )

    assert "problem=None" in text
    assert "mode='trace'" in text
    assert len(list((tmp_path / "db" / "pending").glob("*.dmp"))) == 1


def test_a_program_that_ends_before_it_is_held_has_no_crash(sentry_handler, build, tmp_path):
    change = "handover.Freezer.freeze = lambda self: (os.kill(self.pid, 9), False)[1]"

    text = run_changed(change, sentry_handler, [build("crash.c"), "null"], tmp_path / "db")

    assert text.startswith("RunResult(status=-9")
    assert "fatal=None" in text


def test_a_helper_that_was_killed_is_told(sentry_handler, build, tmp_path):
    change = (
        "request = trace_request.TraceRequest.request; "
        "handover.TraceRequest.request = lambda self, *rest: "
        "(os.kill(self._launched.helper_pid, 9), __import__('time').sleep(0.1),"
        " request(self, *rest))[2]"
    )

    text = run_changed(change, sentry_handler, [build("crash.c"), "null"], tmp_path / "db")

    assert "the helper process beside the program was killed" in text


def test_a_handler_stopped_by_a_signal_to_crashtool_is_told(sentry_handler, build, tmp_path):
    hanging = build_hanging(tmp_path)
    script = textwrap.dedent(f"""
        import os, signal, time
        from crashtool.services.handler.run.program import run_program
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        if os.fork() == 0:
            time.sleep(1)
            os.kill(parent, signal.SIGTERM)
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        print(run_program([{build("crash.c")!r}, "null"], [{str(hanging)!r}], streams=(null,) * 3))
    """)

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert "SIGTERM came while the handler was working" in done.stdout
    assert done.stdout.startswith("RunResult(status=-11")
