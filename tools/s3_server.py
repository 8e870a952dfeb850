"""Gets an S3 server for tests into a virtual environment of its own, `.cache/s3`.

Its fifty packages are nothing that the project is developed with.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / ".cache" / "s3"
PACKAGE = "moto[s3,server]"
STAMP = FOLDER / ".installed"


def main() -> int:
    """Install it unless it is there; 1 when it cannot be had."""
    if STAMP.is_file():
        return 0
    venv.create(FOLDER, clear=True, with_pip=True)
    python = next(path for path in FOLDER.glob("*/python*") if path.stem == "python")
    options = ["--quiet", "--disable-pip-version-check"]
    command = [str(python), "-m", "pip", "install", *options, PACKAGE]
    if subprocess.run(command, check=False).returncode:
        return 1
    STAMP.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
