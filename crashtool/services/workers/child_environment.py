"""The environment that every process started by crashtool gets."""

from __future__ import annotations

import os

_OURS = "CRASHTOOL_"


def child_environment(**more: str) -> dict[str, str]:
    """The environment of this process without crashtool's settings, tokens among them; and `more`.

    An environment stands at the top of a process's first stack: a minidump of the process holds it,
    `ps e` shows it, and what the process starts inherits it. So no child gets what it has no use
    for: a program under `run`, a handler, git, or a reader of debug files.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return kept | more
