"""Patterns of --exclude and --not-required: one wording of a path for all machines."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence


class PathPatterns:
    """Patterns that leave files out, each with either kind of slash.

    One is held against a file's name, its path below the input it was found in, with and without
    the input's own name, and its path as it was given or in full.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = {text: _normal(text) for text in patterns}

    def find(self, path: str, root: str = "") -> str | None:
        """The first pattern, as it was given, that fits a path found in the folder `root`."""
        if not self._patterns:
            return None
        spellings = set(_walk_spellings(with_slashes(path), with_slashes(root)))
        for text, pattern in self._patterns.items():
            if any(fnmatch.fnmatch(spelling, pattern) for spelling in spellings):
                return text
        return None


def with_slashes(path: str) -> str:
    """The path with the separator that patterns, bundles and archives have."""
    return path.replace(os.sep, "/")


def _normal(pattern: str) -> str:
    text = pattern.replace("\\", "/").removeprefix("./")
    return text.rstrip("/") or text


def _walk_spellings(path: str, root: str) -> Iterator[str]:
    root = root.rstrip("/")
    yield path
    yield path.removeprefix("./")
    yield path.rpartition("/")[2]
    below = path.removeprefix(root + "/") if root else path
    yield below
    place, colon, member = below.rpartition(":")
    if colon and place:  # of an archive, also the member's own path
        yield member
    yield f"{os.path.basename(os.path.abspath(root))}/{below}"  # noqa: PTH100, PTH119 (hot)
    yield with_slashes(os.path.abspath(path))  # noqa: PTH100
