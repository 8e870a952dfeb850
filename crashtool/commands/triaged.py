"""One minidump made a row, in this process or in one of several that share the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from crashtool.commands.console import Console
from crashtool.commands.options import SymbolOptions, open_symbols
from crashtool.errors import CrashtoolError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.own_calls import FrameRule
from crashtool.model.triage.grouping_rules import GroupRule, Rules
from crashtool.model.triage.row import Row
from crashtool.services.analyze.inspect_dumps import FoundDump, InspectOptions, Unreadable
from crashtool.services.triage.bucket_dumps import StoredDump
from crashtool.services.triage.read_row import make_consumer, read_row
from crashtool.services.workers.processes import Worker, WorkerLost, share_many

if TYPE_CHECKING:
    from crashtool.services.symbols.bucket_fetcher import BucketFetcher

MAKER = "crashtool.commands.triaged:make_row_reader"


class RowSetup(NamedTuple):
    """How rows are read: the options of the symbols, the user's rules, annotations to keep."""

    lookup: SymbolOptions
    frame_rules: tuple[FrameRule, ...]
    groups: tuple[GroupRule, ...]
    frames: int
    keys: tuple[str, ...]

    @property
    def rules(self) -> Rules:
        """The rules made ready."""
        return Rules(self.frame_rules, self.groups, self.frames)


class Task(NamedTuple):
    """A minidump to read, or the row that was kept of it; `identity` is what to keep it under."""

    source: FoundDump | StoredDump | Unreadable | Row
    identity: str = ""


class Done(NamedTuple):
    """The row of a task; None for an object that is no minidump."""

    row: Row | None
    identity: str = ""


def make_row_reader(setup: RowSetup) -> Callable[[Task], Done]:
    """What reads rows in a process that serves another; its warnings are the first process's."""
    return RowReader(setup, Console(verbosity=-1)).read


class RowReader:
    """Reads rows, with symbols that are opened once."""

    def __init__(self, setup: RowSetup, console: Console) -> None:
        self._stack = ExitStack()
        symbols = self._stack.enter_context(open_symbols(setup.lookup, console))
        self._rules = setup.rules
        self._wanted = InspectOptions(
            symbols=symbols, warn=console.warn_once, until=make_consumer(self._rules)
        )
        self._keys = setup.keys
        self._fetcher: BucketFetcher | None = None

    def close(self) -> None:
        """Let go of the symbols."""
        self._stack.close()

    def read(self, task: Task) -> Done:
        """The row of one minidump. A bug of ours costs that minidump alone, and is said there."""
        source = task.source
        if isinstance(source, Row):
            return Done(source, task.identity)
        if isinstance(source, StoredDump):
            return Done(self._read_stored(source))
        return Done(self._read(source), task.identity)

    def _read(self, source: FoundDump | Unreadable) -> Row:
        try:
            return read_row(source, self._wanted, self._rules, self._keys)
        except CrashtoolError:
            raise
        except MemoryError:
            return Row(source.path, "unreadable", error="it takes more memory than there is")
        except Exception as error:  # noqa: BLE001 (a million others must not be lost for it)
            return Row(source.path, "unreadable", error=f"a bug in crashtool: {error!r}")

    def _read_stored(self, stored: StoredDump) -> Row | None:
        """Fetch an object, read it, and let go of it; None when it is no minidump."""
        from crashtool.services.files.scratch import Scratch
        from crashtool.services.symbols.bucket_fetcher import BucketFetcher
        from crashtool.services.triage.bucket_dumps import fetch_dump

        self._fetcher = self._fetcher or BucketFetcher()
        with Scratch() as scratch:
            fetched = fetch_dump(stored.path, self._fetcher, scratch)
            return None if fetched is None else self._read(fetched)


def read_rows(
    tasks: Iterator[Task], setup: RowSetup, console: Console, jobs: int | None
) -> Iterator[Done]:
    """A row for each task, in their order; by several processes when there are many.

    A minidump that ends the process which reads it is tried once more, by one of its own. Symbols
    are opened here, too: that they cannot be is a fault of the options, and of no minidump.
    """
    reader = RowReader(setup, console)
    try:
        yield from share_many(
            tasks,
            MAKER,
            setup,
            jobs,
            reader.read,
            lambda task: read_apart(task, setup, reader),
            is_small,
        )
    finally:
        reader.close()


def is_small(task: Task) -> bool:
    """Whether a worker may get it together with others: nobody waits for it, and no disk holds
    what was unpacked of it meanwhile.
    """
    source = task.source
    return not isinstance(source, StoredDump) and not getattr(source, "temporary", False)


def read_apart(task: Task, setup: RowSetup, reader: RowReader) -> Done:
    """The row of a minidump that may have ended its reader, by a process that reads nothing else.

    By `reader` where no process is to be had, whatever the minidump is like.
    """
    worker = Worker(MAKER, setup)
    if not worker.is_there:
        return reader.read(task)
    try:
        done = worker.do(task)
    except WorkerLost:
        path = task.source.path
        return Done(Row(path, "unreadable", error="the process that reads it is ended by it"))
    finally:
        worker.close()
    assert isinstance(done, Done)  # noqa: S101 (what the reader gives)
    return done
