"""Items shared by the workers of a Dask cluster: the only module that imports dask.

The scheduler sees bytes, and never more than a few batches of items for each thread of a worker: of
a million minidumps some hundreds are under way. A batch whose worker ends is done by another; one
that ends several is done here, item by item. Answers come in the order of the items, whoever gave
them, so that nobody can tell from them where they were made.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from crashtool import __version__
from crashtool.errors import InputUnusable, MachineFault, MissingExtra, NetworkFailure, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.files.temporary_folder import temporary_folder
from crashtool.services.triage.cluster_worker import (
    ClusterWork,
    ItemAnswer,
    SharedFile,
    work_batch,
)
from crashtool.services.workers.processes import count_workers

LOCAL = "local"
CONNECT = 15  # seconds in which a scheduler answers
TICK = 5  # seconds between looks whether there still is a worker
WORKERLESS = 60  # seconds without any, after which it ends
AHEAD = 4  # batches for each thread of a worker
MAX_BATCH = 64  # items; the first have fewer, so that the first answers come at once
GO_ON = "with --work, the same call goes on from here"


class SharedItem(NamedTuple):
    """An item to share. One that `stays` is done here; `file` is what it takes to be done there."""

    item: Any
    file: SharedFile | None = None
    stays: bool = False


@contextmanager
def open_cluster(address: str, jobs: int | None) -> Iterator[DaskCluster]:
    """The cluster whose scheduler has this address, or one of this machine's own for `local`.

    MissingExtra, UsageError for what is no address, NetworkFailure when nobody answers or there is
    no worker.
    """
    try:
        import distributed
        from dask import config
    except ImportError:
        raise MissingExtra("--cluster", "cluster") from None
    _silence()
    with warnings.catch_warnings(), config.set(OPTIONS):
        warnings.simplefilter("ignore")  # of versions, which `work_batch` looks at itself
        if address == LOCAL:
            count = count_workers(jobs)
            with (
                temporary_folder() as folder,
                config.set({"temporary-directory": str(folder)}),
                distributed.LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=None,
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                    local_directory=str(folder),
                ) as cluster,
                distributed.Client(cluster, set_as_default=False) as client,
            ):
                yield DaskCluster(client, address)
            return
        with _connect(distributed, address) as client:
            yield DaskCluster(client, address)


OPTIONS = {
    "distributed.scheduler.allowed-failures": 2,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    "distributed.admin.large-graph-warning-threshold": "1GB",
}


def _silence() -> None:
    """Its log is of its own inner life; what matters to a user is said by us."""
    for name in ["distributed", "tornado", "asyncio", *logging.root.manager.loggerDict]:
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _connect(distributed: Any, address: str) -> Any:
    try:
        client = distributed.Client(address, timeout=CONNECT, set_as_default=False)
    except ValueError as error:
        raise UsageError(
            f"--cluster {address}: {error}", hint="as in tcp://10.0.0.5:8786, or local"
        ) from None
    except Exception as error:  # noqa: BLE001 (each way of connecting has errors of its own)
        raise NetworkFailure(
            f"no scheduler of a Dask cluster answers at {address}",
            hint=str(error).partition("\n")[0] or None,
        ) from None
    try:
        client.wait_for_workers(1, timeout=WORKERLESS)
    except Exception:  # noqa: BLE001
        client.close()
        raise _workerless(address) from None
    return client


def _workerless(address: str) -> NetworkFailure:
    return NetworkFailure(
        f"the scheduler at {address} has had no worker for {WORKERLESS} s",
        hint=f"dask worker {address} --nthreads 1; {GO_ON}",
    )


class DaskCluster:
    """A cluster that is there."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self._address = address

    def share(
        self, portions: Iterable[SharedItem], work: ClusterWork, here: Callable[[Any], Any]
    ) -> Iterator[Any]:
        """What is made of each item, in their order; `here` does what no worker can or may do."""
        waiting: deque[tuple[list[SharedItem], Any]] = deque()
        for number, batch in enumerate(_walk_batches(portions)):
            waiting.append((batch, self._submit(batch, work, number)))
            if len(waiting) >= AHEAD * max(1, self._find_threads()):
                yield from self._finish(*waiting.popleft(), here)
        while waiting:
            yield from self._finish(*waiting.popleft(), here)

    def _find_threads(self) -> int:
        """How many threads all workers have by now."""
        try:
            return sum(self._client.nthreads().values())
        except Exception:  # noqa: BLE001 (each way of connecting has errors of its own)
            raise self._gone() from None

    def _gone(self) -> NetworkFailure:
        return NetworkFailure(f"the scheduler at {self._address} stopped answering", hint=GO_ON)

    def _submit(self, batch: list[SharedItem], work: ClusterWork, number: int) -> Any:
        """What will be the answers of the workers; None when all stays here."""
        items = [(portion.item, portion.file) for portion in batch if not portion.stays]
        if not items:
            return None
        # A name of its own: the same items may have other symbols in the next call.
        try:
            return self._client.submit(
                work_batch,
                __version__,
                pickle.dumps((work, items)),
                key=f"crashtool-{work.run}-{number}",
                pure=False,
            )
        except Exception:  # noqa: BLE001 (each way of connecting has errors of its own)
            raise self._gone() from None

    def _finish(
        self, batch: list[SharedItem], future: Any, here: Callable[[Any], Any]
    ) -> Iterator[Any]:
        count = sum(not portion.stays for portion in batch)
        answers = iter(self._await(future, count) if future else ())
        for portion in batch:
            answer = ItemAnswer("lost") if portion.stays else next(answers)
            if answer.state == "done":
                yield answer.value
                continue
            if answer.state == "unseen" and portion.file and portion.file.is_here():
                raise InputUnusable(
                    f"a worker of {self._address} does not see {portion.file.path}",
                    hint="workers read by themselves: name a folder that all of them share under "
                    "one path, or an object store",
                )
            yield here(portion.item)

    def _await(self, future: Any, count: int) -> list[ItemAnswer]:
        """The answers for `count` items; all lost when they ended one worker after the other."""
        from distributed import CancelledError, KilledWorker

        alone = 0
        while True:
            try:
                content = future.result(timeout=TICK)
            except TimeoutError:
                alone = 0 if self._find_threads() else alone + TICK
                if alone >= WORKERLESS:
                    raise _workerless(self._address) from None
            except KilledWorker:
                return [ItemAnswer("lost")] * count
            except (CancelledError, OSError):  # a connection that is closed is an OSError
                raise self._gone() from None
            except Exception as error:  # noqa: BLE001 (a worker that is set up in another way)
                raise self._cannot_work(f"{error}".partition("\n")[0]) from None
            else:
                break
        answers = pickle.loads(content)  # noqa: S301 (as `work_batch` gives them)
        if isinstance(answers, str):
            raise self._cannot_work(answers)
        assert len(answers) == count  # noqa: S101 (none may get lost)
        return list(answers)

    def _cannot_work(self, reason: str) -> MachineFault:
        return MachineFault(
            f"a worker of {self._address} cannot take part: {reason}",
            hint=f"each worker needs crashtool {__version__}, and the same --symbols under the "
            "same path",
        )


def _walk_batches(portions: Iterable[SharedItem]) -> Iterator[list[SharedItem]]:
    batch: list[SharedItem] = []
    size = 1
    for portion in portions:
        batch.append(portion)
        if len(batch) == size:
            yield batch
            batch, size = [], min(2 * size, MAX_BATCH)
    if batch:
        yield batch
