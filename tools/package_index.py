"""Where packages come from: what pip is told on this machine, for uv, which does not ask pip."""

from __future__ import annotations

import os
import subprocess
import sys

VARIABLES = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


def index_settings() -> dict[str, str]:
    """The index and certificates of pip as uv's variables, where uv has none of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        variable = VARIABLES.get(name.rpartition(".")[2])
        if variable and variable not in os.environ:
            found[variable] = value.strip("'\"")
    return found
