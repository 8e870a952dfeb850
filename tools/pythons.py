"""The test suite under each other Python of this machine that crashtool supports.

    python tools/pythons.py [--prepare] [--elsewhere VERSION] [PYTEST-ARGUMENT…]

Looks in PATH, in the system's folders and among pyenv's versions; each gets an environment of its
own in .venvs/, kept for the next time; with --prepare that is all. The Python that runs this is
left out: `make test` is its. So is the VERSION whose suite another machine runs, and are tests of
other programs (compilers, build engines, browsers), which one Python tells as well as five.
Ends with 1 when a suite fails, and says which supported version was not found.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
CLASSIFIER = "Programming Language :: Python :: "
TESTS = "not slow and not toolchain"
LEFT_OUT = "SKIPPED: tests of other programs, marked `toolchain`: `make test` runs them"
ASK = "import sys, venv, ensurepip; print('.'.join(map(str, sys.version_info[:3])))"
MAX_SECONDS = 1800  # for one suite
TESTS_FAILED = 1  # pytest's own status; others are worse


class Interpreter(NamedTuple):
    """A Python: its full version, 3.11.2, and where it is."""

    version: str
    path: Path

    @property
    def minor(self) -> str:
        """Its version without the patch: 3.11."""
        return self.version.rpartition(".")[0]


def supported_versions() -> tuple[str, ...]:
    """The minor versions that pyproject.toml declares."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    versions = (row.removeprefix(CLASSIFIER) for row in document["project"]["classifiers"])
    return tuple(row for row in versions if row.startswith("3."))


def find_pythons() -> list[Interpreter]:
    """Each version once, the oldest first; only those that can make environments."""
    found: dict[str, Interpreter] = {}
    for path in _walk_candidates():
        version = _ask_version(path)
        if version and version.rpartition(".")[0] in supported_versions():
            found.setdefault(version, Interpreter(version, path))
    return sorted(found.values(), key=lambda row: tuple(map(int, row.version.split("."))))


def _walk_candidates() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/3.*/bin/python3"))
    names = [f"python{version}" for version in supported_versions()]
    for folder in (*os.environ.get("PATH", "").split(os.pathsep), *FOLDERS):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and os.access(path, os.X_OK):
                yield path


def _ask_version(path: Path) -> str:
    """What it says; nothing when it does not start, or cannot make environments."""
    try:
        done = subprocess.run(
            [path, "-c", ASK], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()


def run_suite(interpreter: Interpreter, arguments: list[str]) -> str:
    """What is wrong; nothing when the suite passes."""
    fault = prepare(interpreter)
    if fault:
        return fault
    line = [str(find_environment(interpreter)), "-m", "pytest", "-q", "-m", TESTS, *arguments]
    try:
        code = subprocess.run(line, check=False, cwd=ROOT, timeout=MAX_SECONDS).returncode
        if code == TESTS_FAILED:  # as in CI: those of real processes, on a busy machine
            print("== once more, what failed", flush=True)
            again = [*line, "-n", "0", "--last-failed"]
            code = subprocess.run(again, check=False, cwd=ROOT, timeout=MAX_SECONDS).returncode
    except subprocess.TimeoutExpired:
        return f"not done in {MAX_SECONDS} s"
    return f"pytest ended with {code}" if code else ""


def find_environment(interpreter: Interpreter) -> Path:
    """The Python of its environment."""
    return ROOT / ".venvs" / interpreter.version / "bin" / "python"


def prepare(interpreter: Interpreter) -> str:
    """Make its environment unless it is there; what is wrong, nothing when all is well."""
    python = find_environment(interpreter)
    environment = python.parent.parent
    stamp = environment / ".installed"
    wanted = (ROOT / "pyproject.toml").read_bytes()
    if stamp.exists() and stamp.read_bytes() == wanted:
        return ""
    steps = (
        [str(interpreter.path), "-m", "venv", "--clear", str(environment)],
        [str(python), "-m", "pip", "install", "-q", "-q", "-e", f"{ROOT}[dev]"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().rpartition("\n")[2]
            return f"no environment: {said}"
    stamp.write_bytes(wanted)
    return ""


def main(arguments: list[str]) -> int:
    """The suites one after another, and a line for each at the end."""
    options, rest = _parse(arguments)
    own = ".".join(map(str, sys.version_info[:3]))
    found = find_pythons()
    pythons = [row for row in found if row.version not in (own, options.elsewhere)]
    lines, failed = [], False
    for row in pythons:
        print(f"== Python {row.version} ({row.path})", flush=True)
        began = perf_counter()
        fault = prepare(row) if options.prepare else run_suite(row, rest)
        failed = failed or bool(fault)
        good = "has its environment" if options.prepare else "passes"
        lines.append(f"Python {row.version}: {fault or good}, {perf_counter() - began:.0f} s")
    if options.elsewhere in {row.version for row in found}:
        lines.append(f"SKIPPED: Python {options.elsewhere}: its suite runs on another machine")
    if pythons and not options.prepare:
        lines.append(LEFT_OUT)
    missing = set(supported_versions()) - {row.minor for row in found} - {own.rpartition(".")[0]}
    lines += [f"SKIPPED: no Python {version} on this machine" for version in sorted(missing)]
    print("\n".join(lines))
    return 1 if failed else 0


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--elsewhere", default="")
    return parser.parse_known_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
