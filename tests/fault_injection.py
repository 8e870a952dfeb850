"""Each call of crashtool once for each thing that the machine may refuse it, in turn.

A call is made in a fork of a process that has imported crashtool. First it is only watched: each
file that it opens, each descriptor it writes to, each folder it makes, each file it renames, lists
or maps, each process it starts, each optional library it imports. Then it is made again for each of
these, and that one fails: the audit hook of the interpreter raises the system's error in its place,
a written descriptor is exchanged for /dev/full, an import ends with ImportError.

What happens to the user's own input, and to the file that was asked for, may change the answer:
then the answer must name it, and say why. Everything else is a fault of our surroundings.
"""

import builtins
import contextlib
import errno
import io
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

EVENTS = {
    "open": "open", "os.mkdir": "make a folder", "os.rename": "rename", "os.remove": "remove",
    "os.listdir": "list", "os.scandir": "list", "subprocess.Popen": "start", "mmap.__new__": "map",
    "os.utime": "touch", "os.chmod": "chmod", "os.truncate": "truncate",
}  # fmt: skip
WRITE, IMPORT = "write", "import"
NUMBERS = {"start": (errno.EAGAIN, errno.ENOMEM), "map": (errno.ENODEV, errno.ENOMEM)}
USUAL = (errno.ENOSPC, errno.EACCES, errno.EIO)
LIBRARIES = (
    "symbolic", "demangle", "capstone", "zstandard", "py7zr", "minidump", "fsspec", "rich",
    "requests", "starlette", "tomli",
)  # fmt: skip
ROOT = str(Path(__file__).resolve().parents[1])
EXTRAS = ("capstone", "rich")  # without them pages are plainer, as the README says
WRITING = os.O_WRONLY | os.O_RDWR
SECONDS = 60


class Step(NamedTuple):
    """Something that a call does: what, to which file, and the how manieth time that is."""

    action: str
    place: str
    count: int


class Result(NamedTuple):
    """How a call came out: its exit status and what it said."""

    status: int
    stdout: str
    stderr: str


class Case(NamedTuple):
    """A call; `own` are names of the user's inputs and of files asked for. `prepare` makes what it
    needs in an empty folder, and `settle` takes out of an answer what differs between equal ones.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], None]
    own: tuple[str, ...] = ()
    settle: Callable[[Result, Path], object] = lambda result, _: (result.status, result.stdout)


class Fault(NamedTuple):
    """A step that fails, with which number of the system's, and what that did to the answer."""

    step: Step
    number: int
    verdict: str = ""

    def __str__(self) -> str:
        words = errno.errorcode.get(self.number, "ImportError")
        return (
            f"{words} at {self.step.action} {self.step.place} ({self.step.count}): {self.verdict}"
        )


