"""Installs this checkout with pip, a line for each package, so that nobody waits in silence."""

from __future__ import annotations

import subprocess
import sys

_PACKAGE, _LAST = "Collecting ", "Installing collected packages"
_OPTIONS = ("--disable-pip-version-check", "--progress-bar", "off", "--no-color")


def main(requirements: list[str]) -> int:
    """Install what pip's words name; pip's status. What it said is shown in full if it failed."""
    said = []
    pip = subprocess.Popen(
        [sys.executable, "-m", "pip", "install", *_OPTIONS, *requirements],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    for line in pip.stdout or ():
        said.append(line)
        if line.startswith(_PACKAGE):
            print(f"  {line.split()[1]}", flush=True)
        elif line.startswith(_LAST):
            print("  installing them", flush=True)
    if pip.wait():
        sys.stdout.writelines(said)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
