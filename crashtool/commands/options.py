"""Options that several subcommands share, declared once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from crashtool.services.settings import user_cache_folder

if TYPE_CHECKING:
    from crashtool.services.symbols.session import SymbolSession

Function = TypeVar("Function", bound=Callable[..., Any])


def network_options(function: Function) -> Function:
    """--ca-bundle, --insecure, --timeout, --retry-for: how to reach a server."""
    for option in (
        click.option("--retry-for", type=float, metavar="SECONDS",
                     help="Keep retrying outages for this long (default 60; 0: one try)."),
        click.option("--timeout", type=float, metavar="SECONDS",
                     help="Give up on a silent connection after this long (default 60)."),
        click.option("--insecure", is_flag=True, default=None,
                     help="Do not verify TLS certificates. Warns each time."),
        click.option("--ca-bundle", type=click.Path(), metavar="FILE",
                     help="Trust the certificate authorities in this PEM file."),
    ):  # fmt: skip
        function = option(function)
    return function


def token_options(function: Function) -> Function:
    """--token and --token-file: the submission token, when the URL does not hold it."""
    for option in (
        click.option("--token-file", type=click.Path(), metavar="FILE",
                     help="Read the token from this file."),
        click.option("--token", metavar="TOKEN",
                     help="The token. Others can see it in the process list: prefer "
                     "CRASHTOOL_TOKEN or --token-file."),
    ):  # fmt: skip
        function = option(function)
    return function


def annotation_options(function: Function) -> Function:
    """--annotation and --attachment, both repeatable."""
    for option in (
        click.option("--attachment", "attachments", multiple=True, metavar="[NAME=]PATH",
                     help="Attach a file. Repeatable."),
        click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE",
                     help="Add an annotation. Repeatable."),
    ):  # fmt: skip
        function = option(function)
    return function


def symbol_options(function: Function) -> Function:
    """--symbols, repeatable, and --cache."""
    for option in (
        click.option("--cache", type=click.Path(file_okay=False), metavar="DIR",
                     help="Keep what is made from debug files there."),
        click.option("--symbols", multiple=True, metavar="PATH",
                     help="Find symbols in this file, folder, store or archive. Repeatable."),
    ):  # fmt: skip
        function = option(function)
    return function


@contextmanager
def open_symbols(paths: Sequence[str], cache: str | None) -> "Iterator[SymbolSession | None]":
    """The symbols that were asked for; None when none were."""
    if not paths:
        yield None
        return
    from crashtool.services.symbols.session import open_session  # slow to load

    with open_session(paths, cache or user_cache_folder()) as session:
        yield session
