"""The modules that a minidump needs symbols of: those that its stacks lead through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.files.dump_files import find_dumps
from crashtool.services.files.unwrap_dumps import UnusableInput
from crashtool.services.symbols.owners import is_system
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan

if TYPE_CHECKING:
    from crashtool.model.crash import CrashReport
    from crashtool.model.module import Module
    from crashtool.services.files.scratch import Scratch


class Needed(NamedTuple):
    """Modules on the stacks of a dump, each with whether it is the system's own."""

    architecture: str
    modules: tuple[tuple[Module, bool], ...]


def find_needed(
    path: str,
    symbols: tuple[str, ...],
    cache: str,
    scratch: Scratch,
    *,
    everything: bool = False,
    warn: Callable[[str], None] = lambda _sentence: None,
) -> Needed:
    """The modules on the crashed thread's stack of a dump, or of all dumps that `path` holds.

    Without a crashed thread those of all threads, and with `everything` all that were loaded. The
    walk uses the files at hand, so that it goes as far as it will with them.
    InputUnusable when `path` holds no minidump.
    """
    modules: dict[tuple[str, str], tuple[Module, bool]] = {}
    architecture = ""
    with open_session(SymbolPlan(symbols, local=True, warn=warn), cache) as session:
        for dump in find_dumps([path], scratch, BytesIO()):
            if isinstance(dump, UnusableInput):
                raise dump.error
            wanted = InspectOptions(symbols=session, all_threads=True)
            report = read_report(str(dump.file), dump.path, wanted)
            dump.discard()
            architecture = report.system.architecture if report.system else "unknown"
            for module in report.modules if everything else _walk_modules(report):
                identifier = module.debug_id.breakpad if module.debug_id else module.code_id or ""
                modules[module.name, identifier] = (
                    module,
                    is_system(module.code_file or module.name),
                )
    return Needed(architecture, tuple(modules.values()))


def _walk_modules(report: CrashReport) -> Iterator[Module]:
    """Each module once, the one at the top of the stack first."""
    crashed = report.crashed_thread
    threads = (crashed,) if crashed else report.threads
    modules = {
        frame.module.base: frame.module
        for thread in threads
        for frame in thread.frames
        if frame.module
    }
    yield from modules.values()
