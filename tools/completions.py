"""completions/*: what `crashtool completion` prints, for packages to install."""

from __future__ import annotations

from crashtool.commands.command_tree import read_commands
from crashtool.commands.root_command import root
from crashtool.render.completions import RENDERERS

FILES = {
    "bash": "crashtool.bash",
    "zsh": "_crashtool",
    "fish": "crashtool.fish",
    "powershell": "crashtool.ps1",
}


def render_completions() -> dict[str, str]:
    """File name → script."""
    entries = read_commands(root)
    return {FILES[shell]: render(entries) for shell, render in RENDERERS.items()}
