"""Debug files in folders, stores, archives and single files on this disk, found by identifier."""

import glob
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile
from crashtool.formats.identifiers import DebugId
from crashtool.formats.object_file import kinds
from crashtool.formats.object_file.symbol_header import read_module_line
from crashtool.formats.symbol_store import CONVENTIONS, IMAGE_ID_DIGITS, ModuleIds
from crashtool.model.lookup import Candidate
from crashtool.services.symbols.debug_file import map_file

if TYPE_CHECKING:
    from crashtool.formats.object_file.kinds import ObjectFile
    from crashtool.model.crash import Module
    from crashtool.services.symbols.scratch import Scratch

VERSION_CONTROL = (".git", ".hg", ".svn")
PACKED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst")
ID_LENGTHS = range(33, 41)  # a GUID and an age, as stores name their folders
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
MOST_MISMATCHES = 8
LOCAL_CONVENTIONS = ("breakpad", "symstore", "build-id", "ssqp", "debuginfod")
ZERO_STAMP = "00000000"


class Known(NamedTuple):
    """A file whose content has been looked at: how the user knows it, its bytes, its objects."""

    place: str
    path: str
    objects: "tuple[ObjectFile, ...]"


class Named(NamedTuple):
    """A file that has only been seen in its folder. `folder_id`: the store's id for it."""

    path: str
    name: str
    folder_id: DebugId | None


