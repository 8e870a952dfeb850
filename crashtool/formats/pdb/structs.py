"""The structs of a PDB, with Microsoft's names for what they are (microsoft-pdb)."""

from __future__ import annotations

from typing import Annotated

from crashtool.formats.record import I32, U8, U16, U32, Bytes8, Bytes16, Record

Bytes20 = Annotated[bytes, "20s"]
Bytes28 = Annotated[bytes, "28s"]


class Index(Record):
    """A number of 32 bits: of a stream's size, an entry, a feature code."""

    value: U32


class Short(Record):
    """A number of a stream."""

    value: U16


class InfoHeader(Record):
    """Stream 1 (pdb.cpp): the identity that the linker gave the file when it first wrote it."""

    version: U32
    timestamp: U32
    age: U32
    guid: Bytes16


class NamedStream(Record):
    """A row of stream 1's table: where the name is among the names, and the stream's number."""

    name: U32
    stream: U32


class NewDBIHdr(Record):
    """Stream 3 (dbi.h): the age that the matching image has, and the sizes of what follows."""

    signature: I32
    version: U32
    age: U32
    global_stream: U16
    build: U16
    public_stream: U16
    dll_version: U16
    symbol_stream: U16
    dll_build: U16
    modules_size: I32
    contributions_size: I32
    section_map_size: I32
    sources_size: I32
    type_server_size: I32
    mfc_index: U32
    optional_size: I32
    edit_size: I32
    flags: U16
    machine: U16
    padding: U32


class ModuleInfo(Record):
    """A compiled module (dbi.h, MODI); its name and its object's follow, padded to four bytes."""

    unused: U32
    contribution: Bytes28
    flags: U16
    stream: U16
    symbols_size: U32
    old_lines_size: U32
    lines_size: U32
    source_count: U16
    padding: U16
    unused_too: U32
    source_name: U32
    path_name: U32


class SectionContribution(Record):
    """A piece of code or data that an object file gave (dbicommon.h, SC), as far as it is used."""

    section: U16
    padding: U16
    offset: I32
    size: I32
    characteristics: U32
    module: U16


class PdbSectionHeader(Record):
    """IMAGE_SECTION_HEADER (winnt.h)."""

    name: Bytes8
    virtual_size: U32
    virtual_address: U32
    rest: Bytes20
    characteristics: U32


class OmapRow(Record):
    """Code from `source` on was moved to `target`; 0 when it was thrown away, or put in."""

    source: U32
    target: U32


class RecordHead(Record):
    """What each symbol and each type begins with; `size` counts from behind itself."""

    size: U16
    kind: U16


class ProcSym(Record):
    """S_GPROC32 and its like (cvinfo.h, PROCSYM32), with its head; the name follows."""

    size: U16
    kind: U16
    parent: U32
    end: U32
    next: U32
    length: U32
    debug_start: U32
    debug_end: U32
    type: U32
    offset: U32
    section: U16
    flags: U8


class SepCodeSym(Record):
    """S_SEPCODE (cvinfo.h, SEPCODESYM): a part of a procedure that stands elsewhere."""

    size: U16
    kind: U16
    parent: U32
    end: U32
    length: U32
    flags: U32
    offset: U32
    parent_offset: U32
    section: U16
    parent_section: U16


class ThunkSym(Record):
    """S_THUNK32 (cvinfo.h, THUNKSYM32); the name follows a byte of its kind."""

    size: U16
    kind: U16
    parent: U32
    end: U32
    next: U32
    offset: U32
    section: U16
    length: U16
    ordinal: U8


class TrampolineSym(Record):
    """S_TRAMPOLINE (cvinfo.h): a jump that incremental linking put before a function."""

    size: U16
    kind: U16
    type: U16
    length: U16
    offset: U32
    target_offset: U32
    section: U16
    target_section: U16


class InlineSiteSym(Record):
    """S_INLINESITE (cvinfo.h, INLINESITESYM); binary annotations follow."""

    size: U16
    kind: U16
    parent: U32
    end: U32
    inlinee: U32


class PublicSym(Record):
    """S_PUB32 (cvinfo.h, PUBSYM32); the name follows."""

    size: U16
    kind: U16
    flags: U32
    offset: U32
    section: U16


class PublicsHeader(Record):
    """The publics stream (gsi.h, PSGSIHDR): a hash table, then the map by address."""

    hash_size: U32
    map_size: U32
    rest: Bytes20


class GlobalsHeader(Record):
    """A table of symbols by their names (gsi.h, GSIHashHdr): sizes in bytes."""

    signature: U32
    version: U32
    rows_size: U32
    buckets_size: U32


class HashRow(Record):
    """A row of it (gsi.h, HRFile): where the symbol's record is, plus one."""

    place: U32
    references: U32


class SubsectionHead(Record):
    """A part of a module's C13 data (cvinfo.h, CV_DebugSSubsectionHeader_t)."""

    kind: U32
    size: U32


class LinesHead(Record):
    """DEBUG_S_LINES (cvinfo.h, CV_DebugSLinesHeader_t): the code that it covers."""

    offset: U32
    section: U16
    flags: U16
    size: U32


class LinesBlock(Record):
    """The lines of one file in it; `size` counts these twelve bytes, too."""

    file: U32
    line_count: U32
    size: U32


class TypesHeader(Record):
    """TPI and IPI (tpi.h, HDR); the offsets are in the hash stream."""

    version: U32
    header_size: U32
    first: U32
    last: U32
    records_size: U32
    hash_stream: U16
    auxiliary_stream: U16
    key_size: U32
    bucket_count: U32
    values_offset: I32
    values_size: U32
    index_offset: I32
    index_size: U32
    adjusters_offset: I32
    adjusters_size: U32


class FrameDataRecord(Record):
    """Frame data of 32-bit code (cvinfo.h, FRAMEDATA); sizes in bytes, `program` in /names."""

    start: U32
    size: U32
    locals_size: U32
    parameters_size: U32
    max_stack: U32
    program: U32
    prologue_size: U16
    saved_size: U16
    flags: U32


class FpoData(Record):
    """FPO_DATA (winnt.h): sizes of locals and parameters in words of four bytes."""

    start: U32
    size: U32
    locals_words: U32
    parameters_words: U16
    prologue_size: U8
    bits: U8
