"""The symbol servers of a plan, as sources: named by options, or by the usual variables."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.services.symbols.bucket_fetcher import BucketFetcher
from crashtool.services.symbols.directory import DirectorySource
from crashtool.services.symbols.fetching import HttpFetcher, HttpOptions
from crashtool.services.symbols.server import (
    Fetcher,
    Server,
    ServerSource,
    parse_debuginfod_urls,
    parse_search_path,
    parse_server,
)

if TYPE_CHECKING:
    from crashtool.services.files.scratch import Scratch
    from crashtool.services.symbols.cache import SymbolCache
    from crashtool.services.symbols.symbol_plan import SymbolPlan
    from crashtool.services.symbols.symbol_source import SymbolSource


def open_servers(plan: SymbolPlan, cache: SymbolCache, scratch: Scratch) -> list[SymbolSource]:
    """Folders of the search path, then each server once, in the order they were named.

    A folder of the search path that does not exist is passed over, as Windows' tools do.
    """
    folders, named = parse_search_path(plan.nt_symbol_path)
    servers = [parse_server(text) for text in plan.servers] + named
    servers += parse_debuginfod_urls(plan.debuginfod_urls)
    present = [folder for folder in folders if os.path.isdir(folder)]  # noqa: PTH112
    sources: list[SymbolSource] = [DirectorySource(present, scratch)] if present else []
    return sources + [
        ServerSource(server, cache, scratch, None if plan.offline else _fetcher(server, plan))
        for server in dict.fromkeys(servers)
    ]


def _fetcher(server: Server, plan: SymbolPlan) -> Callable[[], Fetcher]:
    if server.is_bucket:
        return lambda: BucketFetcher(plan.timeout)
    options = HttpOptions(plan.ca_bundle, plan.insecure, plan.timeout, plan.progress)
    return lambda: HttpFetcher(options)
