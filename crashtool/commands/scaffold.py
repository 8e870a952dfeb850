"""crashtool scaffold: files that tie Crashpad and crashtool into a project."""

from __future__ import annotations

from pathlib import Path

import click

from crashtool.commands.command import Command, CommandGroup
from crashtool.commands.console import Console
from crashtool.commands.scaffold_cpp import command as write_cpp
from crashtool.errors import UsageError
from crashtool.formats.crashpad.arguments import HANDLER_KINDS

FILES = {
    "cmake": """CrashtoolSymbols.cmake: functions that gate and upload after a build.

    `scaffold cpp` writes it, too.
    """,
    "msbuild": """Crashtool.Symbols.targets: uploads after each build in CI.

    `scaffold cpp` writes it, too.
    """,
    "github-action": """A composite GitHub Action: gate, upload, annotations, receipt.""",
    "reg": """TLS 1.1 and 1.2 on Windows 7, Server 2008 R2 and Server 2012.

    WinHTTP in both registry views and Schannel, with what to install first and for which handlers.
    """,
    "toml": """A crashtool.toml with every setting, explained and commented out.""",
}
"""The files that have no options of their own, with their help."""


@click.group(cls=CommandGroup)
def command() -> None:
    """Write integration files: C++, CMake, MSBuild, GitHub Actions, Windows, settings.

    \b
    crashtool scaffold obtain           where each Crashpad comes from, and what is in it
    crashtool scaffold toml --into .    the project's settings, to be filled in
    crashtool scaffold cpp --into .     code that starts the handler, with what builds it
    crashtool scaffold cmake --into .   symbols after a build, with CMake
    crashtool scaffold reg              TLS on old Windows
    """  # noqa: D301 (click reads the \b)


@click.command("obtain", cls=Command)
@click.option(
    "--crashpad",
    "fork",
    type=click.Choice(list(HANDLER_KINDS)),
    help="Only this one. Default: all.",
)
def tell_sources(console: Console, *, fork: str | None) -> None:
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


def _file_command(name: str, text: str) -> click.Command:
    @click.command(name, cls=Command, help=text)
    @click.option(
        "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write it here."
    )
    @click.option(
        "--into",
        type=click.Path(file_okay=False),
        metavar="DIR",
        help="Write it to its usual place below this folder of your project.",
    )
    @click.option("--force", is_flag=True, help="Replace a file that is there already.")
    def write(console: Console, *, output: str | None, into: str | None, force: bool) -> None:
        _write(console, name, output, into, force=force)

    return write


def _write(
    console: Console, name: str, output: str | None, into: str | None, *, force: bool
) -> None:
    from crashtool.services.integration.scaffold import SCAFFOLDS, read_scaffold, write_scaffold

    if output and into:
        raise UsageError("--output and --into cannot be combined")
    written = None
    if output or into:
        target = Path(output) if output else Path(into or ".", SCAFFOLDS[name].path)
        written = write_scaffold(name, target, force=force)
    text = read_scaffold(name)
    if console.json:
        from crashtool.render.integration.documents import file_document

        console.document(file_document(name, text, written))
    elif written is None:
        console.answer(text)
    else:
        console.note(f"wrote {written.path}")


command.add_command(tell_sources)
command.add_command(write_cpp)
for _name, _text in FILES.items():
    command.add_command(_file_command(_name, _text))
