"""Modules: what was loaded, where, and the identifiers that its files are found by."""

from __future__ import annotations

from crashtool.errors import MalformedFile
from crashtool.formats.identifiers import BuildId, DebugId
from crashtool.formats.minidump.dump_source import MODULE_NAME, UNLOADED_NAME, DumpSource, Location
from crashtool.formats.minidump.structs import (
    CodeViewNb10,
    CodeViewRsds,
    ListHeader,
    ModuleRecord,
    UnloadedModuleRecord,
)
from crashtool.formats.named_tuple import NamedTuple

VERSION_SIGNATURE = 0xFEEF04BD  # VS_FFI_SIGNATURE (verrsrc.h)
MAX_CODEVIEW = 1 << 16
RSDS = b"RSDS"
NB10 = b"NB10"
BPEL = b"LEpB"  # MD_CVINFOELF_SIGNATURE, 'BpEL' as a little-endian number


class DumpModule(NamedTuple):
    """One loaded file: `size` bytes at `base`.

    `version` is "a.b.c.d" or None. `code_id` in its platform's spelling: for Windows time stamp
    and size as a symbol store has them, for ELF the build id, for Mach-O the UUID.
    `codeview` is "RSDS", "NB10", "BpEL" or "" for none or an unknown kind.
    """

    base: int
    size: int
    name: str
    checksum: int
    timestamp: int
    version: str | None
    debug_id: DebugId | None
    debug_file: str | None
    code_id: str | None
    codeview: str


class UnloadedModule(NamedTuple):
    """A module that Windows remembers to have been loaded once."""

    base: int
    size: int
    name: str
    checksum: int
    timestamp: int
    code_id: str


class ModuleDebugRecord(NamedTuple):
    """A module's debug record."""

    kind: str
    debug_id: DebugId | None = None
    debug_file: str | None = None
    build_id: BuildId | None = None


NO_CODEVIEW = ModuleDebugRecord("")
_CODEVIEW_SIZES = {RSDS: CodeViewRsds.SIZE, NB10: CodeViewNb10.SIZE}


def read_module_list(source: DumpSource, location: Location) -> tuple[DumpModule, ...]:
    """ModuleList, stream 4; a module whose name or debug record is damaged stays, without it."""
    records = source.read_list(ModuleRecord, location, "ModuleList", padded=True)
    return tuple(_to_module(source, record) for record in records)


def _to_module(source: DumpSource, record: ModuleRecord) -> DumpModule:
    name = source.find_utf16(record.name_rva, MODULE_NAME) or ""
    codeview = NO_CODEVIEW
    if record.codeview_rva and record.codeview_size:
        try:
            codeview = read_codeview(source, Location(record.codeview_size, record.codeview_rva))
        except MalformedFile as error:
            source.note_error(error)
    return DumpModule(
        base=record.base,
        size=record.size,
        name=name,
        checksum=record.checksum,
        timestamp=record.timestamp,
        version=_find_version(record),
        debug_id=codeview.debug_id,
        debug_file=codeview.debug_file or (name if codeview.kind == "BpEL" else None),
        code_id=_find_code_id(source.platform, record, codeview),
        codeview=codeview.kind,
    )


def _find_version(record: ModuleRecord) -> str | None:
    if record.version_signature != VERSION_SIGNATURE:
        return None
    high, low = record.file_version_high, record.file_version_low
    return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"


def _find_code_id(platform: str, record: ModuleRecord, codeview: ModuleDebugRecord) -> str | None:
    if codeview.build_id:
        return codeview.build_id.hex
    if platform == "windows":
        return _spell_pe_code_id(record.timestamp, record.size)
    if platform in {"macos", "ios"} and codeview.debug_id:
        return codeview.debug_id.uuid.hex()
    return None


def _spell_pe_code_id(timestamp: int, size: int) -> str:
    return f"{timestamp:08X}{size:x}"


def read_codeview(source: DumpSource, location: Location) -> ModuleDebugRecord:
    """A CodeView record: RSDS, NB10 or an ELF build id; ids of zero bytes only are no ids.

    A record of another kind is an empty CodeView; MalformedFile when it is cut.
    """
    raw = source.read_bytes(
        location._replace(size=min(location.size, MAX_CODEVIEW)), "CodeView record"
    )
    signature = raw[:4]
    if head := _CODEVIEW_SIZES.get(signature):
        name = Location(max(0, len(raw) - head), location.rva + head)
        source.remember_text(name, is_path=True)
    if len(raw) < _CODEVIEW_SIZES.get(signature, 0):
        raise MalformedFile(f"CodeView record of {len(raw)} bytes cut short", offset=location.rva)
    if signature == BPEL:
        build_id = BuildId(raw[4:])
        if build_id.is_nil:
            return ModuleDebugRecord("BpEL")
        return ModuleDebugRecord("BpEL", build_id.debug_id, None, build_id)
    if signature == RSDS:
        record = CodeViewRsds.read(raw)
        debug_id = DebugId.from_guid(record.guid, record.age)
        text = _decode_name(raw[CodeViewRsds.SIZE :])
        return ModuleDebugRecord("RSDS", None if debug_id.is_nil else debug_id, text)
    if signature == NB10:
        short = CodeViewNb10.read(raw)
        debug_id = DebugId.from_signature(short.timestamp, short.age)
        text = _decode_name(raw[CodeViewNb10.SIZE :])
        return ModuleDebugRecord("NB10", None if debug_id.is_nil else debug_id, text)
    return NO_CODEVIEW


def _decode_name(raw: bytes) -> str | None:
    return raw.partition(b"\0")[0].decode("utf-8", "replace") or None


def read_unloaded_modules(source: DumpSource, location: Location) -> tuple[UnloadedModule, ...]:
    """UnloadedModuleList, stream 14."""
    records = source.read_sized_list(
        UnloadedModuleRecord, location, "UnloadedModuleList", ListHeader
    )
    return tuple(
        UnloadedModule(
            base=record.base,
            size=record.size,
            name=source.find_utf16(record.name_rva, UNLOADED_NAME) or "",
            checksum=record.checksum,
            timestamp=record.timestamp,
            code_id=_spell_pe_code_id(record.timestamp, record.size),
        )
        for record in records
    )
