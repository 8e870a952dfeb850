"""Finding debug files: in files, folders, patterns, archives and bundles, by their content."""

from __future__ import annotations

import glob
import mmap
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from crashtool.errors import InputUnusable, MalformedFile, reason_of
from crashtool.formats import object_kinds
from crashtool.formats.archives.closed import Closed, find_closed, find_closed_file
from crashtool.formats.archives.opening import HEAD_BYTES
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.identify import looks_like_object, read_object_files
from crashtool.formats.object_kinds import ObjectFile
from crashtool.formats.regular_file import OPEN_FLAGS
from crashtool.model.symbol_upload import Collection, LeftOut, SymbolFile, UploadMember
from crashtool.services.files.long_paths import extended_length_path
from crashtool.services.files.path_patterns import expand_path
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.patterns import PathPatterns, with_slashes
from crashtool.services.symbols.advice import SPLIT_FIX
from crashtool.services.symbols.unpack_symbols import Unopened, is_pack, walk_archive

VERSION_CONTROL = (".git", ".hg", ".svn")
CMAKE_FOLDER, TARGET_SUFFIX = "CMakeFiles", ".dir"
CMAKES_OWN = "of CMake's own tests of the compiler"
BUNDLE_SUFFIX = ".dSYM"
DWARF_FOLDER = "/Contents/Resources/DWARF/"
BLOCK = 1 << 20  # bytes
UNUSABLE_ROLES = {
    object_kinds.OBJECT: LeftOut(
        "", "compiled but not linked", "give the program it is linked into"
    ),
    object_kinds.FRAGMENT: LeftOut("", "a .dwo file: no identifier of its own", SPLIT_FIX),
}


class Found(NamedTuple):
    """A file that a search came across.

    `path` is how the user knows it, `place` its path on disk or inside its archive, with slashes,
    and `source` the file that holds its bytes. `named`: the user gave this very file.
    """

    path: str
    place: str
    source: str
    named: bool = False


