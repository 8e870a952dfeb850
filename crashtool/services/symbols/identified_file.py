"""What one file on this disk holds, and whether it is the one that a module wants."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile, reason_of
from crashtool.formats import object_kinds
from crashtool.formats.breakpad.symbol_header import MAGIC, read_module_line
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.regular_file import OPEN_FLAGS
from crashtool.formats.symbol_store import IMAGE_ID_DIGITS, ModuleIds, store_name
from crashtool.model.symbol_lookup import Candidate, LookupStatus
from crashtool.services.symbols.mapped_file import CannotRead, map_file

if TYPE_CHECKING:
    from crashtool.formats.identifiers import DebugId
    from crashtool.formats.object_kinds import ObjectFile
    from crashtool.model.module import Module
    from crashtool.services.files.scratch import Scratch

HEAD_BYTES = 512
PACKED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst")
DEBUG_SUFFIXES = (".sym", ".pdb", ".debug", ".dbg", ".exe", ".dll")
CABINET_SUFFIXES = (".sy_", ".pd_", ".ex_", ".dl_")  # of the same, as symstore compresses them
OF_WINDOWS = frozenset({object_kinds.PE, object_kinds.PDB})
OF_OTHERS = frozenset({object_kinds.ELF, object_kinds.MACHO})
SHORT_BUILD_ID = 32  # hex digits; a debug id holds that much of a build id


class IdentifiedFile(NamedTuple):
    """A file that has been looked at: how the user knows it, its bytes, its objects.

    When it holds none, `failure` says what became of it, and `note` why.
    """

    place: str
    path: str
    objects: tuple[ObjectFile, ...] = ()
    failure: LookupStatus = "not_found"
    note: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether it holds anything."""
        return bool(self.objects)


def identify(
    path: str, scratch: Scratch, place: str = "", head: bytes | None = None
) -> list[IdentifiedFile]:
    """What a file holds: several files when it is an archive, nothing when it is something else.

    Damage, and known formats that cannot be used, give a Known with a `failure`. Only the first
    bytes, `head` if they are known, are read when they are not those of a debug file or an archive.
    """
    place = place or path
    if head is None:
        try:
            head = read_head(path)
        except InputUnusable as error:
            return [IdentifiedFile(place, path, (), "failed", error.what)]
    try:
        return list(_walk_objects(path, place, head, scratch))
    except CannotRead as error:
        return [IdentifiedFile(place, path, (), "failed", error.what)]
    except MalformedFile as error:
        return [IdentifiedFile(place, path, (), "malformed", error.what)]
    except CrashtoolError as error:
        hint = f": {error.hint}" if error.hint else ""
        return [IdentifiedFile(place, path, (), "unsupported", f"{error.what}{hint}")]


def identify_required(path: str, scratch: Scratch, place: str = "") -> list[IdentifiedFile]:
    """As `identify`, for a file that must be of use: if it is not, what it is instead."""
    from crashtool.formats.archives.closed import find_closed
    from crashtool.formats.object_file.identify import sniff_file_type

    place = place or path
    try:
        head = read_head(path)
    except InputUnusable as error:
        return [IdentifiedFile(place, path, (), "failed", error.what)]
    if closed := find_closed(head):
        return [IdentifiedFile(place, path, (), "unsupported", f"{closed.sentence}: {closed.hint}")]
    files = identify(path, scratch, place, head)
    if files:
        return files
    if verdict := sniff_file_type(head):
        note = f"{verdict.sentence}: {verdict.hint}"
        return [IdentifiedFile(place, path, (), "unsupported", note)]
    return [IdentifiedFile(place, path, (), "malformed", "it is not a debug file")]


def read_head(path: str) -> bytes:
    """A file's first bytes. InputUnusable when it cannot be read."""
    try:
        file = os.open(path, OPEN_FLAGS)  # twice as fast as open(), and there may be 100,000
        try:
            return os.read(file, HEAD_BYTES)
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise InputUnusable(f"{path} cannot be read: {reason}") from None


def is_object(head: bytes) -> bool:
    """Whether a file begins as a debug file does: not as the runtime of an AppImage."""
    if head.startswith(MAGIC):
        return True
    from crashtool.formats.archives.appimage import is_any_appimage
    from crashtool.formats.object_file.identify import looks_like_object

    return looks_like_object(head) and not is_any_appimage(head)


def may_be_asked_for(head: bytes) -> bool:
    """Whether a file begins as a debug file does that a crash can name: not an object to link."""
    from crashtool.formats.object_file.unlinked import is_unlinked

    return is_object(head) and not is_unlinked(head)


def is_pack(head: bytes) -> bool:
    """Whether a file begins as an archive or a packed file does."""
    from crashtool.services.symbols import unpack_symbols

    return unpack_symbols.is_pack(head)


def _walk_objects(path: str, place: str, head: bytes, scratch: Scratch) -> Iterator[IdentifiedFile]:
    if head.startswith(MAGIC):
        yield IdentifiedFile(place, path, (read_module_line(map_file(path)),))
    elif is_object(head):
        from crashtool.formats.object_file.identify import read_object_files

        yield IdentifiedFile(place, path, read_object_files(map_file(path)))
    elif is_pack(head):
        from crashtool.services.symbols.unpack_symbols import Unopened, walk_archive

        for archive_member in walk_archive(path, head, scratch):
            if isinstance(archive_member, Unopened):
                if not (archive_member.closed and archive_member.name):
                    note = (
                        f"{archive_member.reason}: {archive_member.hint}"
                        if archive_member.closed
                        else archive_member.reason
                    )
                    yield IdentifiedFile(
                        _member(place, archive_member.name), path, (), "unsupported", note
                    )
                continue
            is_alone = bare_name(path) == bare_name(archive_member.name)
            member = place if is_alone else _member(place, archive_member.name)
            yield from identify(archive_member.source, scratch, member)


