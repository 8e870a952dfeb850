"""A copy of what a program's processes write to stderr: a process between them and the stream.

What a program sees of its stderr stays the same. A pipe is replaced by a pipe and a socket by a
socket; where stdout leads to the same place both are replaced, so that their order is kept.
Terminals are left alone. The process passes everything on, keeps the end of it, and lives until
nobody has the pipe any more, which may be later than the run.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import stat
import struct
import sys
from contextlib import ExitStack, suppress
from typing import NoReturn

from crashtool.services.handler.process.supported import NEEDS_LINUX

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

MAX_TAIL = 1 << 16  # bytes
_BLOCK = 4096  # PIPE_BUF: what a pipe takes at once when poll says that it takes something
_PATIENCE = 2.0  # seconds for an answer
_READY = b"r"
_TAIL = b"t"
_DRAIN = b"d"
_SIZE = struct.Struct("=I")
_INPUT, _OUTPUT, _ERROR = 0, 1, 2
_NO_READER = select.POLLERR | select.POLLHUP | select.POLLNVAL


class StderrRelay:
    """The relay process, seen from the run. `streams` are the program's stdin, stdout, stderr."""

    def __init__(self, entrance: int, control: socket.socket, *, takes_stdout: bool) -> None:
        self.streams = (_INPUT, entrance if takes_stdout else _OUTPUT, entrance)
        self._entrance = entrance
        self._file = _identify(entrance)
        self._control: socket.socket | None = control

    @classmethod
    def start(cls) -> StderrRelay | None:
        """For this process's stderr; None where it is neither a pipe nor a socket.

        OSError when there can be no process.
        """
        mode = os.fstat(_ERROR).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            return None
        takes_stdout = _identify(_OUTPUT) == _identify(_ERROR)
        exit_, entrance = _make_channel(is_socket=stat.S_ISSOCK(mode))
        ours, theirs = socket.socketpair()
        with ExitStack() as undo:
            for descriptor in (exit_, entrance):
                undo.callback(os.close, descriptor)
            undo.callback(ours.close)
            with theirs:
                pid = os.fork()
                if pid == 0:  # pragma: no cover (the child ends in _exit: no coverage is saved)
                    _become_relay(exit_, theirs.fileno())
            with suppress(ChildProcessError):  # where ends of children are ignored
                os.waitpid(pid, 0)  # its own child is the relay: no run waits for that
            if ours.recv(1) != _READY:
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            undo.pop_all()
        os.close(exit_)
        return cls(entrance, ours, takes_stdout=takes_stdout)

    def leads_here(self, path: str) -> bool:
        """Whether a descriptor's path (/proc/PID/fd/2) is the relay's end."""
        try:
            status = os.stat(path)  # noqa: PTH116 (kept off pathlib, as all that runs at a crash)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._file

    def read_tail(self) -> bytes:
        """The end of all that was written until now, at most MAX_TAIL bytes."""
        header = self._ask(_TAIL, _SIZE.size)
        return self._receive(_SIZE.unpack(header)[0]) if header else b""

    def finish(self) -> None:
        """Wait until all that was written until now is where it was meant to go."""
        os.close(self._entrance)
        if self._control:
            self._control.settimeout(None)
            self._ask(_DRAIN, 1)
        self._lose()

    def _ask(self, request: bytes, size: int) -> bytes:
        if self._control is None:
            return b""
        try:
            if request == _TAIL:
                self._control.settimeout(_PATIENCE)
            self._control.sendall(request)
        except OSError:
            self._lose()
            return b""
        return self._receive(size)

    def _receive(self, size: int) -> bytes:
        answer = b""
        while self._control and len(answer) < size:
            try:
                piece = self._control.recv(size - len(answer))
            except OSError:
                piece = b""
            if not piece:
                self._lose()
                return b""
            answer += piece
        return answer

    def _lose(self) -> None:
        if self._control:
            self._control.close()
            self._control = None


