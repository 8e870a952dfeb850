"""Lines of source code around each frame's place, from folders that the user names."""

from __future__ import annotations

import os
from collections.abc import Sequence

from crashtool.errors import InputUnusable
from crashtool.formats.source_path import parse_source_path
from crashtool.formats.text_file import find_encoding
from crashtool.model.crash import CrashReport, Frame, SourceLine
from crashtool.services.files.source_tree import SourceTree, split_path

CONTEXT = 2  # lines before and after
MAX_LINE_LENGTH = 240  # characters
MAX_FILE = 1 << 24  # bytes
MAX_LINES = 1 << 16  # of a report


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
            raise InputUnusable(f"{folder} is not a folder", hint="--source takes a source tree")
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
        self.trees = [SourceTree(folder) for folder in folders]
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
