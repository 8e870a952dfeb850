"""What a worker of a cluster does: it hands minidumps to processes of its own, and sees that it
sees what the asking side sees.

A minidump that ends its reader costs that process alone, and the worker goes on; nor does a reader
keep the worker from telling its scheduler that it is alive.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterable, Iterator
from threading import Lock, Timer
from typing import Any, Literal

from crashtool import __version__
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.workers.processes import Worker, WorkerLost

IDLE = 60  # seconds for which processes are kept when nothing comes: whoever asked may have ended
CLOCKS = 2  # seconds that two file systems may differ in the time of one file
AnswerState = Literal["done", "lost", "unseen"]


class SharedFile(NamedTuple):
    """A file as the asking side sees it: an absolute path, bytes, seconds since 1970."""

    path: str
    size: int
    changed: float

    def is_here(self) -> bool:
        """Whether this machine sees it, too."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 (asked for each minidump)
        except OSError:
            return False
        return status.st_size == self.size and abs(status.st_mtime - self.changed) <= CLOCKS


class ClusterWork(NamedTuple):
    """What to do: `maker` and `setup` are as in `share_among_processes`; `run` names one call.

    `paths` have to be alike on each machine, as `digest` of them says.
    """

    run: str
    maker: str
    setup: object
    paths: tuple[str, ...] = ()
    digest: str = ""


class ItemAnswer(NamedTuple):
    """What became of an item: `value` when it is done. One that is lost ended its process; of one
    that is unseen the file is not here.
    """

    state: AnswerState
    value: Any = None


def work_batch(version: str, content: bytes) -> bytes:
    """Do items. Bytes in and out, so that nothing on the way has to know what is in them.

    `content` is a pickled ClusterWork with (item, SharedFile or None) each; so is what is given:
    an ItemAnswer for each, or a text, why this machine cannot do any.
    """
    if version != __version__:
        return pickle.dumps(f"it has crashtool {__version__}, not {version}")
    work, items = pickle.loads(content)  # noqa: S301 (whoever may give tasks may run anything)
    crew = find_crew(work)
    if crew.fault:
        return pickle.dumps(crew.fault)
    return pickle.dumps(list(crew.answer(items)))


class ClusterCrew:
    """The processes that this worker has for one run; `fault`: why they would be of no use."""

    def __init__(self, work: ClusterWork) -> None:
        self._work = work
        self._idle: list[Worker] = []
        self._lock = Lock()
        self._timer: Timer | None = None
        self.fault = ""
        if work.paths and sum_up(work.paths) != work.digest:
            self.fault = "it does not see the same files in " + ", ".join(work.paths)

    def answer(self, items: Iterable[tuple[object, SharedFile | None]]) -> Iterator[ItemAnswer]:
        """What becomes of each item."""
        worker = self._take()
        try:
            for item, file in items:
                if file is not None and not file.is_here():
                    yield ItemAnswer("unseen")
                    continue
                try:
                    yield ItemAnswer("done", worker.do(item))
                except WorkerLost:
                    yield ItemAnswer("lost")
        finally:
            self._give_back(worker)

    def _take(self) -> Worker:
        with self._lock:
            if self._timer:
                self._timer.cancel()
            if self._idle:
                return self._idle.pop()
        return Worker(self._work.maker, self._work.setup)

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._idle.append(worker)
            if self._timer:
                self._timer.cancel()
            self._timer = Timer(IDLE, self.dismiss)
            self._timer.daemon = True
            self._timer.start()

    def dismiss(self) -> None:
        """End the processes that do nothing."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()


_crews: dict[str, ClusterCrew] = {}
_crews_lock = Lock()
MAX_CREWS = 16  # calls whose crews are remembered


def find_crew(work: ClusterWork) -> ClusterCrew:
    """The crew of a run, made when its first items come."""
    with _crews_lock:
        crew = _crews.get(work.run)
        if crew is None:
            crew = _crews[work.run] = ClusterCrew(work)
            while len(_crews) > MAX_CREWS:
                _crews.pop(next(iter(_crews))).dismiss()
        return crew


def sum_up(paths: Iterable[str]) -> str:
    """A hash of the names and sizes of all files in folders, alike on machines that share them."""
    hasher = hashlib.sha256()
    for path in paths:
        for name, size in _walk_sizes(path):
            hasher.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()


def _walk_sizes(path: str) -> Iterator[tuple[str, int]]:
    if not os.path.isdir(path):  # noqa: PTH112 (trees of builds are walked)
        yield path, _measure(path)
        return
    for parent, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            file = os.path.join(parent, name)  # noqa: PTH118
            yield file, _measure(file)


def _measure(path: str) -> int:
    """Bytes; -1 for what cannot be asked."""
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return -1