class DirectorySource:
    """The files that the user named, and those in the folders that the user named.

    Stores are looked up by path. Other folders are walked once, when a look-up in them did not
    answer; files with a fitting name are opened first, the others only when those do not match.
    """

    def __init__(self, paths: Sequence[str], scratch: "Scratch") -> None:
        """InputUnusable when a path does not exist."""
        self.folders: list[str] = []
        self.files: list[str] = []
        for text in paths:
            found = [text] if os.path.lexists(text) else sorted(glob.glob(text, recursive=True))
            if not found:
                raise InputUnusable(f"{text} does not exist", hint="it was given by --symbols")
            for path in found:
                (self.folders if os.path.isdir(path) else self.files).append(path)
        self._scratch = scratch
        self._named: list[Named] | None = None
        self._by_name: dict[str, list[Named]] = {}
        self._known: dict[str, tuple[Known, ...]] = {}
        self._problems: dict[str, Candidate] = {}
        self._by_id: dict[str, list[Known]] | None = None

    def walk_candidates(self, module: "Module") -> Iterator[Candidate]:
        """Stores by path; then files by name; then whatever else has the identifier."""
        seen: set[str] = set()
        for known in self._walk_known(module):
            for candidate in self._compare(known, module):
                if candidate.place not in seen:
                    seen.add(candidate.place)
                    yield candidate

    def _walk_known(self, module: "Module") -> Iterator[Known]:
        ids = ids_of(module)
        for folder in self.folders:
            yield from self._look_up(folder, ids)
        found = [known for path in self.files for known in self._identify(path)]
        yield from _best_first(known for known in found if matches(known, module))
        fitting = [
            known for named in self._find_named(ids) for known in self._identify_named(named)
        ]
        yield from _best_first(known for known in fitting if matches(known, module))
        yield from _best_first(self._find_by_id(module))
        yield from [known for known in found + fitting if not matches(known, module)][
            :MOST_MISMATCHES
        ]

    def _look_up(self, folder: str, ids: ModuleIds) -> Iterator[Known]:
        """What a store has at the places where it would have it."""
        for name in LOCAL_CONVENTIONS:
            for place in CONVENTIONS[name].paths(ids):
                path = os.path.join(folder, *place.path.split("/"))
                if os.path.isfile(path):
                    yield from self._identify(path, place.kind)

    def _compare(self, known: Known, module: "Module") -> Iterator[Candidate]:
        problem = self._problems.get(known.place)
        if problem is not None:
            yield problem
        elif matches(known, module):
            kind = known.objects[0].kind
            yield Candidate(known.place, "found", kind, path=known.path)
        elif fits_name(known, module):
            note = _words_of_mismatch(known, module)
            yield Candidate(known.place, "mismatch", known.objects[0].kind, note)

    def _find_named(self, ids: ModuleIds) -> Iterator[Named]:
        """The files whose name fits a module, as folders list them."""
        if self._named is None:
            self._named = [named for folder in self.folders for named in walk_files(folder)]
            for named in self._named:
                self._by_name.setdefault(_bare_name(named.name), []).append(named)
        for name in sorted({_bare_name(name) for name in (ids.debug_file, ids.code_file) if name}):
            yield from self._by_name.get(name, ())

    def _identify_named(self, named: Named) -> tuple[Known, ...]:
        return self._identify(named.path)

    def _find_by_id(self, module: "Module") -> Iterator[Known]:
        """The files that have a module's identifier under whatever name."""
        if self._by_id is None:
            self._by_id = {}
            for named in self._named or ():
                if named.folder_id is not None:  # verified when it is compared
                    self._by_id.setdefault(named.folder_id.breakpad, []).append(
                        Known(named.path, named.path, ())
                    )
                    continue
                for known in self._identify(named.path):
                    for key in _keys(known):
                        self._by_id.setdefault(key, []).append(known)
        wanted = [module.debug_id.breakpad] if module.debug_id else [(module.code_id or "").lower()]
        for key in wanted:
            for known in self._by_id.get(key, ()) if key else ():
                for row in [known] if known.objects else self._identify(known.path):
                    if matches(row, module):
                        yield row

    def _identify(self, path: str, kind: str = "") -> tuple[Known, ...]:
        """What a file holds: several files when it is an archive, nothing when it is no use."""
        if path not in self._known:
            try:
                self._known[path] = self._read(path, kind)
            except CrashtoolError as error:
                self._known[path] = ()
                if isinstance(error, MalformedFile) or path in self.files:
                    is_damaged = isinstance(error, MalformedFile)
                    self._problems[path] = Candidate(
                        path, "malformed" if is_damaged else "unsupported", kind, error.what
                    )
                    self._known[path] = (Known(path, path, ()),)
        return self._known[path]

    def _read(self, path: str, kind: str) -> tuple[Known, ...]:
        data = map_file(path)
        head = bytes(data[:512])
        if kind == kinds.SYM or head.startswith(b"MODULE "):
            return (Known(path, path, (read_module_line(data),)),)
        from crashtool.formats.object_file.reading import looks_like_object, read_object_files

        if looks_like_object(head):
            return (Known(path, path, read_object_files(data)),)
        return tuple(self._read_archive(path, head))

    def _read_archive(self, path: str, head: bytes) -> Iterator[Known]:
        from crashtool.formats.object_file.reading import read_object_files
        from crashtool.services.symbols.unpack import is_archive, is_packed, walk_archive

        if not (is_archive(head) or is_packed(head)):
            if path in self.files:
                read_object_files(head)  # says what it is instead
            return
        for name, source in walk_archive(path, head, self._scratch):
            data = map_file(source)
            objects = read_object_files(data)
            place = path if _bare_name(path) == _bare_name(name) else f"{path}:{name}"
            yield Known(place, source, objects)


def ids_of(module: "Module") -> ModuleIds:
    """What stores are asked by for a module of a crash report; identifiers of zeros are none."""
    debug_id = module.debug_id if module.debug_id and not module.debug_id.is_nil else None
    code_id = (module.code_id or "").lower()
    debug_file = kinds.base_name(module.debug_file or "")
    return ModuleIds(
        kinds.base_name(module.code_file or module.name),
        code_id,
        debug_file,
        debug_id,
        _find_platform(code_id, debug_file, debug_id),
    )


def _find_platform(code_id: str, debug_file: str, debug_id: DebugId | None) -> str:
    """What kind of system has such identifiers."""
    if debug_file.lower().endswith(".pdb") or len(code_id) in IMAGE_ID_DIGITS:
        return "windows"
    if debug_id is not None and code_id == debug_id.uuid.hex():
        return "macos"
    return "linux" if code_id else ""


