"""Where the records behind a variable's own put it (cvinfo.h, S_DEFRANGE_*), at one offset."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.local_structs import (
    DefRangeFramePointerRel,
    DefRangeRegister,
    DefRangeRegisterRel,
    DefRangeSubfieldRegister,
    LvarAddrGap,
    LvarAddrRange,
)
from crashtool.formats.pdb.structs import RecordHead

if TYPE_CHECKING:
    from crashtool.formats.record import Record

IS_PART, PART_SHIFT = 1, 4  # of a REGISTER_REL's bits
PART_MASK = 0xFFF


class InRegister(NamedTuple):
    """In a register, by CodeView's number."""

    register: int


class InMemory(NamedTuple):
    """In memory, at an offset from what a register holds; `is_in_frame`: once the function has made
    its frame, and until it gives that back.
    """

    register: int
    offset: int
    is_in_frame: bool = False


class InFrame(NamedTuple):
    """In memory, at an offset from the base that the procedure's S_FRAMEPROC names.

    `is_everywhere`: the record does not say for which code, so it does not hold while the frame is
    made or taken down.
    """

    offset: int
    is_everywhere: bool = False


class InSection(NamedTuple):
    """A static variable; of a thread-local one the offset is in each thread's copy."""

    section: int
    offset: int
    is_of_thread: bool = False


class IsConstant(NamedTuple):
    """Nowhere, but its value is known."""

    value: int


class Untold(NamedTuple):
    """Somewhere, but it cannot be told where."""

    reason: str


SymbolPlace: TypeAlias = InRegister | InMemory | InFrame | InSection | IsConstant | Untold


class LocalPart(NamedTuple):
    """A place of a variable, or of the part of it that begins at byte `start`, if that is not
    None: records do not tell the size of such a part.
    """

    place: SymbolPlace
    start: int | None = None


def read_part(data: bytes, record: int, position: tuple[int, int]) -> LocalPart | None:
    """What a record of a variable's place says at a section and an offset in it.

    None when it speaks of other code. MalformedFile when it is cut short.
    """
    head = RecordHead.read(data, record)
    body = data[record + RecordHead.SIZE : record + 2 + head.size]
    if head.kind == cv.S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE:
        return LocalPart(InFrame(DefRangeFramePointerRel.read(body).offset, is_everywhere=True))
    if head.kind not in KINDS:
        return LocalPart(Untold(f"its location is in a record of kind {head.kind:#x}"))
    layout, find = KINDS[head.kind]
    described = layout.read(body)
    return find(described) if _covers(body, layout.SIZE, position) else None


def _covers(body: bytes, start: int, position: tuple[int, int]) -> bool:
    section, offset = position
    addr_range = LvarAddrRange.read(body, start)
    inner = offset - addr_range.offset
    if addr_range.section != section or not 0 <= inner < addr_range.size:
        return False
    gaps = body[start + LvarAddrRange.SIZE :]
    rows = LvarAddrGap.read_array(gaps, 0, len(gaps) // LvarAddrGap.SIZE)
    return not any(gap.offset <= inner < gap.offset + gap.size for gap in rows)


def _of_register(register: DefRangeRegister) -> LocalPart:
    return LocalPart(InRegister(register.register))


def _of_frame(rel: DefRangeFramePointerRel) -> LocalPart:
    return LocalPart(InFrame(rel.offset))


def _of_subfield(register: DefRangeSubfieldRegister) -> LocalPart:
    return LocalPart(InRegister(register.register), register.parent_offset & PART_MASK)


def _of_register_relative(rel: DefRangeRegisterRel) -> LocalPart:
    start = rel.bits >> PART_SHIFT if rel.bits & IS_PART else None
    return LocalPart(InMemory(rel.register, rel.offset), start)


KINDS: dict[int, tuple[type[Record], Callable[..., LocalPart]]] = {
    cv.S_DEFRANGE_REGISTER: (DefRangeRegister, _of_register),
    cv.S_DEFRANGE_FRAMEPOINTER_REL: (DefRangeFramePointerRel, _of_frame),
    cv.S_DEFRANGE_SUBFIELD_REGISTER: (DefRangeSubfieldRegister, _of_subfield),
    cv.S_DEFRANGE_REGISTER_REL: (DefRangeRegisterRel, _of_register_relative),
}
