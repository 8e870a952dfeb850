"""Tiny object files, packed from the same tables that read them."""

from crashtool.formats.object_file import elf, elf_structs, macho, pe, pe_structs
from crashtool.formats.object_file.macho_structs import (
    MachHeader,
    MachSection32,
    MachSection64,
    MachSegment32,
    MachSegment64,
    SymbolsCommand,
    UniversalEntry32,
    UniversalEntry64,
    UniversalHeader,
    UuidCommand,
)
from crashtool.formats.record import Record

BUILD_ID = bytes(range(1, 21))
GUID = bytes(range(0x11, 0x21))
UUID = bytes(range(0x31, 0x41))


def build_elf(
    sections=(),
    *,
    build_id=BUILD_ID,
    wide=True,
    big_endian=False,
    file_type=elf.SHARED,
    machine=62,
    interpreter=False,
    extended=False,
    addresses=(),
):
    """An ELF file of (name, type, flags, content) sections besides .text and the build id's note.

    A content that is a number is a section of that size without bytes (SHT_NOBITS). `addresses`
    are (name, address) of the sections that have one.
    """
    header_kind, row_kind = (
        (elf.Header64, elf.ElfSection64) if wide else (elf.Header32, elf.ElfSection32)
    )
    segment_kind = elf.ElfSegment64 if wide else elf.ElfSegment32
    rows = [("", 0, 0, b""), *sections]
    if build_id:
        rows.append((".note.gnu.build-id", elf.SECTION_NOTE, 2, build_note(build_id, big_endian)))
    names = b"".join(row[0].encode() + b"\0" for row in rows) + b".shstrtab\0"
    rows.append((".shstrtab", 3, 0, names))
    segments = [segment_kind(segment_type=elf.SEGMENT_INTERPRETER)] if interpreter else []
    body = b"".join(pack(segment, big_endian) for segment in segments)
    table, place, name_place = [], header_kind.SIZE + len(body), 0
    for name, section_type, flags, content in rows:
        size = content if isinstance(content, int) else len(content)
        absent = isinstance(content, int)
        table.append(
            row_kind(
                name=name_place,
                section_type=elf.SECTION_NOBITS if absent else section_type,
                flags=flags,
                address=dict(addresses).get(name, 0),
                offset=place,
                size=size,
            )
        )
        body += b"" if absent else content
        place += 0 if absent else size
        name_place += len(name) + 1
    if extended:  # more sections than the header can count: the first section counts them
        table[0] = table[0].replace(size=len(table), link=len(table) - 1)
    header = header_kind(
        identification=elf.Identification(
            magic=elf.MAGIC,
            word_class=2 if wide else 1,
            encoding=2 if big_endian else 1,
            version=1,
        ).pack(),
        file_type=file_type,
        machine=machine,
        segments_offset=header_kind.SIZE if segments else 0,
        sections_offset=place,
        segment_size=segment_kind.SIZE,
        segment_count=len(segments),
        section_size=row_kind.SIZE,
        section_count=0 if extended else len(table),
        names_index=elf.EXTENDED_NAMES if extended else len(table) - 1,
    )
    return pack(header, big_endian) + body + b"".join(pack(row, big_endian) for row in table)


def build_note(build_id, big_endian=False):
    note = elf_structs.Note(name_size=4, content_size=len(build_id), note_type=elf.NOTE_BUILD_ID)
    return pack(note, big_endian) + b"GNU\0" + build_id + b"\0" * (-len(build_id) % 4)


def full_elf(build_id=BUILD_ID, extra=(), **options):
    """A program with everything: code, unwind tables, symbols, lines."""
    return build_elf(
        [
            (".text", 1, 6, b"\x90" * 40),
            (".eh_frame", 1, 2, b"e" * 24),
            (".symtab", elf.SECTION_SYMBOLS, 0, b"s" * 48),
            (".debug_info", 1, 0, empty_unit(options.get("big_endian", False))),
            (".debug_abbrev", 1, 0, b"\0"),
            (".debug_line", 1, 0, b"l" * 16),
            *extra,
        ],
        build_id=build_id,
        interpreter=True,
        **options,
    )


def empty_unit(big_endian=False):
    """A unit of DWARF 4 that readers take: a whole header, and nothing in it."""
    header = elf.UnitHeader(length=7, version=4)
    return pack(header, big_endian)[:6] + bytes(4) + b"\x08"


def unit(version, unit_type=1, big_endian=False):
    """A unit of .debug_info: its header alone."""
    header = elf.UnitHeader(length=3, version=version, unit_type=unit_type)
    return pack(header, big_endian)


