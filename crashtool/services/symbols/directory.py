"""Debug files in folders, stores, archives and single files on this disk, found by identifier."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import filterfalse, islice
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.identifiers import DebugId
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.symbol_store import CONVENTIONS, ModuleIds, compress_path
from crashtool.services.files.denied import explain
from crashtool.services.files.path_patterns import expand_path
from crashtool.services.symbols.file_pointer import follow_pointer, pointer_path
from crashtool.services.symbols.identified_file import (
    IdentifiedFile,
    bare_name,
    best_first,
    compare,
    identify,
    identify_required,
    ids_of,
    is_pack,
    keys_of,
    matches,
    may_be_asked_for,
    may_be_of,
    names_of,
    read_head,
    same_file,
)

if TYPE_CHECKING:
    from crashtool.model.module import Module
    from crashtool.model.symbol_lookup import Candidate
    from crashtool.services.files.scratch import Scratch

VERSION_CONTROL = (".git", ".hg", ".svn")
ID_LENGTHS = range(33, 41)  # a GUID and an age, as stores name their folders
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
MAX_MISMATCHES = 8
# what symstore and symsrv put at the top of their stores, which may be vast and far away
STORE_MARKS = ("000admin", "pingme.txt", "index2.txt")
WITH_POINTERS = ("symstore", "symstore2")
LOCAL_CONVENTIONS = ("breakpad", "symstore", "symstore2", "build-id", "ssqp", "debuginfod")


class ListedFile(NamedTuple):
    """A file that has only been seen in its folder. `folder_id`: the store's id for it."""

    path: str
    name: str
    folder_id: DebugId | None


