"""No help text pays for a library it does not use."""

import subprocess
import sys

import pytest

from crashtool.cli import COMMANDS

HEAVY = (
    "rich", "requests", "urllib3", "symbolic", "minidump", "demangle", "starlette", "uvicorn",
    "jinja2", "tomli", "sqlite3", "ssl", "asyncio", "http.client", "importlib.metadata",
    "dataclasses", "ctypes", "zipfile",
)  # fmt: skip
SCRIPT = f"""
import sys
from crashtool.cli import root
try:
    root.main(sys.argv[1:], prog_name="crashtool")
except SystemExit as end:
    assert not end.code, end.code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
sys.stderr.write(" ".join(loaded))
"""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command):
    arguments = [command, "--help"] if command else ["--help"]

    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert "Usage: crashtool" in run.stdout


def test_root_help_imports_no_command():
    loaded = "[m for m in sys.modules if 'commands.' in m and not m.endswith('.standard_streams')]"
    script = SCRIPT + f"sys.stderr.write(' '.join({loaded}))"

    run = subprocess.run(
        [sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=False
    )

    assert run.stderr == ""
