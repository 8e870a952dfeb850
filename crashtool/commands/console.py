"""What a command says and where: the answer on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

import click

from crashtool.commands.standard_streams import check_encodable, is_lost
from crashtool.errors import CrashtoolError, MissingLibrary
from crashtool.render.page import Page
from crashtool.render.safe_text import log_line, safe

if TYPE_CHECKING:
    from crashtool.render.terminal import ProgressBars

SCHEMA_VERSION = 1
PROGRESS_SECONDS = 5.0


class Console:
    """The two streams and how to use them.

    `json`: the answer is one JSON document; `json_lines`: or several, each in a line.
    `verbosity`: -1 quiet, 0, 1 verbose. `color`: the answer may be coloured, `color_notes`: what
    goes to stderr. `live`: stderr is a terminal with a person in front of it. `width` and
    `note_width`: the columns of the terminal that gets them, None for a pipe.
    """

    def __init__(
        self, *, json: bool = False, verbosity: int = 0, color: bool = False, live: bool = False
    ) -> None:
        self.json = json
        self.json_lines = False
        self._has_answered = False
        self.verbosity = verbosity
        self.color = self.color_notes = color
        self.live = live
        self.width: int | None = None
        self.note_width: int | None = None
        self._warned: set[str] = set()
        self._bars: ProgressBars | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether only errors are said."""
        return self.verbosity < 0

    @property
    def is_unheard(self) -> bool:
        """Whether stdout is full, closed or without a reader: more answers are for nobody."""
        return is_lost(sys.stdout)

    def answer(self, answer: Page | str) -> None:
        """Put the answer on stdout: a page, or text that is taken as it is.

        CannotWrite when stdout's encoding lacks a character of the text: a program would get
        another one.
        """
        if isinstance(answer, str):
            check_encodable(answer, sys.stdout)
            _write(answer.removesuffix("\n") + "\n", sys.stdout)
        elif self.color and self._has_rich():
            from crashtool.render.terminal import print_page

            print_page(answer, sys.stdout, self.width)
        else:
            _write(answer.text(self.width), sys.stdout)

    def _has_rich(self) -> bool:
        """Whether pages can be coloured and bars be shown; once in a call it is said that not."""
        from crashtool.render.terminal import load_rich

        try:
            load_rich()
        except MissingLibrary as fault:
            self.warn_once(f"{fault.what} ({fault.hint})")
            return False
        return True

    def document(self, document: dict[str, Any]) -> None:
        """Put one JSON document on stdout; pure ASCII, so that no text in it is hostile.

        A line for each key, and for each item of a list: as fast as JSON gets, and still to read.
        """
        if self.json_lines:
            self.line_document(document)
            return
        whole = {"schema_version": SCHEMA_VERSION} | document
        rows = (f"  {json.dumps(key)}: {_json_lines(value)}" for key, value in whole.items())
        self.answer(_without_commands("{\n" + ",\n".join(rows) + "\n}"))

    def line_document(self, document: dict[str, Any]) -> None:
        """Put a JSON document on stdout in one line: one of many, for what has no end."""
        self.answer(_without_commands(json.dumps({"schema_version": SCHEMA_VERSION} | document)))

    @contextmanager
    def list_document(self, key: str) -> Iterator[Callable[[str], None]]:
        """Put one JSON document on stdout whose only list is too long to be held: item by item.

        The same text as `document` gives. Items are JSON; an error in between ends the list.
        """
        opening = f'{{\n  "schema_version": {SCHEMA_VERSION},\n  {json.dumps(key)}: [\n    '
        self._has_answered = True
        between = opening

        def add(item: str) -> None:
            nonlocal between
            _write(between + _without_commands(item), sys.stdout)
            between = ",\n    "

        try:
            yield add
        finally:
            _write("\n  ]\n}\n", sys.stdout)

    def line(self, document: str) -> None:
        """As `line_document`, for a document that is JSON already."""
        front = f'{{"schema_version": {SCHEMA_VERSION}, '
        self.answer(_without_commands(front + document.removeprefix("{")))

    def ci_command(self, line: str) -> None:
        """Give the CI system a command: on stdout, or on stderr where that holds a document."""
        _write(line + "\n", sys.stderr if self.json else sys.stdout)

    def report(self, text: str) -> None:
        """Put on stderr what is an answer, where stdout belongs to another program."""
        _write(text, sys.stderr)

    def note(self, text: str) -> None:
        """Say something that a person may want to know, in one line; silent with --quiet."""
        if not self.is_quiet:
            _write(log_line(text) + "\n", sys.stderr)

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Say what will probably go wrong, in one line, and what to do; silent with --quiet."""
        if not self.is_quiet:
            self._stderr("warning", text, "yellow", hint)

    def warn_of_insecurity(self) -> None:
        """Say that a connection can be read and changed by others, also with --quiet."""
        self._stderr("warning", "TLS certificates are not verified (--insecure)", "yellow", None)

    def warn_once(self, text: str) -> None:
        """Say once in a call what holds for all of it: that a disk is full, say."""
        if text not in self._warned:
            self._warned.add(text)
            self.warn(text)

    def detail(self, text: str) -> None:
        """Say what only --verbose asks for."""
        if self.verbosity > 0:
            _write(log_line(text) + "\n", sys.stderr)

    def error(self, error: CrashtoolError) -> None:
        """Say what failed and what to do; with --json also as a document on stdout."""
        if self.json and not self._has_answered:
            body = {"code": error.code, "message": error.what, "exit_status": error.exit_status}
            self.document({"error": body | ({"hint": error.hint} if error.hint else {})})
        self._stderr("error", error.what, "red", error.hint)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how many of `total` bytes are done: a bar for a person, a line at times in CI."""
        if self.is_quiet:
            yield lambda _done: None
        elif self.live and self._has_rich():
            from crashtool.render.terminal import ProgressBars

            self._bars = self._bars or ProgressBars(sys.stderr)
            with self._bars.bar(safe(label, 40), total) as advance:
                yield advance
        else:
            yield _plain_progress(self.note, label, total)

    def _stderr(self, kind: str, text: str, color: str, hint: str | None) -> None:
        word = click.style(kind, fg=color, bold=True) if self.color_notes else kind
        more = log_line(f"  {hint}") + "\n" if hint else ""
        _write(f"crashtool: {word}: {safe(text)}\n{more}", sys.stderr)


