"""What is slow to get out of debug files: made by a process of its own, and kept.

The library that reads debug information is native code. A file that is damaged in the right way
ends the process that reads it, so that is not ours: it is started when the first file has to be
read, serves for all others, and is started again when a file has killed it.
"""

import json
import os
import sys
from collections.abc import Callable
from io import BytesIO
from threading import Timer
from typing import IO, TYPE_CHECKING, Literal, Protocol, TypeAlias

from crashtool.errors import CannotWrite, CrashtoolError, InputUnusable, MachineFault, reason_of
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.symbols.cache import identify_content
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.native import load_symbolic
from crashtool.services.workers.child_environment import child_environment

if TYPE_CHECKING:
    import subprocess  # loaded when something must be made: most is at hand

    from crashtool.formats.object_kinds import Content

Product: TypeAlias = Literal["lines.symcache", "unwind.cfi"]
LINES: Product = "lines.symcache"
UNWIND: Product = "unwind.cfi"
SECONDS = 20.0  # for a small file, which takes a tenth of one
PER_SECOND = 1_000_000  # bytes of a large one; some sixteen million are usual
READY, CONTENT, END = b"R", b"C", b"E"
MAX_TRIES = 2  # what ends a reader once may be a chance of this machine
END_SECONDS = 5.0
FAULTS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGABRT", "SIGFPE", "SIGTRAP")
NT_ERROR = 0xC0000000
UNREADABLE = "cannot read the debug information"
LENGTH_SIZE = 4
BLOCK = 1 << 16


class DerivedFiles(Protocol):
    """Where what was made is kept; see `services.symbols.cache`."""

    warn: Callable[[str], None]

    def find(self, key: str, name: str) -> str | None: ...  # noqa: D102
    def put(self, key: str, name: str, write: Callable[[IO[bytes]], None]) -> str: ...  # noqa: D102


class Derived(NamedTuple):
    """What was made of a debug file; `path` is "" where no disk had room for it."""

    content: "Content"
    path: str = ""


class Deriver:
    """Makes products of debug files and keeps them in `files`.

    A damaged file may keep its reader busy for ever: it gets `seconds`, and one more for each
    PER_SECOND of its bytes. What fails for reasons of this machine is done otherwise: in memory
    when no disk has room, in this process when no other can be started.
    """

    def __init__(self, files: DerivedFiles, *, seconds: float = SECONDS) -> None:
        self._files = files
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._reads_itself = False
        self._held: dict[tuple[str, Product], Derived] = {}

    def find(
        self, product: Product, path: str, architecture: str, *, afresh: bool = False
    ) -> Derived:
        """A product of a debug file, made now if need be, or `afresh` in any case.

        InputUnusable when the file does not allow it; MissingLibrary, MachineFault when the fault
        is not the file's.
        """
        key = f"{identify_content(path)}-{architecture}"
        known = None if afresh else self._find_known(key, product)
        return known or self._make(key, product, path, architecture)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _find_known(self, key: str, product: Product) -> Derived | None:
        known = self._files.find(key, product)
        if known is None:
            return self._held.get((key, product))
        try:
            return Derived(map_file(known), known)
        except InputUnusable:  # the cache's disk fails: it is made again
            return None

    def _make(self, key: str, product: Product, path: str, architecture: str) -> Derived:
        def write(target: IO[bytes]) -> None:
            self._convert(product, path, architecture, target)

        try:
            kept = self._files.put(key, product, write)
        except CannotWrite:  # the cache has said so
            kept = ""
        content = _read_back(kept)
        if content is not None:
            return Derived(content, kept)
        target = BytesIO()
        write(target)
        self._held[key, product] = Derived(target.getvalue())
        return self._held[key, product]

    def _convert(self, product: Product, path: str, architecture: str, target: IO[bytes]) -> None:
        """Write a product, by the process or in this one."""
        request = (product, os.path.abspath(path), architecture)  # noqa: PTH100
        limit = self._seconds + os.path.getsize(path) / PER_SECOND  # noqa: PTH202
        ending = 0
        for _ in range(MAX_TRIES):
            process = self._start()
            if process is None:
                write_product(*request, target)
                return
            late = _Limit(limit, process)
            said = self._ask(process, request, target, late)
            if said is not None:
                _complain(said)
                return
            ending = self._end(process)
            if late.ran:
                raise InputUnusable(f"{UNREADABLE}: no result after {limit:.0f} s")
            target.seek(0)
            target.truncate()
        if is_of_the_file(ending):
            raise InputUnusable(f"{UNREADABLE}: the file crashes its reader")
        raise MachineFault(
            f"the process that reads debug files was ended twice ({format_exit_code(ending)})",
            hint="it needs memory: some ten times the size of the largest debug file",
        )

    def _ask(
        self,
        process: "subprocess.Popen[bytes]",
        request: tuple[Product, str, str],
        target: IO[bytes],
        late: "_Limit",
    ) -> bytes | None:
        """What the process says in the end, None when it does not come to that."""
        assert process.stdin is not None  # noqa: S101 (they are pipes)
        assert process.stdout is not None  # noqa: S101
        late.start()
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            return _receive(process.stdout, target)
        except BrokenPipeError:  # it was gone before it could be asked
            return None
        except BaseException:  # what it has still to say would be taken for the next answer
            self.close()
            raise
        finally:
            late.cancel()

    def _end(self, process: "subprocess.Popen[bytes]") -> int:
        """How the process ended, which is not there any more."""
        from subprocess import TimeoutExpired

        try:
            ending = process.wait(END_SECONDS)
        except TimeoutExpired:  # it has only closed its stdout
            ending = 0
        self.close()
        return ending

    def _start(self) -> "subprocess.Popen[bytes] | None":
        """The process, ready to read; None when this process has to do its work."""
        if self._process is not None or self._reads_itself:
            return self._process
        reason = ""
        for _ in range(MAX_TRIES):
            try:
                self._process = _open_reader()
            except OSError as error:
                reason = reason_of(error)
                continue
            if _is_ready(self._process):
                return self._process
            reason = format_exit_code(self._end(self._process))
        self._reads_itself = True
        load_symbolic()  # says what is missing, if it is that
        self._files.warn(
            f"no process can be started to read debug files ({reason}): they are read in this one"
        )
        return None


