"""What goes out: a minidump, and the claim on it where others might send it, too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.files.unwrap_dumps import DumpFile

Note = Callable[[str], None]
Stamp = tuple[object, ...]


class Claim(Protocol):
    """The right to send what a database keeps: held while it is sent, used up by the mark."""

    def hold(self, note: Note) -> AbstractContextManager[bool]:
        """Keep others from it for as long as the context lasts; whether it still waits there."""
        ...

    def mark(self, rxid: str | None, note: Note) -> None:
        """Record, within `hold`, that the server accepted it."""
        ...


class Unclaimed:
    """The claim on a file that nobody else sends."""

    def hold(self, _note: Note) -> AbstractContextManager[bool]:
        """It is there, for whoever asks."""
        return nullcontext(True)

    def mark(self, _rxid: str | None, _note: Note) -> None:
        """Nobody keeps a record."""


UNCLAIMED = Unclaimed()


class Outgoing(NamedTuple):
    """A minidump to send.

    `stamp` is what must change about a report before a watcher looks at it again.
    """

    dump: DumpFile
    claim: Claim = UNCLAIMED
    stamp: Stamp = ()

    @property
    def path(self) -> str:
        """How to call it."""
        return self.dump.path
