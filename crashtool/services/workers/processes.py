"""Work shared by processes of our own, for what threads of Python cannot do at the same time.

A worker that ends, or cannot be started, or does not understand, costs nothing but time: its item
is done here, where a fault of the item shows as it would without any worker.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from time import monotonic
from typing import IO, Any, BinaryIO

from crashtool.services.workers.child_environment import child_environment
from crashtool.services.workers.thread_pool import share_in_order

MAX_WORKERS = 8

MAX_STARTS = 32  # of a worker: it may be that none can work here
MAX_BATCH = 32  # items that go to a worker at once
SHORT, LONG = 0.02, 0.1  # seconds of a batch: the next is larger after less, smaller after more

Work = Callable[[Any], Any]
Test = Callable[[Any], bool]


def count_workers(asked: int | None) -> int:
    """How many processes to use: as many as asked for, else one for each usable core."""
    if asked is not None:
        return asked
    usable = getattr(os, "sched_getaffinity", None)  # a container may have some of the cores only
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    return min(MAX_WORKERS, cores)


def share_many(
    items: Iterator[Any],
    maker: str,
    setup: object,
    jobs: int | None,
    here: Work,
    lost: Work | None = None,
    is_small: Test | None = None,
) -> Iterator[Any]:
    """As `share_among_processes`; all is done here for one job, or where one core is usable.

    `lost` is for what no worker can do: without it, `here` is.
    """
    workers = count_workers(jobs)
    if workers > 1:
        yield from share_among_processes(maker, setup, items, workers, lost or here, is_small)
    else:
        yield from map(here, items)


def share_among_processes(
    maker: str,
    setup: object,
    items: Iterable[Any],
    jobs: int,
    here: Work,
    is_small: Test | None = None,
) -> Iterator[Any]:
    """What is made of each item, in their order; a few are always under way, never all.

    `maker` is `module:function`: called with `setup` in each process, it gives what is called with
    an item. All must be what `pickle` takes. `here` is the same work in this process, for what no
    worker can do. Items that `is_small` says yes of go to a worker several at once, as long as that
    takes no more than a moment: of thousands, the way there and back would be a fifth of the work.
    """
    crew = [Worker(maker, setup) for _ in range(jobs)]
    idle = list(crew)
    alone = threading.Lock()
    pace = _Pace()

    def do_alone(item: object) -> object:
        with alone:
            return here(item)

    def work(batch: list[Any]) -> list[Any]:
        worker = idle.pop()
        begin = monotonic()
        try:
            return _do_batch(worker, batch, do_alone)
        finally:
            pace.change(len(batch), monotonic() - begin)
            idle.append(worker)

    try:
        for batch in share_in_order(work, _walk_batches(items, is_small, pace), jobs):
            yield from batch
    finally:
        for worker in crew:
            worker.close()


class _Pace:
    """How many small items go to a worker at once, by how long the last ones took."""

    def __init__(self) -> None:
        self.size = 1

    def change(self, count: int, seconds: float) -> None:
        if seconds < SHORT:
            self.size = max(self.size, min(2 * count, MAX_BATCH))
        elif seconds > LONG:
            self.size = max(1, count // 2)


def _walk_batches(items: Iterable[Any], is_small: Test | None, pace: _Pace) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        if not (is_small and is_small(item)):
            if batch:
                yield batch
                batch = []
            yield [item]
            continue
        batch.append(item)
        if len(batch) >= pace.size:
            yield batch
            batch = []
    if batch:
        yield batch


def _do_batch(worker: Worker, batch: list[Any], here: Work) -> list[Any]:
    """What is made of each item. When the worker ends, each is tried alone: one has ended it."""
    if len(batch) > 1:
        with suppress(WorkerLost):
            return worker.do_all(batch)
    answers = []
    for item in batch:
        try:
            answers.append(worker.do(item))
        except WorkerLost:
            answers.append(here(item))
    return answers


class WorkerLost(Exception):
    """A worker that cannot do an item, now or ever again."""


class Worker:
    """A process that does one item after the other; if it ends, it is started a few times again."""

    def __init__(self, maker: str, setup: object) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._task = maker, setup
        self._starts = 0
        self._start()

    def _start(self) -> None:
        self._starts += 1
        with suppress(OSError):  # no process or memory to be had: its items are done here
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=child_environment(PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
            )
            _send(self._process.stdin, self._task)

    @property
    def is_there(self) -> bool:
        """Whether there is a process, or there was none to be had."""
        return self._process is not None

    def do(self, item: object) -> object:
        """What the worker makes of an item. WorkerLost when it does not answer, or cannot."""
        return self.do_all([item])[0]

    def do_all(self, items: list[Any]) -> list[Any]:
        """What it makes of each item. WorkerLost when it does not answer, or cannot do one."""
        if self._process is None and self._starts < MAX_STARTS:
            self._start()
        if self._process is None:
            raise WorkerLost
        try:
            _send(self._process.stdin, items)
            answers = pickle.load(self._process.stdout)  # type: ignore[arg-type]  # noqa: S301 (our own process)
        except (OSError, EOFError, ValueError, pickle.PickleError, AttributeError, ImportError):
            self.close()
            raise WorkerLost from None
        if answers is None:
            raise WorkerLost
        return list(answers)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            with suppress(OSError, ValueError):
                self._process.communicate()
            self._process = None


def _make(maker: str, setup: object) -> Work:
    module, _, name = maker.partition(":")
    work: Work = getattr(import_module(module), name)(setup)
    return work


def _send(stream: IO[bytes] | None, value: object) -> None:
    assert stream is not None  # noqa: S101 (it is a pipe)
    stream.write(pickle.dumps(value))
    stream.flush()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Do items as they come, until there are no more."""
    work = _make(*pickle.load(requests))  # noqa: S301 (of the process that started this one)
    while True:
        try:
            items = pickle.load(requests)  # noqa: S301
        except EOFError:
            return
        try:
            answer = pickle.dumps([work(item) for item in items])
        except Exception:  # noqa: BLE001 (the other side does it again, and tells it)
            answer = pickle.dumps(None)
        answers.write(answer)
        answers.flush()


def main() -> None:
    """Serve on the standard streams; what else is written to stdout goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with suppress(KeyboardInterrupt, BrokenPipeError):  # the one who asked has ended
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
