"""How to install something beside this very crashtool: the command that advice ends with.

`crashtool[EXTRA]` names the one that is installed: pip, pipx and uv keep it, and fetch what the
extra lists. Where none is, but a checkout runs, that is named: a package of this name on a public
index may be anybody's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

NAME = "crashtool"
EXTRA_OF = {
    "zstandard": "zstd",
    "capstone": "disassembly",
    "jinja2": "serve",
    "markupsafe": "serve",
    "python_multipart": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "fsspec": "s3",
    "s3fs": "s3",
    "pyarrow": "parquet",
    "distributed": "cluster",
}
RECORDS = (".dist-info", ".egg-info")
PIPX_MARK, UV_MARK, DEBIAN_MARK = "pipx_metadata.json", "uv-receipt.toml", "EXTERNALLY-MANAGED"


def advice_for_library(library: str, *, is_broken: bool = False) -> str:
    """What to do when a library is not there: the extra that brings it, or where it can be had.

    One that is there and cannot be loaded is to be installed anew: itself alone, for to have
    crashtool installed anew would have it fetched from a public index.
    """
    if is_broken:
        return command_for(library, again=True)
    extra = EXTRA_OF.get(library)
    return command_for_extra(extra) if extra else command_for(library)


def command_for_extra(extra: str) -> str:
    """The command that adds an extra, for the environment that crashtool runs in."""
    return command_for(f"{_own_source()}[{extra}]")


def command_for(requirement: str, *, again: bool = False) -> str:
    """The command that installs a requirement, or PATH[EXTRA], where this Python finds it.

    `again`: also when it is there already.
    """
    prefix, python = Path(sys.prefix), sys.executable
    if (prefix / PIPX_MARK).is_file():
        return _join("pipx", "inject", *["--force"] * again, prefix.name, requirement)
    if (prefix / UV_MARK).is_file() or not (find_spec("pip") or _is_managed_by_the_system()):
        anew = ["--reinstall"] * again
        return _join("uv", "pip", "install", *anew, "--python", python, requirement)
    words = ["install", *["--force-reinstall"] * again]
    if not _is_managed_by_the_system():
        return _join(*_pip(), *words, requirement)
    if _is_installed():
        return _join(python, "-m", "pip", *words, "--break-system-packages", requirement)
    inside = _join(".venv/bin/python", "-m", "pip", "install", requirement)
    return f"{_join(python, '-m', 'venv', '.venv')} && {inside}"


def _own_source() -> str:
    """The name of the installed package, or the folder of the checkout."""
    folder = Path(__file__).resolve().parents[1]
    if not _is_installed() and (folder / "pyproject.toml").is_file():
        return str(folder)
    return NAME


def _is_installed() -> bool:
    """Whether an installer has left a record of it: a look at folders, which costs a twentieth of
    loading `importlib.metadata`.
    """
    return any(
        entry.startswith(f"{NAME}-") and entry.endswith(RECORDS)
        for folder in sys.path
        for entry in _list_folder(folder or ".")
    )


def _list_folder(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 (names are all that is asked for)
    except OSError:  # an archive, or nothing
        return []


def _pip() -> tuple[str, ...]:
    """`pip` alone when that is this Python's, as in an environment that is active."""
    program = shutil.which("pip")
    if program and Path(program).parent == Path(sys.executable).parent:
        return ("pip",)
    return (sys.executable, "-m", "pip")


def _is_managed_by_the_system() -> bool:
    """PEP 668: outside an environment, where the system's own packager forbids pip."""
    return (
        sys.prefix == sys.base_prefix and Path(sysconfig.get_path("stdlib"), DEBIAN_MARK).is_file()
    )


def _join(*words: str) -> str:
    """Words as a shell takes them; on Windows in double quotes, which both of its shells know."""
    if os.name != "nt":
        return shlex.join(words)
    return " ".join(f'"{word}"' if set(word) & set(" [],;<>&") else word for word in words)
