"""What headers alone prove to be wrong with debug files: one rule, one function, one row."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from crashtool.errors import InputUnusable
from crashtool.formats.object_file import kinds
from crashtool.formats.object_file.kinds import ObjectFile
from crashtool.model.symbol_upload import Defect, SymbolFile
from crashtool.services.symbols.native import read_features

USUAL_BUILD_ID = 16  # bytes: an identifier in a minidump holds that many
UNWIND_IN_IMAGE = ("x86_64", "arm64")  # where Windows keeps unwind data in the image, not the PDB
BINARIES = (kinds.EXECUTABLE, kinds.LIBRARY)
UNREAD_ROLES = (kinds.PACKAGE, kinds.SUPPLEMENT)  # only of use through another file
DEBUG_SUFFIXES = (".debug", ".dbg")


class Inventory(NamedTuple):
    """What the files together hold, by debug id in Breakpad's spelling."""

    images: dict[str, tuple[SymbolFile, ObjectFile]]
    binaries: frozenset[str]
    lined: frozenset[str]
    named: frozenset[str]
    packages: frozenset[str]


Check = Callable[[SymbolFile, ObjectFile, Inventory], str]


class Rule(NamedTuple):
    """A named defect: `check` gives the finding in words, or "" when all is well."""

    name: str
    check: Check
    fix: str


def find_defects(files: tuple[SymbolFile, ...]) -> tuple[Defect, ...]:
    """Every rule over every object of the files, in the order of the files."""
    inventory = take_inventory(files)
    return tuple(
        Defect(rule.name, file.path, sentence, rule.fix)
        for file in files
        for rule, sentence in _findings(file, inventory)
    )


def find_damage(
    files: tuple[SymbolFile, ...], read: Callable[[str], object] = read_features
) -> tuple[Defect, ...]:
    """The files whose header is fine, but that a reader of debug information cannot open."""
    found = []
    for file in files:
        try:
            if file.objects[0].kind != kinds.SYM and file.objects[0].role not in UNREAD_ROLES:
                read(file.source)
        except InputUnusable as error:
            found.append(Defect("unreadable", file.path, error.what, "build the file again"))
    return tuple(found)


def _findings(file: SymbolFile, inventory: Inventory) -> Iterator[tuple[Rule, str]]:
    for rule in RULES:
        sentences = (rule.check(file, row, inventory) for row in file.objects)
        if found := next(filter(None, sentences), ""):  # a universal file says it once
            yield rule, found


def take_inventory(files: tuple[SymbolFile, ...]) -> Inventory:
    """What the rules that look at several files ask for."""
    rows = [(file, row) for file in files for row in file.objects]
    known = [(file, row, row.debug_id.breakpad) for file, row in rows if row.debug_id]
    return Inventory(
        images={name: (file, row) for file, row, name in known if row.kind == kinds.PE},
        binaries=frozenset(name for _, row, name in known if row.role in BINARIES),
        lined=frozenset(name for _, row, name in known if kinds.LINES in row.features),
        named=frozenset(name for _, row, name in known if kinds.SYMBOLS in row.features),
        packages=frozenset(file.name for file, row in rows if row.role == kinds.PACKAGE),
    )


def _identifier(row: ObjectFile) -> str:
    return row.debug_id.breakpad if row.debug_id else ""


