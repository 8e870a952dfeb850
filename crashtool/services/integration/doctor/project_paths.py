r"""Paths as projects spell them, looked for on this machine.

A project of Windows may be looked at elsewhere: `\` is a separator, case does not count, and a path
with a drive is another machine's. A path of a server is looked at nowhere: that would log in there.
"""

from __future__ import annotations

import ntpath
import os
from pathlib import Path

from crashtool.formats.msbuild.property_values import is_known

MAX_ENTRIES = 50_000  # of a folder whose names are compared without case
LEVELS = 8


def locate(folder: str, text: str) -> str | None:
    """A path in a project, relative to a folder; None when it cannot be looked for here."""
    text = text.strip().strip('"')
    if not text or "\0" in text or not is_known(text) or text.startswith(("\\\\", "//")):
        return None
    if ntpath.splitdrive(text)[0] and os.name != "nt":
        return None
    return _match_case(os.path.normpath(Path(folder, text.replace("\\", "/"))))


def _match_case(path: str) -> str:
    """The path with the case that its folders have, as far as they are there."""
    if os.path.lexists(path):
        return path
    whole = Path(path)
    for above in (whole, *whole.parents):
        if above.exists():
            matched, rest = above, whole.relative_to(above).parts
            break
    else:
        return path
    for index, part in enumerate(rest):
        match = _find_entry(matched, part)
        if match is None:
            return str(matched.joinpath(*rest[index:]))
        matched = matched / match
    return str(matched)


def _find_entry(folder: Path, name: str) -> str | None:
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(MAX_ENTRIES), strict=False):
                if entry.name.lower() == name.lower():
                    return entry.name
    except OSError:
        pass
    return None


def find_solution(folder: str) -> str | None:
    """The folder of the solution above a project; None when there is none, or too far up."""
    here = Path(folder).absolute()
    for above in (here, *here.parents)[:LEVELS]:
        try:
            if any(entry.suffix.lower() == ".sln" for entry in above.iterdir()):
                return str(above)
        except OSError:
            return None
    return None


def find_above(folder: str, name: str, root: str) -> str:
    """The nearest file of a name in a folder or those above it, no further than `root`; else ""."""
    here = Path(folder).absolute()
    for above in (here, *here.parents)[:LEVELS]:
        if (above / name).is_file():
            return str(above / name)
        if str(above) == root:
            break
    return ""


def is_inside(path: str, root: str) -> bool:
    """Whether a path is below a folder, links followed."""
    real, base = os.path.realpath(path), os.path.realpath(root)
    return real == base or real.startswith(base.rstrip(os.sep) + os.sep)
