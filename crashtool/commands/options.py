"""Options that several subcommands share, declared once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from crashtool.commands.byte_size import ByteSize
from crashtool.commands.command import WITHHELD
from crashtool.commands.console import Console
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.settings.layers import symbol_search_paths, user_cache_folder

if TYPE_CHECKING:
    from crashtool.errors import CrashtoolError
    from crashtool.services.analyze.stacks import SymbolProvider
    from crashtool.services.symbols.session import Places
    from crashtool.services.symbols.symbol_plan import SymbolPlan

Function = TypeVar("Function", bound=Callable[..., Any])


class SymbolOptions(NamedTuple):
    """Where symbols are looked for: the values of `symbol_options`, and those of `network_options`
    where a command has these. Times in seconds, sizes in bytes.
    """

    symbols: tuple[str, ...] | None = None
    symbol_servers: tuple[str, ...] | None = None
    offline: bool | None = None
    cache: str | None = None
    cache_size: int | None = None
    no_local_symbols: bool | None = None
    ca_bundle: str | None = None
    insecure: bool | None = None
    timeout: float | None = None
    retry_for: float | None = None
    search_paths: tuple[str, str] | None = None

    @classmethod
    def take(cls, values: dict[str, Any]) -> SymbolOptions:
        """Those among a command's values, which are left with the others."""
        return cls(**{name: values.pop(name) for name in cls._fields if name in values})


def network_options(function: Function) -> Function:
    """--ca-bundle, --insecure, --timeout, --retry-for: how to reach a server."""
    for option in (
        click.option(
            "--retry-for",
            type=float,
            metavar="SECONDS",
            help="Keep retrying outages for this long; a try that has begun may end "
            "(default 60; 0: one try).",
        ),
        click.option(
            "--timeout",
            type=float,
            metavar="SECONDS",
            help="Give up on a connection after this long if it is silent, or slower than "
            "4 KiB a second (default 60).",
        ),
        click.option(
            "--insecure",
            is_flag=True,
            default=None,
            help="Do not verify TLS certificates. Warns each time.",
        ),
        click.option(
            "--ca-bundle",
            type=click.Path(),
            metavar="FILE",
            help="Trust the certificate authorities in this PEM file.",
        ),
    ):
        function = option(function)
    return function


def probe_options(function: Function) -> Function:
    """How the server of a URL is asked, in commands that have --probe."""
    for option in reversed(
        (
            click.option(
                "--ca-bundle",
                type=click.Path(),
                metavar="FILE",
                help="--probe: trust the certificate authorities in this PEM file.",
            ),
            click.option(
                "--insecure",
                is_flag=True,
                default=None,
                help="--probe: do not verify TLS certificates. Warns each time.",
            ),
            click.option(
                "--timeout",
                type=float,
                metavar="SECONDS",
                help="--probe: give up on a silent or slow server after this long (default 60).",
            ),
        )
    ):
        function = option(function)
    return function


def token_options(function: Function) -> Function:
    """--token and --token-file: the submission token, when the URL does not hold it."""
    for option in (
        click.option(
            "--token-file", type=click.Path(), metavar="FILE", help="Read the token from this file."
        ),
        click.option(
            "--token",
            metavar="TOKEN",
            help="The token. Others can see it in the process list: prefer "
            "CRASHTOOL_TOKEN or --token-file.",
        ),
    ):
        function = option(function)
    return function


def annotation_options(function: Function) -> Function:
    """--annotation and --attachment, both repeatable."""
    for option in (
        click.option(
            "--attachment",
            "attachments",
            multiple=True,
            metavar="[NAME=]PATH",
            help="Attach a file. Repeatable.",
        ),
        click.option(
            "--annotation",
            "annotations",
            multiple=True,
            metavar="KEY=VALUE",
            help="Add an annotation. Repeatable.",
        ),
    ):
        function = option(function)
    return function


