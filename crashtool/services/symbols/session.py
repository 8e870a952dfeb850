"""The symbols of one call of crashtool: modules' files, opened once for however many dumps."""

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from crashtool.services.symbols.cache import DEFAULT_LIMIT, SymbolCache
from crashtool.services.symbols.derive import Deriver
from crashtool.services.symbols.directory import DirectorySource
from crashtool.services.symbols.module_symbols import ModuleSymbols
from crashtool.services.symbols.module_verdict import Evidence, judge
from crashtool.services.symbols.scratch import Scratch
from crashtool.services.symbols.source import ChainedSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crashtool.model.crash import Frame, Module
    from crashtool.model.lookup import SymbolVerdict
    from crashtool.services.symbols.fetching import Progress
    from crashtool.services.symbols.source import SymbolSource

MOST_MODULES = 4096  # open at once
GUESSES = ("scan", "frame_pointer")


class SymbolPlan(NamedTuple):
    """Where to look: files and folders, then servers, which are asked unless `offline`.

    `nt_symbol_path` and `debuginfod_urls` in the syntax of _NT_SYMBOL_PATH and DEBUGINFOD_URLS.
    `progress` shows large downloads.
    """

    paths: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    nt_symbol_path: str = ""
    debuginfod_urls: str = ""
    offline: bool = False
    ca_bundle: str | None = None
    insecure: bool = False
    timeout: float | None = None
    progress: "Progress | None" = None


@contextmanager
def open_session(
    plan: SymbolPlan, cache_folder: str, cache_size: int | None = None
) -> "Iterator[SymbolSession]":
    """The symbols of a plan; the cache in bytes. InputUnusable when a path does not exist."""
    with (
        open_places(plan, cache_folder, cache_size) as (source, cache),
        closing(Deriver(cache)) as deriver,
    ):
        yield SymbolSession(source, deriver)


@contextmanager
def open_places(
    plan: SymbolPlan, cache_folder: str, cache_size: int | None = None
) -> "Iterator[tuple[SymbolSource, SymbolCache]]":
    """Where a plan says to look, and the cache that what is found goes through."""
    with Scratch() as scratch:
        cache = SymbolCache(cache_folder, cache_size or DEFAULT_LIMIT, scratch.folder)
        sources: list[SymbolSource] = []
        if plan.paths:
            sources.append(DirectorySource(plan.paths, scratch))
        if plan.servers or plan.nt_symbol_path or plan.debuginfod_urls:
            from crashtool.services.symbols.servers import open_servers  # brings HTTP in

            sources += open_servers(plan, cache, scratch)
        yield (sources[0] if len(sources) == 1 else ChainedSource(sources)), cache


class SymbolSession:
    """Modules by their identifiers; `source` finds their files, `deriver` reads what is slow."""

    def __init__(self, source: "SymbolSource", deriver: Deriver) -> None:
        self._source = source
        self._deriver = deriver
        self._modules: dict[tuple[object, ...], ModuleSymbols] = {}

    def tables(self, module: "Module", architecture: str) -> ModuleSymbols:
        """What the files of a module say; the same for the same module of another dump."""
        key = (module.debug_id, module.code_id, module.name, module.debug_file, architecture)
        found = self._modules.get(key)
        if found is None:
            if len(self._modules) >= MOST_MODULES:
                self._modules.clear()
            found = ModuleSymbols(module, architecture, self._source, self._deriver)
            self._modules[key] = found
        return found

    def verdict(
        self,
        module: "Module",
        architecture: str,
        frames: "Iterable[tuple[Frame, Frame | None]]",
    ) -> "SymbolVerdict":
        """What the files of a module are worth to these frames, each with its caller."""
        tables = self.tables(module, architecture)
        evidence = Evidence(tables.kinds, has_code=tables.read_code(0, 0) is not None)
        for frame, caller in frames:
            evidence.named += frame.function is not None
            evidence.lined += bool(frame.line)
            evidence.inlined += bool(frame.inlines)
            evidence.unwound += caller is not None and caller.trust == "cfi"
            evidence.guessed += caller is not None and caller.trust in GUESSES
        return judge(module, architecture, evidence, tables.candidates, tables.problems)
