"""The parts of a run that need no handler."""

import os
import signal
import subprocess
import sys
import time
from itertools import chain, repeat

import pytest

from crashtool.errors import CannotWrite, CrashtoolError, UsageError
from crashtool.formats.attributes import Attachment, Attribute
from crashtool.services.handler.crashpad_handler.find import Handler
from crashtool.services.handler.crashpad_handler.handler_command_line import (
    compose_command,
    read_attachments,
)
from crashtool.services.handler.reports.delivery import find_delivery
from crashtool.services.handler.reports.report_database import prepare_database
from crashtool.services.handler.smoke.arrival import (
    Arrival,
    check_attachments,
    check_identification,
)

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.services.handler.following.forward import Forwarder
from crashtool.services.handler.process import freeze, launch, target
from crashtool.services.handler.process.freeze import Freezer
from crashtool.services.handler.process.launch import check_tracing_is_possible, refuse_scope
from crashtool.services.handler.process.program_file import cannot_execute
from crashtool.services.handler.run import exit_like
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess

UPSTREAM = Handler("/bin/handler", "upstream", "0.8.0")
SYS_PTRACE = 1 << 19


@pytest.mark.parametrize(
    ("scope", "capabilities", "allowed"),
    [(0, 0, True), (1, 0, True), (2, 0, False), (2, SYS_PTRACE, True), (3, SYS_PTRACE, False)],
)
def test_yama_forbids_from_2_on(scope, capabilities, allowed):
    if allowed:
        refuse_scope(scope, capabilities)
    else:
        with pytest.raises(UsageError, match=f"ptrace_scope is {scope}"):
            refuse_scope(scope, capabilities)


def test_yama_is_asked_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "_YAMA", str(tmp_path / "scope"))
    check_tracing_is_possible()
    (tmp_path / "scope").write_text("3\n")

    with pytest.raises(UsageError, match="is 3"):
        check_tracing_is_possible()


STOPPED = 0x7F | signal.SIGTRAP << 8
KILLED = signal.SIGKILL
CRASHED, LEADER, OTHER = 12, 10, 11


class Kernel:
    """A process of three threads, and what is done to it."""

    def __init__(self, monkeypatch, *reports, states="t"):
        self.reports = list(reports)
        self.done = []
        self.threads = [LEADER, OTHER, CRASHED]
        for name in ("interrupt", "detach", "resume", "send_to_thread"):
            monkeypatch.setattr(freeze, name, lambda *call, name=name: self.do(name, *call))
        monkeypatch.setattr(freeze, "list_threads", lambda _pid: self.threads)
        monkeypatch.setattr(freeze, "thread_state", lambda _pid, _tid: states)
        monkeypatch.setattr(freeze, "_PATIENCE", 0.05)
        monkeypatch.setattr(freeze.os, "waitpid", self.wait)

    def do(self, *call):
        self.done.append(call)
        if call[1] == OTHER and call[0] == "detach":
            raise ProcessLookupError

    def wait(self, _pid, _flags):
        if not self.reports:
            raise ChildProcessError
        return self.reports.pop(0)


def test_all_threads_are_held_and_let_go(monkeypatch):
    other_signalled = 0x7F | signal.SIGUSR1 << 8
    kernel = Kernel(monkeypatch, (0, 0), (LEADER, STOPPED | 128 << 16), (OTHER, other_signalled))
    freezer = Freezer(LEADER, CRASHED)

    assert freezer.freeze()
    assert {call for call in kernel.done if call[0] == "interrupt"} == {
        ("interrupt", LEADER),
        ("interrupt", OTHER),
    }
    assert freezer.release()
    assert ("detach", CRASHED, signal.SIGSTOP) in kernel.done
    assert ("detach", LEADER) in kernel.done
    assert ("send_to_thread", LEADER, OTHER, signal.SIGUSR1) in kernel.done  # not lost
    assert not freezer.release()


def test_a_thread_stuck_in_the_kernel_is_left_out(monkeypatch):
    Kernel(monkeypatch, (LEADER, STOPPED | 128 << 16))

    assert Freezer(LEADER, CRASHED).freeze()


