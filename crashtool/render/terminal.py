"""Pages in colour and progress bars on a terminal, by way of rich."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from crashtool.errors import MissingLibrary
from crashtool.render.page import Page

if TYPE_CHECKING:
    from rich.progress import Progress

STYLES = {
    "heading": "bold cyan",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
    "dim": "dim",
    "strong": "bold",
}


def load_rich() -> None:
    """Have rich at hand. MissingLibrary when it is not installed, or cannot be loaded."""
    try:
        import rich.console
        import rich.text  # noqa: F401 (loaded for those who come after)
    except (ImportError, OSError) as error:
        reason = "" if isinstance(error, ModuleNotFoundError) else str(error)
        loss = "pages have no colour, and progress is shown as lines"
        raise MissingLibrary("rich", loss, reason) from None


def print_page(page: Page, stream: TextIO, width: int | None = None) -> None:
    """Write the page in colour, laid out for a terminal of `width` columns."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, force_terminal=True, soft_wrap=True, highlight=False)
    for line in page.walk_lines(width):
        parts = [(text, STYLES.get(style, "")) for text, style in line]
        console.print(Text.assemble(*parts, end=""), soft_wrap=True)


class ProgressBars:
    """The bars on one terminal; threads may each have theirs at the same time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._display: Progress | None = None
        self._open = 0

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar of `total` bytes while the block runs; call the value with the bytes done so far.

        It shows bytes, rate and time left, and is gone afterwards.
        """
        with self._lock:
            display = self._display = self._display or _start_display(self._stream)
            self._open += 1
        task = display.add_task(label, total=total or None)
        try:
            yield lambda done: display.update(task, completed=done)
        finally:
            with self._lock:
                display.remove_task(task)
                self._open -= 1
                if not self._open:
                    display.stop()
                    self._display = None


def _start_display(stream: TextIO) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    display = Progress(*columns, console=Console(file=stream), transient=True)
    display.start()
    return display
