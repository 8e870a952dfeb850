"""Completion scripts for shells: static, so a key press starts no Python."""

from __future__ import annotations

from crashtool.render.completions.bash import render_bash
from crashtool.render.completions.fish import render_fish
from crashtool.render.completions.powershell import render_powershell
from crashtool.render.completions.zsh import render_zsh

# By shell. Each takes crashtool itself and its commands, as `read_commands` gives them.
RENDERERS = {
    "bash": render_bash,
    "zsh": render_zsh,
    "fish": render_fish,
    "powershell": render_powershell,
}
