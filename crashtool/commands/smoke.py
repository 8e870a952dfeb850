"""smoke: proof with a real handler that a crash arrives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import annotation_options
from crashtool.errors import CHECK_FAILED, MachineFault, UsageError, reason_of
from crashtool.formats.named_tuple import NamedTuple
from crashtool.render.smoke import render_smoke, smoke_document


class SmokeOptions(NamedTuple):
    """The options of one call."""

    annotations: tuple[str, ...] | None
    attachments: tuple[str, ...] | None
    url: str | None
    handler: str | None
    mode: str
    use_database: str | None
    keep: str | None


@click.command(cls=Command)
@annotation_options
@click.option(
    "--url",
    metavar="URL",
    help="Send the report there (default: to a receiver of crashtool's own).",
)
@click.option(
    "--handler",
    type=click.Path(),
    metavar="PATH",
    help="The crashpad_handler (default: the one of the extra 'handler', else one in "
    "PATH, else that of Debian's chromium package).",
)
@click.option(
    "--mode",
    type=click.Choice(["trace", "socket"]),
    default="trace",
    show_default=True,
    help="Start the handler at the crash, or first and ask it over its socket as "
    "StartHandler does.",
)
@click.option(
    "--use-database",
    type=click.Path(),
    metavar="DIR",
    help="Use this Crashpad database, with the consent it holds, not a fresh one.",
)
@click.option(
    "--keep",
    type=click.Path(),
    metavar="DIR",
    help="Keep the database and what was received in this folder, which must be empty.",
)
def command(console: Console, **values: Any) -> None:
    """Prove end to end that a crash under a real crashpad_handler arrives.

    A process really crashes; a real handler dumps it into a fresh database with uploads enabled
    and uploads the report to a local receiver, or to --url. Then each step is checked, and that
    every annotation and attachment arrived as it was given. From a distant server only its answer
    is known; the rest is checked in the minidump and the database.

    The report has the annotation crashtool_smoke, by which a server can recognize it.

    \b
    Examples:
      crashtool smoke
      crashtool smoke --annotation prod=Game --annotation ver=1.4.2 --attachment game.log
      crashtool smoke --handler build/crashpad_handler --url "$SUBMISSION_URL"

    Exit status: 0 all checks passed, 4 one failed or no handler could use the URL, 2 where no
    handler can work (not Linux x86-64).
    """  # noqa: D301 (\b is click's)
    from crashtool.services.handler.process.supported import check_platform

    check_platform()
    options = SmokeOptions(**values)
    if options.url:
        from crashtool.services.sending.report_url import check_handler_url

        check_handler_url(options.url, "linux")
    from crashtool.services.handler.smoke.smoke_test import SmokePlan, smoke

    with ExitStack() as stack, _own_files():
        result = smoke(
            SmokePlan(
                folder=_folder(options.keep, stack),
                handler=options.handler,
                annotations=tuple(options.annotations or ()),
                attachments=tuple(options.attachments or ()),
                url=options.url,
                mode=options.mode,
                database=Path(options.use_database) if options.use_database else None,
            )
        )
    if console.json:
        console.document(smoke_document(result))
    else:
        console.answer(render_smoke(result))
    if not result.passed:
        click.get_current_context().exit(CHECK_FAILED)


@contextmanager
def _own_files() -> Iterator[None]:
    """A proof's files are crashtool's own: what goes wrong with them is the machine's fault."""
    try:
        yield
    except OSError as error:
        if not error.filename:
            raise
        raise MachineFault(f"cannot use {error.filename}: {reason_of(error)}") from None


def _folder(keep: str | None, stack: ExitStack) -> Path:
    if keep is None:
        from crashtool.services.files.scratch import Scratch

        return Path(stack.enter_context(Scratch()).folder())
    folder = Path(keep).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--keep {keep}: not an empty folder", hint="name a new one")
    return folder
