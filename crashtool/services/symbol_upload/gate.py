"""The release gate: can every crash of what ships be read with the symbols that are about to go?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crashtool.errors import InputUnusable
from crashtool.formats import object_kinds
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_kinds import ObjectFile
from crashtool.model.module import Module
from crashtool.model.symbol_upload import GateRow, SymbolFile
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.collect import SymbolFileSearch
from crashtool.services.symbol_upload.dump_modules import find_needed
from crashtool.services.symbol_upload.inventory import BINARIES, Inventory, InventoryEntry
from crashtool.services.symbol_upload.patterns import PathPatterns
from crashtool.services.symbols.advice import (
    DAMAGED_FIX,
    ID_FIX,
    LINED,
    UNSTRIPPED,
    UNWIND_COMPILE,
)
from crashtool.services.symbols.coverage import Coverage, assess, needs_tables
from crashtool.services.symbols.identified_file import bare_name

OR_EXCUSE = ", or leave it out with --not-required"
WINDOWS, MACOS, LINUX = object_kinds.PE, object_kinds.MACHO, object_kinds.ELF
UNWIND_FIX = {
    WINDOWS: "upload the EXE or DLL as well: the PDB has no unwind information",
    MACOS: "upload the program itself as well: its dSYM has no unwind information",
    LINUX: "upload the program itself as well: its debug file has no unwind information",
}


class Requirements(NamedTuple):
    """What must be readable: modules in `shipped` files and folders, and those that `dumps` need.

    `excused` are patterns of names or paths; `all_modules` asks for the system's own as well.
    """

    shipped: tuple[str, ...] = ()
    dumps: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()
    all_modules: bool = False

    def __bool__(self) -> bool:
        return bool(self.shipped or self.dumps)


class _Wanted(NamedTuple):
    """A module to account for; `family` is the kind of its program file."""

    name: str
    place: str
    family: str
    architecture: str
    debug_id: str
    code_id: str
    debug_file: str = ""
    has_code: bool = True


class Gate:
    """Holds requirements against an inventory of what is to be sent."""

    def __init__(
        self,
        inventory: Inventory,
        scratch: Scratch,
        cache: str,
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._inventory = inventory
        self._scratch = scratch
        self._cache = cache
        self._warn = warn

    def check(
        self, requirements: Requirements, say: Callable[[str], None] = lambda _sentence: None
    ) -> tuple[GateRow, ...]:
        """A row for each module: those of the folders first, then those of the dumps."""
        rows = [
            self._apply_allowlist(requirements, wanted) or self._assess(wanted)
            for wanted in self._walk_shipped(requirements.shipped)
        ]
        rows += [_apply_allowlist_to_unread(requirements, row) for row in self._unread]
        for dump in requirements.dumps:
            rows += self._check_dump(dump, requirements, say)
        return tuple(dict.fromkeys(rows))

    def _walk_shipped(self, paths: tuple[str, ...]) -> Iterator[_Wanted]:
        self._unread: list[GateRow] = []
        if not paths:
            return
        collection = SymbolFileSearch(self._scratch, shipped=True).collect(paths)
        closed = set(collection.closed)
        for left_out in dict.fromkeys((*collection.refused, *collection.closed)):
            name = base_name(left_out.path)
            fix = f"{left_out.hint}{OR_EXCUSE}" if left_out in closed else left_out.hint
            self._unread.append(
                GateRow(name, left_out.path, "", "", "unreadable", left_out.reason, fix)
            )
        for file in collection.files:
            yield from _walk_wanted(file)

    def _apply_allowlist(self, requirements: Requirements, wanted: _Wanted) -> GateRow | None:
        if not wanted.has_code:
            return _row(wanted, "not_required", "it has no code")
        pattern = _find_pattern(requirements, wanted.name, wanted.place)
        return _row(wanted, "not_required", f"--not-required {pattern}") if pattern else None

    def _check_dump(
        self, path: str, requirements: Requirements, say: Callable[[str], None]
    ) -> Iterator[GateRow]:
        sources = dict.fromkeys(entry.file.source for entry in self._inventory.entries)
        try:
            needed = find_needed(path, tuple(sources), self._cache, self._scratch, warn=self._warn)
        except InputUnusable as error:
            yield GateRow(base_name(path), path, "", "", "unreadable", error.what, error.hint or "")
            return
        say(f"{path}: {len(needed.modules)} modules are on its stacks")
        for module, is_system in needed.modules:
            wanted = _of_module(module, path, needed.architecture)
            excuse = self._apply_allowlist(requirements, wanted)
            if excuse is None and is_system and not requirements.all_modules:
                excuse = _row(wanted, "not_required", "the system's own; --require-all-modules")
            yield excuse or self._assess(wanted)

    def _assess(self, wanted: _Wanted) -> GateRow:
        has_id = bool(wanted.debug_id or (wanted.family == WINDOWS and wanted.code_id))
        own = [entry for entry in self._inventory.entries if has_id and _is_of(entry, wanted)]
        lined = [entry for entry in own if entry.quality.lines]
        is_unwound = any(entry.quality.unwind for entry in own)
        gap = assess(
            Coverage(
                has_id=has_id,
                has_files=bool(own),
                has_names=any(entry.quality.functions for entry in own),
                has_lines=bool(lined),
                is_unwound=is_unwound or not needs_tables(wanted.family, wanted.architecture),
            )
        )
        if gap == "no_id":
            note = "no identifier: no crash report can be matched with any symbols"
            return _row(wanted, gap, note, ID_FIX[wanted.family])
        if gap == "missing":
            return self._assess_absence(wanted)
        row = _find_misnamed(wanted, lined) or self._explain(wanted, gap, own)
        return row._replace(found=tuple(dict.fromkeys(entry.file.path for entry in own)))

    def _explain(self, wanted: _Wanted, gap: str, own: list[InventoryEntry]) -> GateRow:
        """What is missing of a module that has files, unless this machine cannot tell."""
        if gap == "ok":
            return _row(wanted, gap)
        if unread := next((entry.quality.fault for entry in own if entry.quality.fault), None):
            return _row(wanted, "not_read", unread.what, unread.hint or "")
        if gap == "no_lines":
            note = "function names, but no source lines"
            return _row(wanted, gap, note, f"upload {LINED[wanted.family]}")
        if gap == "stripped":
            return self._assess_nameless(wanted, own)
        if any(entry.object_file.role in BINARIES for entry in own):
            note = "its program is there, but without unwind information"
            return _row(wanted, gap, note, UNWIND_COMPILE)
        return _row(wanted, gap, "nothing in these files can unwind it", UNWIND_FIX[wanted.family])

    def _assess_absence(self, wanted: _Wanted) -> GateRow:
        file = wanted.debug_file or wanted.name
        fix = f"upload {base_name(file)} of this build as well"
        return self._find_other_build(wanted) or _row(wanted, "missing", "", fix)

    def _find_other_build(self, wanted: _Wanted) -> GateRow | None:
        """What has the name of the module's debug file, but another identifier."""
        names = {bare_name(name) for name in (wanted.name, wanted.debug_file) if name}
        for other in self._inventory.entries:
            is_alike = other.object_file.architecture in ("", wanted.architecture)
            is_other = other.identifier and is_alike and not _is_of(other, wanted)
            if is_other and bare_name(other.file.name) in names:
                note = (
                    f"{other.file.path} is of another build: {other.identifier}, and what ships is "
                    f"{wanted.debug_id or wanted.code_id}"
                )
                return _row(wanted, "mismatch", note, "upload the symbols of the build that ships")
        return None

    def _assess_nameless(self, wanted: _Wanted, own: list[InventoryEntry]) -> GateRow:
        problem = next((entry.quality.problem for entry in own if entry.quality.problem), "")
        if problem:
            return _row(wanted, "unreadable", problem, DAMAGED_FIX)
        if other_build := self._find_other_build(wanted):
            return other_build
        if wanted.family == WINDOWS:
            asked = base_name(wanted.debug_file) or "its PDB"
            return _row(
                wanted, "missing", f"its PDB is not there: {asked}", f"upload {LINED[WINDOWS]}"
            )
        return _row(wanted, "stripped", "nothing left of its names", f"upload {UNSTRIPPED}")


