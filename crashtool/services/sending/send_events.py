"""What a sender tells while it works, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from crashtool.model.submission import Scrubbed
    from crashtool.services.sending.request import Request


class SendEvents(Protocol):
    """Who is told. With several jobs at once, the calls come from several threads."""

    def show_request(self, path: str, request: Request) -> None:
        """A request is made and will now be sent, if this is no dry run."""

    def warn(self, path: str, sentence: str) -> None:
        """Something about a dump is not as it should be; it may be the same of thousands."""

    def note(self, sentence: str) -> None:
        """Something that a person may want to know: what was skipped, what is tried again."""

    def tell_scrubbed(self, path: str, changes: tuple[Scrubbed, ...]) -> None:
        """What was overwritten in the copy of a dump that is sent."""

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A body of `total` bytes goes out; what it gives takes how many are done."""
        ...


class Silence:
    """Nobody listens."""

    def show_request(self, path: str, request: Request) -> None:
        """Nothing."""

    def warn(self, path: str, sentence: str) -> None:
        """Nothing."""

    def note(self, sentence: str) -> None:
        """Nothing."""

    def tell_scrubbed(self, path: str, changes: tuple[Scrubbed, ...]) -> None:
        """Nothing."""

    def progress(self, _label: str, _total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Nothing."""
        return nullcontext(lambda _done: None)
