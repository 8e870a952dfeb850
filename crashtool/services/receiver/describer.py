"""Reads minidumps one after the other, after their clients have been answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from crashtool.errors import CrashtoolError
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.listing import Query
from crashtool.services.receiver.received_report import DumpPage, StoredReport
from crashtool.services.receiver.symbol_folder import SYMBOLS, SymbolFolder
from crashtool.services.receiver.symbol_index import SymbolIndex

SHOWN_NAMES = 3
MAX_PATIENCE = 0.5  # seconds
AGAIN = 200  # of the newest reports, those whose symbols were incomplete are read again


class DumpReader(Protocol):
    """Makes the page of a minidump, with symbols from a folder; see `commands.serve`."""

    def __call__(self, path: Path, symbols: Path) -> DumpPage: ...  # noqa: D102


class Describer:
    """One thread that reads what arrived; `on_change` hears of each report that has a page now.

    Symbols that arrive are entered in `index`, for debuggers.
    """

    def __init__(
        self,
        inbox: Inbox,
        read_dump: DumpReader | None,
        on_change: Callable[[StoredReport], None] = lambda _report: None,
        index: SymbolIndex | None = None,
    ) -> None:
        self._inbox = inbox
        self._index = index
        self._read_dump = read_dump
        self._on_change = on_change
        self._symbols = SymbolFolder(inbox.folder)
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1, "crashtool-describer")
        if read_dump:
            self._pool.submit(self._catch_up)
        if index:
            self._pool.submit(index.add_all)

    def add(self, report: StoredReport) -> None:
        """Read a report that has just arrived, when its turn comes."""
        if self._read_dump is None:
            return
        if report.format == SYMBOLS:
            self._pool.submit(self._take_symbols, report)
        elif report.headline is None:
            self._pool.submit(self._describe, report.rxid)

    def stop(self) -> None:
        """Finish the report at hand and leave the others for the next start."""
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _catch_up(self) -> None:
        """What a receiver that ended before had not come to."""
        for row in self._inbox.rows(Query(format=SYMBOLS, limit=-1)):
            if not row.headline and (upload := self._inbox.find(row.rxid)):
                self._pool.submit(self._take_symbols, upload)
        for row in reversed(self._inbox.rows(Query(format="minidump", limit=-1))):
            if not row.headline:
                self._pool.submit(self._describe, row.rxid)

    def _take_symbols(self, report: StoredReport) -> None:
        """Unpack an upload; the reports that may have waited for it are read again."""
        problems: list[str] = []
        try:
            names = self._symbols.unpack(report, problems.append)
            if self._index:
                self._index.add(self._symbols.path / report.rxid)
        except Exception as error:  # noqa: BLE001 (an upload that is not used must say so)
            names = ()
            problems.append(f"cannot be unpacked: {error!r}")
        shown = ", ".join(names[:SHOWN_NAMES]) + ("…" if len(names) > SHOWN_NAMES else "")
        count = f"{len(names)} debug file{'' if len(names) == 1 else 's'}"
        headline = f"{count}: {shown}" if names else "no debug file"
        if problems:
            headline += f"; {problems[0]}"
        page = DumpPage(headline, "\n".join([*names, *problems]), SYMBOLS)
        self._inbox.describe(report, page)
        if changed := self._inbox.find(report.rxid):
            self._on_change(changed)
        for row in self._inbox.rows(Query(format="minidump", limit=AGAIN)):
            if row.headline and row.symbols != "complete":
                self._pool.submit(self._describe, row.rxid)

    def _give_way(self) -> None:
        """Let what arrives go first, for a while: reading a dump takes the processor from it."""
        end = time.monotonic() + MAX_PATIENCE
        while self._inbox.is_busy and time.monotonic() < end and not self._stopped.wait(0.01):
            pass

    def _describe(self, rxid: str) -> None:
        self._give_way()
        report = self._inbox.find(rxid)
        path = report.minidump if report else None
        if report is None or path is None or self._read_dump is None:
            return
        try:
            page = self._read_dump(path, self._symbols.path)
        except CrashtoolError as error:
            page = DumpPage(error.what, "")
        except Exception as error:  # noqa: BLE001 (one dump must not stop the next)
            page = DumpPage(f"cannot be shown: {error!r}", "")
        page = page.bounded()
        described = (report.headline, report.page, report.signature, report.symbols, report.article)
        if page != (*described, report.calls):
            self._inbox.describe(report, page)
            if changed := self._inbox.find(rxid):  # it may have been deleted meanwhile
                self._on_change(changed)
