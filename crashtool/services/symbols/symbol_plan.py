"""Where a call of crashtool looks for symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.services.symbols.fetching import Progress


class SymbolPlan(NamedTuple):
    """Where to look: files and folders, then servers, which are asked unless `offline`.

    `nt_symbol_path` and `debuginfod_urls` in the syntax of _NT_SYMBOL_PATH and DEBUGINFOD_URLS.
    `local`: files of this machine that nobody named count, too: at the paths that dumps record,
    where packages put them, and, with `beside_dump`, in the dump's own folder. `progress` shows
    large downloads, `warn` hears what this machine does not let us do.
    """

    paths: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    nt_symbol_path: str = ""
    debuginfod_urls: str = ""
    offline: bool = False
    local: bool = False
    beside_dump: bool = True
    ca_bundle: str | None = None
    insecure: bool = False
    timeout: float | None = None
    progress: Progress | None = None
    warn: Callable[[str], None] = lambda _sentence: None

    @property
    def names_any(self) -> bool:
        """Whether it names files, folders or servers."""
        return bool(self.paths or self.servers or self.nt_symbol_path or self.debuginfod_urls)
