"""An image in the place of linux-gate, with the unwind rules of the places where threads wait.

The kernel's own image is in no file and in no Crashpad dump, and without its rules no debugger
walks a thread of a 32-bit process that is in a system call. This one has a rule for single
instructions and nothing else: no code.

    stack pointer -> saved ebp, edx, ecx   (or none of them)
                     return address
    CFA           ->
"""

from __future__ import annotations

from collections.abc import Sequence

from crashtool.formats.core_file.writer import PT_LOAD, READ
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf_structs import (
    ElfSection32,
    ElfSegment32,
    Header32,
    Identification,
)
from crashtool.formats.record import U32, Record

ET_DYN, EM_386 = 3, 3
SHT_PROGBITS, SHT_STRTAB, SHT_NOBITS = 1, 3, 8
SHF_ALLOC, SHF_EXECINSTR = 2, 4
EBX, ECX, EDX, ESP, EBP, RETURN = 3, 1, 2, 4, 5, 8  # DWARF's numbers on x86
DW_CFA_def_cfa, DW_CFA_def_cfa_offset, DW_CFA_offset, DW_CFA_nop = 0x0C, 0x0E, 0x80, 0x00
WORD = 4
SAVED = (EBP, EDX, ECX)  # from the stack pointer on
NAMES = b"\0.text\0.eh_frame\0.shstrtab\0"
SIZE = 0x1000


class WaitingPlace(NamedTuple):
    """An instruction, as an offset from linux-gate's base; `words` that lie on the stack before the
    return address: 3, or 0 where the kernel has saved nothing there.
    """

    offset: int
    words: int


class FdeHead(Record):
    """The head of a frame description entry: what it is for."""

    length: U32
    cie: U32
    start: U32
    size: U32


class CieHead(Record):
    """The head of a common information entry."""

    length: U32
    cie: U32


def build_linux_gate(places: Sequence[WaitingPlace]) -> bytes:
    """A page: ELF header, one segment, .eh_frame, the table of sections."""
    segment_at = Header32.SIZE
    frames_at = segment_at + ElfSegment32.SIZE
    frames = _pack_frames(places)
    names_at = frames_at + len(frames)
    sections_at = -(-(names_at + len(NAMES)) // WORD) * WORD
    sections = (
        ElfSection32(),
        ElfSection32(
            name=NAMES.index(b".text"), section_type=SHT_NOBITS, flags=SHF_ALLOC | SHF_EXECINSTR,
            address=0, size=SIZE, alignment=1,
        ),
        ElfSection32(
            name=NAMES.index(b".eh_frame"), section_type=SHT_PROGBITS, flags=SHF_ALLOC,
            address=frames_at, offset=frames_at, size=len(frames), alignment=WORD,
        ),
        ElfSection32(
            name=NAMES.index(b".shstrtab"), section_type=SHT_STRTAB, offset=names_at,
            size=len(NAMES), alignment=1,
        ),
    )  # fmt: skip
    ident = Identification(magic=b"\x7fELF", word_class=1, encoding=1, version=1).pack()
    header = Header32(
        identification=ident, file_type=ET_DYN, machine=EM_386, version=1,
        segments_offset=segment_at, sections_offset=sections_at, header_size=Header32.SIZE,
        segment_size=ElfSegment32.SIZE, segment_count=1, section_size=ElfSection32.SIZE,
        section_count=len(sections), names_index=len(sections) - 1,
    )  # fmt: skip
    segment = ElfSegment32(
        segment_type=PT_LOAD, file_size=SIZE, memory_size=SIZE, flags=READ, alignment=SIZE
    )
    image = header.pack() + segment.pack() + frames + NAMES
    image = image.ljust(sections_at, b"\0") + b"".join(section.pack() for section in sections)
    return image.ljust(SIZE, b"\0")


def _pack_frames(places: Sequence[WaitingPlace]) -> bytes:
    """.eh_frame: one CIE, an FDE for each place, an end."""
    head = (1, 0, 1, -WORD & 0x7F, RETURN)  # version, no augmentation, factors 1 and -4
    rules = bytes((*head, DW_CFA_def_cfa, ESP, WORD, DW_CFA_offset | RETURN, 1))
    rules += bytes(-(CieHead.SIZE + len(rules)) % WORD)
    frames = CieHead(length=CieHead.SIZE - WORD + len(rules)).pack() + rules
    for place in places:
        rules = bytes((DW_CFA_def_cfa_offset, WORD * (place.words + 1)))
        for index, register in enumerate(SAVED[: place.words]):
            rules += bytes((DW_CFA_offset | register, place.words + 1 - index))
        rules += bytes(-len(rules) % WORD)
        head = FdeHead(
            length=FdeHead.SIZE - WORD + len(rules), cie=len(frames) + WORD, start=place.offset,
            size=1,
        )  # fmt: skip
        frames += head.pack() + rules
    return frames + bytes(WORD)
