"""Making .sym files of debug files: lines from one, unwind rules from another if need be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from crashtool.errors import InputUnusable
from crashtool.formats import object_kinds
from crashtool.formats.breakpad.symbol_file_writer import ModuleLine
from crashtool.formats.identifiers import DebugId
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.symbol_store import ModuleIds, store_name, walk_breakpad
from crashtool.model.symbol_upload import DumpedModule, SymbolFile
from crashtool.services.files.whole_file import make_folder, open_whole
from crashtool.services.symbol_upload.inventory import (
    BINARIES,
    Inventory,
    InventoryEntry,
    without_suffix,
)
from crashtool.services.symbol_upload.symbol_text import (
    SymbolTextOptions,
    make_native_text,
    make_pdb_text,
)
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.unwind_records import walk_unwind_records

if TYPE_CHECKING:
    from crashtool.services.files.scratch import Scratch

SYSTEMS = {
    object_kinds.ELF: "Linux",
    object_kinds.PE: "windows",
    object_kinds.PDB: "windows",
    object_kinds.MACHO: "mac",
}
NATIVE = tuple(SYSTEMS)
REWRITTEN = (
    "a tool has rewritten the program since it was linked (OMAP), which no .sym file is made of "
    "here: use dump_syms on Windows"
)
PORTION = 256  # pieces of text that are written at once
NOTHING = "nothing in it: no functions, and no unwind rules"


class Dumpable(NamedTuple):
    """One module: where its functions are, where its unwind rules, and what it is called."""

    module: ModuleLine
    lines: InventoryEntry
    unwind: InventoryEntry | None


def find_dumpable(
    files: Sequence[SymbolFile], wishes: SymbolTextOptions
) -> list[Dumpable | DumpedModule]:
    """The modules that graded files make up together, in their order.

    A module without an identifier, or with nothing in it, is a DumpedModule that says so.
    """
    groups: dict[tuple[str, str], list[InventoryEntry]] = {}
    modules: list[Dumpable | DumpedModule] = []
    for entry in Inventory(files).entries:
        object_file = entry.object_file
        if object_file.kind not in NATIVE or object_file.role not in (
            *BINARIES,
            object_kinds.DEBUG,
        ):
            continue
        if wishes.architecture and object_file.architecture != wishes.architecture:
            continue
        if object_kinds.REWRITTEN in object_file.traits:
            modules.append(DumpedModule(entry.file.path, entry.identifier, reason=REWRITTEN))
            continue
        if not entry.identifier:
            reason = "it has no identifier: no crash report can be matched with its symbols"
            modules.append(DumpedModule(entry.file.path, reason=reason))
            continue
        groups.setdefault((entry.identifier, object_file.architecture), []).append(entry)
    return modules + [_combine(entries, wishes) for entries in groups.values()]


def _combine(entries: list[InventoryEntry], wishes: SymbolTextOptions) -> Dumpable | DumpedModule:
    lines = max(entries, key=lambda entry: (entry.quality.lines, entry.quality.functions))
    unwind = max(entries, key=lambda entry: entry.quality.unwound)
    if not lines.quality.functions and not unwind.quality.unwind:
        reason = lines.quality.problem or NOTHING
        return DumpedModule(lines.file.path, lines.identifier, reason=reason)
    uses_unwind = wishes.cfi and unwind.quality.unwound > 0
    return Dumpable(_name_module(entries, wishes), lines, unwind if uses_unwind else None)


def _name_module(entries: list[InventoryEntry], wishes: SymbolTextOptions) -> ModuleLine:
    program = next((entry for entry in entries if entry.object_file.role in BINARIES), entries[0])
    object_file = program.object_file
    pdb = next((entry for entry in entries if entry.object_file.kind == object_kinds.PDB), None)
    name = wishes.name or object_file.debug_file or (pdb.file.name if pdb else "")
    name = store_name(name or without_suffix(program.file.name)) or "module"
    code_id, code_file = "", ""
    if object_file.kind == object_kinds.PE and object_file.code_id:
        code_id = object_file.code_id.value[:8].upper() + object_file.code_id.value[8:]
        code_file = program.file.name
    elif object_file.kind == object_kinds.ELF and object_file.build_id:
        code_id = object_file.build_id.hex.upper()
    return ModuleLine(
        SYSTEMS[object_file.kind],
        object_file.architecture,
        program.identifier,
        name,
        code_id,
        code_file,
    )


class SymbolDumper:
    """Writes .sym files; text that waits to be put in order is in `scratch`."""

    def __init__(self, scratch: Scratch, wishes: SymbolTextOptions) -> None:
        self._scratch = scratch
        self._wishes = wishes

    def write_into(self, dumpable: Dumpable, target: BinaryIO) -> int:
        """Write a module's records; how many bytes. InputUnusable when a file cannot be read."""
        size = 0
        texts = self._walk(dumpable)
        while portion := list(islice(texts, PORTION)):
            size += target.write("".join(portion).encode("utf-8", "replace"))
        return size

    def _walk(self, dumpable: Dumpable) -> Iterator[str]:
        object_file = dumpable.lines.object_file
        made = make_pdb_text if object_file.kind == object_kinds.PDB else make_native_text
        yield from made(
            dumpable.module,
            dumpable.lines.file.source,
            object_file.architecture,
            self._wishes,
            self._scratch,
        )
        if dumpable.unwind is not None:
            source, object_file = dumpable.unwind.file.source, dumpable.unwind.object_file
            yield from walk_unwind_records(
                map_file(source), object_file.kind, object_file.architecture
            )

    def write_store(self, modules: Sequence[Dumpable], folder: Path) -> Iterator[DumpedModule]:
        """Write each into a Breakpad store: NAME/ID/NAME.sym, whole or not at all."""
        for dumpable in modules:
            module = dumpable.module
            ids = ModuleIds(debug_file=module.name, debug_id=DebugId.parse(module.identifier))
            place = next(walk_breakpad(ids)).path
            yield self._write_file(dumpable, folder / place)

    def write_file(self, dumpable: Dumpable, target: Path) -> DumpedModule:
        """Write one to a file of any name."""
        return self._write_file(dumpable, target)

    def _write_file(self, dumpable: Dumpable, target: Path) -> DumpedModule:
        dumped = DumpedModule(dumpable.lines.file.path, dumpable.module.identifier, str(target))
        try:
            make_folder(target.parent)
            with open_whole(target) as file:
                return dumped._replace(size=self.write_into(dumpable, file))
        except InputUnusable as error:  # the next module may be sound; a full disk stays full
            return dumped._replace(target="", reason=error.what)


def check_single(modules: Sequence[Dumpable]) -> Dumpable:
    """The one module; InputUnusable when there are several."""
    if len(modules) > 1:
        names = ", ".join(
            f"{dumpable.module.name} ({dumpable.module.architecture})" for dumpable in modules
        )
        raise InputUnusable(
            f"these files make {len(modules)} modules: {names}",
            hint="--store DIR takes them all; --arch chooses one of a universal file",
        )
    return modules[0]