def _apply_allowlist_to_unread(requirements: Requirements, row: GateRow) -> GateRow:
    """What could not be looked into does not pass, unless the user says so."""
    pattern = _find_pattern(requirements, row.name, row.place)
    if pattern is None:
        return row
    return row._replace(status="not_required", note=f"--not-required {pattern}", fix="")


def _find_pattern(requirements: Requirements, name: str, place: str) -> str | None:
    """The --not-required pattern that a name or a path matches, or that of the archive it is in."""
    patterns = PathPatterns(requirements.excused)
    place = place.replace("\\", "/")
    archives = [place[:at] for at, sign in enumerate(place) if sign == ":" and at > len("C")]
    return next(filter(None, map(patterns.find, (name, place, *archives))), None)


def _walk_wanted(file: SymbolFile) -> Iterator[_Wanted]:
    for object_file in file.objects:
        if object_file.role in BINARIES and object_kinds.MANAGED not in object_file.traits:
            yield _of_object(file, object_file)


def _of_object(file: SymbolFile, object_file: ObjectFile) -> _Wanted:
    identifier = (
        object_file.debug_id.breakpad
        if object_file.debug_id and not object_file.debug_id.is_nil
        else ""
    )
    if object_file.kind == object_kinds.PE and not object_file.debug_file:
        identifier = ""  # Crashpad discards a CodeView record that names no PDB
    code_id = object_file.code_id.value if object_file.code_id else ""
    return _Wanted(
        file.name,
        file.path,
        object_file.kind,
        object_file.architecture,
        identifier,
        code_id,
        object_file.debug_file,
        has_code=object_kinds.CODE_FREE not in object_file.traits,
    )


