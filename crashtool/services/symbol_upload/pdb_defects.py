"""What is wrong with PDBs: alone, and beside the images that ask for them. "" when all is well."""

from __future__ import annotations

from crashtool.formats import object_kinds
from crashtool.formats.foreign_paths import base_name
from crashtool.services.symbol_upload.inventory import Inventory, InventoryEntry
from crashtool.services.symbols.advice import REWRITTEN_NOTE
from crashtool.services.symbols.coverage import UNWIND_IN_IMAGE

NO_FUNCTIONS = {
    object_kinds.FASTLINK,
    object_kinds.STRIPPED,
    object_kinds.MANAGED,
    object_kinds.TYPES_ALONE,
}


def lone_pdb(entry: InventoryEntry, inventory: Inventory) -> str:
    """A PDB whose architecture is unwound by the image, which is not there."""
    object_file = entry.object_file
    if object_file.kind != object_kinds.PDB or object_file.architecture not in UNWIND_IN_IMAGE:
        return ""
    if entry.identifier in inventory.images or entry.identifier[:32] in inventory.guids:
        return ""
    if other_build(entry, inventory):
        return ""
    architecture = object_file.architecture
    return f"its EXE or DLL is not among the inputs, and only that can unwind {architecture}"


def lone_image(entry: InventoryEntry, inventory: Inventory) -> str:
    """An image that names a PDB, which is not there, and that has no lines of its own."""
    object_file = entry.object_file
    asked = base_name(object_file.debug_file)
    if object_file.kind != object_kinds.PE or not asked or not entry.identifier:
        return ""
    if object_kinds.MANAGED in object_file.traits or entry.quality.problem:
        return ""
    if entry.identifier in inventory.lined or entry.identifier in inventory.debug:
        return ""
    if asked.lower() in inventory.pdb_names:  # of another build: a rule of its own
        return ""
    names = "" if entry.quality.functions else "function names and "
    return f"its PDB '{asked}', which has the {names}source lines, is not among the inputs"


def other_build(entry: InventoryEntry, inventory: Inventory) -> str:
    """A PDB that the image beside it does not ask for: another GUID."""
    if entry.object_file.kind != object_kinds.PDB or entry.identifier in inventory.images:
        return ""
    image = inventory.find_asking(entry)
    if (
        image is None
        or image.object_file.architecture != entry.object_file.architecture
        or image.identifier[:32] == entry.identifier[:32]  # the age: a rule of its own
        or image.identifier in inventory.debug
    ):
        return ""
    asked = f"{image.file.name} beside it asks for {image.identifier}"
    return f"of another build: {asked}, and this is {entry.identifier or 'without an identifier'}"


def pdb_age(entry: InventoryEntry, inventory: Inventory) -> str:
    """A PDB of the GUID that an image asks for, and of another age."""
    if entry.object_file.kind != object_kinds.PDB or entry.identifier in inventory.images:
        return ""
    image = inventory.guids.get(entry.identifier[:32]) if entry.identifier else None
    if image is None:
        return ""
    ours, wanted = (int(name[32:], 16) for name in (entry.identifier, image.identifier))
    return f"its age is {ours}, and {image.file.name} asks for {wanted}: they do not match"


def name_pair(entry: InventoryEntry, inventory: Inventory) -> str:
    """A PDB and its image whose names do not lead from one to the other."""
    program = (
        inventory.images.get(entry.identifier)
        if entry.object_file.kind == object_kinds.PDB
        else None
    )
    if program is None:
        return ""
    asked, file, image = program.object_file.debug_file, entry.file, program.file
    if asked and asked.lower() != file.name.lower():
        return f"{image.name} asks for '{asked}', not for '{file.name}'"
    if _stem(image.name) != _stem(file.name):
        return f"its program is called '{image.name}': the two names must be the same"
    return ""


def _stem(name: str) -> str:
    return name.rpartition(".")[0].lower()


def fastlink(entry: InventoryEntry, _: Inventory) -> str:
    """An index into .obj files."""
    if object_kinds.FASTLINK not in entry.object_file.traits:
        return ""
    return "made with /DEBUG:FASTLINK: an index into .obj files, of no use elsewhere"


def types_alone(entry: InventoryEntry, _: Inventory) -> str:
    """A compiler's PDB."""
    if object_kinds.TYPES_ALONE not in entry.object_file.traits:
        return ""
    return "types alone: what the compiler writes (vc140.pdb), not what the linker does"


def rewritten(entry: InventoryEntry, _: Inventory) -> str:
    """A PDB that a tool has rewritten since it was linked."""
    return REWRITTEN_NOTE if object_kinds.REWRITTEN in entry.object_file.traits else ""


def stripped_pdb(entry: InventoryEntry, inventory: Inventory) -> str:
    """A PDB of public names."""
    object_file, quality = entry.object_file, entry.quality
    image = inventory.images.get(entry.identifier)
    if image and image.quality.lines:
        return ""  # MinGW's linker makes such PDBs, and the lines are in the image's DWARF
    if (
        object_file.kind != object_kinds.PDB
        or {object_kinds.FASTLINK, object_kinds.MANAGED} & object_file.traits
    ):
        return ""
    if object_kinds.STRIPPED in object_file.traits or (quality.functions and not quality.lines):
        return "a stripped PDB: public names only, no lines"
    return ""


def empty_pdb(entry: InventoryEntry, _: Inventory) -> str:
    """A PDB that is whole and has no function."""
    object_file, quality = entry.object_file, entry.quality
    if object_file.kind != object_kinds.PDB or NO_FUNCTIONS & object_file.traits:
        return ""
    if not quality.tried or quality.functions or quality.lines or quality.problem:
        return ""
    return "a PDB without a single function"
