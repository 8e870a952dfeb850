"""Wildcards in PATH arguments: expanded here, on every machine alike, for Windows' shells do not.

What exists under a name is that very file, whatever characters are in its name.
"""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable

from crashtool.errors import UsageError

UNKNOWN = (errno.EACCES, errno.EPERM, errno.EIO)  # what is there is not told


def expand_path(text: str, *, hidden: bool = False) -> list[str]:
    """The paths that an argument stands for; none when nothing is there.

    That is the argument itself if it exists, else what it matches as a pattern, sorted: `**` for
    any depth, with `hidden` also names that begin with a dot. It is also the argument itself when
    the system does not tell what is there: whoever opens it then hears why.
    """
    if may_exist(text):
        return [text]
    if not glob.has_magic(text):
        return []
    folder = os.path.dirname(text)
    while folder and not os.path.isdir(folder):
        above = os.path.dirname(folder)
        folder = above if above != folder else ""
    pattern = glob.escape(folder) + text[len(folder) :]  # a folder may be called build[1]
    return sorted(glob.glob(pattern, recursive=True, include_hidden=hidden))


def may_exist(text: str) -> bool:
    """Whether something is there, or the system does not tell: whoever opens it hears why.

    Not `os.path.lexists`, nor `Path.exists` of Python 3.14, to which a closed folder, or a failing
    disk, has no such file.
    """
    try:
        os.lstat(text)
    except OSError as error:
        return error.errno in UNKNOWN
    except ValueError:  # a NUL in it
        return False
    return True


def expand_all(texts: Iterable[str]) -> tuple[str, ...]:
    """All that several arguments stand for; what stands for nothing stays, for others to name."""
    return tuple(path for text in texts for path in expand_path(text) or [text])


def expand_one(text: str) -> str:
    """The one path that an argument stands for. UsageError when it matches several."""
    paths = expand_path(text) or [text]
    if len(paths) > 1:
        raise UsageError(f"{text} matches {len(paths)} paths, {paths[0]} first: name one of them")
    return paths[0]