def _write(text: str, stream: TextIO) -> None:
    """All of the text, at once. click.echo would leave terminal escapes out of values."""
    stream.write(text)
    stream.flush()


def _without_commands(document: str) -> str:
    """JSON that CI systems find no command to themselves in (`##[add-mask]`, `##vso[…]`)."""
    return document.replace("##", "#\\u0023")


def _json_lines(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value)
    return "[\n    " + ",\n    ".join(map(json.dumps, value)) + "\n  ]"


def _plain_progress(say: Callable[[str], None], label: str, total: int) -> Callable[[int], None]:
    """Lines a few seconds apart: bytes, share, rate and time left, as far as they are known."""
    from crashtool.render.words import format_duration, format_size

    began = last = time.monotonic()

    def advance(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PROGRESS_SECONDS:
            return
        last = now
        rate = done / max(now - began, 0.001)
        parts = [f"{done:,} bytes" + (f" ({done * 100 // total} %)" if total else "")]
        parts.append(f"{format_size(int(rate))}/s")
        if rate and total > done:
            parts.append(f"{format_duration(int((total - done) / rate))} left")
        say(f"{label}: {', '.join(parts)}")

    return advance


def find_width(environment: Mapping[str, str], stream: TextIO) -> int | None:
    """How many columns the terminal has, by COLUMNS or as it says; None for a pipe or a file."""
    if not stream.isatty():
        return None
    with suppress(ValueError, OSError):
        return int(environment.get("COLUMNS") or 0) or _ask_width(stream)
    return None


def _ask_width(stream: TextIO) -> int | None:
    """0 columns are what a terminal says that does not know."""
    return os.get_terminal_size(stream.fileno()).columns or None


def wants_color(choice: str, environment: Mapping[str, str], stream: TextIO) -> bool:
    """Whether `--color auto|always|never`, NO_COLOR and the stream ask for colour."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return stream.isatty()
