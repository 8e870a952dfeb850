"""symbols find, symbols fetch: where the symbols of a module are, and a store of them."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import (
    SymbolOptions,
    named_symbol_options,
    network_options,
    open_source,
    symbol_options,
)
from crashtool.errors import DONE, CheckFailed, CrashtoolError, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.settings.layers import user_cache_folder

if TYPE_CHECKING:
    from crashtool.services.symbol_upload.find_symbols import ModuleSearch

WANTED = "name identifiers, minidumps or programs"


class SymbolsFindOptions(NamedTuple):
    """The options of one call; `lookup` are those of symbols."""

    wanted: tuple[str, ...]
    all_modules: bool
    lookup: SymbolOptions


class SymbolsFetchOptions(NamedTuple):
    """The options of one call; `lookup` are those of symbols and servers."""

    wanted: tuple[str, ...]
    store: str | None
    all_modules: bool
    replace: bool
    jobs: int
    lookup: SymbolOptions


@click.command("find", cls=Command)
@click.argument("wanted", nargs=-1, metavar="ID|FILE...")
@click.option(
    "--all-modules", is_flag=True, help="For minidumps, also look for the system's own modules."
)
@symbol_options
@click.pass_context
def find(context: click.Context, /, console: Console, **values: Any) -> None:
    """Show every place that has, or should have, the symbols of a module.

    ID is a debug id or a build id; FILE is a minidump, a program, a PDB or a folder of them. Each
    path that was tried is listed with the result: found, mismatch, not found.

    \b
    Examples:
      crashtool symbols find 45E07FE79CAC31169A0459CA63D608A70 --symbols build/
      crashtool symbols find crash.dmp --symbols symbols/ --symbol-server https://…

    Exit status: 0 when each module has a file, 3 for what names no module, 4 otherwise.
    """  # noqa: D301 (\b is click's)
    options = SymbolsFindOptions(lookup=SymbolOptions.take(values), **values)
    with ExitStack() as stack:
        searches = look_for(options, console, stack, jobs=1, local=True)
    _answer(context, console, searches, ())


@click.command("fetch", cls=Command)
@click.argument("wanted", nargs=-1, metavar="ID|FILE...")
@click.option("--to", "store", metavar="DIR|URL", help="The store to fill.")
@click.option(
    "--all-modules", is_flag=True, help="For minidumps, also look for the system's own modules."
)
@click.option("--replace", is_flag=True, help="Replace a different file of the same identifier.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    help="How many modules at once.",
)
@named_symbol_options
@network_options
@click.pass_context
def fetch(context: click.Context, /, console: Console, **values: Any) -> None:
    """Fill a symbol store with what minidumps need, from symbol servers.

    The servers are those of --symbol-server, _NT_SYMBOL_PATH and DEBUGINFOD_URLS; what they send is
    compared with the identifiers before it is kept. Files already in the store stay as they are.

    \b
    Examples:
      crashtool symbols fetch crash.dmp --to symbols/ --symbol-server https://symbols.example
      crashtool inspect crash.dmp --symbols symbols/

    Exit status: 0 when each module has a file, 3 for what names no module, 4 otherwise.
    """  # noqa: D301
    from crashtool.services.symbol_upload.find_symbols import store_found
    from crashtool.services.symbol_upload.store import StoreWriter, open_target

    options = SymbolsFetchOptions(lookup=SymbolOptions.take(values), **values)
    if not options.store:
        raise UsageError("no store given", hint="--to DIR")
    if options.lookup.offline:
        raise UsageError("--offline and symbols fetch cannot be combined: only servers are asked")
    writer = StoreWriter(
        open_target(options.store, options.lookup.timeout),
        options.store,
        replace=options.replace,
        progress=console.progress,
    )
    with ExitStack() as stack:  # what was fetched may have to go when it ends
        searches = look_for(options, console, stack, jobs=options.jobs, local=False)
        deliveries = tuple(store_found(searches, writer))
    _answer(context, console, searches, deliveries)


def look_for(
    options: SymbolsFindOptions | SymbolsFetchOptions,
    console: Console,
    stack: ExitStack,
    *,
    jobs: int,
    local: bool,
) -> list[ModuleSearch]:
    """The modules that were asked for, each with where it was looked for; `local`: on this
    machine, too. Their files are there until `stack` is closed.
    """
    from crashtool.services.files.scratch import Scratch
    from crashtool.services.symbol_upload.find_symbols import find_symbols, list_wanted

    if not options.wanted:
        raise UsageError("no identifier or file given", hint=WANTED)
    cache = options.lookup.cache or user_cache_folder()
    scratch = stack.enter_context(Scratch())
    wanted = list_wanted(options.wanted, scratch, cache, all_modules=options.all_modules)
    places = stack.enter_context(open_source(options.lookup, console, local=local))
    if places is None:
        raise UsageError("no source of symbols given", hint="--symbols or --symbol-server")
    searches: list[ModuleSearch] = []
    for asked, group in groupby(wanted, attrgetter("asked")):
        modules = list(group)
        if places.local:
            places.local.look_around(asked, tuple(search.module for search in modules))
        searches += find_symbols(modules, places.source, jobs)
    return searches


def _answer(
    context: click.Context, console: Console, searches: list[ModuleSearch], deliveries: Any
) -> None:
    from crashtool.render.symbol_table import render_deliveries
    from crashtool.render.symbols_found import found_document, render_found
    from crashtool.services.symbol_upload.upload_error import error_of

    lost = [search for search in searches if not search.found]
    failed = [delivery for delivery in deliveries if delivery.error]
    error: CrashtoolError | None = None
    if lost or failed:
        names = ", ".join(dict.fromkeys(search.module.name for search in lost))
        what = f"no symbols for {len(lost)} of {len(searches)} modules: {names}"
        error = CheckFailed(what) if lost else error_of(failed[0])
    if console.json:
        console.document(found_document(searches, deliveries, error))
        context.exit(error.exit_status if error else DONE)
    console.answer(render_found(searches, everything=console.verbosity > 0))
    if deliveries:
        console.answer(render_deliveries(deliveries))
    if error:
        raise error
