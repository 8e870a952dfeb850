"""An image in the place of the one that the kernel maps into each process, written into core files.

It has two uses. On 32-bit x86 it holds the unwind rules of linux-gate (linux_gate.py), whose own
bytes no dump has. And it keeps lldb from showing what no dump holds: where a core file has no
bytes, lldb (14, 16 and 19 were seen) answers `memory read` from the module's file, for variables
too. It finds the module by the section that begins next below an address, and of two that begin at
one address it takes the one that came last. So this image has a section without content over each
segment that the process could write: lldb asks it, it has nothing, and lldb says so. What names a
variable still knows its address.

    lldb loads it twice: by AT_SYSINFO_EHDR, before the libraries, and as the last of the link map.
    Only what has moved is put above the others, so the two must place it differently: the first
    counts from the first segment, which is ANCHOR away from the image, the second from `bias`.

gdb takes no memory from it, and does not count it among the libraries, since what the link map says
of its dynamic section lies in it. Of two sections over one address gdb would forget one: those of
the covers stand where gdb does not look for sections, behind the image's own segment. It has to
find those of linux-gate, so that the covers are segments there. Where they need not be, they are
not: elfutils takes a module to reach from its first segment to its last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashtool.formats.core_file.writer import PT_LOAD, READ
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf_structs import (
    ElfSection32,
    ElfSection64,
    Identification,
)
from crashtool.formats.object_file.elf_symbols import OBJECT, ElfSymbol32, ElfSymbol64

if TYPE_CHECKING:
    from crashtool.formats.core_file.machines import CoreMachine

ET_DYN = 3
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS = 1, 2, 3, 8
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
GLOBAL = 1 << 4
ANCHOR = 0x1000  # beyond the image's end, and odd: no module's segment begins that far from another
NAMES = b"\0.text\0.eh_frame\0.symtab\0.strtab\0.shstrtab\0.data\0"
SYMBOLS, STRINGS, SECTION_NAMES = 1, 2, 3  # numbers of sections
WORD = 4
MAX_COVERS = 0xFE00  # SHN_LORESERVE is 0xff00, PN_XNUM 0xffff


class Cover(NamedTuple):
    """Memory of the process that it could write, as a module's file describes it."""

    address: int
    size: int


class CoverSymbol(NamedTuple):
    """A variable in covered memory that the core file holds: lldb knows its name by this alone."""

    address: int
    size: int
    name: bytes


class SystemImage(NamedTuple):
    """The image to be built: at `base` in memory, `bias` above the addresses that it says.

    `is_listed`: it is also in the link map. `frames` is .eh_frame for `code_size` bytes at `code`,
    which are not in the image.
    """

    base: int
    bias: int
    covers: Sequence[Cover] = ()
    symbols: Sequence[CoverSymbol] = ()
    is_listed: bool = False
    frames: bytes = b""
    code: int = 0
    code_size: int = 0


