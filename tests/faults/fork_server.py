"""A process that has imported crashtool, and makes each call in a fork of itself.

A test's own process has threads and every library of the tests; this one has neither. What a call
asks for arrives as a pickled Call on stdin; the fork's number and then its exit status go out.
"""

import contextlib
import gc
import importlib
import os
import pickle
import pkgutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crashtool.cli import main
from tests.faults.steps import ROOT, Fault, Seen, Step
from tests.faults.watcher import HAPPENED, LIBRARIES, Watcher
from tests.faults.workers import fork_workers

SECONDS = 60  # a call that has not ended by then is ended


class Call(NamedTuple):
    """A call of crashtool in `folder`, its streams going to files there. Python's module search
    begins at `path`; files that it writes may have `limit` bytes; `setup` runs first, in the fork;
    without `is_watched` its steps are not seen, and without `stat` not what it asks of files.
    """

    arguments: Sequence[str]
    folder: Path
    fault: Fault | None = None
    environment: Mapping[str, str] = {}
    path: str = ""
    limit: int = 0
    is_watched: bool = True
    setup: Callable[[], None] | None = None
    stat: bool = False


class Outcome(NamedTuple):
    """How a call came out; `happened` is whether its fault did."""

    returncode: int
    stdout: str
    stderr: str
    seen: tuple[Seen, ...] = ()
    happened: bool = False


class ForkServer:
    """The process; calls are made one after the other."""

    def __init__(self, *, warm: bool) -> None:
        """A warm one has imported all of crashtool, and each library that it may use."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("CRASHTOOL")}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"import {__name__} as own; own.serve({warm})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, "PYTHONPATH": ROOT, "CRASHTOOL_NO_LOCAL_SYMBOLS": "1"},
        )

    def call(self, call: Call, meanwhile: Callable[[int], None] | None = None) -> Outcome:
        """Make a call; `meanwhile` runs here, told the process's number."""
        for name in ("stdout", "stderr", "steps"):
            (call.folder / name).unlink(missing_ok=True)
        self._send(call)
        process = self._receive()
        if meanwhile:
            meanwhile(process)
        return _read_outcome(call.folder, self._receive())

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _send(self, value: object) -> None:
        assert self._process.stdin
        pickle.dump(value, self._process.stdin)
        self._process.stdin.flush()

    def _receive(self) -> Any:
        assert self._process.stdout
        return pickle.load(self._process.stdout)  # noqa: S301 (our own process)


def _read_outcome(folder: Path, status: int) -> Outcome:
    texts = [_read(folder / name) for name in ("stdout", "stderr", "steps")]
    rows = [row.split("\t") for row in texts[2].splitlines()]
    seen = tuple(Seen(Step(row[0], row[1], row[2], int(row[3])), row[4]) for row in rows)
    happened = any(row[5] == HAPPENED for row in rows)
    return Outcome(status, texts[0], texts[1], seen, happened)


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace") if path.exists() else ""


@contextlib.contextmanager
def fork_server(*, warm: bool = True) -> Iterator[ForkServer]:
    """One, while the block runs."""
    server = ForkServer(warm=warm)
    try:
        yield server
    finally:
        server.close()


def serve(warm: bool) -> None:
    """Until there are no more requests."""
    if warm:
        _import_all()
    gc.freeze()  # a collection in a fork would copy all memory, for nothing
    while True:
        try:
            call = pickle.load(sys.stdin.buffer)  # noqa: S301 (the one who started it)
        except EOFError:
            return
        child = os.fork()
        if child == 0:
            _be_called(call)
        _answer(child)
        _answer(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _answer(value: object) -> None:
    pickle.dump(value, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _import_all() -> None:
    package = importlib.import_module("crashtool")
    own = [found.name for found in pkgutil.walk_packages(package.__path__, "crashtool.")]
    more = ("demangle", "capstone", "requests")
    for module in (*own, *LIBRARIES, *more):
        if not module.endswith("__main__"):
            with contextlib.suppress(Exception):
                importlib.import_module(module)


def _be_called(call: Call) -> None:
    status = 1
    try:
        status = _make(call)
        sys.stdout.flush()
        sys.stderr.flush()
        if call.limit:
            _await_pipes()
    except BaseException:  # noqa: BLE001 (this process must not come back)
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _await_pipes() -> None:
    """What was said is in the files once these processes have ended."""
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(null, number)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _make(call: Call) -> int:
    signal.alarm(SECONDS)
    _redirect(call)
    _set_environment(call)
    if not call.is_watched:
        fork_workers(SECONDS)
        return _call_main(call)
    watcher = Watcher(call.folder / "steps", call.fault)
    fork_workers(SECONDS, watcher.enter_worker, watcher.descriptors)
    watcher.install(stat=call.stat)
    try:
        return _call_main(call)
    finally:
        watcher.stop()


def _call_main(call: Call) -> int:
    if call.setup:
        call.setup()
    try:
        main(list(call.arguments))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _redirect(call: Call) -> None:
    os.chdir(call.folder)
    for number, name in enumerate(("stdout", "stderr"), 1):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(_open_pipe(file) if call.limit else file, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.closerange(3, 64)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    sys.stdin = open(0, closefd=False)  # noqa: SIM115


def _open_pipe(file: int) -> int:
    """A pipe into a file, which has no limit of its own: a process of its own writes that."""
    source, target = os.pipe()
    if os.fork() == 0:
        os.close(target)
        while block := os.read(source, 1 << 16):
            os.write(file, block)
        os._exit(0)
    return target


def _set_environment(call: Call) -> None:
    sys.argv = ["crashtool", *call.arguments]
    for name in ("CACHE", "STATE", "CONFIG"):
        os.environ[f"XDG_{name}_HOME"] = str(call.folder / name.lower())
    os.environ["TMPDIR"] = str(call.folder / "temporary")
    Path(os.environ["TMPDIR"]).mkdir(exist_ok=True)
    tempfile.tempdir = None
    os.environ.update(call.environment)
    if call.path:
        sys.path.insert(0, call.path)
    if call.limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (call.limit, call.limit))
