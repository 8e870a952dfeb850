"""Find what there is to look at: subjects of every kind, told by content, in bounded time.

A folder may hold anything: a hundred thousand files, links in circles, pipes that nobody writes to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from crashtool.errors import InputUnusable, NothingFound, reason_of
from crashtool.model.doctor import (
    BUNDLE,
    CMAKE_BUILD,
    CRASHPAD_HEADERS,
    DATABASE,
    HANDLER,
    HOST,
    IMAGE,
    PROGRAM,
    SETTINGS,
    CheckResult,
    Subject,
)
from crashtool.services.files.path_patterns import expand_path
from crashtool.services.files.scratch import Scratch
from crashtool.services.integration.doctor.examination import Options
from crashtool.services.integration.doctor.findings import skip
from crashtool.services.integration.doctor.pairing import list_handlers
from crashtool.services.integration.doctor.sniffing import sniff
from crashtool.services.integration.doctor.unpacking import (
    MAX_FOUND,
    MAX_FOUND_SIZE,
    SHIPPED,
    Contents,
    is_container,
    unpack_programs,
)
from crashtool.services.sending.database_reports import is_database

MAX_FILES = 100_000  # of one call; the largest build folders have some 60,000
LEFT_OUT = frozenset((".git", ".hg", ".svn", "node_modules", "__pycache__"))
CMAKE_CACHE, HEADER = "CMakeCache.txt", "crashpad_client.h"
SEARCH = "search"  # the name that findings of the search itself have instead of a check's


class BuildSearch:
    """One search. `problems`: what of the paths could not be looked at; `unpacked`: archives."""

    def __init__(self, options: Options, scratch: Scratch) -> None:
        self.problems: list[CheckResult] = []
        self.unpacked: list[Contents] = []
        self._options = options
        self._scratch = scratch
        self._archives = self._archive_bytes = 0
        self._passed_over: list[str] = []
        self._subjects: dict[tuple[str, str], Subject] = {}
        self._files = 0
        self._folders: set[str] = set()

    def find_subjects(self, paths: Sequence[str]) -> list[Subject]:
        """Everything in the paths; then the settings and this machine. NothingFound for a path that
        is not there.
        """
        for text in paths:
            expanded = expand_path(text)
            if not expanded:
                raise NothingFound(f"{text} does not exist", hint="name a file or folder that does")
            for path in expanded:
                self._add_path(path)
        if self._passed_over:
            more = len(self._passed_over) - 1
            others = f" (so were {more} more)" if more else ""
            reason = f"an archive that was not looked into{others}: name it"
            self._note_problem(self._passed_over[0], reason)
        if handler := self._options.settings.get("handler"):
            self._add(HANDLER, str(handler), named=True)
        self._add(SETTINGS, "")
        if self._options.root is None:
            self._add(HOST, "")
        else:
            self._add(IMAGE, str(self._options.root))
        return list(self._subjects.values())

    def _add(self, kind: str, path: str, *, named: bool = False) -> None:
        path = path and str(Path(path))  # ./dist and dist are one folder
        self._subjects.setdefault((kind, path), Subject(kind, path, named))

    def _add_path(self, path: str) -> None:
        if os.path.isdir(path):
            self._add_folder(path, named=True)
            for file in self._walk(path):
                self._add_file(file)
                self._look_into(file)
        elif is_container(path):
            self._unpack(path)
        else:
            self._add_file(path, named=True)

    def _look_into(self, path: str) -> None:
        """An archive among other files: those that are shipped, not too many, not too large."""
        if not SHIPPED.fullmatch(os.path.basename(path)):
            return
        try:
            if not is_container(path):
                return
            size = os.path.getsize(path)
            if self._archives >= MAX_FOUND or self._archive_bytes + size > MAX_FOUND_SIZE:
                self._passed_over.append(path)
                return
            self._archives += 1
            self._archive_bytes += size
            self._unpack(path)
        except InputUnusable as error:
            self._note_problem(path, f"cannot look into it: {error.what}")
        except OSError as error:
            self._note_problem(path, f"cannot look into it: {reason_of(error)}")

    def _unpack(self, path: str) -> None:
        contents = unpack_programs(path, self._scratch)
        self.unpacked.append(contents)
        if contents.problem:
            self._note_problem(path, contents.problem)
        for file in self._walk(contents.folder):
            self._add_file(file)

    def _add_folder(self, path: str, *, named: bool = False) -> None:
        """What a folder is as a whole."""
        with suppress(OSError):  # the walk tells of a folder that may not be read
            if path.rstrip("/\\").endswith(".app") and Path(path, "Contents").is_dir():
                self._add(BUNDLE, path, named=named)
            if is_database(path):
                self._add(DATABASE, path, named=named)

    def _walk(self, root: str) -> Iterator[str]:
        """All files below, sorted within each folder; a folder reached twice counts once."""
        pending = [root]
        while pending:
            folder = pending.pop()
            try:
                real = os.path.realpath(folder)
                entries = [] if real in self._folders else sorted(os.scandir(folder), key=_name)
            except OSError as error:
                self._note_problem(folder, f"cannot read the folder: {reason_of(error)}")
                continue
            self._folders.add(real)
            deeper = []
            for entry in entries:
                if _is_folder(entry):
                    if entry.name not in LEFT_OUT:
                        self._add_folder(entry.path)
                        deeper.append(entry.path)
                    continue
                if self._files >= MAX_FILES:
                    self._note_problem(root, f"more than {MAX_FILES:,} files: name a part of it")
                    return
                self._files += 1
                yield entry.path
            pending += reversed(deeper)

    def _add_file(self, path: str, *, named: bool = False) -> None:
        name = os.path.basename(path)
        if name == CMAKE_CACHE:
            self._add(CMAKE_BUILD, os.path.dirname(path) or ".", named=named)
            return
        folder = os.path.dirname(path)
        if name == HEADER and os.path.basename(folder) == "client":
            self._add(CRASHPAD_HEADERS, os.path.dirname(folder) or ".")
        try:
            kinds = sniff(path, named=named)
        except (InputUnusable, OSError) as error:
            if named:
                raise
            if isinstance(error, PermissionError):
                self._note_problem(path, f"cannot read it: {reason_of(error)}")
            return
        for kind in kinds:
            self._add(kind, path, named=named)
        if named and PROGRAM in kinds:
            for handler in list_handlers(str(Path(path).parent)):
                self._add(HANDLER, handler)

    def _note_problem(self, path: str, reason: str) -> None:
        self.problems.append(skip(path, reason)._replace(check=SEARCH))


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or in circles
        return False
