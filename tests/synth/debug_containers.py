"""Mach-O and PE files with DWARF sections and symbol tables, packed from the readers' tables."""

from crashtool.formats.object_file import coff, macho, pe, pe_structs
from crashtool.formats.object_file.macho_structs import (
    MachHeader,
    MachSection32,
    MachSection64,
    MachSegment32,
    MachSegment64,
    SymbolsCommand,
)
from crashtool.formats.object_file.macho_symbols import MachSymbol32, MachSymbol64

MACHO_BASE, PE_BASE = 0x100000000, 0x140000000
CODE_SIZE = 0x100
PURE_CODE = 0x80000400
IN_SECTION, STAB_FUNCTION = 0x0E, 0x24


def build_macho(sections, *, symbols=(), low=0x1000, wide=True, cpu=0x100000C, base=MACHO_BASE):
    """A Mach-O file: code at `low` from `base`, then sections of __DWARF by their ELF names, cut to
    16 bytes as ld does, and symbols (name, kind, section, value).
    """
    segment_kind, section_kind = (
        (MachSegment64, MachSection64) if wide else (MachSegment32, MachSection32)
    )
    symbol_kind = MachSymbol64 if wide else MachSymbol32
    head_size = (
        MachHeader.SIZE
        + (4 if wide else 0)
        + 2 * segment_kind.SIZE
        + (1 + len(sections)) * section_kind.SIZE
        + SymbolsCommand.SIZE
    )
    rows, body = [], b""
    for name, content in sections.items():
        cut = f"__{name}".encode()[:16]
        place = head_size + len(body)
        rows.append(section_kind(name=cut, segment=b"__DWARF", size=len(content), offset=place))
        body += content
    text = section_kind(
        name=b"__text", segment=b"__TEXT", address=base + low, size=CODE_SIZE, flags=PURE_CODE
    )
    names, table = b"\0", b""
    for name, kind, section, value in symbols:
        table += symbol_kind(name=len(names), kind=kind, section=section, value=value).pack()
        names += name.encode() + b"\0"
    commands = [
        _segment(segment_kind, b"__TEXT", base, [text], section_kind, 0, 0, wide),
        _segment(segment_kind, b"__DWARF", base, rows, section_kind, head_size, len(body), wide),
        SymbolsCommand(
            command=macho.COMMAND_SYMBOLS,
            size=SymbolsCommand.SIZE,
            symbols_offset=head_size + len(body),
            symbol_count=len(symbols),
            strings_offset=head_size + len(body) + len(table),
            strings_size=len(names),
        ).pack(),
    ]
    header = MachHeader(
        magic=0xFEEDFACF if wide else 0xFEEDFACE,
        cpu=cpu,
        file_type=10,
        command_count=len(commands),
        commands_size=sum(map(len, commands)),
    )
    front = header.pack() + (bytes(4) if wide else b"") + b"".join(commands)
    return front + body + table + names


def _segment(kind, name, address, rows, section_kind, offset, size, wide):
    command = macho.COMMAND_SEGMENT_64 if wide else macho.COMMAND_SEGMENT_32
    segment = kind(
        command=command,
        size=kind.SIZE + len(rows) * section_kind.SIZE,
        name=name,
        address=address,
        offset=offset,
        file_size=size,
        section_count=len(rows),
    )
    return segment.pack() + b"".join(row.pack() for row in rows)


def build_pe(
    sections, *, symbols=(), low=0x1000, machine=0x8664, wide=True, base=PE_BASE, base_64=False
):
    """A PE file: code at `low` from `base`, then sections by their ELF names, their raw data padded
    to 512 bytes, and symbols (name, section, value, type, class). Long section names are in the
    string table; with `base_64`, written as those are whose place has more than seven digits.
    """
    kind = pe_structs.OptionalHeader64 if wide else pe_structs.OptionalHeader32
    head_size = (
        64
        + pe_structs.FileHeader.SIZE
        + kind.SIZE
        + (1 + len(sections)) * pe_structs.SectionHeader.SIZE
    )
    rows = [
        pe_structs.SectionHeader(
            name=b".text", virtual_size=CODE_SIZE, address=low, characteristics=0x60000020
        )
    ]
    strings, body = bytes(4), b""
    for name, content in sections.items():
        padded = content.ljust(-(-len(content) // 512) * 512, b"\xcc")
        place = len(strings)
        written = b"//" + _digits(place) if base_64 else f"/{place}".encode()
        rows.append(
            pe_structs.SectionHeader(
                name=written,
                virtual_size=len(content),
                address=0x10000,
                size=len(padded),
                offset=head_size + len(body),
            )
        )
        strings += f".{name}\0".encode()
        body += padded
    table = b""
    for name, section, value, symbol_type, storage_class in symbols:
        raw = name.encode()
        if len(raw) > 8:
            raw = bytes(4) + len(strings).to_bytes(4, "little")
            strings += name.encode() + b"\0"
        table += coff.Symbol(
            name=raw,
            value=value,
            section=section,
            symbol_type=symbol_type,
            storage_class=storage_class,
            auxiliary_count=1,
        ).pack() + bytes(coff.Symbol.SIZE)
    header = pe_structs.FileHeader(
        signature=pe.SIGNATURE,
        machine=machine,
        section_count=len(rows),
        symbols_offset=head_size + len(body),
        symbol_count=2 * len(symbols),
        optional_size=kind.SIZE,
        characteristics=2,
    )
    optional = kind(magic=pe.MAGIC_64 if wide else pe.MAGIC_32, image_base=base)
    front = [pe_structs.DosHeader(magic=b"MZ", header_offset=64), header, optional, *rows]
    return b"".join(record.pack() for record in front) + body + table + strings


def _digits(number):
    digits = []
    for _ in range(6):
        digits.append(pe.BASE_64[number & 63])
        number >>= 6
    return bytes(reversed(digits))
