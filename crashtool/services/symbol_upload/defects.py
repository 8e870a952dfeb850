"""What is wrong with debug files: one rule, one function, one row, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from crashtool.formats import object_kinds
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_kinds import ObjectFile
from crashtool.model.symbol_upload import ERROR, WARNING, Defect, SymbolFile
from crashtool.services.symbol_upload.inventory import (
    BINARIES,
    Inventory,
    InventoryEntry,
    walk_entries,
)
from crashtool.services.symbol_upload.pdb_defects import (
    empty_pdb,
    fastlink,
    lone_image,
    lone_pdb,
    name_pair,
    other_build,
    pdb_age,
    rewritten,
    stripped_pdb,
    types_alone,
)
from crashtool.services.symbols.advice import (
    DAMAGED_FIX,
    DUMP_FIX,
    ID_FIX,
    LINED,
    LINED_SYM,
    REWRITTEN_FIX,
    SPLIT_FIX,
    SPLIT_NOTE,
    UNSTRIPPED,
    UNWIND_COMPILE,
)
from crashtool.services.symbols.coverage import UNWIND_IN_IMAGE, Coverage, Gap, assess

USUAL_BUILD_ID = 16  # bytes: an identifier in a minidump holds that many
FEW_LINES = 0.1  # of the code
NO_TIME = "00000000"

Check = Callable[[InventoryEntry, Inventory], str]


class DefectRule(NamedTuple):
    """A named defect: `check` gives the finding in words, or "" when all is well.

    `severity` is error when the file is of no use for what it is for, else warning. `fix` is one
    for all, or by the kind of file.
    """

    name: str
    check: Check
    fix: str | Mapping[str, str]
    severity: str = WARNING

    def find_fix(self, kind: str) -> str:
        """What mends it in a file of this kind."""
        return self.fix if isinstance(self.fix, str) else self.fix[kind]


def find_defects(files: tuple[SymbolFile, ...]) -> tuple[Defect, ...]:
    """Every rule over every object of the files, in the order of the files."""
    inventory = Inventory(files)
    return tuple(
        Defect(rule.name, file.path, sentence, rule.find_fix(file.objects[0].kind), rule.severity)
        for file in files
        for rule, sentence in _walk_findings(file, inventory)
    )


def _walk_findings(file: SymbolFile, inventory: Inventory) -> Iterator[tuple[DefectRule, str]]:
    entries = tuple(walk_entries((file,)))
    for rule in RULES:
        sentences = (
            rule.check(entry, inventory)
            for entry in entries
            if not (entry.quality.fault and rule.name in OF_READING)
        )
        if sentence := next(filter(None, sentences), ""):  # a universal file says it once
            yield rule, sentence


def _unreadable(entry: InventoryEntry, _: Inventory) -> str:
    if object_kinds.TYPES_ALONE in entry.object_file.traits:
        return ""
    return entry.quality.problem


def _no_build_id(entry: InventoryEntry, _: Inventory) -> str:
    object_file = entry.object_file
    linked = object_file.kind == object_kinds.ELF and object_file.role in (
        *BINARIES,
        object_kinds.DEBUG,
    )
    if not linked or object_file.build_id:
        return ""
    return "no build id: Crashpad reports zeros for it, and no symbols match zeros"


def _short_build_id(entry: InventoryEntry, _: Inventory) -> str:
    size = len(entry.object_file.build_id.raw) if entry.object_file.build_id else USUAL_BUILD_ID
    return "" if size >= USUAL_BUILD_ID else f"a build id of {size} bytes: others may have the same"


def _no_uuid(entry: InventoryEntry, _: Inventory) -> str:
    missing = entry.object_file.kind == object_kinds.MACHO and not entry.object_file.debug_id
    return "no LC_UUID: nothing ties it to a crash report" if missing else ""


def _no_codeview(entry: InventoryEntry, _: Inventory) -> str:
    if (
        entry.object_file.kind != object_kinds.PE
        or {object_kinds.CODEVIEW, object_kinds.MANAGED} & entry.object_file.traits
    ):
        return ""
    return "no CodeView record: crash reports have no debug id for it"


def _nil_codeview(entry: InventoryEntry, _: Inventory) -> str:
    object_file = entry.object_file
    if (
        object_kinds.CODEVIEW not in object_file.traits
        or not object_file.debug_id
        or not object_file.debug_id.is_nil
    ):
        return ""
    return "a CodeView record of zeros, which means no identifier"


def _unnamed_codeview(entry: InventoryEntry, _: Inventory) -> str:
    if object_kinds.CODEVIEW not in entry.object_file.traits or entry.object_file.debug_file:
        return ""
    return "a CodeView record without a PDB's name: Crashpad discards it and reports zeros"


def _no_time(entry: InventoryEntry, _: Inventory) -> str:
    code_id = entry.object_file.code_id.value if entry.object_file.code_id else ""
    if entry.object_file.kind != object_kinds.PE or not code_id.startswith(NO_TIME):
        return ""
    return "no time stamp: its code id is only its size, and other builds may have the same"


def _split_dwarf(entry: InventoryEntry, _: Inventory) -> str:
    return SPLIT_NOTE if object_kinds.SPLIT in entry.object_file.traits else ""


def _linked_debug(entry: InventoryEntry, inventory: Inventory) -> str:
    described = entry.quality.lines or entry.identifier in inventory.lined
    link = entry.object_file.debug_link
    if not link or described:
        return ""
    return f"its debug information is in '{link}', which is not among the inputs"


def _alternate(entry: InventoryEntry, _: Inventory) -> str:
    link = entry.object_file.alt_link
    if not link:
        return ""
    lost = f" ({entry.quality.nameless} without a name)" if entry.quality.nameless else ""
    return f"dwz moved names into '{link}', which symbol servers do not follow{lost}"


def _stripped(entry: InventoryEntry, inventory: Inventory) -> str:
    object_file = entry.object_file
    judged = (
        object_file.role in BINARIES
        and object_file.kind in (object_kinds.ELF, object_kinds.MACHO)
        and not object_file.debug_link
    )
    if not judged or entry.quality.problem or _find_gap(entry, inventory) != "stripped":
        return ""
    kept = (
        " but a packed list of functions" if object_kinds.MINI_DEBUG in object_file.traits else ""
    )
    return f"stripped: nothing left of its names{kept}"


def _find_gap(entry: InventoryEntry, inventory: Inventory) -> Gap:
    """What is missing of an object, with what its companions have."""
    quality, identifier = entry.quality, entry.identifier
    return assess(
        Coverage(
            has_names=bool(quality.functions or identifier in inventory.named),
            has_lines=quality.lines or identifier in inventory.lined,
        )
    )


def _has_exports_alone(object_file: ObjectFile) -> bool:
    """Whether the only names of an ELF program are those that the loader needs."""
    return (
        object_file.kind == object_kinds.ELF
        and object_file.role in BINARIES
        and object_kinds.SYMBOLS not in object_file.features
    )


def _exports_alone(entry: InventoryEntry, inventory: Inventory) -> str:
    object_file, quality = entry.object_file, entry.quality
    if (
        not _has_exports_alone(object_file)
        or object_file.debug_link
        or not quality.functions
        or quality.lines
    ):
        return ""
    if entry.identifier in inventory.lined:
        return ""
    return "stripped: the names of what it exports are all that is left"


def _no_lines(entry: InventoryEntry, inventory: Inventory) -> str:
    object_file, quality = entry.object_file, entry.quality
    if {object_kinds.FASTLINK, object_kinds.STRIPPED, object_kinds.MANAGED} & object_file.traits:
        return ""
    if object_file.kind in (object_kinds.PE, object_kinds.PDB) or object_file.role not in (
        *BINARIES,
        object_kinds.DEBUG,
    ):
        return ""
    if object_file.debug_link or _has_exports_alone(object_file):  # told as stripped
        return ""
    is_lineless = quality.functions and _find_gap(entry, inventory) == "no_lines"
    return "function names, but no source lines" if is_lineless else ""


def _few_lines(entry: InventoryEntry, _: Inventory) -> str:
    quality = entry.quality
    if not quality.tried or not quality.lines or quality.lined >= FEW_LINES:
        return ""
    return f"source lines for {quality.lined:.0%} of its code only"


def _no_unwind(entry: InventoryEntry, _: Inventory) -> str:
    object_file, quality = entry.object_file, entry.quality
    if (
        object_file.role not in BINARIES
        or quality.unwind
        or object_kinds.MANAGED in object_file.traits
        or quality.problem
    ):
        return ""
    if object_file.kind != object_kinds.ELF and not (
        object_file.kind == object_kinds.PE and object_file.architecture in UNWIND_IN_IMAGE
    ):
        return ""
    if quality.unwound:
        return f"unwind information for {quality.unwound:.0%} of its code: the rest is guessed"
    return "no unwind information: stacks through it are guesses"


def _lone_debug_file(entry: InventoryEntry, inventory: Inventory) -> str:
    object_file = entry.object_file
    if (
        object_file.role != object_kinds.DEBUG
        or object_file.kind not in (object_kinds.ELF, object_kinds.MACHO)
        or not object_file.debug_id
    ):
        return ""
    if entry.quality.unwind or entry.identifier in inventory.binaries:
        return ""
    return "debug information only: its program, which has the unwind tables, is not there"


def _empty_sym(entry: InventoryEntry, _: Inventory) -> str:
    if (
        entry.object_file.kind != object_kinds.SYM
        or entry.quality.functions
        or entry.quality.problem
    ):
        return ""
    return "a .sym file without a single function"


def _no_stack_records(entry: InventoryEntry, _: Inventory) -> str:
    judged = (
        entry.object_file.kind == object_kinds.SYM
        and entry.quality.tried
        and entry.quality.functions
    )
    if not judged or entry.quality.unwind:
        return ""
    return "a .sym file without STACK records: stacks through it are guesses"


def _nil_sym(entry: InventoryEntry, _: Inventory) -> str:
    object_file = entry.object_file
    nil = (
        object_file.kind in (object_kinds.SYM, object_kinds.PDB)
        and object_file.debug_id
        and object_file.debug_id.is_nil
    )
    return "an identifier of zeros, which means none" if nil else ""


UPLOAD_UNSTRIPPED = f"upload {UNSTRIPPED}"
LINES_FIX = {
    object_kinds.ELF: f"upload {LINED[object_kinds.ELF]}",
    object_kinds.MACHO: f"upload {LINED[object_kinds.MACHO]}",
    object_kinds.SYM: LINED_SYM,
}
OF_READING = frozenset(
    {  # rules about what was looked up: a file not read here is not to blame
        "stripped-pdb",
        "image-without-pdb",
        "debug-link",
        "alternate-debug",
        "stripped",
        "stripped-to-exports",
        "no-lines",
        "few-lines",
        "no-unwind",
        "debug-without-program",
        "empty-pdb",
    }
)
RULES = (
    DefectRule("unreadable", _unreadable, DAMAGED_FIX, ERROR),
    DefectRule("no-build-id", _no_build_id, ID_FIX[object_kinds.ELF], ERROR),
    DefectRule("short-build-id", _short_build_id, ID_FIX[object_kinds.ELF]),
    DefectRule("no-uuid", _no_uuid, ID_FIX[object_kinds.MACHO], ERROR),
    # Without a debug id an image is still found by its code id: time stamp and size.
    DefectRule("no-codeview", _no_codeview, ID_FIX[object_kinds.PE]),
    DefectRule(
        "nil-codeview", _nil_codeview, "link with /DEBUG, or /Brepro without zeroing the GUID"
    ),
    DefectRule("unnamed-codeview", _unnamed_codeview, "link with -Wl,--pdb= instead of --build-id"),
    DefectRule("nil-id", _nil_sym, "make it from a program that has an identifier", ERROR),
    DefectRule("no-timestamp", _no_time, "link without --no-insert-timestamp; /Brepro is fine"),
    DefectRule("pdb-without-image", lone_pdb, "upload the EXE or DLL as well"),
    DefectRule("image-without-pdb", lone_image, f"upload {LINED[object_kinds.PE]}"),
    DefectRule(
        "pdb-age",
        pdb_age,
        "upload the PDB of the same link, not one that was changed later",
        ERROR,
    ),
    DefectRule("other-build", other_build, "upload the EXE or DLL and the PDB of one link", ERROR),
    DefectRule("name-pair", name_pair, "give both files the names they were linked with", ERROR),
    DefectRule("rewritten-pdb", rewritten, REWRITTEN_FIX),
    DefectRule(
        "types-pdb", types_alone, "upload the linker's PDB: /PDB names it, /DEBUG makes it", ERROR
    ),
    DefectRule(
        "fastlink-pdb", fastlink, "link with /DEBUG:FULL, or convert with mspdbcmf.exe", ERROR
    ),
    DefectRule(
        "stripped-pdb",
        stripped_pdb,
        "upload the full PDB, not the one of /PDBSTRIPPED; compile with /Zi",
        ERROR,
    ),
    DefectRule("split-dwarf", _split_dwarf, SPLIT_FIX),
    DefectRule("debug-link", _linked_debug, "upload that file as well", ERROR),
    DefectRule("alternate-debug", _alternate, "upload what the compiler made, before dwz -m"),
    DefectRule("stripped", _stripped, UPLOAD_UNSTRIPPED, ERROR),
    DefectRule("stripped-to-exports", _exports_alone, UPLOAD_UNSTRIPPED),
    DefectRule("no-lines", _no_lines, LINES_FIX),
    DefectRule("few-lines", _few_lines, "compile all of it with -g, not only what is linked in"),
    DefectRule("no-unwind", _no_unwind, UNWIND_COMPILE),
    DefectRule("debug-without-program", _lone_debug_file, "upload the program as well"),
    DefectRule("empty-sym", _empty_sym, DUMP_FIX, ERROR),
    DefectRule("empty-pdb", empty_pdb, DAMAGED_FIX, ERROR),
    DefectRule("no-stack-records", _no_stack_records, DUMP_FIX),
)