def test_a_thread_that_ends_meanwhile_is_no_matter(monkeypatch):
    kernel = Kernel(monkeypatch, (LEADER, STOPPED | 128 << 16), (OTHER, 0))
    kernel.threads.remove(OTHER)

    assert Freezer(LEADER, CRASHED).freeze()


@pytest.mark.parametrize(("tid", "ended"), [(LEADER, KILLED), (CRASHED, None)])
def test_a_process_that_ends_meanwhile_has_no_crash(tid, ended, monkeypatch):
    Kernel(monkeypatch, (tid, KILLED))
    freezer = Freezer(LEADER, CRASHED)

    assert not freezer.freeze()
    assert freezer.ended == ended


def test_a_process_that_becomes_another_meanwhile_has_no_crash(monkeypatch):
    kernel = Kernel(monkeypatch, (LEADER, STOPPED | freeze.EVENT_EXEC << 16))
    freezer = Freezer(LEADER, CRASHED)

    assert not freezer.freeze()
    assert freezer.ended is None
    assert ("resume", LEADER) in kernel.done


def test_the_rate_limit_is_lifted_only_where_something_is_sent(tmp_path):
    quiet = compose_command(UPSTREAM, tmp_path)
    sending = compose_command(UPSTREAM, tmp_path, url="http://host/")

    assert quiet == ["/bin/handler", "--no-periodic-tasks", f"--database={tmp_path}"]
    assert "--no-rate-limit" in sending


def test_a_named_attachment_needs_a_handler_that_takes_names(tmp_path):
    with pytest.raises(UsageError, match="not 'log'"):
        read_attachments(["log=game.log"], "upstream")

    (found,) = read_attachments([f"log={tmp_path}"], "backtrace-2018")

    assert found == Attachment("log", str(tmp_path), is_folder=True)


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_a_held_signal_is_passed_on_after_a_moment(sleeper):
    forwarder = Forwarder(sleeper.pid)

    forwarder.runner_got(signal.SIGTERM, 1, 0)
    assert forwarder.pause
    deadline = time.monotonic() + 10
    while forwarder.pause and time.monotonic() < deadline:
        forwarder.pass_on()

    assert sleeper.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize(("sender", "code"), [(0, 0x80), ("program", 0)])
def test_what_reaches_the_program_anyway_is_not_held(sender, code, sleeper):
    forwarder = Forwarder(sleeper.pid)

    forwarder.runner_got(signal.SIGINT, sleeper.pid if sender == "program" else sender, code)

    assert forwarder.pause is None


def test_a_signal_that_the_program_got_too_is_dropped(sleeper):
    forwarder = Forwarder(sleeper.pid)

    forwarder.runner_got(signal.SIGTERM, 1, 0)
    forwarder.program_got(signal.SIGTERM, 1)
    forwarder.program_got(signal.SIGSEGV, 1)
    deadline = time.monotonic() + 10
    while forwarder.pause and time.monotonic() < deadline:
        forwarder.pass_on()

    assert sleeper.poll() is None


def test_scratch_lies_below_the_stack_if_there_is_one():
    pid = os.getpid()
    stack = next(one for one in target.read_mappings(pid) if one.name == "[stack]")

    below = target.find_scratch(pid, stack.end - 64, 4096)
    lost = target.find_scratch(pid, 64, 4096)

    assert stack.start <= below < stack.end - 8192
    assert below % 64 == 0
    assert lost == stack.start
    assert target.find_scratch(pid, 64, 1 << 60) is None


def test_memory_that_is_not_there_is_an_error():
    with pytest.raises(OSError, match=r"memory|Input/output"):
        target.read_memory(os.getpid(), 64, 8)
    with pytest.raises(OSError, match=r"memory|Input/output"):
        target.write_memory(os.getpid(), 64, b"data")


def test_what_is_gone_has_no_threads():
    gone = 1 << 22  # above every pid

    assert target.find_process(gone) is None
    assert target.list_threads(gone) == []
    assert target.thread_state(gone, gone) == "X"


