"""The symbols command: a group of what concerns symbols besides uploading them."""

from __future__ import annotations

import click

from crashtool.commands.byte_size import ByteSize
from crashtool.commands.command import Command, CommandGroup
from crashtool.commands.console import Console
from crashtool.commands.symbols_check import command as check_files
from crashtool.commands.symbols_dump import command as dump_files
from crashtool.commands.symbols_find import fetch, find
from crashtool.services.settings.layers import user_cache_folder


@click.group(cls=CommandGroup)
def command() -> None:
    """Check, find, fetch and write symbols; look after what is kept.

    \b
    crashtool symbols check build/       what debug files are worth, and what is wrong with them
    crashtool symbols dump build/game    write Breakpad .sym files
    crashtool symbols find crash.dmp     every place that has, or should have, a module's symbols
    crashtool symbols fetch crash.dmp    fill a store from symbol servers
    crashtool symbols cache              what is kept, and where
    crashtool symbols cache --clear      make room, or ask symbol servers afresh
    """  # noqa: D301 (click reads the \b)


command.add_command(check_files)
command.add_command(dump_files)
command.add_command(find)
command.add_command(fetch)


@command.command("cache", cls=Command)
@click.option("--clear", is_flag=True, help="Remove everything.")
@click.option(
    "--max-size",
    "cache_size",
    type=ByteSize(),
    metavar="SIZE",
    help="Remove what was not used for longest until at most this is left: 500M, 2G.",
)
@click.option(
    "--cache", type=click.Path(file_okay=False), metavar="DIR", help="The cache to look at."
)
def show_cache(console: Console, cache: str | None, cache_size: int | None, *, clear: bool) -> None:
    """Show what the symbol cache holds; clear it or make it smaller.

    It holds what symbol servers sent and, for a day, that they had nothing. Whatever is removed is
    fetched again when it is needed.

    \b
    crashtool symbols cache --max-size 2G

    Exit status: 0.
    """  # noqa: D301
    from crashtool.render.symbol_cache import cache_document, render_cache
    from crashtool.services.symbols.cache import DEFAULT_LIMIT, SymbolCache
    from crashtool.services.symbols.cache_state import tidy_cache

    limit = cache_size or DEFAULT_LIMIT
    kept = SymbolCache(cache or user_cache_folder(), limit)
    state = tidy_cache(kept, clear=clear, limit=limit)
    if console.json:
        console.document(cache_document(state))
    else:
        console.answer(render_cache(state))
