"""Rows that a Dask cluster reads: what its workers are told, and which minidumps stay here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

from crashtool.commands.console import Console
from crashtool.commands.options import SymbolOptions
from crashtool.commands.triaged import MAKER, Done, RowReader, RowSetup, Task, read_apart
from crashtool.services.analyze.inspect_dumps import FoundDump
from crashtool.services.settings.layers import symbol_search_paths
from crashtool.services.triage.bucket_dumps import StoredDump
from crashtool.services.triage.cluster import LOCAL, SharedItem, open_cluster
from crashtool.services.triage.cluster_worker import ClusterWork, SharedFile, sum_up
from crashtool.services.workers.processes import Worker, WorkerLost


def adapt(setup: RowSetup, address: str) -> RowSetup:
    """How rows are read where workers may be other machines.

    A row may not depend on which of them has read it: what lies there besides is not looked for.
    """
    if address == LOCAL:
        return setup
    return setup._replace(lookup=setup.lookup._replace(no_local_symbols=True))


def read_rows_on_cluster(
    tasks: Iterator[Task], setup: RowSetup, console: Console, address: str, jobs: int | None
) -> Iterator[Done]:
    """A row for each task, in their order, as `read_rows` gives them."""
    with ExitStack() as stack:
        reader = HereReader(setup, console)
        stack.callback(reader.close)
        cluster = stack.enter_context(open_cluster(address, jobs))
        lookup, paths = find_shared_lookup(setup.lookup)
        work = ClusterWork(uuid4().hex, MAKER, setup._replace(lookup=lookup), paths, sum_up(paths))
        is_local = address == LOCAL
        portions = (_make_item(task, is_local=is_local) for task in tasks)
        yield from cluster.share(portions, work, reader.read)


def find_shared_lookup(lookup: SymbolOptions) -> tuple[SymbolOptions, tuple[str, ...]]:
    """The options of symbols for who is in another folder and has another environment, and the
    paths that have to be alike there.
    """
    symbols = [_find_absolute(text) for text in lookup.symbols or ()]
    shared = lookup._replace(
        symbols=tuple("".join(pair) for pair in symbols),
        cache=lookup.cache and os.path.abspath(lookup.cache),  # noqa: PTH100 (links stay)
        search_paths=symbol_search_paths(),
    )
    return shared, tuple(path for _, path in symbols)


def _find_absolute(text: str) -> tuple[str, str]:
    """PATH or MODULE=FILE of --symbols, for who is in another folder: `MODULE=` or "", the path."""
    module, sign, path = text.partition("=")
    if not sign or os.path.exists(text):  # noqa: PTH110
        module, sign, path = "", "", text
    return module + sign, os.path.abspath(path)  # noqa: PTH100 (links stay)


def _make_item(task: Task, *, is_local: bool) -> SharedItem:
    source = task.source
    if isinstance(source, StoredDump):
        return SharedItem(task)
    if not isinstance(source, FoundDump) or (source.temporary and not is_local):
        return SharedItem(task, stays=True)
    path = os.path.abspath(source.file)  # noqa: PTH100
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:  # it has gone: that is said here as without a cluster
        return SharedItem(task, stays=True)
    file = SharedFile(path, status.st_size, status.st_mtime)
    return SharedItem(task._replace(source=source._replace(file=path)), file)


class HereReader:
    """Reads in a process of its own what no worker of the cluster can, or may."""

    def __init__(self, setup: RowSetup, console: Console) -> None:
        self._setup = setup
        self._reader = RowReader(setup, console)
        self._worker: Worker | None = None

    def close(self) -> None:
        """End that process."""
        self._reader.close()
        if self._worker:
            self._worker.close()

    def read(self, task: Task) -> Done:
        """The row of a task. What is no file costs no process."""
        if not isinstance(task.source, (FoundDump, StoredDump)):
            return self._reader.read(task)
        self._worker = self._worker or Worker(MAKER, self._setup)
        try:
            done = self._worker.do(task)
        except WorkerLost:
            return read_apart(task, self._setup, self._reader)
        assert isinstance(done, Done)  # noqa: S101 (what the reader gives)
        return done
