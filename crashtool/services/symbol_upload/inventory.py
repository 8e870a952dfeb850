"""What debug files together hold: by identifier, and which of them belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crashtool.formats import object_kinds
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_kinds import ObjectFile
from crashtool.model.symbol_upload import Pair, Quality, SymbolFile
from crashtool.services.symbol_upload.quality import from_headers

BINARIES = (object_kinds.EXECUTABLE, object_kinds.LIBRARY)
DEBUG_SUFFIXES = (".debug", ".dbg")


class InventoryEntry(NamedTuple):
    """An object, the file that it is in, and what it is worth."""

    file: SymbolFile
    object_file: ObjectFile
    quality: Quality

    @property
    def identifier(self) -> str:
        """The debug id in Breakpad's spelling; "" for none, and for one of zeros."""
        debug_id = self.object_file.debug_id
        return debug_id.breakpad if debug_id and not debug_id.is_nil else ""


class Inventory:
    """All objects of some files; sets are of debug ids in Breakpad's spelling."""

    def __init__(self, files: Sequence[SymbolFile]) -> None:
        self.entries = tuple(walk_entries(files))
        entries = [entry for entry in self.entries if entry.identifier]
        self.images = {
            entry.identifier: entry
            for entry in entries
            if entry.object_file.kind == object_kinds.PE
        }
        self.guids = {entry.identifier[:32]: entry for entry in self.images.values()}
        self._asking = {
            (folder_of(entry.file.path), entry.object_file.debug_file.lower()): entry
            for entry in self.images.values()
        }
        self.binaries = frozenset(
            entry.identifier for entry in entries if entry.object_file.role in BINARIES
        )
        self.debug = frozenset(
            entry.identifier for entry in entries if entry.object_file.role == object_kinds.DEBUG
        )
        self.lined = frozenset(entry.identifier for entry in entries if entry.quality.lines)
        self.named = frozenset(entry.identifier for entry in entries if entry.quality.functions)
        self.pdb_names = frozenset(
            entry.file.name.lower()
            for entry in self.entries
            if entry.object_file.kind == object_kinds.PDB
        )
        self.packages = frozenset(
            entry.file.name
            for entry in self.entries
            if entry.object_file.role == object_kinds.PACKAGE
        )

    def find_asking(self, entry: InventoryEntry) -> InventoryEntry | None:
        """The image beside a PDB that asks for a PDB of its name, of the same build or not."""
        return self._asking.get((folder_of(entry.file.path), entry.file.name.lower()))

    def find_package(self, entry: InventoryEntry) -> str:
        """The .dwp that goes with a skeleton, by its name; "" when it is not there."""
        name = without_suffix(entry.file.name) + ".dwp"
        return name if name in self.packages else ""


def folder_of(path: str) -> str:
    """The folder of a file as the user knows it, with slashes; that in an archive, too."""
    return path.replace("\\", "/").rpartition("/")[0]


def walk_entries(files: Iterable[SymbolFile]) -> Iterable[InventoryEntry]:
    """Every object with its quality: what look-ups gave, or what headers promise until then."""
    for file in files:
        qualities = file.qualities or tuple(map(from_headers, file.objects))
        for object_file, quality in zip(file.objects, qualities, strict=True):
            yield InventoryEntry(file, object_file, quality)


def find_pairs(inventory: Inventory) -> tuple[Pair, ...]:
    """Programs with what belongs to them: PDB, .debug file, dSYM, .dwp; in the order of files."""
    partners: dict[str, list[InventoryEntry]] = {}
    for entry in inventory.entries:
        if entry.identifier and entry.object_file.role == object_kinds.DEBUG:
            partners.setdefault(entry.identifier, []).append(entry)
    pairs: dict[tuple[str, str], Pair] = {}
    for entry in inventory.entries:
        if entry.object_file.role not in BINARIES:
            continue
        for partner in partners.get(entry.identifier, []) if entry.identifier else []:
            _add(pairs, entry, partner.file.path, partner.object_file.kind)
        if object_kinds.SPLIT in entry.object_file.traits and (
            package := inventory.find_package(entry)
        ):
            _add(pairs, entry, package, object_kinds.PACKAGE)
    return tuple(pairs.values())


def _add(pairs: dict[tuple[str, str], Pair], entry: InventoryEntry, path: str, kind: str) -> None:
    pairs.setdefault((entry.file.path, path), Pair(entry.file.path, path, kind, entry.identifier))


def without_suffix(name: str) -> str:
    """A file name without what separate debug files append."""
    for suffix in DEBUG_SUFFIXES:
        name = name.removesuffix(suffix)
    return name