def build_pe(
    *,
    guid=GUID,
    age=1,
    path="C:\\build\\app.pdb",
    machine=0x8664,
    wide=True,
    library=False,
    unwind=True,
    managed=False,
    timestamp=0x5CAB1E00,
    image_size=0x12000,
    sections=(),
    data=b"",
):
    """A PE file with one section, .rdata, that holds the CodeView record (none if guid is None) and
    then `data`.
    """
    kind = pe_structs.OptionalHeader64 if wide else pe_structs.OptionalHeader32
    row_count = 1 + len(sections)
    names_place = 64 + pe_structs.FileHeader.SIZE + kind.SIZE + 16 * 8 + row_count * 40
    place = names_place + sum(len(name) + 1 for name in sections)
    directories = [pe_structs.DataDirectory()] * 16
    content = b""
    if guid is not None:
        record = (
            pe_structs.CvInfoPdb70(signature=b"RSDS", guid=guid, age=age).pack()
            + path.encode()
            + b"\0"
        )
        entry = pe_structs.DebugEntry(
            entry_type=pe.DEBUG_CODEVIEW,
            size=len(record),
            offset=place + pe_structs.DebugEntry.SIZE,
        )
        content = entry.pack() + record
        directories[pe.DIRECTORY_DEBUG] = pe_structs.DataDirectory(
            address=0x1000, size=pe_structs.DebugEntry.SIZE
        )
    if unwind:
        directories[pe.DIRECTORY_EXCEPTION] = pe_structs.DataDirectory(address=0x3000, size=12)
    if managed:
        directories[pe.DIRECTORY_CLR] = pe_structs.DataDirectory(address=0x4000, size=72)
    content = content.ljust(64, b"\0") + data
    header = pe_structs.FileHeader(
        signature=pe.SIGNATURE,
        machine=machine,
        section_count=row_count,
        timestamp=timestamp,
        symbols_offset=names_place,
        optional_size=kind.SIZE + 16 * 8,
        characteristics=pe.IS_LIBRARY if library else 2,
    )
    optional = kind(
        magic=pe.MAGIC_64 if wide else pe.MAGIC_32, image_size=image_size, directory_count=16
    )
    rows = [
        pe_structs.SectionHeader(
            name=b".rdata",
            virtual_size=len(content),
            address=0x1000,
            size=len(content),
            offset=place,
        )
    ]
    long_names, name_place = b"", 0
    for name in sections:
        rows.append(pe_structs.SectionHeader(name=f"/{name_place}".encode()))
        long_names += name.encode() + b"\0"
        name_place += len(name) + 1
    dos = pe_structs.DosHeader(magic=b"MZ", header_offset=64).pack()
    parts = (header, optional, *directories, *rows)
    return dos + b"".join(part.pack() for part in parts) + long_names + content


def build_macho(
    *,
    uuid=UUID,
    cpu=0x100000C,
    file_type=2,
    wide=True,
    big_endian=False,
    sections=("__unwind_info",),
    symbols=1,
    data=b"",
    commands=(),
):
    """A Mach-O file with one segment of sections that have bytes in it, and then `data`.

    `commands`: further load commands, each a list of records.
    """
    segment_kind, section_kind = (
        (MachSegment64, MachSection64) if wide else (MachSegment32, MachSection32)
    )
    rows = [
        section_kind(name=name.encode(), segment=b"__TEXT", size=1, offset=4) for name in sections
    ]
    segment = segment_kind(
        command=macho.COMMAND_SEGMENT_64 if wide else macho.COMMAND_SEGMENT_32,
        size=segment_kind.SIZE + len(rows) * section_kind.SIZE,
        name=b"__TEXT",
        section_count=len(rows),
        file_size=4,
    )
    commands = [[segment, *rows], *commands]
    if symbols:
        commands.append([SymbolsCommand(command=2, size=SymbolsCommand.SIZE, symbol_count=symbols)])
    if uuid:
        commands.append([UuidCommand(command=0x1B, size=UuidCommand.SIZE, uuid=uuid)])
    body = b"".join(pack(record, big_endian) for command in commands for record in command)
    header = MachHeader(
        magic=0xFEEDFACF if wide else 0xFEEDFACE,
        cpu=cpu,
        file_type=file_type,
        command_count=len(commands),
        commands_size=len(body),
    )
    front = pack(header, big_endian) + (b"\0" * 4 if wide else b"") + body
    if data:  # the segment is the whole file
        place = header.SIZE + (4 if wide else 0)
        whole = segment.replace(file_size=len(front) + len(data))
        front = front[:place] + pack(whole, big_endian) + front[place + segment.SIZE :]
    return front + data


def build_universal(parts, *, wide=False):
    """A universal file of (cpu, thin file) parts."""
    kind = UniversalEntry64 if wide else UniversalEntry32
    magic = macho.UNIVERSAL_64 if wide else macho.UNIVERSAL_32
    header = UniversalHeader(magic=int.from_bytes(magic, "big"), architecture_count=len(parts))
    place = header.SIZE + kind.SIZE * len(parts)
    head, body = pack(header, big_endian=True), b""
    for cpu, content in parts:
        entry = kind(cpu=cpu, offset=place + len(body), size=len(content))
        head += pack(entry, big_endian=True)
        body += content
    return head + body


def build_sym(
    identifier="0123456789ABCDEF0123456789ABCDEF0", name="app", lines=("FUNC 1000 10 0 main",)
):
    """A Breakpad symbol file."""
    return "\n".join([f"MODULE Linux x86_64 {identifier} {name}", *lines, ""]).encode()


def pack(record: Record, big_endian=False):
    """A record's bytes in either byte order; the tables themselves pack little-endian only."""
    if not big_endian:
        return record.pack()
    packed = b""
    for name, kind in record.KINDS.items():
        value = getattr(record, name)
        size = type("One", (Record,), {"__annotations__": {"value": kind}}).SIZE
        packed += (
            value.ljust(size, b"\0") if isinstance(value, bytes) else value.to_bytes(size, "big")
        )
    return packed
