"""The root command: the table of subcommands, and errors to exit statuses."""

import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

gc.disable()  # until a command is loaded: collecting while importing costs a fifth of the start
COLLECT_EVERY = 10_000  # new objects; after 700 most are still in use, and looked at in vain

from crashtool.commands.standard_streams import StandardStreams, tell_bug, tell_missing  # noqa: E402

try:
    import click
except ImportError as fault:  # without it there is no command that could say so
    tell_missing(fault)

from crashtool import __version__  # noqa: E402
from crashtool.errors import (  # noqa: E402
    BUG,
    DONE,
    INTERRUPTED,
    CrashtoolError,
    Terminated,
    explain_import,
)

MAX_COLUMNS = 80
COMMANDS = {
    "make-url": "Build, check, convert and explain submission URLs.",
    "annotate": "Check annotations and attachments; print them as StartHandler needs them.",
    "send-dump": "Send minidumps to Backtrace, as crashpad_handler would.",
    "inspect": "Show what a minidump says: what crashed, where and why.",
    "triage": "Group many minidumps by what crashed, count them, and compare versions.",
    "upload-symbols": "Check debug files and upload them.",
    "symbols": "Check, find, fetch and write symbols; look after what is kept.",
    "database": "Show a Crashpad database, and why each report was or was not uploaded.",
    "completion": "Print the completion script of a shell.",
    "doctor": "Check a Crashpad integration: what is wrong, what follows, what to type.",
    "scaffold": "Write integration files: C++, CMake, MSBuild, GitHub Actions, Windows, settings.",
    "serve": "Receive reports locally, answering as Backtrace does.",
    "smoke": "Prove end to end that a crash under a real crashpad_handler arrives.",
    "run": "Run any program under a crashpad_handler, or without one, and report its crash.",
}


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the subcommands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

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
    message = error.format_message()
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

    found = ctx.meta.get("crashtool.console")
    return found if isinstance(found, Console) else Console()


@click.command(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def root() -> None:
    """Crashpad crash reports, from StartHandler to a readable crash: check the integration, send
    minidumps, upload symbols, read crashes. For Backtrace, or a receiver on your own machine.

    Exit status: 0 done, 1 a bug in crashtool, 2 usage, 3 input unusable, 4 a check failed,
    5 refused, 6 rejected by the server, 7 network, 8 partial, 9 the machine (an answer or a file
    cannot be written, no process starts), 130 interrupted.
    """


def main(arguments: list[str] | None = None, prog_name: str = "crashtool") -> None:
    """Run crashtool; ends the process with an exit status."""
    streams = StandardStreams()
    _heed_break()
    try:
        root.main(
            args=arguments,
            prog_name=prog_name,
            terminal_width=_help_width(),
            windows_expand_args=False,  # it rewrites %VAR%, $VAR, ~ and * in whatever is given
        )
    except SystemExit as end:
        sys.exit(streams.find_status(end.code if isinstance(end.code, int) else DONE))
    except Exception:  # noqa: BLE001 (a bug in crashtool, whatever it is)
        tell_bug()
        sys.exit(BUG)
    finally:
        streams.restore()
        gc.freeze()  # the interpreter's last collections have nothing to go through


def _heed_break() -> None:
    """Have Ctrl-Break, which ends a program of Windows on the spot, do what Ctrl-C does."""
    if os.name == "nt":
        import signal

        if number := getattr(signal, "SIGBREAK", None):
            signal.signal(number, signal.default_int_handler)


def _help_width() -> int:
    """How wide help texts are: as click finds it, without its detour over shutil."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(1).columns
    except (ValueError, OSError):
        columns = MAX_COLUMNS
    return max(min(columns, MAX_COLUMNS) - 2, 50)