class Watcher:
    """Sees what a process does, and has one step of it fail."""

    def __init__(self, seen: Path, fault: Fault | None = None) -> None:
        """`seen` is where the steps are written at once: a call may end by a signal."""
        self._seen = os.open(seen, os.O_WRONLY | os.O_CREAT)
        self._fault = fault
        self._counts: dict[tuple[str, str], int] = {}
        self._full = os.open("/dev/full", os.O_WRONLY)
        self._active = True

    def install(self) -> None:
        """From now on, until the process ends."""
        sys.addaudithook(self._hear)
        real, real_os = io.open, os.open

        def open_file(path: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
            file = real(path, mode, *rest, **more)
            if set(mode) & set("wax+") and not isinstance(path, int):
                self._write(path, file.fileno())
            return file

        def open_descriptor(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            descriptor = real_os(path, flags, *rest, **more)
            if flags & WRITING:
                self._write(path, descriptor)
            return descriptor

        builtins.open = io.open = sys.modules["_io"].open = open_file  # type: ignore[attr-defined]
        os.open = open_descriptor
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]  # it only refuses

    def stop(self) -> None:
        """See nothing more."""
        self._active = False

    def find_spec(self, name: str, *_: object) -> None:
        """Refuse a library, as an import hook."""
        if name in LIBRARIES and self._note(IMPORT, name):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        action = EVENTS.get(event)
        if action is None or not self._active:
            return
        place = arguments[0] if action != "map" else "memory"
        if action == "start":
            place = "process"
        if isinstance(place, bytes):
            place = os.fsdecode(place)
        if isinstance(place, str | os.PathLike) and self._note(action, os.fspath(place)):
            number = self._fault.number if self._fault else 0
            raise OSError(number, os.strerror(number), os.fspath(place))

    def _write(self, path: Any, descriptor: int) -> None:
        if self._active and self._note(WRITE, os.fsdecode(path)):
            os.dup2(self._full, descriptor)

    def _note(self, action: str, place: str) -> bool:
        """Write a step down; whether it is the one to fail."""
        if not _is_told(action, place):
            return False
        name = _name_of(action, place)
        count = self._counts[action, name] = self._counts.get((action, name), 0) + 1
        step = Step(action, name, count)
        os.write(self._seen, f"{action}\t{name}\t{count}\n".encode())
        return self._fault is not None and self._fault.step == step


def _is_told(action: str, place: str) -> bool:
    """Not what Python does for itself: its modules, devices, the state of the system."""
    if action in (IMPORT, "start", "map"):
        return True
    path = os.path.abspath(place)  # noqa: PTH100 (links stay)
    aside = (sys.prefix, sys.base_prefix, ROOT, "/proc", "/dev", "/sys", "/etc", "/usr", "/lib")
    return not path.startswith(aside) and not path.endswith((".py", ".pyc", "__pycache__"))


def _name_of(action: str, place: str) -> str:
    """A place by what stays of it in the next run: without keys, numbers and temporary names."""
    if action in (IMPORT, "start", "map"):
        return place
    path = Path(os.path.abspath(place))  # noqa: PTH100
    if path.suffix == ".part" and path.name.startswith("."):
        return f"{path.parent.name}/a file that is asked for"
    parts = [part for part in path.parts if not _is_volatile(part)]
    return "/".join(parts[-2:])


def _is_volatile(part: str) -> bool:
    digits = sum(letter.isdigit() for letter in part)
    return part.startswith(("crashtool-", "tmp", ".")) or digits >= 4 or len(part) > 40


def run_case(case: Case, folder: Path, fault: Fault | None) -> tuple[Result, list[Step]]:
    """Make a call in a fork, in an empty folder; with a fault, if there is one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    case.prepare(folder)
    streams = [folder / "stdout", folder / "stderr"]
    seen = folder / "steps"
    child = os.fork()
    if child == 0:
        _be_called(case, folder, streams, seen, fault)
    status = _wait(child)
    stdout, stderr = (path.read_text("utf-8", "replace") for path in streams)
    steps = (
        [Step(*row.split("\t")) for row in seen.read_text().splitlines()] if seen.exists() else []
    )
    steps = [step._replace(count=int(step.count)) for step in steps]
    return Result(status, stdout, stderr), steps


def _be_called(
    case: Case, folder: Path, streams: Sequence[Path], seen: Path, fault: Fault | None
) -> None:
    status = 1
    try:
        os.chdir(folder)
        signal.alarm(SECONDS)
        for number, path in enumerate(streams, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        for name in ("CACHE", "STATE", "CONFIG"):
            os.environ[f"XDG_{name}_HOME"] = str(folder / name.lower())
        (folder / "temporary").mkdir()
        tempfile.tempdir = None
        os.environ["TMPDIR"] = str(folder / "temporary")
        from crashtool.cli import main

        watcher = Watcher(seen, fault)
        watcher.install()
        try:
            main(list(case.arguments))
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            watcher.stop()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 (this process must not come back)
        import traceback

        os.write(2, traceback.format_exc().encode())
        status = 1
    finally:
        os._exit(status)


def _wait(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def inject(
    case: Case, folder: Path, choose: Callable[[list[Fault]], list[Fault]]
) -> Iterator[Fault]:
    """Every fault that `choose` lets through, each with a verdict: "" where all is well."""
    healthy, steps = run_case(case, folder, None)
    wanted = case.settle(healthy, folder)
    again, _ = run_case(case, folder, None)
    assert case.settle(again, folder) == wanted, f"{case.name} differs from itself"
    assert "Traceback" not in healthy.stderr, healthy.stderr
    faults = [
        Fault(step, number)
        for step in dict.fromkeys(steps)
        for number in ((0,) if step.action == IMPORT else
                       (errno.ENOSPC,) if step.action == WRITE else NUMBERS.get(step.action, USUAL))
    ]  # fmt: skip
    for fault in choose(faults):
        result, _ = run_case(case, folder, fault)
        yield fault._replace(verdict=_judge(case, fault, wanted, result, folder))
    with contextlib.suppress(OSError):
        shutil.rmtree(folder)


def _judge(case: Case, fault: Fault, wanted: object, result: Result, folder: Path) -> str:
    if "Traceback" in result.stderr or result.status in (1, -signal.SIGALRM):
        return "traceback: " + (result.stderr.strip().splitlines() or ["?"])[-1]
    if case.settle(result, folder) == wanted:
        return ""
    said = result.stdout + result.stderr
    name = fault.step.place.rpartition("/")[2]
    if fault.step.action == IMPORT and (name in said or name in EXTRAS):
        return ""
    reasons = (os.strerror(fault.number).lower(), "cannot be read", "cannot be written", "no room")
    is_own = any(own in fault.step.place for own in (*case.own, "asked for", "temporary/"))
    if is_own and any(own in said for own in (*case.own, "temporary")):
        return "" if any(reason in said.lower() for reason in reasons) else "no reason is given"
    return f"another answer: {result.status}: {result.stderr.strip()[-200:]!r}"
