"""Symbols that nobody named: what a session needs is loaded when this machine has a file for it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from crashtool.services.symbols.local_places import (
    NOT_HERE,
    Surroundings,
    find_surroundings,
    walk_places,
)
from crashtool.services.unwind.unwind_context import NO_TABLES, CodeTables

if TYPE_CHECKING:
    from crashtool.model.crash import Frame
    from crashtool.model.module import Module
    from crashtool.model.symbol_lookup import ModuleStatus
    from crashtool.services.symbols.session import SymbolSession
    from crashtool.services.symbols.symbol_plan import SymbolPlan


class LocalSession:
    """A session in which only what this machine has is looked for.

    Most dumps come from elsewhere: for them it is told at the price of a few look-ups of paths that
    there is nothing, without the modules that read debug files.
    """

    def __init__(self, plan: SymbolPlan, cache_folder: str, cache_size: int | None) -> None:
        self._plan = plan
        self._cache = cache_folder, cache_size
        self._stack = ExitStack()
        self._session: SymbolSession | None = None
        self._around = Surroundings()
        self._dump: tuple[str, tuple[Module, ...]] = ("", ())
        self._known: dict[tuple[object, ...], bool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def fixed_programs(self) -> tuple[Module, ...]:
        """None: nobody named any."""
        return ()

    @property
    def knows_code(self) -> bool:
        """Whether the code of some module can be read."""
        return self._session is not None

    def begin_dump(self, path: str, modules: tuple[Module, ...]) -> None:
        """Look around this dump from now on."""
        self._dump = path, modules
        self._around = find_surroundings(path if self._plan.beside_dump else "", modules)
        if self._session is not None:
            self._session.begin_dump(path, modules)

    def tables(self, module: Module, architecture: str) -> CodeTables:
        """What this machine's files of a module say."""
        if not self._may_have(module):
            return NO_TABLES
        return self._open().tables(module, architecture)

    def find_generated(self, _process: int | None, _address: int) -> None:
        """None: nobody named a map of generated code."""

    def verdict(
        self, module: Module, architecture: str, frames: Iterable[tuple[Frame, Frame | None]]
    ) -> ModuleStatus:
        """What they are worth to these frames."""
        if self._may_have(module):
            return self._open().verdict(module, architecture, frames)
        from crashtool.services.symbols.module_status import FrameCoverage, assess_module

        return assess_module(
            module, architecture, FrameCoverage(frozenset(), has_code=False), (NOT_HERE,)
        )

    def _may_have(self, module: Module) -> bool:
        key = (module.code_file, module.debug_file, module.code_id, module.debug_id, self._around)
        may_have = self._known.get(key)
        if may_have is None:
            may_have = self._known[key] = self._look(module)
        return may_have

    def _look(self, module: Module) -> bool:
        if next(walk_places(module, self._around), None) is not None:
            return True
        from crashtool.services.symbols.fetched_index import has_fetched

        return has_fetched(self._cache[0], module)

    def _open(self) -> SymbolSession:
        if self._session is None:
            from crashtool.services.symbols.session import open_session  # slow to load

            self._session = self._stack.enter_context(open_session(self._plan, *self._cache))
            self._session.begin_dump(*self._dump)
        return self._session