class DirectorySource:
    """The files that the user named, and those in the folders that the user named.

    Stores are looked up by path. Other folders are walked once, when a look-up in them did not
    answer; files with a fitting name are opened first, the others only when those do not match.
    """

    def __init__(
        self,
        paths: Sequence[str],
        scratch: Scratch,
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        """InputUnusable when a path does not exist; `warn` hears of files that are of no use."""
        self._warn = warn
        self.folders: list[str] = []
        self.files: list[str] = []
        for text in paths:
            expanded = expand_path(text)
            if not expanded:
                raise InputUnusable(f"{text} does not exist", hint="it was given by --symbols")
            for path in expanded:
                check_folder(path)
                (self.folders if os.path.isdir(path) else self.files).append(path)
        self._scratch = scratch
        self._listings: dict[str, dict[str, str]] = {}
        self._known: dict[str, list[IdentifiedFile]] = {}
        self._spelled: dict[tuple[object, str], str] = {}
        self._by_name: dict[str, list[ListedFile]] | None = None
        self._objects: _FileIndex | None = None
        self._packs: _FileIndex | None = None

    def walk_candidates(self, module: Module) -> Iterator[Candidate]:
        """Stores by path; then files by name; then whatever else has the identifier."""
        seen: set[object] = set()
        for file in self._walk_known(module):
            candidate = compare(file, module)
            key = same_file(candidate.path) if candidate.path else candidate.place
            if key not in seen and candidate.place not in seen:
                seen |= {key, candidate.place}
                yield candidate

    def _walk_known(self, module: Module) -> Iterator[IdentifiedFile]:
        poor: list[IdentifiedFile] = []  # what is of no use is told of in the end
        for file in self._in_stores(module):
            if matches(file, module):
                yield file
            else:
                poor.append(file)
        for step in (self._in_files, self._in_neighbours, self._in_fitting, self._in_all):
            files = list(step(module))
            yield from best_first(file for file in files if matches(file, module))
            poor += [file for file in files if not matches(file, module)]
        told = [file for file in poor if not file.is_readable or may_be_of(file, module)]
        yield from told[:MAX_MISMATCHES]

    def _in_stores(self, module: Module) -> Iterator[IdentifiedFile]:
        """What stores have at the places where they would have it."""
        ids = ids_of(module)
        for folder in self.folders:
            for name in LOCAL_CONVENTIONS:
                for wanted in CONVENTIONS[name].paths(ids):
                    for text in (wanted.path, compress_path(wanted.path)):
                        if path := self._find_file(folder, text, ids):
                            yield from self._identify_required(path)
                    if name in WITH_POINTERS:
                        text = pointer_path(wanted.path)
                        if path := self._find_file(folder, text, ids):
                            yield from follow_pointer(path, self._scratch)

    def _in_files(self, module: Module) -> Iterator[IdentifiedFile]:  # noqa: ARG002 (one step of several)
        """What the files that the user named hold, whatever they are called."""
        for path in self.files:
            for file in self._identify_required(path):
                if file.is_readable or file.failure != "malformed":
                    yield file
                else:  # it is no module's fault
                    self._warn(f"--symbols {file.place}: {file.note}")

    def _in_neighbours(self, module: Module) -> Iterator[IdentifiedFile]:
        """Other builds of a module in the stores that are not walked; some of them."""
        ids = ids_of(module)
        for folder in filter(self._is_marked, self.folders):
            for name in sorted({ids.debug_file.lower(), ids.code_file.lower()} - {""}):
                if start := self._list(folder).get(name):
                    files = walk_files(os.path.join(folder, start))
                    for named in islice(files, MAX_MISMATCHES):
                        yield from self._identify(named.path)

    def _in_fitting(self, module: Module) -> Iterator[IdentifiedFile]:
        """The files of the folders whose names fit."""
        by_name = self._list_folders()
        for name in sorted(names_of(module)):
            for named in by_name.get(name, ()):
                yield from self._identify(named.path)

    def _in_all(self, module: Module) -> Iterator[IdentifiedFile]:
        """The files that have a module's identifier under whatever name: packed ones last."""
        if self._objects is None:
            self._objects = self._index_objects()
        ids = ids_of(module)
        key = ids.debug_id.breakpad if ids.debug_id else ids.code_id
        files = list(self._objects.find(key, self._identify))
        yield from files
        if any(matches(file, module) for file in files):
            return
        if self._packs is None:
            self._packs = _FileIndex()
            for path in self._objects.packs:
                self._packs.add(self._identify(path))
        yield from self._packs.find(key, self._identify)

    def _index_objects(self) -> _FileIndex:
        index = _FileIndex()
        for files in self._list_folders().values():
            for named in files:
                if named.folder_id is not None:  # believed until it is used
                    index.promise(named.folder_id.breakpad, named.path)
                elif named.path in self._known:
                    index.add(self._known[named.path])
                else:
                    self._index(named.path, index)
        return index

    def _index(self, path: str, index: _FileIndex) -> None:
        try:
            head = read_head(path)
        except InputUnusable:
            return
        if may_be_asked_for(head):
            self._known[path] = identify(path, self._scratch, head=head)
            index.add(self._known[path])
        elif is_pack(head):
            index.packs.append(path)

    def _list_folders(self) -> dict[str, list[ListedFile]]:
        """All files below the folders that are no Windows symbol stores, by their bare names."""
        if self._by_name is None:
            self._by_name = {}
            for folder in filterfalse(self._is_marked, self.folders):
                for named in walk_files(folder):
                    self._by_name.setdefault(bare_name(named.name), []).append(named)
        return self._by_name

    def _is_marked(self, folder: str) -> bool:
        """Whether a folder is a Windows symbol store, where nothing is but at its place."""
        return any(mark in self._list(folder) for mark in STORE_MARKS)

    def _identify(self, path: str) -> list[IdentifiedFile]:
        if path not in self._known:
            # one file where letter case does not matter, which conventions spell in several ways
            first = self._spelled.setdefault((same_file(path), os.fspath(path).lower()), path)
            if first not in self._known:
                self._known[first] = identify(first, self._scratch)
            self._known[path] = self._known[first]
        return self._known[path]

    def _identify_required(self, path: str) -> list[IdentifiedFile]:
        return self._identify(path) or identify_required(path, self._scratch)

    def _find_file(self, folder: str, relative: str, ids: ModuleIds) -> str | None:
        """A file of a store; letter case does not matter for files of Windows."""
        path = os.path.join(folder, *relative.split("/"))
        if os.path.isfile(path):
            return path
        if ids.platform != "windows":
            return None
        path = folder
        for part in relative.split("/"):
            name = self._list(path).get(part.lower())
            if name is None:
                return None
            path = os.path.join(path, name)
        return path if os.path.isfile(path) else None

    def _list(self, folder: str) -> dict[str, str]:
        """The names in a folder by their lower-case spelling."""
        if folder not in self._listings:
            try:
                names = os.listdir(folder)
            except OSError:
                names = []
            self._listings[folder] = {name.lower(): name for name in names}
        return self._listings[folder]


class _FileIndex:
    """Files by identifier; `packs` are archives that nobody has looked into."""

    def __init__(self) -> None:
        self.packs: list[str] = []
        self._known: dict[str, list[IdentifiedFile]] = {}
        self._promised: dict[str, list[str]] = {}

    def add(self, files: Sequence[IdentifiedFile]) -> None:
        for file in files:
            for key in keys_of(file):
                self._known.setdefault(key, []).append(file)

    def promise(self, key: str, path: str) -> None:
        self._promised.setdefault(key, []).append(path)

    def find(
        self, key: str, identify_path: Callable[[str], list[IdentifiedFile]]
    ) -> Iterator[IdentifiedFile]:
        yield from self._known.get(key, ())
        for path in self._promised.get(key, ()):
            yield from identify_path(path)


def check_folder(path: str) -> None:
    """InputUnusable for a folder that may not be read: what is in it would be missed in silence."""
    if os.path.isdir(path):
        try:
            os.scandir(path).close()
        except OSError as error:
            raise explain(error, path) from None


def walk_files(folder: str) -> Iterator[ListedFile]:
    """All files below a folder, linked ones too, each once; what cannot be read is passed over."""
    seen: set[object] = set()
    waiting = [folder]
    while waiting:
        parent = waiting.pop()
        try:
            entries = sorted(os.scandir(parent), key=lambda entry: entry.name)
        except OSError as error:
            if parent == folder:  # the user named it
                raise explain(error, folder) from None
            continue
        key = same_file(parent)
        if key in seen:
            continue
        seen.add(key)
        folder_id = _folder_id(os.path.basename(parent))
        for entry in entries:
            try:
                if entry.is_dir():
                    if entry.name not in VERSION_CONTROL:
                        waiting.append(entry.path)
                elif entry.is_file():
                    yield ListedFile(entry.path, entry.name, folder_id)
            except OSError:
                continue


def _folder_id(name: str) -> DebugId | None:
    if len(name) not in ID_LENGTHS or not HEX_DIGITS.issuperset(name):
        return None
    return DebugId.parse(name)