def matches(known: Known, module: "Module") -> bool:
    """Whether a file is of this very build of a module: by debug id, else by code id.

    A code id without a time stamp is only a size: the name must fit as well.
    """
    if not any(_is_of(row, module) for row in known.objects):
        return False
    is_weak = module.debug_id is None and (module.code_id or "").startswith(ZERO_STAMP)
    return not is_weak or fits_name(known, module)


def _is_of(row: "ObjectFile", module: "Module") -> bool:
    code_id = (module.code_id or "").lower()
    if module.debug_id is not None and not module.debug_id.is_nil:
        if row.build_id and code_id and row.kind == kinds.ELF and len(code_id) > 32:  # noqa: PLR2004
            return row.build_id.hex == code_id
        return module.debug_id in (row.debug_id, row.hashed_id)
    if not code_id or row.code_id is None or row.kind == kinds.SYM:
        return False
    return row.code_id.value == code_id and row.kind == kinds.PE


def fits_name(known: Known, module: "Module") -> bool:
    """Whether a file is called as a module's files are."""
    ids = ids_of(module)
    names = {_bare_name(name) for name in (ids.code_file, ids.debug_file) if name}
    return _bare_name(kinds.base_name(known.place.rpartition(":")[2])) in names


def walk_files(folder: str) -> Iterator[Named]:
    """All files below a folder, linked ones too, each once; what cannot be read is passed over."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        parent = waiting.pop()
        try:
            entries = sorted(os.scandir(parent), key=lambda entry: entry.name)
            status = os.stat(parent)
        except OSError:
            continue
        key = (status.st_dev, status.st_ino)
        if key in seen and status.st_ino:
            continue
        seen.add(key)
        folder_id = _folder_id(os.path.basename(parent))
        for entry in entries:
            try:
                if entry.is_dir():
                    if entry.name not in VERSION_CONTROL:
                        waiting.append(entry.path)
                elif entry.is_file():
                    yield Named(entry.path, entry.name, folder_id)
            except OSError:
                continue


def _folder_id(name: str) -> DebugId | None:
    if len(name) not in ID_LENGTHS or not HEX_DIGITS.issuperset(name):
        return None
    return DebugId.parse(name)


def _bare_name(name: str) -> str:
    """A name as it is compared: in lower case, without what debug files append to it."""
    name = name.lower()
    for suffix in PACKED_SUFFIXES:
        name = name.removesuffix(suffix)
    for suffix in (".sym", ".pdb", ".debug", ".dbg", ".exe", ".dll"):
        name = name.removesuffix(suffix)
    return name


def _keys(known: Known) -> set[str]:
    keys = set()
    for row in known.objects:
        keys |= {found.breakpad for found in (row.debug_id, row.hashed_id) if found}
        if row.code_id is not None and row.kind == kinds.PE:
            keys.add(row.code_id.value)
    return keys


def _best_first(rows: Iterator[Known] | Sequence[Known]) -> list[Known]:
    """Text that is looked up in place before what has to be converted; lines before names."""

    def rank(known: Known) -> tuple[bool, bool, bool]:
        first = known.objects[0]
        lined = kinds.LINES in first.features or first.kind in (kinds.SYM, kinds.PDB)
        return first.kind != kinds.SYM, not lined, kinds.SYMBOLS not in first.features

    return sorted(rows, key=rank)


def _words_of_mismatch(known: Known, module: "Module") -> str:
    rows = [row for row in known.objects if row.debug_id or row.code_id]
    if not rows:
        return "it has no identifier"
    found = rows[0]
    has = found.debug_id.breakpad if found.debug_id else str(found.code_id)
    wants = module.debug_id.breakpad if module.debug_id else (module.code_id or "nothing")
    same = found.debug_id and module.debug_id and found.debug_id.uuid == module.debug_id.uuid
    words = f"it has {has}, the dump wants {wants}"
    return f"{words} (another age of the same PDB)" if same else words