class SymbolFileSearch:
    """One search: its filters, its scratch folder, and what it found so far."""

    def __init__(
        self,
        scratch: Scratch,
        *,
        exclude: Sequence[str] = (),
        types: Sequence[str] = (),
        allow_empty: bool = False,
        shipped: bool = False,
    ) -> None:
        """`shipped`: everything counts, so that what cannot be looked into is told as `closed`."""
        self.scratch = scratch
        self.shipped = shipped
        self._exclude = PathPatterns(exclude)
        self._root = ""  # the folder that is searched
        self.types = frozenset(types)
        self.allow_empty = allow_empty
        self.files: list[SymbolFile] = []
        self.ignored: list[LeftOut] = []
        self.refused: list[LeftOut] = []
        self.closed: list[LeftOut] = []
        self._seen: set[tuple[int, int]] = set()
        self._recognised = 0  # files that are an answer to an input: used, refused or filtered out

    def collect(self, inputs: Sequence[str]) -> Collection:
        """Everything usable in the inputs, in a fixed order; what is not usable, with reasons."""
        for text in inputs:
            self._add_input(text)
        self.files.sort(key=lambda file: (file.name, file.path))
        self._drop_copies()
        return Collection(
            tuple(self.files), tuple(self.ignored), tuple(self.refused), tuple(self.closed)
        )

    def pass_over(self, path: Path) -> None:
        """Leave this file out: it is where a result will be written."""
        with suppress(OSError):
            status = path.stat()
            self._seen.add((status.st_dev, status.st_ino))

    def _add_input(self, text: str) -> None:
        before = self._recognised
        literal = os.path.lexists(extended_length_path(text))
        for path in [text] if literal else expand_path(text, hidden=True):
            if Path(extended_length_path(path)).is_dir():
                self._root = str(Path(path))
                self._add_folder(path)
            else:
                self._root = os.path.dirname(path)
                place = with_slashes(os.path.normpath(path))
                self._add_file(Found(path, place, extended_length_path(path), named=literal))
        if self._recognised == before:
            self._add_empty_input(text, literal=literal)

    def _add_empty_input(self, text: str, *, literal: bool) -> None:
        """An input that gives nothing is a mistake in the call, unless that was allowed."""
        if literal or glob.has_magic(text):
            reason = "no debug files in it" if literal else "the pattern finds no debug files"
            (self.ignored if self.allow_empty else self.refused).append(LeftOut(text, reason))
        else:
            self.refused.append(LeftOut(text, "does not exist"))

    def _refuse(self, left_out: LeftOut) -> None:
        self._recognised += 1
        self.refused.append(left_out)

    def _add_folder(self, folder: str) -> None:
        """Everything below, links last: of a file and a link to it, the file counts."""
        for _, path, source in sorted(self._walk_folder(str(Path(folder)))):
            self._add_file(Found(path, with_slashes(path), source))

    def _walk_folder(self, folder: str) -> Iterator[tuple[bool, str, str]]:
        """(is a link, path, how it is reached) of all files below; folders reached through links
        too, each once.
        """
        visited = set()
        root = extended_length_path(folder)
        pending = [root]
        while pending:
            parent = pending.pop()
            try:
                real = os.path.realpath(parent)
                entries = [] if real in visited else list(os.scandir(parent))
            except OSError as error:
                self._note_error(error)
                continue
            visited.add(real)
            for entry in entries:
                path = folder + entry.path[len(root) :]
                if is_probe(path):
                    self.ignored.append(LeftOut(path, CMAKES_OWN))
                elif not _is_folder(entry):
                    yield entry.is_symlink(), path, entry.path
                elif entry.name not in VERSION_CONTROL and not self._is_excluded(path):
                    pending.append(entry.path)

    def _note_error(self, error: OSError) -> None:
        self._refuse(LeftOut(str(error.filename), reason_of(error)))

    def _is_excluded(self, path: str) -> bool:
        return self._exclude.find(path, self._root) is not None

    def _add_file(self, file: Found) -> None:
        if self._is_excluded(file.path):
            self._filter_out(file, "excluded")
            return
        before = self._recognised
        try:
            key = self._identify(file)
            if key in self._seen:
                self._filter_out(file, "the same file as another input")
                return
            self._add_content(file)
        except (OSError, InputUnusable) as error:
            self._add_failure(file, error)
            return
        if self._recognised > before:
            self._seen.add(key)

    def _identify(self, file: Found) -> tuple[int, int]:
        """What tells a file from others, whatever names it has."""
        status = os.stat(file.source)
        if not stat.S_ISREG(status.st_mode):
            raise InputUnusable("not a regular file")
        return status.st_dev, status.st_ino

    def _add_content(self, file: Found) -> None:
        head = _read_head(file.source)
        if is_pack(head):
            self._add_archive(file, head)
        elif closed := find_closed(head) or (self.shipped and _find_closed(file.source)):
            self._note_closed(file, LeftOut(file.path, closed.sentence, closed.hint))
        elif looks_like_object(head):
            self._add_objects(file, read_file(file.source))
        else:
            read_object_files(head)  # which says what it is instead

    def _note_closed(self, file: Found, left_out: LeftOut) -> None:
        """A container that is never opened: no mistake in the call, unless it was named."""
        self.closed.append(left_out)
        if file.named:
            self._refuse(left_out)
        else:
            self.ignored.append(left_out)

    def _note_unopened(self, file: Found, unopened: Unopened) -> None:
        path = f"{file.path}:{unopened.name}" if unopened.name else file.path
        left_out = LeftOut(path, unopened.reason, unopened.hint)
        if unopened.closed:
            self._note_closed(file._replace(named=file.named and not unopened.name), left_out)
        else:
            self._refuse(left_out)

    def _filter_out(self, file: Found, reason: str) -> None:
        self._recognised += 1
        self.ignored.append(LeftOut(file.path, reason))

    def _add_failure(self, file: Found, error: OSError | InputUnusable) -> None:
        """A damaged debug file counts against the result; other content only when named."""
        if isinstance(error, OSError):
            self._refuse(LeftOut(file.path, reason_of(error)))
        elif file.named or isinstance(error, MalformedFile):
            self._refuse(LeftOut(file.path, error.what, error.hint or ""))
        else:
            self.ignored.append(LeftOut(file.path, error.what, error.hint or ""))

    def _add_archive(self, file: Found, head: bytes) -> None:
        """The debug files in an archive; their paths are the archive's, a colon, the member's."""
        members = []
        try:
            for entry in walk_archive(file.source, head, self.scratch):
                if isinstance(entry, Unopened):
                    self._note_unopened(file, entry)
                else:
                    place = entry.place.replace("\\", "/")
                    members.append(Found(f"{file.path}:{entry.name}", place, entry.source))
        except InputUnusable as error:
            self._refuse(LeftOut(file.path, error.what, error.hint or ""))
        for member in members:
            if self._is_excluded(member.path):
                self._filter_out(member, "excluded")
                continue
            try:
                self._add_objects(member, read_file(member.source), members)
            except (OSError, InputUnusable) as error:
                self._add_failure(member, error)

    def _add_objects(
        self, file: Found, objects: tuple[ObjectFile, ...], members: Sequence[Found] = ()
    ) -> None:
        unusable = UNUSABLE_ROLES.get(objects[0].role)
        if unusable:
            raise InputUnusable(unusable.reason, hint=unusable.hint)
        if self.types and objects[0].kind not in self.types:
            self._filter_out(file, "not of the types asked for")
            return
        layout = bundle_layout(file.place)
        companions = find_companions(file, layout, members) if layout else ()
        name = file.place.rpartition("/")[2]
        size = Path(file.source).stat().st_size
        self._recognised += 1
        self.files.append(
            SymbolFile(file.path, file.source, name, size, objects, layout, companions)
        )

    def _drop_copies(self) -> None:
        """Of files that are the same byte for byte and have the same name, keep the first."""
        kept: dict[tuple[str, int, str], list[SymbolFile]] = {}
        for file in self.files:
            first = file.objects[0]
            identifier = first.debug_id.breakpad if first.debug_id else ""
            same = kept.setdefault((file.name, file.size, identifier), [])
            twin = next((other for other in same if have_same_bytes(file, other)), None)
            if twin:
                self.ignored.append(LeftOut(file.path, f"the same bytes as {twin.path}"))
            else:
                same.append(file)
        self.files = [file for same in kept.values() for file in same]


