"""crashtool scaffold: files that tie crashtool into a build."""

from pathlib import Path

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.errors import UsageError

NAMES = ("cmake", "msbuild", "github-action", "reg")


@click.command(cls=Command)
@click.argument("name", type=click.Choice(NAMES))
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
def command(
    console: Console, *, name: str, output: str | None, into: str | None, force: bool
) -> None:
    """Write integration files for CMake, MSBuild, GitHub Actions and Windows.

    \b
    cmake          CrashtoolSymbols.cmake: functions that gate and upload after a build
    msbuild        Crashtool.Symbols.targets: uploads after each build in CI
    github-action  a composite action: gate, upload, annotations, receipt
    reg            TLS 1.1 and 1.2 on Windows 7, Server 2008 R2 and Server 2012: WinHTTP in both
                   registry views and Schannel, with what to install first and for which handlers

    \b
    Examples:
      crashtool scaffold cmake --into .
      crashtool scaffold msbuild -o build/Crashtool.Symbols.targets
      crashtool scaffold reg -o winhttp-tls.reg

    Exit status: 0, 2 when another file is in the way.
    """  # noqa: D301 (\b is click's)
    from crashtool.services.integration.scaffold import SCAFFOLDS, read_scaffold, write_scaffold

    if output and into:
        raise UsageError("--output names the file, --into the project: choose one")
    if not output and not into:
        console.answer(read_scaffold(name))
        return
    target = Path(output) if output else Path(into or ".", SCAFFOLDS[name].place)
    write_scaffold(name, target, force=force)
    console.note(f"wrote {target}")