def _member(place: str, name: str) -> str:
    return f"{place}:{name}" if name else place


def ids_of(module: Module) -> ModuleIds:
    """What stores are asked by for a module of a crash report; identifiers of zeros are none."""
    debug_id = module.debug_id if module.debug_id and not module.debug_id.is_nil else None
    code_id = (module.code_id or "").lower()
    debug_file = store_name(module.debug_file or "")
    return ModuleIds(
        store_name(module.code_file or module.name),
        code_id if code_id.strip("0") else "",
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


def matches(file: IdentifiedFile, module: Module) -> bool:
    """Whether a file is of this very build of a module: by debug id, else by code id.

    A code id is a time of linking and a size: what one build links within a second may share it, so
    the name must fit as well, as in symbol stores.
    """
    if not any(_is_of(object_file, module) for object_file in file.objects):
        return False
    has_debug_id = module.debug_id is not None and not module.debug_id.is_nil
    return has_debug_id or fits_name(file, module)


def _is_of(object_file: ObjectFile, module: Module) -> bool:
    code_id = (module.code_id or "").lower()
    if module.debug_id is not None and not module.debug_id.is_nil:
        if (
            object_file.build_id
            and object_file.kind == object_kinds.ELF
            and len(code_id) > SHORT_BUILD_ID
        ):
            return object_file.build_id.hex == code_id
        return module.debug_id in (object_file.debug_id, object_file.hashed_id)
    if (
        not code_id.strip("0")
        or object_file.code_id is None
        or object_file.kind == object_kinds.SYM
    ):
        return False
    return object_file.code_id.value == code_id and object_file.kind == object_kinds.PE


def fits_name(file: IdentifiedFile, module: Module) -> bool:
    """Whether a file is called as a module's files are."""
    return bare_name(base_name(file.place.rpartition(":")[2])) in names_of(module)


def may_be_of(file: IdentifiedFile, module: Module) -> bool:
    """Whether a file could be of another build of a module: by its name, and its system's kind."""
    platform = ids_of(module).platform
    foreign = OF_OTHERS if platform == "windows" else OF_WINDOWS if platform else frozenset()
    return (
        fits_name(file, module) and not {object_file.kind for object_file in file.objects} & foreign
    )


def names_of(module: Module) -> set[str]:
    """The bare names of a module's files."""
    names = (module.code_file or module.name, module.debug_file)
    return {bare_name(base_name(name)) for name in names if name} - {""}


def bare_name(name: str) -> str:
    """A file name as it is compared: in lower case, without what debug files append to it."""
    name = base_name(name).lower()
    for suffix in (*PACKED_SUFFIXES, *CABINET_SUFFIXES, *DEBUG_SUFFIXES):
        name = name.removesuffix(suffix)
    return name


def keys_of(file: IdentifiedFile) -> set[str]:
    """The identifiers under which a file may be asked for."""
    keys = set()
    for object_file in file.objects:
        keys |= {
            identifier.breakpad
            for identifier in (object_file.debug_id, object_file.hashed_id)
            if identifier
        }
        if object_file.code_id is not None and object_file.kind == object_kinds.PE:
            keys.add(object_file.code_id.value)
    return keys


def best_first(files: Iterable[IdentifiedFile]) -> list[IdentifiedFile]:
    """Text that is looked up in place before what has to be converted; lines before names."""

    def rank(file: IdentifiedFile) -> tuple[bool, bool, bool]:
        first = file.objects[0]
        lined = object_kinds.LINES in first.features or first.kind in (
            object_kinds.SYM,
            object_kinds.PDB,
        )
        return first.kind != object_kinds.SYM, not lined, object_kinds.SYMBOLS not in first.features

    return sorted(files, key=rank)


def compare(file: IdentifiedFile, module: Module) -> Candidate:
    """A file that should be a module's as a candidate for it."""
    if not file.is_readable:
        return Candidate(file.place, file.failure, "", file.note)
    kind = file.objects[0].kind
    if matches(file, module):
        return Candidate(file.place, "found", kind, path=file.path)
    return Candidate(file.place, "mismatch", kind, format_mismatch(file, module))


def format_mismatch(file: IdentifiedFile, module: Module) -> str:
    """What a file is instead of what a module wants, identifiers in Breakpad's spelling."""
    wants = _wanted(module)
    if not wants:
        return "the dump has no identifier of the module to compare with"
    object_file = next((part for part in file.objects if part.debug_id or part.code_id), None)
    if object_file is None:
        return "it has no identifier"
    if object_file.code_id is None and not module.debug_id:
        return "the dump has no debug id of the module to compare with"
    has = (
        object_file.debug_id.breakpad
        if object_file.debug_id and module.debug_id
        else str(object_file.code_id)
    )
    words = f"it has {has}, the dump wants {wants}"
    if object_file.kind not in (object_kinds.PE, object_kinds.PDB):
        return words
    if (
        object_file.debug_id
        and module.debug_id
        and object_file.debug_id.uuid == module.debug_id.uuid
    ):
        return f"{words} (another age of the same PDB)"
    return f"{words} (an older or newer build)"


def _wanted(module: Module) -> str:
    if module.debug_id is not None and not module.debug_id.is_nil:
        return module.debug_id.breakpad
    return (module.code_id or "").lower() if (module.code_id or "").strip("0") else ""


def same_file(path: str) -> object:
    """What is equal for two names of one file: links to it, say."""
    try:
        status = os.stat(path)
    except OSError:
        return path
    return (status.st_dev, status.st_ino) if status.st_ino else path