def _no_build_id(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    linked = row.kind == kinds.ELF and row.role in (*BINARIES, kinds.DEBUG)
    if not linked or row.build_id:
        return ""
    return "no build id: Crashpad reports zeros for it, and no symbols match zeros"


def _short_build_id(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    size = len(row.build_id.raw) if row.build_id else USUAL_BUILD_ID
    return "" if size >= USUAL_BUILD_ID else f"a build id of {size} bytes: others may have the same"


def _no_uuid(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    missing = row.kind == kinds.MACHO and not row.debug_id
    return "no LC_UUID: nothing ties it to a crash report" if missing else ""


def _no_codeview(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    if row.kind != kinds.PE or {kinds.CODEVIEW, kinds.MANAGED} & row.traits:
        return ""
    return "no CodeView record: crash reports have no debug id for it"


def _nil_codeview(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    if kinds.CODEVIEW not in row.traits or not row.debug_id or not row.debug_id.is_nil:
        return ""
    return "a CodeView record of zeros, which means no identifier"


def _unnamed_codeview(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    if kinds.CODEVIEW not in row.traits or row.debug_file:
        return ""
    return "a CodeView record without a PDB's name: Crashpad discards it and reports zeros"


def _lone_pdb(_: SymbolFile, row: ObjectFile, inventory: Inventory) -> str:
    if row.kind != kinds.PDB or row.architecture not in UNWIND_IN_IMAGE:
        return ""
    if _identifier(row) in inventory.images:
        return ""
    return f"its EXE or DLL is not among the inputs, and only that can unwind {row.architecture}"


def _name_pair(file: SymbolFile, row: ObjectFile, inventory: Inventory) -> str:
    found = inventory.images.get(_identifier(row)) if row.kind == kinds.PDB else None
    if found is None:
        return ""
    image_file, image = found
    if image.debug_file and image.debug_file.lower() != file.name.lower():
        return f"{image_file.name} asks for '{image.debug_file}', not for '{file.name}'"
    if _stem(image_file.name) != _stem(file.name):
        return f"its program is called '{image_file.name}': the two names must be the same"
    return ""


def _stem(name: str) -> str:
    return name.rpartition(".")[0].lower()


def _fastlink(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    if kinds.FASTLINK not in row.traits:
        return ""
    return "made with /DEBUG:FASTLINK: an index into .obj files, of no use elsewhere"


def _stripped_pdb(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    if row.kind != kinds.PDB or kinds.STRIPPED not in row.traits:
        return ""
    return "a stripped PDB: public names only, no lines"


def _split_dwarf(file: SymbolFile, row: ObjectFile, inventory: Inventory) -> str:
    if kinds.SPLIT not in row.traits or _without_suffix(file.name) + ".dwp" in inventory.packages:
        return ""
    return "split DWARF: names and lines are in .dwo files, and its .dwp is not among the inputs"


def _without_suffix(name: str) -> str:
    for suffix in DEBUG_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _linked_debug(_: SymbolFile, row: ObjectFile, inventory: Inventory) -> str:
    described = kinds.LINES in row.features or _identifier(row) in inventory.lined
    if not row.debug_link or described:
        return ""
    return f"its debug information is in '{row.debug_link}', which is not among the inputs"


def _alternate(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    if not row.alt_link:
        return ""
    return f"dwz moved names into '{row.alt_link}', which symbol servers do not follow"


def _stripped(_: SymbolFile, row: ObjectFile, inventory: Inventory) -> str:
    judged = row.role in BINARIES and row.kind in (kinds.ELF, kinds.MACHO) and not row.debug_link
    if not judged or kinds.SPLIT in row.traits or kinds.SYMBOLS in row.features:
        return ""
    if _identifier(row) in inventory.named:
        return ""
    kept = " but a packed list of functions" if kinds.MINI_DEBUG in row.traits else ""
    return f"stripped: nothing left of its names{kept}"


def _no_lines(_: SymbolFile, row: ObjectFile, inventory: Inventory) -> str:
    excused = {kinds.SPLIT, kinds.FASTLINK, kinds.STRIPPED, kinds.MANAGED} & row.traits
    if row.kind == kinds.PE or row.role not in (*BINARIES, kinds.DEBUG) or row.debug_link:
        return ""
    lined = kinds.LINES in row.features or _identifier(row) in inventory.lined
    if excused or lined or kinds.SYMBOLS not in row.features:
        return ""
    return "function names, but no source lines"


def _no_unwind(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    if row.role not in BINARIES or {kinds.UNWIND} & row.features or kinds.MANAGED in row.traits:
        return ""
    judged = row.kind == kinds.ELF or (row.kind == kinds.PE and row.architecture in UNWIND_IN_IMAGE)
    return "no unwind information: stacks through it are guesses" if judged else ""


def _lone_debug_file(_: SymbolFile, row: ObjectFile, inventory: Inventory) -> str:
    if row.kind != kinds.ELF or row.role != kinds.DEBUG or not row.debug_id:
        return ""
    if kinds.UNWIND in row.features or _identifier(row) in inventory.binaries:
        return ""
    return "debug information only: its program, which has the unwind tables, is not there"


def _empty_sym(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    if row.kind != kinds.SYM or kinds.SYMBOLS in row.features:
        return ""
    return "a .sym file without a single function"


def _nil_sym(_: SymbolFile, row: ObjectFile, __: Inventory) -> str:
    nil = row.kind in (kinds.SYM, kinds.PDB) and row.debug_id and row.debug_id.is_nil
    return "an identifier of zeros, which means none" if nil else ""


BUILD_ID_FIX = "link with -Wl,--build-id=sha1"
RULES = (
    Rule("no-build-id", _no_build_id, BUILD_ID_FIX),
    Rule("short-build-id", _short_build_id, BUILD_ID_FIX),
    Rule("no-uuid", _no_uuid, "link without -no_uuid"),
    Rule("no-codeview", _no_codeview, "link with /DEBUG (MinGW: -gcodeview and -Wl,--pdb=)"),
    Rule("nil-codeview", _nil_codeview, "link with /DEBUG, or /Brepro without zeroing the GUID"),
    Rule("unnamed-codeview", _unnamed_codeview, "link with -Wl,--pdb=NAME instead of --build-id"),
    Rule("nil-id", _nil_sym, "make it from a program that has an identifier"),
    Rule("pdb-without-image", _lone_pdb, "give the folder with the EXE or DLL as well"),
    Rule("name-pair", _name_pair, "give both files the names they were linked with"),
    Rule("fastlink-pdb", _fastlink, "link with /DEBUG:FULL, or convert with mspdbcmf.exe"),
    Rule("stripped-pdb", _stripped_pdb, "upload the full PDB, not the one of /PDBSTRIPPED"),
    Rule("split-dwarf", _split_dwarf, "dwp -e PROGRAM -o PROGRAM.dwp, or leave out -gsplit-dwarf"),
    Rule("debug-link", _linked_debug, "give that file as well"),
    Rule("alternate-debug", _alternate, "upload what the compiler made, before dwz -m"),
    Rule("stripped", _stripped, "upload the file as it was before strip, or its debug file"),
    Rule("no-lines", _no_lines, "compile with -g (MSVC: /Zi and /DEBUG:FULL)"),
    Rule("no-unwind", _no_unwind, "compile with -fasynchronous-unwind-tables, keep .eh_frame"),
    Rule("debug-without-program", _lone_debug_file, "give the program as well"),
    Rule("empty-sym", _empty_sym, "run dump_syms on the file with the debug information"),
)
