"""Source files by the paths that debug files name, in folders that the user names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

MAX_FILES = 1 << 18  # of a tree that are looked at
MAX_PATH_LENGTH = 1 << 12  # characters of a path in a debug file
FEWEST_SHARED = 2  # parts at the end of two paths that make them one file
PASSED_OVER = {".git", ".hg", ".svn", "node_modules", "__pycache__"}


def split_path(path: str) -> list[str]:
    """The parts of a path of any system, without drive, `.` and `..`."""
    parts: list[str] = []
    for part in path[-MAX_PATH_LENGTH:].replace("\\", "/").split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", "..") and ":" not in part and "\0" not in part:
            parts.append(part)
    return parts


class SourceTree:
    """A folder with source files. Only files inside it are found, whatever is asked for."""

    def __init__(self, folder: str) -> None:
        self.root = os.path.realpath(folder)
        self._by_name: dict[str, list[str]] | None = None

    def find(self, parts: Sequence[str]) -> str | None:
        """The file that ends like `parts` and lies inside the folder."""
        if not parts:
            return None
        path = self._find_below_root(parts) or self._find_deeper(parts)
        return path if path and self._holds(path) else None

    def _find_below_root(self, parts: Sequence[str]) -> str | None:
        """The longest end of the path that is a file from the root on; two parts at least."""
        for start in range(len(parts) - 1):
            path = os.path.join(self.root, *parts[start:])
            if os.path.isfile(path):
                return path
        return None

    def _find_deeper(self, parts: Sequence[str]) -> str | None:
        """The file of that name, wherever it lies, that shares most of the path's end.

        The name alone is not enough: programs have a `main.cpp` of their own, and so have others.
        It is for a file right in the folder that the user named, and when nothing else is known.
        """
        wanted = [part.lower() for part in reversed(parts)]
        ranked = sorted(
            ((_count_shared(path, wanted), path) for path in self._index().get(wanted[0], ())),
            reverse=True,
        )
        if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
            return None
        shared, path = ranked[0]
        enough = shared >= min(len(parts), FEWEST_SHARED) or os.path.dirname(path) == self.root
        return path if enough else None

    def _index(self) -> dict[str, list[str]]:
        """All files by their names in lower case; read from the disk when first needed."""
        if self._by_name is None:
            self._by_name = {}
            for count, path in enumerate(_walk_files(self.root)):
                if count >= MAX_FILES:
                    break
                self._by_name.setdefault(os.path.basename(path).lower(), []).append(path)
        return self._by_name

    def _holds(self, path: str) -> bool:
        """Whether a plain file is in the folder, also after all links have been followed."""
        root = os.path.join(os.path.normcase(self.root), "")
        real = os.path.realpath(path)
        return os.path.isfile(real) and os.path.normcase(real).startswith(root)


def _walk_files(root: str) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in PASSED_OVER)
        yield from (os.path.join(folder, file) for file in files)


def _count_shared(path: str, wanted: Iterable[str]) -> int:
    """How many parts at the end of `path` are those of the reversed path `wanted`."""
    count = 0
    for part, want in zip(reversed(split_path(path.lower())), wanted, strict=False):
        if part != want:
            break
        count += 1
    return count
