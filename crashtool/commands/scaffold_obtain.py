"""crashtool scaffold obtain: where Crashpad comes from."""

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.formats.crashpad.arguments import HANDLER_KINDS


@click.command("obtain", cls=Command)
@click.option(
    "--crashpad",
    "fork",
    type=click.Choice(list(HANDLER_KINDS)),
    help="Only this one. Default: all.",
)
def command(console: Console, *, fork: str | None) -> None:
    """Show where to get each Crashpad, how to build it, and which files result.

    Libraries are listed in link order. Library and handler are to be of one fork: Sentry's and
    the others do not understand each other.

    \b
    Examples:
      crashtool scaffold obtain
      crashtool scaffold obtain --crashpad backtrace
    """  # noqa: D301
    forks = [fork] if fork else list(HANDLER_KINDS)
    if console.json:
        from crashtool.render.integration.documents import obtain_document

        console.document(obtain_document(forks))
        return
    from crashtool.render.integration.obtain import obtain_text

    console.answer(obtain_text(forks))