def symbol_options(function: Function) -> Function:
    """Those of `named_symbol_options`, and --no-local-symbols."""
    option = click.option(
        "--no-local-symbols",
        is_flag=True,
        default=None,
        help="Use only the symbols that are named: do not look at the paths that a dump records, "
        "beside it, in /usr/lib/debug or in the cache.",
    )
    return named_symbol_options(option(function))


def named_symbol_options(function: Function) -> Function:
    """--symbols and --symbol-server, repeatable, --offline, --cache, --cache-size."""
    for option in (
        click.option(
            "--cache",
            type=click.Path(file_okay=False),
            metavar="DIR",
            help="Keep downloaded symbols in this folder.",
        ),
        click.option(
            "--cache-size",
            type=ByteSize(),
            metavar="SIZE",
            help="Maximum size of the cache: 500M, 2G (default: 8G).",
        ),
        click.option(
            "--offline",
            is_flag=True,
            default=None,
            help="Ask no symbol server; use what the cache holds.",
        ),
        click.option(
            "--symbol-server",
            "symbol_servers",
            multiple=True,
            metavar="URL",
            help="Fetch symbols from this server. Repeatable. symstore:, breakpad:, "
            "ssqp:, debuginfod: or build-id: before the URL says how it is laid out; "
            "s3:// works, too.",
        ),
        click.option(
            "--symbols",
            multiple=True,
            metavar="PATH",
            help="Find symbols in this file, folder, store or archive. MODULE=FILE gives "
            "a file for a module without an identifier, perf-PID.map names the "
            "generated code of that process. Repeatable.",
        ),
    ):
        function = option(function)
    return function


def require_token(url: str | None) -> None:
    """UsageError when the user's token is withheld from a place, and the URL brings none itself."""
    withheld: CrashtoolError | None = click.get_current_context().meta.get(WITHHELD)
    if withheld is None:
        return
    from crashtool.services.settings.token_hosts import has_token

    if not (url and has_token(url)):
        raise withheld


@contextmanager
def open_symbols(
    options: SymbolOptions, console: Console, more: Sequence[str] = ()
) -> Iterator[SymbolProvider | None]:
    """The symbols that options name, those in the paths `more`, and this machine's own; None when
    there is nowhere to look.
    """
    plan = make_plan(options, console, more)
    if plan is None:
        yield None
        return
    folder = options.cache or user_cache_folder()
    if not plan.names_any:
        from crashtool.services.symbols.local_session import LocalSession

        with LocalSession(plan, folder, options.cache_size) as local:
            yield local
        return
    from crashtool.services.symbols.session import open_session  # slow to load

    with open_session(plan, folder, options.cache_size) as session:
        yield session


@contextmanager
def open_source(
    options: SymbolOptions, console: Console, *, local: bool
) -> Iterator[Places | None]:
    """Where symbols are looked for, by the same options; None when there is nowhere to look.

    `local`: this machine's own files count.
    """
    plan = make_plan(options, console, local=local)
    if plan is None:
        yield None
        return
    from crashtool.services.symbols.session import open_places

    folder = options.cache or user_cache_folder()
    with open_places(plan, folder, options.cache_size) as places:
        yield places


def make_plan(
    options: SymbolOptions, console: Console, more: Sequence[str] = (), *, local: bool = True
) -> SymbolPlan | None:
    """What the options and the usual variables name, and this machine unless they say no; None
    for nothing.
    """
    from crashtool.services.symbols.symbol_plan import SymbolPlan

    nt_symbol_path, debuginfod_urls = options.search_paths or symbol_search_paths()
    plan = SymbolPlan(
        paths=(*more, *(options.symbols or ())),
        servers=tuple(options.symbol_servers or ()),
        nt_symbol_path=nt_symbol_path,
        debuginfod_urls=debuginfod_urls,
        offline=bool(options.offline),
        local=local and not options.no_local_symbols,
        ca_bundle=options.ca_bundle,
        insecure=bool(options.insecure),
        timeout=options.timeout,
        progress=console.progress,
        warn=console.warn_once,
    )
    return plan if plan.names_any or plan.local else None
