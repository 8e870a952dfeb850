"""Making .sym files of debug files: lines from one, unwind rules from another if need be."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from crashtool.errors import InputUnusable
from crashtool.formats import object_kinds
from crashtool.formats.breakpad.symbol_file_writer import ModuleLine, walk_symbol_file
from crashtool.formats.identifiers import DebugId
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.symbol_store import ModuleIds, store_name, walk_breakpad
from crashtool.formats.symcache import SymCache
from crashtool.model.symbol_upload import DumpedModule, SymbolFile
from crashtool.services.files.whole_file import make_folder, open_whole
from crashtool.services.symbol_upload.inventory import (
    BINARIES,
    Inventory,
    InventoryEntry,
    without_suffix,
)
from crashtool.services.symbols.demangle import demangle
from crashtool.services.symbols.derive import LINES, UNWIND, DerivedFiles, Deriver
from crashtool.services.symbols.dwarf_functions import open_functions
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.own_names import find_own_name

SYSTEMS = {
    object_kinds.ELF: "Linux",
    object_kinds.PE: "windows",
    object_kinds.PDB: "windows",
    object_kinds.MACHO: "mac",
}
NATIVE = tuple(SYSTEMS)
ARM64 = "arm64"
REWRITTEN = (
    "a tool has rewritten the program since it was linked (OMAP), which no .sym file is made of "
    "here: use dump_syms on Windows"
)
NOTHING = "nothing in it: no functions, and no unwind rules"


class DumpSymbolsOptions(NamedTuple):
    """How to write: `inlines` and `cfi` may be left out, names kept as they are in the file.

    `architecture` chooses, "" takes all. `name` is what the module is called instead of its own.
    """

    inlines: bool = True
    cfi: bool = True
    readable: bool = True
    architecture: str = ""
    name: str = ""


class Dumpable(NamedTuple):
    """One module: where its functions are, where its unwind rules, and what it is called."""

    module: ModuleLine
    lines: InventoryEntry
    unwind: InventoryEntry | None


def find_dumpable(
    files: Sequence[SymbolFile], wishes: DumpSymbolsOptions
) -> list[Dumpable | DumpedModule]:
    """The modules that graded files make up together, in their order.

    A module without an identifier, or with nothing in it, is a DumpedModule that says so.
    """
    groups: dict[tuple[str, str], list[InventoryEntry]] = {}
    found: list[Dumpable | DumpedModule] = []
    for entry in Inventory(files).entries:
        row = entry.row
        if row.kind not in NATIVE or row.role not in (*BINARIES, object_kinds.DEBUG):
            continue
        if wishes.architecture and row.architecture != wishes.architecture:
            continue
        if object_kinds.REWRITTEN in row.traits:
            found.append(DumpedModule(entry.file.path, entry.identifier, reason=REWRITTEN))
            continue
        if not entry.identifier:
            reason = "it has no identifier: no crash report can be matched with its symbols"
            found.append(DumpedModule(entry.file.path, reason=reason))
            continue
        groups.setdefault((entry.identifier, row.architecture), []).append(entry)
    return found + [_combine(entries, wishes) for entries in groups.values()]


def _combine(entries: list[InventoryEntry], wishes: DumpSymbolsOptions) -> Dumpable | DumpedModule:
    lines = max(entries, key=lambda entry: (entry.quality.lines, entry.quality.functions))
    unwind = max(entries, key=lambda entry: entry.quality.unwound)
    if not lines.quality.functions and not unwind.quality.unwind:
        reason = lines.quality.problem or NOTHING
        return DumpedModule(lines.file.path, lines.identifier, reason=reason)
    uses_unwind = wishes.cfi and unwind.quality.unwound > 0
    return Dumpable(_name_module(entries, wishes), lines, unwind if uses_unwind else None)


def _name_module(entries: list[InventoryEntry], wishes: DumpSymbolsOptions) -> ModuleLine:
    program = next((entry for entry in entries if entry.row.role in BINARIES), entries[0])
    row = program.row
    pdb = next((entry for entry in entries if entry.row.kind == object_kinds.PDB), None)
    name = wishes.name or row.debug_file or (pdb.file.name if pdb else "")
    name = store_name(name or without_suffix(program.file.name)) or "module"
    code_id, code_file = "", ""
    if row.kind == object_kinds.PE and row.code_id:
        code_id = row.code_id.value[:8].upper() + row.code_id.value[8:]
        code_file = program.file.name
    elif row.kind == object_kinds.ELF and row.build_id:
        code_id = row.build_id.hex.upper()
    return ModuleLine(
        SYSTEMS[row.kind], row.architecture, program.identifier, name, code_id, code_file
    )


class SymbolDumper:
    """Writes .sym files; what it needs from debug files comes from `cache`, and stays there."""

    def __init__(self, cache: DerivedFiles, wishes: DumpSymbolsOptions) -> None:
        self._cache = cache
        self._wishes = wishes

    def write_into(self, found: Dumpable, target: BinaryIO) -> int:
        """Write a module's records; how many bytes. InputUnusable when a file cannot be read."""
        size = 0
        data = map_file(found.lines.file.source)
        is_elf = found.lines.row.kind == object_kinds.ELF

        source, architecture = found.lines.file.source, found.lines.row.architecture
        functions = open_functions(data, source, architecture, [], []) if is_elf else None

        def find_function(start: int) -> str:
            hit = functions.find_function(start) if functions else None
            return hit.name if hit and hit.start == start else ""

        def spell(name: str, start: int | None) -> str:
            own = find_own_name(data, name, start, find_function) if is_elf else name
            return demangle(own) if self._wishes.readable else own

        with closing(Deriver(self._cache)) as deriver:
            lines = deriver.find(LINES, source, architecture)
            cache = SymCache(lines.content)
            for text in walk_symbol_file(
                found.module, cache, spell=spell, inlines=self._wishes.inlines
            ):
                size += target.write(text.encode("utf-8", "replace"))
            for block in self._walk_unwind(found, deriver):
                size += target.write(block)
        return size

    def _walk_unwind(self, found: Dumpable, deriver: Deriver) -> Iterator[bytes]:
        if found.unwind is None:
            return
        source, row = found.unwind.file.source, found.unwind.row
        if row.kind == object_kinds.PE and row.architecture == ARM64:
            yield from _walk_arm64_rules(source)
            return
        records = BytesIO(deriver.find(UNWIND, source, row.architecture).content)
        # the table is a .sym file of its own, with a MODULE record
        yield from (line for line in records if line.startswith(b"STACK "))

    def write_store(self, modules: Sequence[Dumpable], folder: Path) -> Iterator[DumpedModule]:
        """Write each into a Breakpad store: NAME/ID/NAME.sym, whole or not at all."""
        for found in modules:
            module = found.module
            ids = ModuleIds(debug_file=module.name, debug_id=DebugId.parse(module.identifier))
            place = next(walk_breakpad(ids)).path
            yield self._write_file(found, folder / place)

    def write_file(self, found: Dumpable, target: Path) -> DumpedModule:
        """Write one to a file of any name."""
        return self._write_file(found, target)

    def _write_file(self, found: Dumpable, target: Path) -> DumpedModule:
        row = DumpedModule(found.lines.file.path, found.module.identifier, str(target))
        try:
            make_folder(target.parent)
            with open_whole(target) as file:
                return row._replace(size=self.write_into(found, file))
        except InputUnusable as error:  # the next module may be sound; a full disk stays full
            return row._replace(target="", reason=error.what)


def _walk_arm64_rules(path: str) -> Iterator[bytes]:
    """Those of a PE file, by a reader of our own: symbolic takes other numbers for sizes."""
    from crashtool.formats.object_file.arm64_exception_tables import Arm64ExceptionTables
    from crashtool.formats.object_file.pe import find_exception_tables

    data = map_file(path)
    tables = find_exception_tables(data)
    for record in Arm64ExceptionTables(data, tables).walk_records() if tables else ():
        yield record.encode()


def check_single(modules: Sequence[Dumpable]) -> Dumpable:
    """The one module; InputUnusable when there are several."""
    if len(modules) > 1:
        names = ", ".join(f"{row.module.name} ({row.module.architecture})" for row in modules)
        raise InputUnusable(
            f"these files make {len(modules)} modules: {names}",
            hint="--store DIR takes them all; --arch chooses one of a universal file",
        )
    return modules[0]
