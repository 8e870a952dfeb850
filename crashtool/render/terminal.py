"""Pages in colour and progress bars on a terminal, by way of rich."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from crashtool.render.page import Page

STYLES = {
    "heading": "bold cyan",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
    "dim": "dim",
    "strong": "bold",
}


def print_page(page: Page, stream: TextIO) -> None:
    """Write the page in colour. Long lines are left to the terminal, so that they copy whole."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, force_terminal=True, soft_wrap=True, highlight=False)
    for line in page.lines:
        parts = [(text, STYLES.get(style, "")) for text, style in line]
        console.print(Text.assemble(*parts, end=""), soft_wrap=True)


@contextmanager
def progress_bar(label: str, total: int, stream: TextIO) -> Iterator[Callable[[int], None]]:
    """A bar of `total` bytes while the block runs; call the value with the bytes done so far."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task(label, total=total or None)
        yield lambda done: progress.update(task, completed=done)