def _identify(descriptor: int) -> tuple[int, int]:
    try:
        status = os.fstat(descriptor)
    except OSError:  # closed
        return 0, 0
    return status.st_dev, status.st_ino


def _make_channel(*, is_socket: bool) -> tuple[int, int]:
    """Where the relay reads and where the program writes."""
    if not is_socket:
        return os.pipe()
    first, second = socket.socketpair()
    return first.detach(), second.detach()


def _become_relay(source: int, control: int) -> NoReturn:  # pragma: no cover (see start)
    """In a grandchild, which is no child of the run: hold nothing but the three ends, and relay."""
    try:
        if os.fork():
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))  # Ctrl-C is not for it
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (_INPUT, _OUTPUT):
            os.dup2(null, standard)
        kept = sorted((_ERROR, source, control))
        os.closerange(_ERROR + 1, kept[1])
        os.closerange(kept[1] + 1, kept[2])
        os.closerange(kept[2] + 1, os.sysconf("SC_OPEN_MAX"))
        os.write(control, _READY)
        _Pump(source, _ERROR, control).run()
    finally:
        os._exit(0)


class _Pump:
    """Passes on what comes from `source` to `target`, and answers what `control` asks."""

    def __init__(self, source: int, target: int, control: int) -> None:
        self._source = source
        self._target = target
        self._control = control
        self._tail = bytearray()
        self._waiting = bytearray()  # read, and not yet written
        self._drains = -1  # bytes to be written until it is answered; -1: nobody has asked
        self._is_open = True
        self._is_asked = True

    def run(self) -> None:
        """Until nobody writes any more, or nobody reads."""
        while self._is_open or self._waiting:
            ready = self._poll()
            if ready.get(self._target, 0) & _NO_READER:
                return  # whoever writes now gets SIGPIPE, as without a relay
            if ready.get(self._control):
                self._answer()
            if ready.get(self._target, 0) & select.POLLOUT:
                self._write()
            elif self._source in ready:
                self._read(_BLOCK)
        self._settle()

    def _poll(self) -> dict[int, int]:
        poll = select.poll()
        poll.register(self._target, select.POLLOUT if self._waiting else 0)
        if self._is_open and not self._waiting:
            poll.register(self._source, select.POLLIN)
        if self._is_asked:
            poll.register(self._control, select.POLLIN)
        return dict(poll.poll())

    def _read(self, size: int) -> None:
        data = os.read(self._source, size)
        self._is_open = bool(data)
        self._waiting += data
        self._tail += data
        del self._tail[:-MAX_TAIL]

    def _write(self) -> None:
        written = os.write(self._target, self._waiting[:_BLOCK])
        del self._waiting[:written]
        if self._drains >= 0:
            self._drains -= written
            self._settle()

    def _answer(self) -> None:
        request = os.read(self._control, 1)
        self._is_asked = bool(request)
        if request == _TAIL:
            self._take_all()
            os.write(self._control, _SIZE.pack(len(self._tail)) + self._tail)
        elif request == _DRAIN:
            self._drains = len(self._waiting) + self._count()
            self._settle()

    def _take_all(self) -> None:
        """Read what is there, though nobody takes it yet: whoever wrote it stands still now."""
        left = self._count() if len(self._waiting) < MAX_TAIL else 0
        while left > 0 and self._is_open:
            size = len(self._waiting)
            self._read(left)
            left -= len(self._waiting) - size

    def _count(self) -> int:
        """How many bytes can be read at once."""
        import fcntl  # POSIX only
        import termios

        if not self._is_open:
            return 0
        size = bytearray(4)
        fcntl.ioctl(self._source, termios.FIONREAD, size)
        return int.from_bytes(size, sys.byteorder)

    def _settle(self) -> None:
        if self._drains >= 0 and (self._drains == 0 or not (self._is_open or self._waiting)):
            self._drains = -1
            os.write(self._control, _DRAIN)