def test_a_database_keeps_its_consent(tmp_path):
    made = prepare_database(tmp_path / "a/b")
    again = prepare_database(tmp_path / "a/b")

    assert made.uploads_enabled
    assert again == made


def test_broken_settings_are_left_to_the_handler(tmp_path):
    (tmp_path / "settings.dat").write_bytes(b"junk")

    assert prepare_database(tmp_path) is None


def test_a_file_is_no_place_for_a_database(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CannotWrite, match="cannot write the database"):
        prepare_database(tmp_path / "file")


def test_reports_of_other_processes_are_not_taken(tmp_path):
    prepare_database(tmp_path)
    dump = tmp_path / "pending/00000000-0000-4000-8000-000000000001.dmp"
    dump.write_bytes(b"no minidump")

    assert find_delivery(tmp_path, frozenset(), 1) is None
    assert find_delivery(tmp_path, frozenset([dump]), 1) is None


@pytest.mark.parametrize(("status", "seen"), [(5, 5), (-11, -11), (-9, -9), (-15, -15)])
def test_ending_as_another_process_did(status, seen, tmp_path):
    script = f"from crashtool.services.handler.run.exit_like import exit_like; exit_like({status})"

    assert (
        subprocess.run([sys.executable, "-c", script], check=False, cwd=tmp_path).returncode == seen
    )
    assert not list(tmp_path.glob("core*"))


def test_ending_where_signals_do_not_kill_gives_the_shells_number(monkeypatch):
    ended = []
    monkeypatch.setattr("resource.setrlimit", lambda *_limit: None)
    monkeypatch.setattr(exit_like.signal, "signal", lambda *_action: None)
    monkeypatch.setattr(exit_like.os, "kill", lambda *_target: None)
    monkeypatch.setattr(exit_like.os, "_exit", ended.append)

    exit_like.exit_like(-11)

    assert ended == [139]


def test_errors_of_execution_keep_their_number():
    assert cannot_execute("x", 13).exit_status == 126
    assert cannot_execute("x", 2).exit_status == 127


def test_a_runner_that_breaks_is_an_error_of_ours(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(CrashtoolError, match="status 1"):
        run_in_subprocess(["true"], ["handler"])


def test_an_unreadable_attachment_is_told(tmp_path, monkeypatch):
    (tmp_path / "log").write_text("x")

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    attachment = Attachment(None, str(tmp_path / "log"))

    (check,) = check_attachments([attachment], "upstream", Arrival({}, (), None, "sent"))

    assert "cannot be read: Permission denied" in check.detail


def test_a_lost_attachment_is_told(tmp_path):
    (tmp_path / "log").write_text("x")
    arrival = Arrival({}, (("other", str(tmp_path / "gone")),), None, "sent")

    (check,) = check_attachments([Attachment(None, str(tmp_path / "log"))], "upstream", arrival)

    assert (check.passed, check.detail) == (False, "did not arrive")


def test_a_url_without_the_product_is_told():
    arrival = Arrival({}, (), {"version": "2"}, "received")

    product, version = check_identification(
        [Attribute("prod", "Game"), Attribute("ver", "1")], arrival
    )

    assert (product.passed, product.detail) == (False, "no product= in the URL")
    assert (version.passed, version.detail) == (False, "version=2")


def test_no_thread_runs_before_the_crashed_one_stands_still(monkeypatch):
    """However long a machine that is busy takes for that."""
    states = chain("RRRR", repeat("T"))
    events = []

    def tell_state(*_thread):
        events.append(next(states))
        return events[-1]

    monkeypatch.setattr(freeze, "_PATIENCE", 0)
    monkeypatch.setattr(freeze, "thread_state", tell_state)
    monkeypatch.setattr(freeze, "detach", lambda tid, *_number: events.append(tid))
    freezer = Freezer(1, 1)
    freezer._held[2] = 0

    assert freezer.release()
    stops = events.index("T")
    assert events[0] == 1
    assert stops < events.index(2)
    assert freezer.threads == ()
