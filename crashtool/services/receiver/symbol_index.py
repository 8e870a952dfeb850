"""The files of a receiver's symbol folder, by what debuggers ask symbol servers for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from crashtool.errors import CrashtoolError
from crashtool.formats import object_kinds
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import read_layout
from crashtool.formats.object_kinds import ObjectFile
from crashtool.formats.symbol_request import BUILD_ID_DIGITS, SOURCE, SymbolRequest
from crashtool.services.files.scratch import Scratch
from crashtool.services.files.source_tree import SourceTree, split_path
from crashtool.services.receiver.symbol_folder import PARTIAL
from crashtool.services.symbols.identified_file import identify
from crashtool.services.symbols.mapped_file import map_file


class FilePart(NamedTuple):
    """A part of a file: `size` bytes at `offset`."""

    path: Path
    offset: int
    size: int


PROGRAMS = (object_kinds.EXECUTABLE, object_kinds.LIBRARY)


class SymbolIndex:
    """Answers requests from the files below `folder`, and source from the trees of `sources`.

    Threads may share it. No path of a request is ever opened: it is a key alone. The file that came
    last under a key is given.
    """

    def __init__(self, folder: Path, sources: Sequence[str] = ()) -> None:
        self._folder = folder
        self._trees = [SourceTree(source) for source in sources]
        self._lock = threading.Lock()
        self._files: dict[SymbolRequest, Path] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to give."""
        return not self._files

    def add_all(self) -> None:
        """Take in what lies in the folder already."""
        if self._folder.is_dir():
            uploads = (path for path in self._folder.iterdir() if path.suffix != PARTIAL)
            for upload in sorted(uploads, key=lambda path: path.stat().st_mtime):
                self.add(upload)

    def add(self, upload: Path) -> None:
        """Take in the files of one upload; one that cannot be read is left out."""
        for path in sorted(upload.rglob("*")):
            if path.is_file() and not path.is_symlink():
                keys = set(walk_keys(path))
                with self._lock:
                    self._files.update(dict.fromkeys(keys, path))

    def find(self, request: SymbolRequest) -> Path | None:
        """The file that a request asks for; None when there is none."""
        if request.role == SOURCE:
            return self._find_source(request)
        with self._lock:
            return self._files.get(request) or self._files.get(request._replace(name=""))

    def find_part(self, request: SymbolRequest) -> FilePart | None:
        """The section that is asked for, of the debug file, else of the program; None without."""
        for role in (object_kinds.DEBUG, object_kinds.EXECUTABLE):
            path = self.find(request._replace(role=role, name=""))
            part = find_section(path, request.name) if path else None
            if part:
                return part
        return None

    def _find_source(self, request: SymbolRequest) -> Path | None:
        """Source of a program that is here, in the folders that the user named."""
        roles = (object_kinds.EXECUTABLE, object_kinds.DEBUG)
        wanted = [request._replace(role=role, name="") for role in roles]
        with self._lock:
            is_known = any(key in self._files for key in wanted)
        if not is_known:
            return None
        parts = split_path(request.name)
        for tree in self._trees:
            if path := tree.find(parts):
                return Path(path)
        return None


def find_section(path: Path, name: str) -> FilePart | None:
    """A section's bytes in an ELF file, as they are there; None when it has none of that name."""
    try:
        data = map_file(str(path))
        layout = read_layout(data)
    except CrashtoolError:
        return None
    for section in layout.sections if layout else ():
        if section.name == name and section.present and section.offset + section.size <= len(data):
            return FilePart(path, section.offset, section.size)
    return None


def walk_keys(path: Path) -> Iterator[SymbolRequest]:
    """All requests that a file is an answer to; none of one that cannot be read."""
    with Scratch() as scratch:
        for file in identify(str(path), scratch):
            if file.path == str(path):  # not out of an archive in it
                for object_file in file.objects:
                    yield from _walk_object_keys(object_file, path.name.lower())


def _walk_object_keys(object_file: ObjectFile, name: str) -> Iterator[SymbolRequest]:
    """The keys of one object file; `name` is its file's, in lower case."""
    debug_id = object_file.debug_id.breakpad.lower() if object_file.debug_id else ""
    if object_file.kind == object_kinds.ELF and object_file.build_id:
        digits = object_file.build_id.hex
        for identifier in {digits, digits.ljust(BUILD_ID_DIGITS, "0")}:  # SSQP pads short ones
            yield from _walk_roles(object_file, identifier)
    elif object_file.kind == object_kinds.MACHO and object_file.debug_id:
        yield from _walk_roles(object_file, object_file.debug_id.uuid.hex())
    elif object_file.kind == object_kinds.PDB and debug_id:
        yield SymbolRequest(object_file.kind, object_kinds.DEBUG, debug_id)
    elif (
        object_file.kind == object_kinds.PE and object_file.code_id
    ):  # a time and a size: others may have them
        yield SymbolRequest(
            object_file.kind, object_kinds.EXECUTABLE, str(object_file.code_id), name
        )
    elif object_file.kind == object_kinds.SYM:
        if debug_id:
            yield SymbolRequest(object_file.kind, object_kinds.DEBUG, debug_id)
        if object_file.code_id:
            bare = name.removesuffix(".sym")
            for code_file in (bare, f"{bare}.exe", f"{bare}.dll"):
                yield SymbolRequest(
                    object_file.kind, object_kinds.DEBUG, str(object_file.code_id), code_file
                )


def _walk_roles(object_file: ObjectFile, identifier: str) -> Iterator[SymbolRequest]:
    """As executable what holds code, as debug file what is one: never what was stripped."""
    if object_file.role in PROGRAMS:
        yield SymbolRequest(object_file.kind, object_kinds.EXECUTABLE, identifier)
    if object_file.role == object_kinds.DEBUG or object_kinds.LINES in object_file.features:
        yield SymbolRequest(object_file.kind, object_kinds.DEBUG, identifier)
