"""Folders for what is unpacked: they go when the work ends, also when SIGTERM or SIGHUP ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from crashtool.errors import Terminated

PREFIX = "crashtool-"
ENDINGS = ("SIGTERM", "SIGHUP")  # a system that shuts down, a CI's time limit, a lost terminal


@contextmanager
def temporary_folder(parent: str | None = None) -> Iterator[Path]:
    """A new folder, deleted when the context ends; in `parent`, or where the system says."""
    import tempfile  # slow to import, and seldom needed

    # on Windows somebody may have a file in it open
    with (
        heeding_endings(),
        tempfile.TemporaryDirectory(
            prefix=PREFIX, dir=parent, ignore_cleanup_errors=True
        ) as folder,
    ):
        yield Path(folder)


@contextmanager
def heeding_endings() -> Iterator[None]:
    """As `heed_endings`, while the block runs."""
    restore = heed_endings()
    try:
        yield
    finally:
        restore()


def heed_endings() -> Callable[[], None]:
    """Have the signals that end a program raise Terminated, so that contexts end; what undoes that.

    What is ignored (nohup), or heeded by the command itself, stays so. The second signal of a kind
    ends the program on the spot. Only a main thread can do this; elsewhere nothing is done.
    """
    import signal  # slow to import, and seldom needed
    from threading import current_thread, main_thread

    if current_thread() is not main_thread():
        return lambda: None

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Terminated(number)

    heeded = list_endings()
    for number in heeded:
        signal.signal(number, end)

    def restore() -> None:
        for number in heeded:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)

    return restore


def list_endings() -> list[int]:
    """The signals of this system that would end the program now, and are not heeded."""
    import signal

    numbers = [getattr(signal, name) for name in ENDINGS if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