def _of_module(module: Module, dump: str, architecture: str) -> _Wanted:
    debug_id = module.debug_id
    debug_file = module.debug_file or ""
    code_id = (module.code_id or "").lower()
    family = LINUX
    if debug_file.lower().endswith(".pdb") or "\\" in (module.code_file or ""):
        family = WINDOWS
    elif debug_id and code_id == debug_id.uuid.hex():
        family = MACOS
    identifier = debug_id.breakpad if debug_id and not debug_id.is_nil else ""
    return _Wanted(
        module.name,
        f"{dump}: {module.code_file or module.name}",
        family,
        architecture,
        identifier,
        code_id,
        debug_file,
    )


def _is_of(entry: InventoryEntry, wanted: _Wanted) -> bool:
    if wanted.debug_id:
        return entry.identifier == wanted.debug_id
    code_id = entry.object_file.code_id.value if entry.object_file.code_id else ""
    return entry.object_file.kind == object_kinds.PE and code_id.lower() == wanted.code_id.lower()


def _find_misnamed(wanted: _Wanted, lined: list[InventoryEntry]) -> GateRow | None:
    """A PDB that is called otherwise than its program says: servers match names, too."""
    asked = base_name(wanted.debug_file).lower()
    pdbs = [entry for entry in lined if entry.object_file.kind == object_kinds.PDB]
    if not asked or not pdbs or len(pdbs) < len(lined):
        return None
    if any(entry.file.name.lower() == asked for entry in pdbs):
        return None
    note = f"{pdbs[0].file.path} is its PDB, but it asks for the name '{asked}'"
    return _row(wanted, "mismatch", note, "give the PDB the name that it was linked with")


def _row(wanted: _Wanted, status: str, note: str = "", fix: str = "") -> GateRow:
    return GateRow(
        wanted.name,
        wanted.place,
        wanted.architecture,
        wanted.debug_id or wanted.code_id,
        status,  # type: ignore[arg-type]  # a literal at each call
        note,
        fix,
    )
