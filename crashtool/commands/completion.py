"""crashtool completion: the script by which a shell completes crashtool's command line."""

from __future__ import annotations

import click

from crashtool.commands.console import Console

SHELLS = ("bash", "zsh", "fish", "powershell")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """Print the completion script of a shell.

    The script knows all commands and options, so a key press starts no Python. Write it again
    after an upgrade.

    \b
    Where it goes:
      bash        ~/.local/share/bash-completion/completions/crashtool
      zsh         a folder of your $fpath, as _crashtool
      fish        ~/.config/fish/completions/crashtool.fish
      powershell  a file that your $PROFILE runs: . FILE

    \b
    Examples:
      crashtool completion bash > ~/.local/share/bash-completion/completions/crashtool
      crashtool completion zsh > ~/.zfunc/_crashtool
      crashtool completion fish > ~/.config/fish/completions/crashtool.fish
      crashtool completion powershell | Out-String | Invoke-Expression
    """  # noqa: D301 (\b is click's)
    from crashtool.commands.command_tree import read_commands
    from crashtool.render.completions import RENDERERS

    root = context.find_root().command
    assert isinstance(root, click.Group)  # noqa: S101 (crashtool is a group of commands)
    Console().answer(RENDERERS[shell](read_commands(root)))
