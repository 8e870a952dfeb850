"""Sees what a process asks of the machine, and has one thing of it fail.

The interpreter's audit hook raises the system's error in place of a step, a descriptor that was
opened for writing is exchanged for /dev/full, and a library is not found, or cannot be loaded. It
stays until the process ends, so it is for a fork.
"""

import builtins
import io
import os
import sys
import threading
from importlib.abc import Loader
from importlib.util import spec_from_loader
from pathlib import Path
from typing import Any

from tests.faults.steps import (
    IMPORT,
    MAP,
    MISSING,
    START,
    STAT,
    WRITE,
    Fault,
    Step,
    chain_of_lines,
    is_told,
    name_place,
)

EVENTS = {
    "open": "open",
    "os.mkdir": "make a folder",
    "os.rename": "rename",
    "os.remove": "remove",
    "os.rmdir": "remove",
    "os.listdir": "list",
    "os.scandir": "list",
    "subprocess.Popen": START,
    "mmap.__new__": MAP,
    "os.utime": "touch",
    "os.chmod": "chmod",
    "os.truncate": "truncate",
    "os.link": "link",
    "os.symlink": "link",
}
LIBRARIES = (
    "demangle",
    "capstone",
    "zstandard",
    "py7zr",
    "minidump",
    "fsspec",
    "rich",
    "requests",
    "starlette",
    "uvicorn",
    "multipart",
    "jinja2",
    "tomli",
)
WRITING = os.O_WRONLY | os.O_RDWR
HAPPENED = "happened"


class Watcher:
    """Writes each step of this process down, and fails the one that it is given."""

    def __init__(self, seen: Path, fault: Fault | None = None) -> None:
        """`seen` is where the steps are written at once: a call may end by a signal."""
        self._seen = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._full = os.open("/dev/full", os.O_WRONLY)
        self.descriptors = (self._seen, self._full)
        self._fault = fault
        self._process = ""
        self._counts: dict[tuple[str, str], int] = {}
        self._busy = threading.local()
        self._active = True
        self._finders: list[Any] = []

    def install(self, *, stat: bool = False) -> None:
        """From now on, until the process ends; `stat`: also what is asked of files as a whole."""
        sys.addaudithook(self._hear)
        if stat:
            os.stat, os.lstat = self._watch_stat(os.stat), self._watch_stat(os.lstat)
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
        self._finders = list(sys.meta_path)
        sys.meta_path[:] = [self]  # type: ignore[list-item]

    def _watch_stat(self, real: Any) -> Any:
        """`os.stat` or `os.lstat`, of which the interpreter's audit hook hears nothing."""

        def ask(path: Any, *rest: Any, **more: Any) -> Any:
            is_path = isinstance(path, str | bytes | os.PathLike)
            if is_path and self._active and self._note(STAT, os.fsdecode(path)):
                number = self._fault.number if self._fault else 0
                raise OSError(number, os.strerror(number), os.fsdecode(path))
            return real(path, *rest, **more)

        return ask

    def enter_worker(self, module: str) -> None:
        """This is a fork that does the work of `python -m MODULE`."""
        self._process, self._counts = module, {}

    def stop(self) -> None:
        """See nothing more."""
        self._active = False

    def find_spec(self, name: str, *rest: Any) -> Any:
        """What the interpreter's own finders find of a module, as the only one that is asked."""
        strikes = name in LIBRARIES and self._note(IMPORT, name)
        number = self._fault.number if self._fault else 0
        if strikes and number == MISSING:
            return None
        for finder in self._finders:
            spec = finder.find_spec(name, *rest)
            if spec is not None:
                return spec_from_loader(name, _Broken()) if strikes else spec
        return None

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        action = EVENTS.get(event)
        if action is None or not self._active:
            return
        place = {MAP: "memory", START: "process"}.get(action, arguments[0])
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
        if getattr(self._busy, "here", False) or not is_told(action, place):
            return False
        self._busy.here = True
        try:
            name = name_place(action, place)
            count = self._counts[action, name] = self._counts.get((action, name), 0) + 1
            step = Step(self._process, action, name, count)
            happens = self._fault is not None and self._fault.strikes(step)
            fields = (*map(str, step), chain_of_lines(), HAPPENED if happens else "")
            os.write(self._seen, ("\t".join(fields) + "\n").encode())
        finally:
            self._busy.here = False
        return happens


class _Broken(Loader):
    """Loads a library whose native part is for another machine."""

    def exec_module(self, module: Any) -> None:
        name = module.__name__
        raise ImportError(f"{name}.so: wrong ELF class: ELFCLASS32", name=name)
