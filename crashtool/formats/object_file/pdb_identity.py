"""PDB: Microsoft's program databases (MSF 7.00), as far as identifiers and quality go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats import object_kinds
from crashtool.formats.identifiers import DebugId
from crashtool.formats.object_kinds import ObjectFile
from crashtool.formats.pdb.dbi import (
    FPO,
    NEW_FPO,
    NO_STREAM,
    OMAP_FROM_SOURCE,
    OMAP_TO_SOURCE,
    DebugInformation,
    open_debug_information,
)
from crashtool.formats.pdb.info import read_info
from crashtool.formats.pdb.msf import MultiStreamFile

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

FLAG_STRIPPED = 0x2
FEATURE_FASTLINK = 0x494E494D  # "MINI", microsoft-pdb pdbcommon.h
SOURCE_SERVER = b"srcsrv"
ARCHITECTURES = {0x14C: "x86", 0x8664: "x86_64", 0xAA64: "arm64", 0x1C4: "arm", 0xC0EE: "clr"}


def read_pdb(data: Content) -> tuple[ObjectFile, ...]:
    """The one object in a PDB file."""
    file = MultiStreamFile(data)
    info = read_info(file)
    dbi = open_debug_information(file)
    features = {object_kinds.SOURCES} if SOURCE_SERVER in info.named else set()
    traits = {object_kinds.FASTLINK} if FEATURE_FASTLINK in info.features else set()
    if dbi is not None:
        features |= _find_features(file, dbi)
        traits |= _find_traits(dbi)
    if dbi is None or _has_types_alone(file, dbi):
        traits.add(object_kinds.TYPES_ALONE)
    object_file = ObjectFile(
        object_kinds.PDB,
        object_kinds.DEBUG,
        ARCHITECTURES.get(dbi.head.machine, "unknown") if dbi else "unknown",
        # The image carries the DBI stream's age; tools that rewrite a PDB raise only the other.
        debug_id=DebugId.from_guid(info.guid, dbi.head.age if dbi else info.age),
        features=frozenset(features),
        traits=frozenset(traits),
    )
    return (object_file,)


def _has_types_alone(file: MultiStreamFile, dbi: DebugInformation) -> bool:
    has_publics = dbi.head.symbol_stream != NO_STREAM and file.get_size(dbi.head.symbol_stream)
    return not has_publics and not dbi.modules


def _find_features(file: MultiStreamFile, dbi: DebugInformation) -> set[str]:
    features = set()
    if dbi.head.symbol_stream != NO_STREAM and file.get_size(dbi.head.symbol_stream):
        features.add(object_kinds.SYMBOLS)
    if any(module.lines_size or module.old_lines_size for module in dbi.modules):
        features |= {object_kinds.LINES, object_kinds.SYMBOLS}
    if any(dbi.open_optional(index) for index in (FPO, NEW_FPO)):
        features.add(object_kinds.UNWIND)
    return features


def _find_traits(dbi: DebugInformation) -> set[str]:
    traits = set()
    if dbi.head.flags & FLAG_STRIPPED:
        traits.add(object_kinds.STRIPPED)
    if ARCHITECTURES.get(dbi.head.machine) == "clr":
        traits.add(object_kinds.MANAGED)
    if any(dbi.open_optional(index) for index in (OMAP_TO_SOURCE, OMAP_FROM_SOURCE)):
        traits.add(object_kinds.REWRITTEN)
    return traits
