"""Lines of source code around each frame's place, from folders that the user names."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.source_path import parse_source_path
from crashtool.formats.text_file import find_encoding
from crashtool.model.crash import CrashReport, Frame, SourceLine

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTEXT = 2  # lines before and after
MAX_LINE_LENGTH = 240  # characters
MAX_FILE = 1 << 24  # bytes
MAX_FILES = 1 << 18  # of a tree that are looked at
MAX_LINES = 1 << 16  # of a report
MAX_PATH_LENGTH = 1 << 12  # characters of a path in a debug file
FEWEST_SHARED = 2  # parts at the end of two paths that make them one file
PASSED_OVER = {".git", ".hg", ".svn", "node_modules", "__pycache__"}


def attach_source(
    report: CrashReport, folders: Sequence[str], *, context: int = CONTEXT
) -> CrashReport:
    """The report with the lines around the innermost place of each frame, where a folder has them.

    A file is found by the end of its path: `/build/game/src/mesh.cpp` may be `src/mesh.cpp` in a
    folder, or lie deeper in it; of several the one that shares most of the path is meant, and none
    when that does not tell. Only files inside the folders are read, whatever paths debug files
    name. InputUnusable when a folder is none.
    """
    for folder in folders:
        if not os.path.isdir(folder):
            raise InputUnusable(f"{folder} is no folder", hint="--source takes a source tree")
    reader = _SourceReader(folders, context)
    threads = list(report.threads)
    for index in _crashed_first(report):
        frames = tuple(map(reader.read_frame, threads[index].frames))
        threads[index] = threads[index]._replace(frames=frames)
    crash = report.crash
    if crash and crash.frame:
        crash = crash._replace(frame=reader.read_frame(crash.frame))
    return report._replace(threads=tuple(threads), crash=crash)


def _crashed_first(report: CrashReport) -> list[int]:
    """The threads by index; the one that the report is about is read before a limit is reached."""
    return sorted(range(len(report.threads)), key=lambda index: index != report.crashing_thread)


class _SourceReader:
    """Finds and reads source files, each once."""

    def __init__(self, folders: Sequence[str], context: int) -> None:
        self.trees = [_Tree(folder) for folder in folders]
        self.context = context
        self.left = MAX_LINES
        self.places: dict[tuple[str, int], tuple[SourceLine, ...]] = {}
        self.files: dict[str, list[str] | None] = {}

    def read_frame(self, frame: Frame) -> Frame:
        """The frame with the lines around its innermost place."""
        place = frame.inlines[0] if frame.inlines else frame
        if not place.file or not place.line or self.left <= 0:
            return frame
        key = (place.file, place.line)
        if key not in self.places:
            self.places[key] = self._read_lines(*key)
        lines = self.places[key]
        self.left -= len(lines)
        return frame._replace(source=lines)

    def _read_lines(self, file: str, line: int) -> tuple[SourceLine, ...]:
        if file not in self.files:
            self.files[file] = self._read_file(parse_source_path(file).path)
        lines = self.files[file]
        if lines is None or line > len(lines):
            return ()
        first = max(1, line - self.context)
        last = min(len(lines), line + self.context)
        return tuple(
            SourceLine(number, lines[number - 1][:MAX_LINE_LENGTH])
            for number in range(first, last + 1)
        )

    def _read_file(self, file: str) -> list[str] | None:
        parts = split_path(file)
        for tree in self.trees:
            if path := tree.find(parts):
                return _read_text(path)
        return None


def split_path(path: str) -> list[str]:
    """The parts of a path of any system, without drive, `.` and `..`."""
    parts: list[str] = []
    for part in path[-MAX_PATH_LENGTH:].replace("\\", "/").split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", "..") and ":" not in part and "\0" not in part:
            parts.append(part)
    return parts


class _Tree:
    """A folder with source files."""

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


def _walk_files(root: str) -> "Iterator[str]":
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in PASSED_OVER)
        yield from (os.path.join(folder, file) for file in files)


def _count_shared(path: str, wanted: "Iterable[str]") -> int:
    """How many parts at the end of `path` are those of the reversed path `wanted`."""
    count = 0
    for part, want in zip(reversed(split_path(path.lower())), wanted, strict=False):
        if part != want:
            break
        count += 1
    return count


def _read_text(path: str) -> list[str] | None:
    """The lines of a source file; None when it cannot be read or is no text."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError:
        return None
    encoding, content = find_encoding(content)
    text = content.decode(encoding, "replace")
    if len(content) > MAX_FILE or "\0" in text:
        return None
    return [line.rstrip("\r") for line in text.split("\n")]
