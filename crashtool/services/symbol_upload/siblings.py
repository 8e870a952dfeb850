"""Files of the same build beside a named debug file: the PDB of an EXE, the .debug of a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats import object_kinds
from crashtool.formats.object_kinds import ObjectFile
from crashtool.services.files.long_paths import extended_length_path
from crashtool.services.symbol_upload.collect import BUNDLE_SUFFIX, DWARF_FOLDER, read_file

NATIVE = (object_kinds.ELF, object_kinds.PE, object_kinds.PDB, object_kinds.MACHO)
DEBUG_FOLDER = ".debug"  # where gdb looks, too


def find_siblings(inputs: Sequence[str]) -> tuple[str, ...]:
    """Files that go with those named, by what they are called and by their identifiers.

    A sibling stands in the same folder, or in `.debug` there, and has the same name but for its
    last suffix, or one that the named file tells; a dSYM bundle stands beside its program. One
    identifier must be the same. Archives and other folders among the inputs have no siblings.
    """
    siblings: dict[str, None] = {}
    for text in inputs:
        for path, place in _open_input(Path(text)):
            objects = _read(path)
            wanted = _identify(objects)
            for other in _walk_candidates(place, objects) if wanted else ():
                if str(other) not in inputs and wanted & _identify(_read(other)):
                    siblings[str(other)] = None
    return tuple(siblings)


def _open_input(path: Path) -> Iterator[tuple[Path, Path]]:
    """Files that an input names, each with the path beside which its siblings stand."""
    bundle = next((one for one in (path, *path.parents) if one.suffix == BUNDLE_SUFFIX), None)
    if bundle is None:
        yield path, path
    elif bundle == path:
        yield from ((inner, bundle) for inner in _open_bundle(path))
    else:
        yield path, bundle


def _read(path: Path) -> tuple[ObjectFile, ...]:
    with suppress(OSError, InputUnusable):
        if Path(extended_length_path(str(path))).is_file():
            return read_file(extended_length_path(str(path)))
    return ()


def _identify(objects: Sequence[ObjectFile]) -> set[str]:
    ids = [object_file.debug_id for object_file in objects if object_file.kind in NATIVE]
    return {one.breakpad for one in ids if one and not one.is_nil}


def _walk_candidates(path: Path, objects: Sequence[ObjectFile]) -> Iterator[Path]:
    names = {
        name.lower()
        for object_file in objects
        for name in (object_file.debug_file, object_file.debug_link)
        if name
    }
    stems = {path.name.lower(), path.stem.lower()}
    for folder in (path.parent, path.parent / DEBUG_FOLDER):
        try:
            entries = sorted(Path(extended_length_path(str(folder))).iterdir())
        except OSError:
            continue
        for entry in entries:
            name = entry.name.lower()
            own = folder / entry.name
            if own != path and (name in names or {name, _stem(name)} & stems):
                yield from _open_bundle(own) if own.suffix == BUNDLE_SUFFIX else [own]


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _open_bundle(folder: Path) -> Iterator[Path]:
    """The files with DWARF in a dSYM bundle."""
    with suppress(OSError):
        yield from sorted((folder / DWARF_FOLDER.strip("/")).iterdir())