def read_file(path: str) -> tuple[ObjectFile, ...]:
    """The objects in a file; it is mapped, not read."""
    with Path(path).open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return read_object_files(b"")
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError:  # a file system that maps nothing, or no address space for it
            return read_object_files(file.read())
        with mapped as data:
            return read_object_files(data)


def _find_closed(path: str) -> Closed | None:
    """What container a file is, by its end or by what is appended to a program."""
    with Path(path).open("rb") as file:
        return find_closed_file(file)


def is_probe(path: str) -> bool:
    """Whether a path is what CMake keeps for itself in a build tree: programs that try compilers.

    Below CMakeFiles only the folders of targets, `NAME.dir`, are of the project.
    """
    folder, _, name = with_slashes(path).rpartition("/")
    return folder.rpartition("/")[2] == CMAKE_FOLDER and not name.endswith(TARGET_SUFFIX)


def _read_head(path: str) -> bytes:
    descriptor = os.open(path, OPEN_FLAGS)  # twice as fast as open(), and there may be 100,000
    try:
        return os.read(descriptor, HEAD_BYTES)
    finally:
        os.close(descriptor)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or in circles
        return False


def bundle_layout(place: str) -> str:
    """The path from a dSYM bundle's own folder on; "" for a file outside such a bundle."""
    parts = place.split("/")
    for index, part in enumerate(parts[:-1]):
        if part.endswith(BUNDLE_SUFFIX) and part != BUNDLE_SUFFIX and ".." not in parts[index:]:
            return "/".join(parts[index:])
    return ""


def find_companions(file: Found, layout: str, members: Sequence[Found]) -> tuple[UploadMember, ...]:
    """The other files of a bundle: Info.plist, relocation maps."""
    root = file.place[: len(file.place) - len(layout)] + layout.partition("/")[0] + "/"
    if members:
        sources = [(entry.place, entry.source) for entry in members if entry.place.startswith(root)]
    else:
        paths = Path(root).rglob("*")
        sources = [(path.as_posix(), str(path)) for path in paths if path.is_file()]
    return tuple(
        UploadMember(bundle_layout(place), source, Path(source).stat().st_size)
        for place, source in sorted(sources)
        if DWARF_FOLDER not in place
    )


def have_same_bytes(file: SymbolFile, other: SymbolFile) -> bool:
    """Whether two files of one size hold the same bytes."""
    with Path(file.source).open("rb") as left, Path(other.source).open("rb") as right:
        while block := left.read(BLOCK):
            if block != right.read(BLOCK):
                return False
    return True
