"""The root command: the table of subcommands as click reads it, and errors to exit statuses."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from crashtool import __version__
from crashtool.commands.command_table import COMMANDS, ROOT_OPTIONS, SUMMARY
from crashtool.errors import INTERRUPTED, CrashtoolError, Terminated, explain_import
from crashtool.render.root_help import render_root_help

COLLECT_EVERY = 10_000  # new objects; after 700 most are still in use, and looked at in vain


class CommandTable(click.Group):
    """A group whose help and completion import no subcommand."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """The subcommands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load the one module that a subcommand lives in."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"crashtool.commands.{cmd_name.replace('-', '_')}")
        gc.freeze()  # what was imported stays
        gc.set_threshold(COLLECT_EVERY)
        gc.enable()
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101 (a promise of commands/)
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The page that `cli` shows without loading this."""
        formatter.write(render_root_help(SUMMARY, ROOT_OPTIONS, COMMANDS, formatter.width) + "\n")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete subcommands from the table."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=summary)
            for name, summary in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments that stand before the subcommand."""
        with _one_line_messages():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; what the user can act on ends as a sentence and a status."""
        try:
            with _one_line_messages():
                return super().invoke(ctx)
        except CrashtoolError as error:
            _console_of(ctx).error(error)
            ctx.exit(error.exit_status)
        except ImportError as error:
            if (missing := explain_import(error)) is None:
                raise
            _console_of(ctx).error(missing)
            ctx.exit(missing.exit_status)
        except OSError as error:
            if not error.filename:
                raise
            from crashtool.services.files.denied import explain

            told = explain(error)
            _console_of(ctx).error(told)
            ctx.exit(told.exit_status)
        except KeyboardInterrupt as error:
            click.echo("crashtool: interrupted", err=True)
            ctx.exit(error.exit_status if isinstance(error, Terminated) else INTERRUPTED)


class WrongCall(click.UsageError):
    """What click has to say of arguments, told as every other error is.

    `near` are the words that may have been meant.
    """

    def __init__(self, message: str, ctx: click.Context | None, near: Sequence[str] = ()) -> None:
        super().__init__(message, ctx)
        self.near = near

    def show(self, file: Any = None) -> None:  # noqa: ARG002 (click's signature)
        """One line that says what is wrong, one that says where help is."""
        from crashtool.commands.console import Console, wants_color
        from crashtool.errors import UsageError

        words = self.format_message().removesuffix(".").replace("\n\t", " ")
        path = self.ctx.command_path if self.ctx else "crashtool"
        console = _console_of(self.ctx) if self.ctx else Console()
        console.color_notes = wants_color("auto", os.environ, sys.stderr)
        hint = f"try {path} --help"
        if self.near:
            hint = f"did you mean {' or '.join(self.near)}? If not, {hint}"
        console.error(UsageError(words[:1].lower() + words[1:], hint=hint))


HELP_INSTEAD = getattr(click.exceptions, "NoArgsIsHelpError", WrongCall)  # since click 8.2


@contextmanager
def _one_line_messages() -> Iterator[None]:
    """What click has to say of arguments, with nothing in it that a terminal or CI would obey."""
    try:
        yield
    except (WrongCall, HELP_INSTEAD):
        raise
    except click.UsageError as error:
        raise _retell(error) from None


def _retell(error: click.UsageError) -> WrongCall:
    """The same, with what was probably meant by an option or a command that is not there."""
    if isinstance(error, click.NoSuchOption):
        near = sorted(error.possibilities or ())
        return WrongCall(f"No such option '{error.option_name}'", error.ctx, near)
    from crashtool.commands.click_messages import reword  # seldom needed

    message = reword(error.format_message())
    _, start, name = message.partition("No such command '")
    group = error.ctx.command if error.ctx else None
    if not start or error.ctx is None or not isinstance(group, click.Group):
        return WrongCall(message, error.ctx)
    from difflib import get_close_matches

    name = name.partition("'")[0]
    near = get_close_matches(name, group.list_commands(error.ctx))
    return WrongCall(f"{start}{name}'", error.ctx, near)


def _console_of(ctx: click.Context) -> Any:
    from crashtool.commands.console import Console

    console = ctx.meta.get("crashtool.console")
    return console if isinstance(console, Console) else Console()


@click.command(
    cls=CommandTable,
    help="\n\n".join(SUMMARY),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def root() -> None:
    """The commands, and what is said before one is chosen."""
