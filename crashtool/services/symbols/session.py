"""The symbols of one call of crashtool: modules' files, opened once for however many dumps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbols.assigned_source import (
    AssignedSource,
    find_fixed_programs,
    split_assignments,
)
from crashtool.services.symbols.cache import DEFAULT_LIMIT, SymbolCache
from crashtool.services.symbols.demangle import find_loss
from crashtool.services.symbols.directory import DirectorySource
from crashtool.services.symbols.local_source import LocalSource
from crashtool.services.symbols.module_status import (
    FrameCoverage,
    assess_module,
)
from crashtool.services.symbols.module_symbols import ModuleSymbols
from crashtool.services.symbols.symbol_plan import SymbolPlan
from crashtool.services.symbols.symbol_source import ChainedSource, SymbolSource

if TYPE_CHECKING:
    from crashtool.errors import MissingLibrary
    from crashtool.model.crash import Frame
    from crashtool.model.module import Module
    from crashtool.model.symbol_lookup import ModuleStatus
    from crashtool.services.symbols.generated_code import Generated, GeneratedCode

MAX_MODULES = 4096  # open at once
GUESSES = ("scan", "frame_pointer")
MAP_NAME = "perf-"  # of a map of generated code, which is not a debug file


class Places(NamedTuple):
    """Where to look, the cache, the source of files that nobody named, the programs that the user
    named and that can be loaded at one address alone, and named maps of generated code.
    """

    source: SymbolSource
    cache: SymbolCache
    local: LocalSource | None = None
    fixed_programs: tuple[Module, ...] = ()
    generated: GeneratedCode | None = None


@contextmanager
def open_session(
    plan: SymbolPlan, cache_folder: str, cache_size: int | None = None
) -> Iterator[SymbolSession]:
    """The symbols of a plan; the cache in bytes. InputUnusable when a path does not exist."""
    with open_places(plan, cache_folder, cache_size) as places:
        session = SymbolSession(places.source, places.local, plan.warn)
        session.fixed_programs = places.fixed_programs
        session.generated = places.generated
        yield session


@contextmanager
def open_places(
    plan: SymbolPlan, cache_folder: str, cache_size: int | None = None
) -> Iterator[Places]:
    """Where a plan says to look, and the cache that what is found goes through."""
    with Scratch() as scratch:
        cache = SymbolCache(cache_folder, cache_size or DEFAULT_LIMIT, scratch.folder, plan.warn)
        sources: list[SymbolSource] = []
        fixed: tuple[Module, ...] = ()
        paths, assigned = split_assignments(plan.paths)
        generated: GeneratedCode | None = None
        if any(MAP_NAME in path for path in paths):
            from crashtool.services.symbols.generated_code import split_maps  # seldom given

            paths, generated = split_maps(paths)
        if assigned:
            sources.append(AssignedSource(assigned, scratch))
            fixed = find_fixed_programs(assigned)
        if paths:
            sources.append(DirectorySource(paths, scratch, plan.warn))
        local = None
        if plan.local:
            local = LocalSource(cache, scratch, beside_dump=plan.beside_dump)
            sources.append(local)
        if plan.servers or plan.nt_symbol_path or plan.debuginfod_urls:
            from crashtool.services.symbols.servers import open_servers  # brings HTTP in

            sources += open_servers(plan, cache, scratch)
        source = sources[0] if len(sources) == 1 else ChainedSource(sources)
        yield Places(source, cache, local, fixed, generated)


class SymbolSession:
    """Modules by their identifiers; `source` finds their files.

    `local` is the one among the sources that looks around each dump.
    """

    knows_code = True

    def __init__(
        self,
        source: SymbolSource,
        local: LocalSource | None = None,
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._source = source
        self._local = local
        self._warn = warn
        self.fixed_programs: tuple[Module, ...] = ()
        self.generated: GeneratedCode | None = None
        self._modules: dict[tuple[object, ...], ModuleSymbols] = {}

    def begin_dump(self, path: str, modules: tuple[Module, ...]) -> None:
        """Look around this dump from now on."""
        if self._local:
            self._local.look_around(path, modules)

    def forget(self) -> None:
        """Let go of the modules' files: others may want to replace them."""
        self._modules.clear()

    def tables(self, module: Module, architecture: str) -> ModuleSymbols:
        """What the files of a module say; the same for the same module of another dump."""
        key = (
            module.debug_id,
            module.code_id,
            module.name,
            module.debug_file,
            architecture,
            self._local.around if self._local else None,
        )
        symbols = self._modules.get(key)
        if symbols is None:
            if len(self._modules) >= MAX_MODULES:
                self._modules.clear()
            links = self._local.walk_linked if self._local else None
            symbols = ModuleSymbols(module, architecture, self._source, links=links)
            self._modules[key] = symbols
        return symbols

    def find_generated(self, process: int | None, address: int) -> Generated | None:
        """The function of generated code at an address of a process."""
        return self.generated.find(process, address) if self.generated else None

    def verdict(
        self,
        module: Module,
        architecture: str,
        frames: Iterable[tuple[Frame, Frame | None]],
    ) -> ModuleStatus:
        """What the files of a module are worth to these frames, each with its caller."""
        tables = self.tables(module, architecture)
        has_code = tables.read_code(0, 0) is not None
        evidence = FrameCoverage(tables.kinds, has_code=has_code)
        for frame, caller in frames:
            evidence.named += frame.function is not None
            evidence.lined += bool(frame.line)
            evidence.inlined += bool(frame.inlines)
            evidence.unwound += caller is not None and caller.trust == "cfi"
            evidence.guessed += caller is not None and caller.trust in GUESSES
        evidence.absent = next(iter(tables.absent), "")
        if loss := self._find_loss(evidence):
            self._warn(f"{loss.what} ({loss.hint})")
        return assess_module(module, architecture, evidence, tables.candidates, tables.problems)

    def _find_loss(self, evidence: FrameCoverage) -> MissingLibrary | None:
        """What keeps names from being readable: looked for when there are names."""
        return find_loss() if evidence.named else None
