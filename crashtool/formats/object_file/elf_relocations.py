"""Whether compiled ELF objects can go into a shared library: what the linker says -fPIC for.

An address that the linker must write itself, of a symbol that another library might define instead,
is refused in a shared library ("recompile with -fPIC"). A program may have it, so a library that is
meant for programs, built with -fPIE, shows nothing until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import MAGIC
from crashtool.formats.object_file.elf_structs import ElfSection64, Header64, Identification
from crashtool.formats.object_file.elf_symbols import ElfSymbol64
from crashtool.formats.record import I64, U64, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

CLASS_64, LITTLE, RELOCATABLE = 2, 1, 1
SYMTAB, RELA = 2, 4  # SHT_SYMTAB, SHT_RELA
ALLOCATED = 2  # SHF_ALLOC
LOCAL, DEFAULT_VISIBILITY, UNDEFINED = 0, 0, 0
MAX_SECTIONS, MAX_NAME = 200_000, 4096
X86_64, AARCH64 = 62, 183
# R_X86_64_32, R_X86_64_32S: an absolute address in four bytes, whatever the symbol
ABSOLUTE = {X86_64: frozenset((10, 11)), AARCH64: frozenset[int]()}
# R_X86_64_PC32; R_AARCH64_ADR_PREL_PG_HI21 and its _NC
RELATIVE = {X86_64: frozenset((2,)), AARCH64: frozenset((275, 276))}
CALL_OPCODES = (0xE8, 0xE9)  # linkers make calls go through the PLT, whatever they are marked


class Relocation(Record):
    """Elf64_Rela."""

    offset: U64
    info: U64
    addend: I64


class Bindings(NamedTuple):
    """What an object binds. `fixed`: symbols whose address the linker must write itself.

    `hidden`: symbols that it defines for its own library alone. `is_known`: the machine is one
    whose relocations are known here.
    """

    fixed: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    is_known: bool = True


def read_bindings(data: Content) -> Bindings:
    """What an object's relocations ask for; `is_known` is false for all but 64-bit x86 and ARM."""
    header = _read_header(data)
    if header is None or header.machine not in RELATIVE:
        return Bindings(is_known=False)
    sections = _read_sections(data, header)
    fixed, hidden = set(), set()
    for table in sections:
        if table.section_type == SYMTAB and table.link < len(sections):
            hidden |= set(_walk_hidden(data, table, sections[table.link]))
    for section in sections:
        if section.section_type == RELA and section.info < len(sections):
            target = sections[section.info]
            if target.flags & ALLOCATED and section.link < len(sections):
                fixed |= set(_walk_fixed(data, section, target, sections, header.machine))
    return Bindings(frozenset(fixed), frozenset(hidden))


def find_symbol(data: Content, name: str) -> set[bool]:
    """Whether an object of 64 bits defines a symbol (True) or wants it of others (False).

    Nothing where it does neither.
    """
    header = _read_header(data)
    if header is None:
        return set()
    sections = _read_sections(data, header)
    return {
        symbol.section != UNDEFINED
        for table in sections
        if table.section_type == SYMTAB and table.link < len(sections)
        for symbol in ElfSymbol64.read_array(data, table.offset, table.size // ElfSymbol64.SIZE)
        if _name(data, sections[table.link], symbol.name) == name
    }


def _read_header(data: Content) -> Header64 | None:
    """The header of a little-endian object of 64 bits; None for other files."""
    identification = Identification.read(data)
    is_elf = identification.magic == MAGIC
    if not is_elf or (identification.word_class, identification.encoding) != (CLASS_64, LITTLE):
        return None
    header = Header64.read(data)
    return header if header.file_type == RELOCATABLE else None


def _read_sections(data: Content, header: Header64) -> list[ElfSection64]:
    if header.section_count > MAX_SECTIONS:
        raise MalformedFile("too many ELF sections", offset=header.sections_offset)
    return list(ElfSection64.read_array(data, header.sections_offset, header.section_count))


def _walk_hidden(data: Content, table: ElfSection64, names: ElfSection64) -> Iterator[str]:
    for symbol in ElfSymbol64.read_array(data, table.offset, table.size // ElfSymbol64.SIZE):
        if symbol.section != UNDEFINED and symbol.other & 3 != DEFAULT_VISIBILITY:
            yield _name(data, names, symbol.name)


def _walk_fixed(
    data: Content,
    section: ElfSection64,
    target: ElfSection64,
    sections: list[ElfSection64],
    machine: int,
) -> Iterator[str]:
    table = sections[section.link]
    names = sections[table.link] if table.link < len(sections) else None
    if names is None:
        return
    for entry in Relocation.read_array(data, section.offset, section.size // Relocation.SIZE):
        kind, index = entry.info & 0xFFFFFFFF, entry.info >> 32
        is_absolute = kind in ABSOLUTE[machine]
        if not is_absolute and kind not in RELATIVE[machine]:
            continue
        if (index + 1) * ElfSymbol64.SIZE > table.size:
            raise MalformedFile("a relocation names no symbol", offset=section.offset)
        symbol = ElfSymbol64.read(data, table.offset + index * ElfSymbol64.SIZE)
        is_outer = symbol.info >> 4 != LOCAL and symbol.other & 3 == DEFAULT_VISIBILITY
        before = target.offset + entry.offset - 1
        is_call = machine == X86_64 and before < len(data) and data[before] in CALL_OPCODES
        if is_absolute or (is_outer and not is_call):
            yield _name(data, names, symbol.name)


def _name(data: Content, names: ElfSection64, offset: int) -> str:
    start = names.offset + offset
    end = min(start + MAX_NAME, names.offset + names.size)
    return bytes(data[start:end]).partition(b"\0")[0].decode("utf-8", "replace")
