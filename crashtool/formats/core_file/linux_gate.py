"""The unwind rules of the places in linux-gate where threads wait.

The kernel's own image is in no file and in no Crashpad dump, and without its rules no debugger
walks a thread of a 32-bit process that is in a system call. These are rules for single
instructions and nothing else: no code.

    stack pointer -> saved ebp, edx, ecx   (or none of them)
                     return address
    CFA           ->
"""

from __future__ import annotations

from collections.abc import Sequence

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import U32, Record

EBX, ECX, EDX, ESP, EBP, RETURN = 3, 1, 2, 4, 5, 8  # DWARF's numbers on x86
DW_CFA_def_cfa, DW_CFA_def_cfa_offset, DW_CFA_offset, DW_CFA_nop = 0x0C, 0x0E, 0x80, 0x00
WORD = 4
SAVED = (EBP, EDX, ECX)  # from the stack pointer on
MASK = (1 << 32) - 1


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


def pack_frames(places: Sequence[WaitingPlace], base: int) -> bytes:
    """.eh_frame: one CIE, an FDE for each place, an end. `base` is what the image says that
    linux-gate's address is.
    """
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
            length=FdeHead.SIZE - WORD + len(rules),
            cie=len(frames) + WORD,
            start=base + place.offset & MASK,
            size=1,
        )
        frames += head.pack() + rules
    return frames + bytes(WORD)
