"""What a command says and where: the answer on stdout, everything else on stderr."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from crashtool.errors import CrashtoolError
from crashtool.render.page import Page
from crashtool.render.safe_text import safe, safe_block

if TYPE_CHECKING:
    from crashtool.render.terminal import ProgressBars

SCHEMA_VERSION = 1
PROGRESS_SECONDS = 5.0


class Console:
    """The two streams and how to use them.

    `json`: the answer is one JSON document. `verbosity`: -1 quiet, 0, 1 verbose. `color`: the
    answer may be coloured. `live`: stderr is a terminal with a person in front of it.
    """

    def __init__(
        self, *, json: bool = False, verbosity: int = 0, color: bool = False, live: bool = False
    ) -> None:
        self.json = json
        self.verbosity = verbosity
        self.color = color
        self.live = live
        self._bars: ProgressBars | None = None

    def answer(self, answer: Page | str) -> None:
        """Put the answer on stdout: a page, or text that is taken as it is."""
        if isinstance(answer, str):
            click.echo(answer.removesuffix("\n"), color=self.color)
        elif self.color:
            from crashtool.render.terminal import print_page

            print_page(answer, sys.stdout)
        else:
            click.echo(answer.text(), nl=False, color=False)

    def document(self, document: dict[str, Any]) -> None:
        """Put one JSON document on stdout; pure ASCII, so that no text in it is hostile.

        A line for each key, and for each item of a list: as fast as JSON gets, and still to read.
        """
        whole = {"schema_version": SCHEMA_VERSION} | document
        rows = (f"  {json.dumps(key)}: {_json_lines(value)}" for key, value in whole.items())
        click.echo("{\n" + ",\n".join(rows) + "\n}")

    def line_document(self, document: dict[str, Any]) -> None:
        """Put a JSON document on stdout in one line: one of many, for what has no end."""
        click.echo(json.dumps({"schema_version": SCHEMA_VERSION} | document))

    def note(self, text: str) -> None:
        """Say something that a person may want to know; silent with --quiet."""
        if self.verbosity >= 0:
            click.echo(safe_block(text), err=True)

    def warn(self, text: str) -> None:
        """Say what will probably go wrong; never silent."""
        self._stderr("warning", text, "yellow")

    def detail(self, text: str) -> None:
        """Say what only --verbose asks for."""
        if self.verbosity > 0:
            click.echo(safe_block(text), err=True)

    def error(self, error: CrashtoolError) -> None:
        """Say what failed and what to do; with --json also as a document on stdout."""
        if self.json:
            body = {"code": error.code, "message": error.what, "exit_status": error.exit_status}
            self.document({"error": body | ({"hint": error.hint} if error.hint else {})})
        self._stderr("error", error.what, "red")
        if error.hint:
            click.echo(f"  {safe(error.hint)}", err=True)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how many of `total` bytes are done: a bar for a person, a line at times in CI."""
        if self.verbosity < 0:
            yield lambda _done: None
        elif self.live:
            from crashtool.render.terminal import ProgressBars

            self._bars = self._bars or ProgressBars(sys.stderr)
            with self._bars.bar(safe(label, 40), total) as advance:
                yield advance
        else:
            yield _plain_progress(self.note, label, total)

    def _stderr(self, kind: str, text: str, color: str) -> None:
        word = click.style(kind, fg=color, bold=True) if self.color else kind
        click.echo(f"crashtool: {word}: {safe_block(text)}", err=True, color=self.color)


def _json_lines(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value)
    return "[\n    " + ",\n    ".join(map(json.dumps, value)) + "\n  ]"


def _plain_progress(say: Callable[[str], None], label: str, total: int) -> Callable[[int], None]:
    """Lines a few seconds apart: bytes, share, rate and time left, as far as they are known."""
    from crashtool.render.words import words_of_duration, words_of_size

    began = last = time.monotonic()

    def advance(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PROGRESS_SECONDS:
            return
        last = now
        rate = done / max(now - began, 0.001)
        parts = [f"{done:,} bytes" + (f" ({done * 100 // total} %)" if total else "")]
        parts.append(f"{words_of_size(int(rate))}/s")
        if rate and total > done:
            parts.append(f"{words_of_duration(int((total - done) / rate))} left")
        say(f"{label}: {', '.join(parts)}")

    return advance


def wants_color(choice: str, environment: dict[str, str], stream: TextIO) -> bool:
    """Whether `--color auto|always|never`, NO_COLOR and the stream ask for colour."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return stream.isatty()
