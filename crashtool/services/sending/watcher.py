"""send-dump that stays: folders and Crashpad databases are looked at again, what is new is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from crashtool.errors import NetworkFailure, UsageError
from crashtool.model.submission import Receipt
from crashtool.services.files.dump_files import find_dumps, holds_dump, walk_files
from crashtool.services.files.scratch import Scratch
from crashtool.services.files.unwrap_dumps import UnusableInput
from crashtool.services.sending.database_reports import is_database, walk_unsent
from crashtool.services.sending.outgoing import Outgoing, Stamp
from crashtool.services.sending.sender import Sender
from crashtool.services.transport.retry import Clock

SETTLED_AFTER = 2.0  # seconds: a file that did not change for so long is complete
FIRST_WAIT, MAX_WAIT = 30.0, 900.0  # seconds until what an outage kept back is tried again
PATIENCE = 600.0  # seconds: for so long a lock or an unfinished report is nothing to speak of


class Sight:
    """What is known of a path: how it looked, since when, how often an outage kept it, when next.

    `due` is a time of the clock, infinite when only a change of the file makes it due.
    """

    def __init__(self, stamp: Stamp, since: float) -> None:
        self.stamp = stamp
        self.since = since
        self.outages = 0
        self.due = 0.0


class Watcher:
    """Sends what comes into folders. Each state of a file is sent, or complained of, once.

    Only what an outage kept back is tried again, later and later, and the rest of that round
    waits for the next one. A file that changes counts as another.
    """

    def __init__(
        self, sender: Sender, folders: Sequence[str], spool: Scratch, clock: Clock | None = None
    ) -> None:
        for text in folders:
            if not Path(text).is_dir():
                raise UsageError(
                    f"{text} cannot be watched: it is not a folder",
                    hint="name the database that the handler is given, or a folder of minidumps",
                )
        self.sender = sender
        self.folders = folders
        self.spool = spool
        self.clock = clock or Clock()
        self._sights: dict[str, Sight] = {}
        self._sent: dict[str, Sight] = {}
        self._halted = False

    def watch(self, seconds: float) -> Iterator[Receipt]:
        """Receipts as they come, of rounds so many seconds apart, until the sender is stopped or
        the token is refused.
        """
        while True:
            yield from self.look()
            if self.sender.was_refused or self.sender.stopped.wait(seconds):
                return

    def look(self) -> Iterator[Receipt]:
        """One round: what is new, has changed or is due again."""
        self._halted = False
        for receipt in self.sender.send_found(self._find_due(), self.spool):
            sight = self._sent.pop(receipt.path, None)
            if sight and receipt.exit_status == NetworkFailure.exit_status:
                self._halted = True
                self._put_off(receipt.path, sight)
            yield receipt

    def _put_off(self, path: str, sight: Sight) -> None:
        wait = min(MAX_WAIT, FIRST_WAIT * 2.0 ** min(sight.outages, 10))
        sight.outages += 1
        sight.due = self.clock.now() + wait
        self.sender.events.note(f"{path}: tried again in {wait:.0f} s")

    def _find_due(self) -> Iterator[Outgoing | UnusableInput]:
        before, self._sights = self._sights, {}
        for text in self.folders:
            walk = self._walk_database if is_database(text) else self._walk_folder
            yield from walk(text, before)

    def _walk_database(
        self, text: str, before: dict[str, Sight]
    ) -> Iterator[Outgoing | UnusableInput]:
        consent = self.sender.options.without_consent
        for item in walk_unsent(text, without_consent=consent, note=lambda _sentence: None):
            sight = self._see(item.path, _stamp_of(item), before)
            patience = PATIENCE if isinstance(item, UnusableInput) and item.passing else 0.0
            if not self._is_halted() and self.clock.now() >= max(sight.due, sight.since + patience):
                yield self._take(item, sight)

    def _walk_folder(
        self, text: str, before: dict[str, Sight]
    ) -> Iterator[Outgoing | UnusableInput]:
        for path in walk_files(Path(text)):
            try:
                status = path.stat()
            except OSError:
                continue  # it has gone since
            sight = self._see(str(path), (status.st_size, status.st_mtime_ns), before)
            now = self.clock.now()
            still = max(now - sight.since, self.clock.wall() - status.st_mtime) >= SETTLED_AFTER
            if self._is_halted() or not still or now < sight.due:
                continue
            if not holds_dump(path):
                sight.due = float("inf")
                continue
            for item in find_dumps([str(path)], self.spool, BytesIO()):
                outgoing = item if isinstance(item, UnusableInput) else Outgoing(item)
                yield self._take(outgoing, sight)

    def _is_halted(self) -> bool:
        return self._halted or self.sender.stopped.is_set()

    def _see(self, path: str, stamp: Stamp, before: dict[str, Sight]) -> Sight:
        sight = before.get(path)
        if sight is None or sight.stamp != stamp:
            sight = Sight(stamp, self.clock.now())
        self._sights[path] = sight
        return sight

    def _take(self, item: Outgoing | UnusableInput, sight: Sight) -> Outgoing | UnusableInput:
        sight.due = float("inf")
        self._sent[item.path] = sight
        return item


def _stamp_of(item: Outgoing | UnusableInput) -> Stamp:
    """What must change about a report before it is looked at again."""
    return (item.error.what,) if isinstance(item, UnusableInput) else item.stamp
