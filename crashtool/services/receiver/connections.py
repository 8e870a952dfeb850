"""The inbox's connections to SQLite: one that writes, and others that read meanwhile.

In WAL mode a reader sees the last commit and holds nobody up; so a search, however long, does not
stand in the way of a report that arrives.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crashtool.errors import CannotWrite, CrashtoolError, InputUnusable
from crashtool.services.receiver.schema import prepare_tables

KEPT_READERS = 8
PATIENCE = 30  # seconds that another program may keep the database to itself
MACHINE_FAULTS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


class Connections:
    """Connections to one database; those of a closed one are made for each use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: sqlite3.Connection | None = None
        self._turn = threading.RLock()
        self._readers: list[sqlite3.Connection] = []

    def open(self) -> None:
        """Make the tables, or bring them up to date, and keep connections from now on."""
        self._writer = self._connect()

    def close(self) -> None:
        """Close them all."""
        with self._turn:
            writer, self._writer = self._writer, None
            readers, self._readers = self._readers, []
            for connection in (*readers, *([writer] if writer else [])):
                connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one thread's reading. InputUnusable when there is no database."""
        try:
            connection = self._readers.pop()
        except IndexError:
            if not self._path.is_file():
                raise InputUnusable(f"{self._path.parent} holds no inbox") from None
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if self._writer is None or len(self._readers) >= KEPT_READERS:
            connection.close()
        else:
            self._readers.append(connection)

    @contextmanager
    def transaction(self, *, is_promised: bool = True) -> Iterator[sqlite3.Connection]:
        """The one that writes: what is done with it is on the disk afterwards, or was not done.

        What can be made again need not be `is_promised`: a lost power supply may undo it.
        """
        with self._turn:
            if self._writer is None:
                raise InputUnusable(f"{self._path.parent} is not open")
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if is_promised else 'NORMAL'}")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=PATIENCE
            )
        except sqlite3.DatabaseError as error:
            raise _explain(error, self._path) from None
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            prepare_tables(connection, self._path.parent)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise _explain(error, self._path) from None
        except InputUnusable:
            connection.close()
            raise
        return connection


def _explain(error: sqlite3.DatabaseError, path: Path) -> CrashtoolError:
    """A file that is no database of ours, or a machine that does not let us use it."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in MACHINE_FAULTS:  # less its details
        return CannotWrite(f"cannot write {path}: {error}")
    return InputUnusable(f"{path} is not an inbox: {error}")


class Shared:
    """A piece of work that can be done together with others: once for all that wait for it."""

    def __init__(self) -> None:
        self.is_done = False
        self.error: BaseException | None = None


class GroupCommit:
    """Lets one thread do what several want done; each returns when its own piece is done."""

    def __init__(self, commit: Callable[[list[Shared]], None]) -> None:
        """`commit` does a list of pieces, and sets the error of one that fails alone."""
        self._commit = commit
        self._waiting: list[Shared] = []
        self._mutex = threading.Lock()
        self._turn = threading.Lock()

    def do(self, piece: Shared) -> None:
        """Have a piece done; raises what went wrong with it."""
        with self._mutex:
            self._waiting.append(piece)
        with self._turn:
            if not piece.is_done:
                with self._mutex:
                    batch, self._waiting = self._waiting, []
                self._do_all(batch)
        if piece.error:
            raise piece.error

    def _do_all(self, batch: list[Shared]) -> None:
        try:
            self._commit(batch)
        except BaseException as error:  # noqa: BLE001 (each waiting thread raises it)
            for piece in batch:
                piece.error = piece.error or error
        for piece in batch:
            piece.is_done = True