def _read_back(kept: str) -> "Content | None":
    """What was just written; None where a disk does not give it back."""
    try:
        return map_file(kept) if kept else None
    except InputUnusable:
        return None


def _open_reader() -> "subprocess.Popen[bytes]":
    import subprocess

    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
    )


def _is_ready(process: "subprocess.Popen[bytes]") -> bool:
    assert process.stdout is not None  # noqa: S101 (a pipe)
    return process.stdout.read(len(READY)) == READY


def is_of_the_file(ending: int) -> bool:
    """Whether a process ended as one does that a file has misled: by a fault in its own code."""
    if ending < 0:
        import signal

        return signal.Signals(-ending).name in FAULTS if -ending in set(signal.Signals) else False
    return ending & NT_ERROR == NT_ERROR  # an exception that nobody handled (ntstatus.h)


def format_exit_code(ending: int) -> str:
    """How a process ended."""
    return f"killed by signal {-ending}" if ending < 0 else f"exit status {ending}"


class _Limit(Timer):
    """Kills a process after so many seconds, and tells afterwards whether it did."""

    def __init__(self, seconds: float, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(seconds, self._kill)
        self.ran = False
        self._process = process

    def _kill(self) -> None:
        self.ran = True
        self._process.kill()


def _receive(source: IO[bytes], target: IO[bytes]) -> bytes | None:
    """Write a product to `target`; the words at its end, None when it was cut short."""
    while True:
        head = source.read(1 + LENGTH_SIZE)
        if len(head) <= LENGTH_SIZE:
            return None
        size = int.from_bytes(head[1:], "little")
        content = source.read(size)
        if len(content) < size:
            return None
        if head[:1] == END:
            return content
        target.write(content)


def _complain(said: bytes) -> None:
    """Raise what a reader said was wrong, if anything."""
    if said:
        is_ours, what = json.loads(said)
        raise (MachineFault if is_ours else InputUnusable)(what)


class _Sender:
    """The other end of `_receive`: takes what a library writes to a file."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target

    def write(self, content: bytes) -> int:
        self.send(CONTENT, content)
        return len(content)

    def send(self, kind: bytes, content: bytes) -> None:
        self._target.write(kind + len(content).to_bytes(LENGTH_SIZE, "little") + content)
        self._target.flush()


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Make one product after the other as asked, until there are no more requests."""
    load_symbolic()
    answers.write(READY)
    answers.flush()
    sender = _Sender(answers)
    for line in requests:
        product, path, architecture = json.loads(line)
        try:
            write_product(product, path, architecture, sender)  # type: ignore[arg-type]  # it only writes
        except (OSError, MemoryError) as error:
            sender.send(END, _fault(reason_of(error) or "no memory is left", is_ours=True))
        except CrashtoolError as error:
            sender.send(END, _fault(error.what))
        except Exception as error:  # noqa: BLE001 (one bad file must not stop the next)
            sender.send(END, _fault(f"{UNREADABLE}: {type(error).__name__}: {error}"))
        else:
            sender.send(END, b"")


def _fault(what: str, *, is_ours: bool = False) -> bytes:
    return json.dumps([is_ours, what]).encode()


def write_product(product: Product, path: str, architecture: str, target: IO[bytes]) -> None:
    """Make a product in this process, whose end a damaged file may be. As `Deriver.find`."""
    from crashtool.services.symbols.native import write_line_table, write_unwind_rules

    writer = write_line_table if product == LINES else write_unwind_rules
    writer(path, architecture, target)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
