"""What the files of another system (--root DIR) set for its kernel: yama's ptrace_scope, SELinux.

A container has its host's kernel, whatever its image says: so these are warnings and notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.regular_file import open_regular
from crashtool.model.doctor import CheckResult
from crashtool.services.integration.doctor.findings import note, warning

# In the order in which one hides another of the same name (sysctl.d(5))
FOLDERS = (
    "usr/lib/sysctl.d",
    "lib/sysctl.d",
    "usr/local/lib/sysctl.d",
    "run/sysctl.d",
    "etc/sysctl.d",
)
LAST = "etc/sysctl.conf"
SELINUX = "etc/selinux/config"
SCOPE = re.compile(r"^-?kernel[./]yama[./]ptrace_scope\s*=\s*(\d+)\s*$")
ENFORCING = re.compile(r"^\s*SELINUX\s*=\s*enforcing\s*$", re.MULTILINE | re.IGNORECASE)
ADMINISTRATOR = 2
MAX_FILES, MAX_SIZE = 500, 1 << 20  # of a folder, bytes of a file


class ScopeSetting(NamedTuple):
    """A value of kernel.yama.ptrace_scope, and where it is set."""

    file: str
    line: int
    value: int


def check_scope(root: Path) -> Iterator[CheckResult]:
    """Nobody but an administrator may trace: no handler reads the program."""
    setting = find_scope(root)
    if setting and setting.value >= ADMINISTRATOR:
        yield warning(
            setting.file,
            f"kernel.yama.ptrace_scope is set to {setting.value}",
            "Where this system boots with it, the handler cannot read the program: every crash is "
            "lost, unless the program is root's.",
            "set it to 1, which lets a program name its handler (PR_SET_PTRACER)",
            line=setting.line,
        )


def find_scope(root: Path) -> ScopeSetting | None:
    """The setting that counts, the last one in the order of systemd-sysctl; None without any."""
    files: dict[str, Path] = {}
    for folder in FOLDERS:
        here = root / folder
        paths = sorted(here.glob("*.conf"))[:MAX_FILES] if here.is_dir() else []
        files |= {path.name: path for path in paths}
    scope = None
    for path in (*(files[name] for name in sorted(files)), root / LAST):
        for number, line in enumerate(_read(path).splitlines(), 1):
            if match := SCOPE.match(line.strip()):
                scope = ScopeSetting(str(path), number, min(int(match[1][:4]), 9))
    return scope


def check_selinux(root: Path) -> Iterator[CheckResult]:
    """SELinux, where the system boots with it."""
    if ENFORCING.search(_read(root / SELINUX)):
        yield note(
            str(root / SELINUX),
            "SELinux is enforcing where this system boots",
            "A domain of its own needs process ptrace, and the right to execute the handler.",
            "ausearch -m avc -c crashpad_handler shows there what it denied",
        )


def _read(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return file.read(MAX_SIZE).decode("utf-8", "replace")
    except (OSError, InputUnusable):
        return ""
