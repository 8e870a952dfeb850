"""Find the program to run as a shell would, and say why one cannot be executed."""

from __future__ import annotations

import errno
import os
import shutil

from crashtool.errors import CrashtoolError, ProgramNotExecutable, ProgramNotFound
from crashtool.formats.shell_words import quote_word


def find_program(name: str) -> str:
    """The path that `name` runs: itself when it has a slash, else looked up in PATH.

    ProgramNotFound (127) or ProgramNotExecutable (126) when a shell would not run it either.
    """
    if os.sep not in name:
        if path := shutil.which(name):
            return path
        raise ProgramNotFound(f"{name}: no such program in PATH", hint=_local_hint(name))
    if not os.path.exists(name):  # noqa: PTH110 (kept off pathlib for the start)
        raise ProgramNotFound(f"{name}: no such file")
    if os.path.isdir(name):  # noqa: PTH112
        raise ProgramNotExecutable(f"{name} is a folder")
    if not os.access(name, os.X_OK):
        raise ProgramNotExecutable(f"{name} is not executable", hint=f"chmod +x {quote_word(name)}")
    return name


def _local_hint(name: str) -> str | None:
    return f"did you mean {quote_word('./' + name)} ?" if os.path.isfile(name) else None  # noqa: PTH113


def cannot_execute(path: str, number: int) -> CrashtoolError:
    """The error for an errno of execve."""
    if number == errno.ENOENT:
        return ProgramNotFound(
            f"{path}: the interpreter that it asks for does not exist",
            hint="see its first line (#!) for a script, readelf -l for a program",
        )
    hint = "a script needs a first line such as #!/bin/sh" if number == errno.ENOEXEC else None
    return ProgramNotExecutable(f"cannot execute {path}: {os.strerror(number)}", hint=hint)
