"""Be the Crashpad client of a running handler: start it, ask for dumps over its socket.

The request must come from the crashing process itself: the kernel puts the sender's pid on each
message, and the handler dumps that process. So the stopped program is made to send it, by one
injected system call.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Self

from crashtool.errors import InputUnusable
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import I32, U32, U64, Record
from crashtool.services.handler.crashpad_handler.inject import send_from
from crashtool.services.handler.process.signal_frame_writer import StoppedThread
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import GONE, thread_state
from crashtool.services.workers.child_environment import child_environment

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

REQUEST_SIZE = 4112
# Upstream on Linux since 2019-08; Sentry's (a path in the union); before, and Android.
SIZES = (40, REQUEST_SIZE, 32)
_HIGH_DESCRIPTOR = 500  # out of the way of programs that choose descriptors themselves
_CHECK_CREDENTIALS = 0
_CRASH_DUMP = 1
_ANSWER_SECONDS = 20.0
_PARTING_SECONDS = 90.0  # an upload has 60
_STEP = 0.002


class ClientMessage(Record):
    """ExceptionHandlerProtocol::ClientToServerMessage, before its build-dependent end."""

    version: I32
    kind: U32
    requesting_thread_stack: U64
    exception_information: U64
    sanitization_information: U64


class ServerMessage(Record):
    """ExceptionHandlerProtocol::ServerToClientMessage."""

    kind: U32
    process_id: I32


class _Started(NamedTuple):
    pid: int
    socket: socket.socket


class SocketClient:
    """A handler started as Crashpad's StartHandler does, and our end of its shared socket."""

    def __init__(self, pid: int, connection: socket.socket, size: int, log: int) -> None:
        self.pid = pid
        self.message_size = size
        self.ended: int | None = None
        self.is_lost = False
        self._socket = connection
        self._log = log
        import fcntl  # POSIX only

        self.descriptor = fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, _HIGH_DESCRIPTOR)

    @classmethod
    def start(cls, handler: Sequence[str]) -> Self:
        """Start a handler and find the size of its messages, which tells its build.

        A handler takes only messages of exactly its size: each is tried on a handler of its own.
        InputUnusable when none answers.
        """
        log = os.memfd_create("handler-log")
        silence = "it says nothing"
        for size in SIZES:
            began = time.monotonic()
            os.ftruncate(log, 0)
            os.lseek(log, 0, os.SEEK_SET)
            pid, connection = _start_handler(handler, log)
            if ask(connection, size, _ANSWER_SECONDS):
                return cls(pid, connection, size, log)
            connection.close()
            if time.monotonic() - began >= _ANSWER_SECONDS:  # a wrong size is hung up on at once
                silence = f"it does not answer within {_ANSWER_SECONDS:g} s"
                _end(pid, 0.0)
                break
            _end(pid, _PARTING_SECONDS)
        said = _read_log(log).strip().splitlines()[-1:] or [silence]
        os.close(log)
        raise InputUnusable(f"{handler[0]} does not serve its socket: {said[0]}")

    def send(self, thread: StoppedThread, scratch: int, exception_information: int) -> bool:
        """Make the frozen program send the request; False when it cannot.

        The handler is held until `wait_for_dump`: it would attach while the runner still does.
        """
        if thread_state(self.pid, self.pid) in GONE:
            return False
        os.kill(self.pid, signal.SIGSTOP)
        request = ClientMessage(
            version=1, kind=_CRASH_DUMP, exception_information=exception_information
        )
        message = request.pack().ljust(self.message_size, b"\0")
        sent = False
        try:
            sent = send_from(thread, self.descriptor, scratch, message) == len(message)
        finally:
            if not sent:
                os.kill(self.pid, signal.SIGCONT)
        return sent

    def wait_for_dump(self, pid: int, give_up: Callable[[], str | None]) -> str | None:
        """Wait until the handler lets the program continue, as it does dump or no dump.

        What went wrong, or None. `ended` is the wait status if the program ended right away;
        `is_lost` is true if the handler was gone before it could let the program continue.
        """
        os.kill(self.pid, signal.SIGCONT)
        flags = os.WNOHANG | os.WCONTINUED
        while True:
            gone = thread_state(self.pid, self.pid) in GONE  # first: its last act may be SIGCONT
            report = os.waitpid(pid, flags)
            if report[0]:
                break
            if gone:
                self.is_lost = True
                return "the handler ended without letting the program continue"
            if problem := give_up():
                return problem
            time.sleep(_STEP)
        if not os.WIFCONTINUED(report[1]):
            self.ended = report[1]
        return None

    def close(self) -> None:
        """Hang up: the handler ends once it has no client and its upload is done.

        Whoever has inherited the socket and outlives the program has no handler any more.
        """
        with contextlib.suppress(OSError):  # the handler itself has ended
            self._socket.shutdown(socket.SHUT_RDWR)
        os.close(self.descriptor)
        self._socket.close()

    def take_log(self) -> str:
        """What the handler said."""
        text = _read_log(self._log)
        os.close(self._log)
        return text


def _start_handler(handler: Sequence[str], log: int) -> _Started:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    pid = os.fork()
    if pid == 0:  # pragma: no cover (the child ends in exec, where no coverage is saved)
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for number, stream in enumerate((null, log, log)):
                os.dup2(stream, number)
            theirs.set_inheritable(True)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            client = f"--initial-client-fd={theirs.fileno()}"
            options = [client, "--shared-client-connection"]
            os.execve(  # noqa: S606 (no shell between)
                handler[0], [*handler, *options], child_environment()
            )
        finally:
            os._exit(127)
    theirs.close()
    return _Started(pid, ours)


def _end(pid: int, seconds: float) -> None:
    """Have a handler end: by itself in so many seconds, since it may be sending a report."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        time.sleep(_STEP)
    with contextlib.suppress(ProcessLookupError):  # before it has a session of its own
        os.killpg(pid, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def ask(connection: socket.socket, size: int, seconds: float) -> bool:
    """Whether the handler takes messages of that size; to another it hangs up."""
    connection.settimeout(seconds)
    question = ClientMessage(version=1, kind=_CHECK_CREDENTIALS).pack()
    try:
        connection.send(question.ljust(size, b"\0"))
        answer = connection.recv(ServerMessage.SIZE)
    except OSError:
        return False
    return len(answer) == ServerMessage.SIZE


def _read_log(log: int) -> str:
    return os.pread(log, 1 << 20, 0).decode("utf-8", "replace")
