"""What the inbox shows of minidumps: what inspect says, with the symbols that were uploaded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.model.signature import sign
from crashtool.render.crash_words import format_where
from crashtool.render.html import render_article
from crashtool.render.report import render_report
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.receiver.received_report import DumpPage
from crashtool.services.receiver.related import pack_calls
from crashtool.services.settings.layers import user_cache_folder
from crashtool.services.symbols.session import SymbolSession, open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan

if TYPE_CHECKING:
    from crashtool.model.crash import CrashReport


class DumpPages:
    """Reads one minidump after the other; symbols stay open until there are others.

    `local`: this machine's own files count, too. That is for who receives from this machine alone:
    a minidump of a stranger could ask for any. `symbols_url` is where readers can upload symbols.
    """

    def __init__(
        self, *, local: bool = False, warn: Callable[[str], None] = lambda _sentence: None
    ) -> None:
        self.symbols_url = "URL"
        self._local = local
        self._warn = warn
        self._stack = ExitStack()
        self._session: SymbolSession | None = None
        self._uploads: frozenset[str] | None = None

    def __call__(self, path: Path, symbols: Path) -> DumpPage:
        """The page of a minidump, with what is in the folder `symbols`.

        InputUnusable when it cannot be read.
        """
        wanted = InspectOptions(
            symbols=self._open(symbols),
            all_threads=True,
            variables=WantedVariables(),
            warn=self._warn,
        )
        report = self._advise(read_report(str(path), path.name, wanted))
        if self._session and self._local:
            self._session.forget()  # a mapped program cannot be built anew on Windows
        headline = report.crash.reason.name if report.crash else "no exception"
        if where := format_where(report):
            headline += f" in {where}"
        signature = sign(report)
        return DumpPage(
            headline,
            render_report(report).text(),
            signature.text,
            assess_symbols(report),
            render_article(report),
            pack_calls(signature.calls, signature.quality),
        )

    def _advise(self, report: CrashReport) -> CrashReport:
        """The report with remedies for who reads a page: to upload, not to call inspect."""
        url = f"--url {self.symbols_url}"
        verdicts = (
            verdict._replace(fix=verdict.upload_fix.replace("--url URL", url))
            for verdict in report.symbols
        )
        return report._replace(symbols=tuple(verdicts))

    def close(self) -> None:
        """Let go of the symbols."""
        self._stack.close()

    def _open(self, folder: Path) -> SymbolSession:
        uploads = frozenset(entry.name for entry in folder.iterdir()) if folder.is_dir() else None
        if self._session is None or uploads != self._uploads:
            self._stack.close()
            paths = () if uploads is None else (str(folder),)
            plan = SymbolPlan(paths, local=self._local, beside_dump=False, warn=self._warn)
            self._session = self._stack.enter_context(open_session(plan, user_cache_folder()))
            self._uploads = uploads
        return self._session


def assess_symbols(report: CrashReport) -> str:
    """How complete the symbols of the modules on the stack were, in a word."""
    good = [verdict.status == "ok" for verdict in report.symbols]
    if not any(good):
        return "none"
    return "complete" if all(good) else "incomplete"
