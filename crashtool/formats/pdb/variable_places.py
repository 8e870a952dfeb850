"""Where a variable of a PDB is in a frame: registers by name, addresses, pieces of both."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from crashtool.formats.breakpad.cfi import UnevaluableRule
from crashtool.formats.breakpad.frame_program import run_program
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb.definition_ranges import (
    InMemory,
    InRegister,
    InSection,
    IsConstant,
    LocalPart,
    SymbolPlace,
    Untold,
)
from crashtool.formats.pdb.registers import I386, STACKS, VFRAME, find_register
from crashtool.formats.pdb.thread_storage import INDEX, INDEX_DECORATED, find_thread_local
from crashtool.formats.variables.places import (
    ConstantPlace,
    LostPlace,
    MemoryPlace,
    Piece,
    PiecesPlace,
    Place,
    RegisterPlace,
)

if TYPE_CHECKING:
    from crashtool.formats.pdb.local_symbols import LocalSymbol, ProcedureFrame
    from crashtool.formats.pdb.lookup import PdbLookup
    from crashtool.formats.variables.data_type import DataType
    from crashtool.formats.variables.frame_view import FrameView

WORD = 4  # of 32-bit code
CONSTANT_SIZE = 16
MAX_DEPTH = 16  # of members within members
NOWHERE = LostPlace("optimized_out", "the PDB has no place for it at this instruction")
NO_BYTES = LostPlace("optimized_out", "the PDB has no place for this part at this instruction")
NO_FRAME = LostPlace("unknown", "the PDB's frame data do not lead to the frame's base here")
MAKES_FRAME = LostPlace("unknown", "the function is making or taking down its frame here")


class CodePoint(NamedTuple):
    """An address from the image's base, and what its procedure says of the frame there.

    `find_named`: the address of a variable by its name and that of its public symbol.
    """

    lookup: PdbLookup
    machine: int
    address: int
    frame: ProcedureFrame
    find_named: Callable[[str, str], int | None]


def find_place(symbol: LocalSymbol, type_: DataType, point: CodePoint, frame: FrameView) -> Place:
    """Where a variable is in a frame that stands at the point."""
    whole = [part for part in symbol.parts if part.start is None]
    if whole:
        places = [_locate(part.place, type_.size, point, frame) for part in whole]
        told = (place for place in places if not isinstance(place, LostPlace))
        return next(told, places[0])
    if not symbol.parts:
        return NOWHERE
    if type_.size is None:
        return LostPlace("unknown", "it is in parts, and its size is not known")
    return _join(symbol.parts, type_, type_.size, point, frame)


def _join(
    parts: tuple[LocalPart, ...], type_: DataType, size: int, point: CodePoint, frame: FrameView
) -> Place:
    """A variable of which only parts have places.

    A record names a register, whose size is not that of the part: what counts is the member that
    begins there, however much else the register may hold.
    """
    starts = {part.start or 0: part.place for part in reversed(parts)}
    pieces: list[Piece] = []
    filled = 0
    for start, following in pairwise([*sorted(starts), size]):
        if not filled <= start < following <= size:
            continue
        recorded = starts[start]
        widest = min(following - start, _widest(recorded, point))
        length = _measure(type_, start, widest, 0)
        if length:
            if start > filled:
                pieces.append(Piece(NO_BYTES, start - filled))
            pieces.append(Piece(_locate(recorded, length, point, frame), length))
            filled = start + length
    if filled < size:
        pieces.append(Piece(NO_BYTES, size - filled))
    return PiecesPlace(tuple(pieces))


def _widest(recorded: SymbolPlace, point: CodePoint) -> int:
    if isinstance(recorded, InRegister):
        register = find_register(point.machine, recorded.register)
        return register.size if register else CONSTANT_SIZE
    return CONSTANT_SIZE


def _measure(type_: DataType, start: int, widest: int, depth: int) -> int:
    """The size of the number or pointer that begins at a byte of a type; 0 when none does.

    Of several, as unions have them, the widest that is no wider than `widest`.
    """
    if depth > MAX_DEPTH:
        return 0
    if type_.kind == "array":
        element = type_.details.target
        if element is None or not element.size:
            return 0
        return _measure(element, start % element.size, widest, depth + 1)
    if type_.kind not in ("struct", "union"):
        size = type_.size or 0
        return size if not start and size <= widest else 0
    return max(
        (
            _measure(member.type, start - member.offset, widest, depth + 1)
            for member in type_.details.members
            if member.offset is not None
            and member.offset <= start < member.offset + (member.type.size or 0)
        ),
        default=0,
    )


def _locate(recorded: SymbolPlace, size: int | None, point: CodePoint, frame: FrameView) -> Place:
    """`size`: of what is there, in bytes; None when it is not known."""
    if isinstance(recorded, Untold):
        return LostPlace("unknown", recorded.reason)
    if isinstance(recorded, IsConstant):
        mask = (1 << 8 * CONSTANT_SIZE) - 1
        return ConstantPlace((recorded.value & mask).to_bytes(CONSTANT_SIZE, "little"))
    if isinstance(recorded, InSection):
        return _locate_static(recorded, point, frame)
    if isinstance(recorded, InRegister):
        return _locate_in_register(recorded.register, size, point)
    return _locate_in_memory(recorded, point, frame) if isinstance(recorded, InMemory) else NO_FRAME


def _locate_static(section: InSection, point: CodePoint, frame: FrameView) -> Place:
    if section.is_of_thread:
        index = point.find_named(INDEX, INDEX_DECORATED if point.machine == I386 else INDEX)
        index_address = None if index is None else frame.base + index
        return find_thread_local(section.offset, index_address, point.machine, frame)
    address = point.lookup.find_address(section.section, section.offset)
    if address is None:
        return LostPlace("unknown", "its section is none of the program's")
    return MemoryPlace(frame.base + address)


def _locate_in_register(number: int, size: int | None, point: CodePoint) -> Place:
    register = find_register(point.machine, number)
    if register is None:
        return LostPlace("unknown", f"the PDB puts it in register {number}, which is not known")
    if size is not None and size > register.size:
        reason = f"the PDB puts {size} bytes in {register.name}, of which {register.size} count"
        return LostPlace("unknown", reason)
    return RegisterPlace(register.name, register.start)


def _locate_in_memory(memory: InMemory, point: CodePoint, frame: FrameView) -> Place:
    if memory.register == VFRAME:
        return _locate_by_frame_data(memory.offset, point, frame)
    register = find_register(point.machine, memory.register)
    if register is None:
        return LostPlace(
            "unknown", f"the PDB counts from register {memory.register}, which is not known"
        )
    content = frame.read_register(register.name)
    if content is None:
        return LostPlace("unknown", f"the walk does not know {register.name} in this frame")
    base = int.from_bytes(content, "little")
    if memory.is_in_frame and not _is_frame_made(memory.register, point, frame):
        return MAKES_FRAME
    mask = (1 << 8 * len(content)) - 1
    return MemoryPlace(base + memory.offset & mask)


def _is_frame_made(register: int, point: CodePoint, frame: FrameView) -> bool:
    """Whether the stack pointer is where it is in the function's body.

    clang has variables in the frame up to the function's last byte, behind the instructions that
    give it back. In a frame that calls, these have not begun. With a frame pointer, which is given
    back last, the body may have moved the stack pointer further.
    """
    stack, frame_pointer, returned = STACKS.get(point.machine, (0, 0, 0))
    part = find_register(point.machine, stack)
    content = frame.read_register(part.name) if part else None
    if frame.return_address is not None or point.frame.is_made or frame.cfa is None or not content:
        return True
    depth = frame.cfa - int.from_bytes(content, "little")
    if register == stack:
        return depth == point.frame.size + returned
    return register != frame_pointer or depth > returned


def _locate_by_frame_data(offset: int, point: CodePoint, frame: FrameView) -> Place:
    """From what the frame data of 32-bit code compute as $T0, if they lead to the caller's stack
    pointer, too.
    """
    data = point.lookup.find_frame_data(point.address)
    cfa = frame.cfa
    if data is None or cfa is None:
        return NO_FRAME
    base: int | None = cfa - WORD
    if data.program:
        base = _run(data.program, cfa, frame)
    elif data.allocates_base_pointer:
        base = None
    return NO_FRAME if base is None else MemoryPlace(base + offset & 0xFFFFFFFF)


def _run(program: str, cfa: int, frame: FrameView) -> int | None:
    variables = {".raSearch": cfa - WORD, ".raSearchStart": cfa - WORD}
    for name in ("ebp", "esp", "ebx"):
        content = frame.read_register(name)
        if content is not None:
            variables["$" + name] = int.from_bytes(content, "little")

    def read_pointer(address: int) -> int | None:
        content = frame.read_memory(address, WORD)
        return None if content is None else int.from_bytes(content, "little")

    try:
        values = run_program(program, variables, read_pointer)
    except UnevaluableRule:
        return None
    return values.get("$T0") if values.get("$esp") == cfa else None
