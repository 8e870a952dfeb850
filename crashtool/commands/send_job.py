"""How a call of send-dump goes on before the user's eyes: receipts, requests, the status."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.console import Console
from crashtool.errors import INTERRUPTED, CrashtoolError, Refused, Terminated
from crashtool.render.receipts import (
    format_changes,
    receipt_document,
    render_receipts,
    render_request,
    request_document,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from crashtool.model.submission import Receipt, Scrubbed
    from crashtool.services.sending.request import Request
    from crashtool.services.sending.sender import Sender

WATCH_SECONDS = 1.0  # between two looks at what is watched
WARNED = 3  # dumps that are named with one and the same warning; the others are counted


class Job:
    """One call: the receipts so far, and how they and a sender's events (SendEvents) are shown."""

    def __init__(self, console: Console, *, dry: bool) -> None:
        self.console = console
        self.dry = dry
        self.receipts: list[Receipt] = []
        self.requests: dict[str, dict[str, Any]] = {}
        self._warned: Counter[str] = Counter()
        self._lock = threading.Lock()

    def run(self, sender: Sender, paths: tuple[str, ...]) -> None:
        """Send everything, or only show it; exit with the status that the receipts deserve."""
        from crashtool.services.files.scratch import Scratch
        from crashtool.services.files.temporary_folder import heeding_endings

        try:
            with heeding_endings(), Scratch() as spool:
                stdin = getattr(sys.stdin, "buffer", None)
                for receipt in sender.send_all(paths, spool, stdin):
                    self.receipts.append(receipt)
                    if receipt.error and not self.console.json:
                        self.console.error(_error_of(receipt))
        except KeyboardInterrupt as error:
            self.receipts += sender.list_interrupted()
            self._answer()
            self.console.note("interrupted: what is listed was sent before")
            status = error.exit_status if isinstance(error, Terminated) else INTERRUPTED
            click.get_current_context().exit(status)
        self._answer()
        self._end()

    def watch(self, sender: Sender, folders: tuple[str, ...]) -> None:
        """Send what comes in, each receipt at once; SIGTERM lets what is under way end."""
        from crashtool.services.files.scratch import Scratch
        from crashtool.services.files.temporary_folder import heeding_endings
        from crashtool.services.sending.watcher import Watcher

        previous = signal.signal(signal.SIGTERM, lambda *_: sender.stopped.set())
        try:
            with heeding_endings(), Scratch() as spool:
                watcher = Watcher(sender, folders, spool)
                self.console.note(f"watching {', '.join(folders)}")
                for receipt in watcher.watch(WATCH_SECONDS):
                    self._tell(receipt)
                    self._warned.clear()
        finally:
            signal.signal(signal.SIGTERM, previous)
        if sender.was_refused:
            click.get_current_context().exit(Refused.exit_status)

    def _tell(self, receipt: Receipt) -> None:
        if self.console.json:
            self.console.line_document({"receipt": receipt_document(receipt)})
            return
        if receipt.error:
            self.console.error(_error_of(receipt))
        self.console.answer(render_receipts([receipt]))

    def warn(self, path: str, sentence: str) -> None:
        """Thousands of dumps of one program deserve the same warnings."""
        with self._lock:
            self._warned[sentence] += 1
            is_new = self._warned[sentence] <= WARNED
        if is_new or self.console.verbosity > 0:
            self.console.warn(f"{path}: {sentence}")

    def _warn_of_more(self) -> None:
        with self._lock:  # after an interrupt there still are threads at work
            counted = [(text, count - WARNED) for text, count in self._warned.items()]
        for text, more in counted:
            if more > 0 and self.console.verbosity <= 0:
                self.console.warn(f"{more:,} more minidump{'s' if more > 1 else ''}: {text}")

    def _answer(self) -> None:
        """Give the table, or the one document, after the warnings that were only counted."""
        self._warn_of_more()
        if self.console.json:
            documents = [receipt_document(receipt) for receipt in self.receipts]
            for document in documents:
                if document["path"] in self.requests:
                    document["request"] = self.requests[document["path"]]
            self.console.document({"receipts": documents})
        elif not self.dry:
            self.console.answer(render_receipts(self.receipts))

    def _end(self) -> None:
        from crashtool.services.sending.outcome import find_failure

        failure = find_failure(self.receipts)
        if failure is None:
            return
        if len(self.receipts) > 1 and not self.console.json:
            self.console.error(failure)
        click.get_current_context().exit(failure.exit_status)

    def show_request(self, path: str, request: Request) -> None:
        """Answer with it, in a dry run."""
        from crashtool.services.transport.http import USER_AGENT

        if not self.dry:
            return
        if self.console.json:
            self.requests[path] = request_document(request, USER_AGENT)
        else:
            self.console.answer(render_request(path, request, USER_AGENT))

    def note(self, sentence: str) -> None:
        """Say what a person may want to know."""
        self.console.note(sentence)

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show how far a body has gone."""
        return self.console.progress(label, total)

    def tell_scrubbed(self, path: str, changes: tuple[Scrubbed, ...]) -> None:
        """Say what was overwritten."""
        self.console.note(f"{path}: {format_changes(changes)}")


def _error_of(receipt: Receipt) -> CrashtoolError:
    what = receipt.error or ""
    named = what if receipt.path in what or receipt.path == "-" else f"{receipt.path}: {what}"
    return CrashtoolError(named, hint=receipt.hint)