def build_system_image(machine: CoreMachine, image: SystemImage) -> bytes:
    """The bytes of an image: ELF header, segments, frames, symbols, sections."""
    count = 1 + image.is_listed + (len(image.covers[:MAX_COVERS]) if image.frames else 0)
    symbols, strings = _pack_symbols(machine, image)
    places = [machine.header.SIZE + machine.segment.SIZE * count]
    for part in (image.frames, symbols, strings, NAMES):
        places.append(-(-(places[-1] + len(part)) // machine.width) * machine.width)
    rows = _pack_sections(machine, image, places, (symbols, strings))
    segments = _pack_segments(machine, image, places[-1] + (len(rows) if image.frames else 0))
    ident = Identification(
        magic=b"\x7fELF", word_class=machine.width // 4, encoding=1, version=1
    ).pack()
    section = _section_of(machine)
    header = machine.header(
        identification=ident,
        file_type=ET_DYN,
        machine=machine.number,
        version=1,
        segments_offset=machine.header.SIZE,
        sections_offset=places[-1],
        header_size=machine.header.SIZE,
        segment_size=machine.segment.SIZE,
        segment_count=len(segments) // machine.segment.SIZE,
        section_size=section.SIZE,
        section_count=len(rows) // section.SIZE,
        names_index=SECTION_NAMES,
    )
    content = header.pack() + segments
    parts = (image.frames, symbols, strings, NAMES, rows)
    for place, part in zip(places, parts, strict=True):
        content = content.ljust(place, b"\0") + part
    return content


def _section_of(machine: CoreMachine) -> type[ElfSection64 | ElfSection32]:
    return ElfSection64 if machine.width > WORD else ElfSection32


def _pack_segments(machine: CoreMachine, image: SystemImage, size: int) -> bytes:
    """The image itself, behind what lldb counts from if it loads it twice; then the covers."""
    mask = (1 << 8 * machine.width) - 1
    own = image.base - image.bias
    rows = [(0, own, size, size if image.frames else size + 1)]  # more, so that gdb ends there
    if image.is_listed:
        rows.insert(0, (size, own + (size + ANCHOR | 1), 0, 1))
    if image.frames:
        rows += [
            (size, cover.address - image.bias, 0, cover.size) for cover in image.covers[:MAX_COVERS]
        ]
    return b"".join(
        machine.segment(
            segment_type=PT_LOAD,
            flags=READ,
            offset=offset,
            address=address & mask,
            file_size=file_size,
            memory_size=memory_size,
            alignment=1,
        ).pack()
        for offset, address, file_size, memory_size in rows
    )


def _pack_symbols(machine: CoreMachine, image: SystemImage) -> tuple[bytes, bytes]:
    """The table of symbols and their names.

    Each is said to be of the table's own section: gdb would take a section that lies over another
    module's for that module, and lldb looks for symbols by their addresses alone.
    """
    kind: type[ElfSymbol64 | ElfSymbol32] = ElfSymbol64 if machine.width > WORD else ElfSymbol32
    mask = (1 << 8 * machine.width) - 1
    rows, strings = [kind().pack()], b"\0"
    for symbol in image.symbols:
        rows.append(
            kind(
                name=len(strings),
                info=GLOBAL | OBJECT,
                section=SYMBOLS,
                value=symbol.address - image.bias & mask,
                size=symbol.size,
            ).pack()
        )
        strings += symbol.name + b"\0"
    return b"".join(rows), strings


def _pack_sections(
    machine: CoreMachine, image: SystemImage, places: Sequence[int], parts: tuple[bytes, bytes]
) -> bytes:
    """The table of sections: those of linux-gate where there are frames, else those of covers."""
    kind = _section_of(machine)
    own = image.base - image.bias
    symbols, strings = parts
    count = len(image.symbols) + 1
    rows = [
        kind(),
        kind(
            name=NAMES.index(b".symtab"),
            section_type=SHT_SYMTAB,
            flags=SHF_ALLOC,
            address=own + places[1],
            offset=places[1],
            size=len(symbols),
            link=STRINGS,
            info=1,
            entry_size=len(symbols) // count,
            alignment=1,
        ),
        kind(
            name=NAMES.index(b".strtab"),
            section_type=SHT_STRTAB,
            flags=SHF_ALLOC,
            address=own + places[2],
            offset=places[2],
            size=len(strings),
            alignment=1,
        ),
        kind(
            name=NAMES.index(b".shstrtab"),
            section_type=SHT_STRTAB,
            offset=places[3],
            size=len(NAMES),
            alignment=1,
        ),
    ]
    rows += _list_sections(machine, image, places[0])
    return b"".join(record.pack() for record in rows)


def _list_sections(
    machine: CoreMachine, image: SystemImage, place: int
) -> list[ElfSection64 | ElfSection32]:
    """Those of linux-gate, whose frames are at `place`, or those of the covers."""
    kind = _section_of(machine)
    mask = (1 << 8 * machine.width) - 1
    if not image.frames:
        return [
            kind(
                name=NAMES.index(b".data"),
                section_type=SHT_NOBITS,
                flags=SHF_ALLOC | SHF_WRITE,
                address=cover.address - image.bias & mask,
                size=cover.size,
                alignment=1,
            )
            for cover in image.covers[:MAX_COVERS]
        ]
    return [
        kind(
            name=NAMES.index(b".eh_frame"),
            section_type=SHT_PROGBITS,
            flags=SHF_ALLOC,
            address=image.base - image.bias + place,
            offset=place,
            size=len(image.frames),
            alignment=WORD,
        ),
        kind(
            name=NAMES.index(b".text"),
            section_type=SHT_NOBITS,
            flags=SHF_ALLOC | SHF_EXECINSTR,
            address=image.code - image.bias & mask,
            size=image.code_size,
            alignment=1,
        ),
    ]
