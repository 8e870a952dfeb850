"""The files beside a debug file that hold its split units: .dwo files, or a package (.dwp).

The names come from the debug file, which may be a stranger's: only paths that are safe to open are
looked at, and what is found counts when its identifier is the unit's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.dwarf.split import SplitFile, SplitName, read_split_name
from crashtool.services.symbols.local_places import identify_regular, plain_name, recorded_path
from crashtool.services.symbols.mapped_file import map_file

if TYPE_CHECKING:
    from crashtool.formats.dwarf.lookup import SplitUnit
    from crashtool.formats.dwarf.units import Unit

PACKAGE = ".dwp"
MAX_FILES = 1 << 8  # that are kept mapped
MAX_PROBLEMS = 8
LOSS = "of that code the lines are known alone"


class SplitFiles:
    """What holds the split units of the debug file at `path`.

    What is damaged is told in `problems`, what is missing in `absent`, each once.
    """

    def __init__(self, path: str, problems: list[str], absent: list[str]) -> None:
        self._path = path
        self._problems = problems
        self._absent = absent
        self._files: dict[str, SplitFile | None] = {}

    def find(self, skeleton: Unit) -> SplitUnit | None:
        """The unit that a skeleton stands for; None for a whole unit, and when it is not at hand.

        DamagedDwarf when the skeleton makes no sense.
        """
        name = read_split_name(skeleton)
        if name is None:
            return None
        is_other = False
        for path in self._walk_paths(name):
            unit = self._look(path, skeleton, name)
            if unit is not None:
                return unit
            is_other = is_other or (path in self._files and not path.endswith(PACKAGE))
        shown = plain_name(name.path) or "a .dwo file"
        state = "of which another build was found" if is_other else "which was not found"
        _note(self._absent, f"debug information is in {shown}, {state}: {LOSS}")
        return None

    def _walk_paths(self, name: SplitName) -> Iterator[str]:
        """Packages first, then beside the debug file, then where it was compiled."""
        yield self._path + PACKAGE
        stem, suffix = os.path.splitext(self._path)
        if suffix:
            yield stem + PACKAGE
        folder = os.path.dirname(self._path)
        parts = name.path.replace("\\", "/").split("/")
        if all(map(plain_name, parts)):  # neither absolute nor leading upwards
            yield os.path.join(folder, *parts)
        if len(parts) > 1 and (plain := plain_name(name.path)):
            yield os.path.join(folder, plain)
        for recorded in (name.path, f"{name.folder}/{name.path}"):
            if path := recorded_path(recorded):
                yield path

    def _look(self, path: str, skeleton: Unit, name: SplitName) -> SplitUnit | None:
        try:
            file = self._open(path)
            return None if file is None else file.find(skeleton, name.identifier)
        except InputUnusable as error:
            _note(self._problems, f"{os.path.basename(path)}: {error.what}")
            return None

    def _open(self, path: str) -> SplitFile | None:
        if path not in self._files:
            if identify_regular(path) is None:
                return None
            if len(self._files) >= MAX_FILES:
                self._files.clear()
            self._files[path] = None  # as it stays when it cannot be read
            self._files[path] = SplitFile(map_file(path))
        return self._files[path]


def _note(sentences: list[str], sentence: str) -> None:
    if sentence not in sentences and len(sentences) < MAX_PROBLEMS:
        sentences.append(sentence)
