"""Is everything that crashtool depends on to be had as wheels, on each system and each Python?

    python tools/resolve_wheels.py

The base and each extra are resolved with the markers of the target, by uv, to wheels alone. Ends
with 77 when the package index cannot be reached, with 1 when something has no wheel. The settings
of pip say which index and certificates.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.package_index import index_settings
from tools.pythons import ROOT, supported_versions

SYSTEMS = {
    "Windows x86-64": "x86_64-pc-windows-msvc",
    "Windows ARM64": "aarch64-pc-windows-msvc",
    "Windows x86": "i686-pc-windows-msvc",
    "macOS ARM64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
    "Linux glibc x86-64": "x86_64-manylinux_2_28",
    "Linux glibc ARM64": "aarch64-manylinux_2_28",
    "Linux musl x86-64": "x86_64-unknown-linux-musl",
    "Linux musl ARM64": "aarch64-unknown-linux-musl",
}
# No marker tells musl from glibc, so these extras resolve to nothing there; README says so.
NOT_ON_MUSL = frozenset({"handler", "all"})
# PyYAML, which the site and Dask need, has no wheel for ARM64 with 3.11 nor for x86 with 3.14: the
# site is built, and clusters run, on other systems.
NOT_ON = {
    "Windows ARM64": frozenset({"docs", "cluster"}),
    "Windows x86": frozenset({"docs", "cluster"}),
}
NOT_FOR_USERS = frozenset({"dev", "cross"})
NO_NETWORK = ("error sending request", "dns error", "Connection refused", "Could not connect")
AT_ONCE = 16  # they wait for the index, not for a processor
UNREACHABLE = 77


class Target(NamedTuple):
    """One system and Python: what uv calls it, and the extras that must be had there."""

    system: str
    platform: str
    python: str
    extras: tuple[str, ...]


class Outcome(NamedTuple):
    """How a target ended: the fault in uv's words, empty for none; extras that have no wheels."""

    target: Target
    fault: str = ""
    culprits: tuple[str, ...] = ()


def list_targets(extras: tuple[str, ...]) -> list[Target]:
    """Each system with each Python, and the extras that are offered there."""
    return [
        Target(
            system,
            platform,
            python,
            tuple(
                name
                for name in extras
                if name not in NOT_ON.get(system, ())
                and ("musl" not in platform or name not in NOT_ON_MUSL)
            ),
        )
        for system, platform in SYSTEMS.items()
        for python in supported_versions()
    ]


def read_extras() -> tuple[str, ...]:
    """The extras of pyproject.toml that are installed on other machines than CI's."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return tuple(document["project"]["optional-dependencies"].keys() - NOT_FOR_USERS)


def resolve(target: Target) -> Outcome:
    """All extras at once; when that fails, one by one, to name those to blame."""
    fault = _try(target, target.extras)
    if not fault or is_unreachable(fault):
        return Outcome(target, fault)
    if _try(target, ()):
        return Outcome(target, fault, ("the base",))
    culprits = tuple(name for name in target.extras if _try(target, (name,)))
    return Outcome(target, fault, culprits or ("the extras together",))


def is_unreachable(fault: str) -> bool:
    """Whether there was no index to ask."""
    return any(words in fault for words in NO_NETWORK)


def _try(target: Target, extras: tuple[str, ...]) -> str:
    """What uv says against it; nothing when all is to be had."""
    line = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--only-binary",
        ":all:",
        "--python-platform",
        target.platform,
        "--python-version",
        target.python,
        *(word for name in extras for word in ("--extra", name)),
        str(ROOT / "pyproject.toml"),
    ]
    done = subprocess.run(
        line,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | _settings(),
    )
    return done.stderr.strip() if done.returncode else ""


@cache
def _settings() -> dict[str, str]:
    return index_settings()


def main() -> int:
    """One line a system; 0 when all is to be had."""
    targets = list_targets(read_extras())
    first = resolve(targets[0])  # what it downloads is in uv's cache for all others
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = [first, *pool.map(resolve, targets[1:])]
    if all(is_unreachable(row.fault) for row in outcomes):
        print("SKIPPED: the package index cannot be reached")
        return UNREACHABLE
    for system in SYSTEMS:
        rows = [row for row in outcomes if row.target.system == system]
        bad = [
            f"{row.target.python}: {', '.join(row.culprits) or 'no answer'}"
            for row in rows
            if row.fault
        ]
        extras = ", ".join(sorted(rows[0].target.extras))
        print(f"{'FAIL' if bad else 'ok':5} {system:19} {'; '.join(bad) or f'base; {extras}'}")
    faults = [row for row in outcomes if row.fault]
    for row in faults:
        print(f"\n{row.target.system}, Python {row.target.python}:\n{row.fault}", file=sys.stderr)
    print(f"{len(outcomes) - len(faults)} of {len(outcomes)} targets resolve to wheels alone")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
