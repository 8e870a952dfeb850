"""Where a module's files live in each kind of symbol store: one function per convention.

Paths are relative to the store, with slashes, for the identifiers that a crash report has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crashtool.formats import object_kinds
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.identifiers import DebugId
from crashtool.formats.named_tuple import NamedTuple

IMAGE_ID_DIGITS = range(9, 17)  # a PE's time stamp and size
MAX_NAME_LENGTH = 255  # bytes, in most file systems


class ModuleIds(NamedTuple):
    """What a store is asked by: base names and identifiers; "" and None for what is not known.

    `platform`: windows, linux or macos, of the file's format; "" when it is not known.
    """

    code_file: str = ""
    code_id: str = ""
    debug_file: str = ""
    debug_id: DebugId | None = None
    platform: str = ""


class StorePath(NamedTuple):
    """A path in a store, and the kind of the file that is there; "" when it may be several."""

    path: str
    kind: str


class Convention(NamedTuple):
    """A way to lay out a store; `paths` gives the places of a module, best first."""

    name: str
    paths: Callable[[ModuleIds], Iterator[StorePath]]


def store_name(path: str) -> str:
    """The base name of a path in a crash report; "" for names that lead elsewhere in a store.

    A dump is made by whoever crashed: its names may be "..", or "c:x", or hold control characters.
    """
    name = base_name(path)
    is_safe = name.isprintable() and ":" not in name and len(name) <= MAX_NAME_LENGTH
    return name if is_safe and name.strip(".") else ""


def walk_breakpad(ids: ModuleIds) -> Iterator[StorePath]:
    """NAME/ID/NAME.sym, where the .sym takes the place of .pdb: Breakpad's SimpleSymbolSupplier."""
    if not ids.debug_id or not ids.debug_file:
        return
    name = ids.debug_file
    stem = name[:-4] if name.lower().endswith(".pdb") else name
    yield StorePath(f"{name}/{ids.debug_id.breakpad}/{stem}.sym", object_kinds.SYM)


def walk_symstore(ids: ModuleIds) -> Iterator[StorePath]:
    """NAME/ID/NAME: Microsoft's symstore and symsrv, for PDBs and for images."""
    if ids.debug_id and ids.debug_file.lower().endswith(".pdb"):
        yield StorePath(
            f"{ids.debug_file}/{ids.debug_id.breakpad}/{ids.debug_file}", object_kinds.PDB
        )
    if _is_image_id(ids) and ids.code_file:
        yield StorePath(f"{ids.code_file}/{_image_id(ids)}/{ids.code_file}", object_kinds.PE)


def walk_two_tier(ids: ModuleIds) -> Iterator[StorePath]:
    """NA/NAME/ID/NAME: a symstore with an index2.txt, whose folders are those of first letters."""
    for store_path in walk_symstore(ids):
        yield store_path._replace(path=f"{store_path.path[:2].lower()}/{store_path.path}")


def compress_path(path: str) -> str:
    """Where symstore puts a file that it compresses: app.pd_ for app.pdb."""
    return f"{path[:-1]}_"


def walk_ssqp(ids: ModuleIds) -> Iterator[StorePath]:
    """NAME/TYPE-ID/NAME in lower case: the SSQP key conventions of dotnet's symstore."""
    name = ids.code_file.lower()
    if _is_build_id(ids):
        yield StorePath(f"_.debug/elf-buildid-sym-{ids.code_id}/_.debug", object_kinds.ELF)
        yield StorePath(f"{name}/elf-buildid-{ids.code_id}/{name}", object_kinds.ELF)
    elif ids.platform == "macos" and ids.debug_id:
        uuid = ids.debug_id.uuid.hex()
        yield StorePath(f"_.dwarf/mach-uuid-sym-{uuid}/_.dwarf", object_kinds.MACHO)
        yield StorePath(f"{name}/mach-uuid-{uuid}/{name}", object_kinds.MACHO)
    elif ids.platform == "windows":
        for store_path in walk_symstore(ids):
            yield store_path._replace(path=store_path.path.lower())


def walk_debuginfod(ids: ModuleIds) -> Iterator[StorePath]:
    """buildid/ID/debuginfo and executable: elfutils' debuginfod."""
    if _is_build_id(ids):
        yield StorePath(f"buildid/{ids.code_id}/debuginfo", object_kinds.ELF)
        yield StorePath(f"buildid/{ids.code_id}/executable", object_kinds.ELF)


def walk_build_id(ids: ModuleIds) -> Iterator[StorePath]:
    """.build-id/ab/cdef….debug: GDB's folders of separate debug files."""
    if _is_build_id(ids):
        label = f".build-id/{ids.code_id[:2]}/{ids.code_id[2:]}"
        yield StorePath(f"{label}.debug", object_kinds.ELF)
        yield StorePath(label, object_kinds.ELF)


CONVENTIONS = {
    convention.name: convention
    for convention in (
        Convention("breakpad", walk_breakpad),
        Convention("symstore", walk_symstore),
        Convention("symstore2", walk_two_tier),
        Convention("ssqp", walk_ssqp),
        Convention("debuginfod", walk_debuginfod),
        Convention("build-id", walk_build_id),
    )
}


def _is_image_id(ids: ModuleIds) -> bool:
    """Whether the code id is that of a PE image: eight digits of time stamp, then the size."""
    return ids.platform in ("windows", "") and len(ids.code_id) in IMAGE_ID_DIGITS


def _image_id(ids: ModuleIds) -> str:
    """Upper-case time stamp, lower-case size: as symstore names its folders."""
    return ids.code_id[:8].upper() + ids.code_id[8:].lower()


def _is_build_id(ids: ModuleIds) -> bool:
    return ids.platform in ("linux", "") and len(ids.code_id) >= IMAGE_ID_DIGITS.stop
