"""From the command line to an exit status.

What crashtool says of itself alone waits for no parser of arguments and no command.
"""

import gc
import os
import sys

gc.disable()  # until a command is loaded: collecting while importing costs a fifth of the start

from crashtool import __version__  # noqa: E402
from crashtool.commands.command_table import COMMANDS, ROOT_OPTIONS, SUMMARY  # noqa: E402
from crashtool.commands.standard_streams import StandardStreams, tell_bug, tell_missing  # noqa: E402
from crashtool.errors import BUG, DONE, INTERRUPTED  # noqa: E402
from crashtool.render.root_help import render_root_help  # noqa: E402

MAX_COLUMNS = 80
COMPLETION = "_CRASHTOOL_COMPLETE"  # the variable by which a shell asks click for completions


def main(arguments: list[str] | None = None, prog_name: str = "crashtool") -> None:
    """Run crashtool; ends the process with an exit status."""
    streams = StandardStreams()
    _heed_break()
    try:
        given = sys.argv[1:] if arguments is None else arguments
        if (page := _describe(given)) is not None:
            sys.stdout.write(page + "\n")
            sys.exit(DONE)
        _run(arguments, prog_name)
    except KeyboardInterrupt:  # before there is a command that would tell of it
        sys.stderr.write("crashtool: interrupted\n")
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        sys.exit(streams.find_status(end.code if isinstance(end.code, int) else DONE))
    except Exception:  # noqa: BLE001 (a bug in crashtool, whatever it is)
        tell_bug()
        sys.exit(BUG)
    finally:
        streams.restore()
        gc.freeze()  # the interpreter's last collections have nothing to go through


def _describe(arguments: list[str]) -> str | None:
    """The help text or the version, when that is all that is asked for."""
    if os.environ.get(COMPLETION):
        return None
    if arguments in (["--help"], ["-h"]):
        return render_root_help(SUMMARY, ROOT_OPTIONS, COMMANDS, _help_width())
    return f"crashtool {__version__}" if arguments == ["--version"] else None


def _run(arguments: list[str] | None, prog_name: str) -> None:
    """Have click find the command and run it."""
    try:
        from crashtool.commands.root_command import root
    except ImportError as fault:  # without click there is no command that could say so
        tell_missing(fault)
    root.main(
        args=arguments,
        prog_name=prog_name,
        terminal_width=_help_width(),
        windows_expand_args=False,  # it rewrites %VAR%, $VAR, ~ and * in whatever is given
    )


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
