"""Unwind codes of ARM64 functions for Windows: read, expanded, turned into rules.

The format: Microsoft, "ARM64 exception handling", "Unwind codes" and "Packed unwind data".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple

FIRST_SAVED, FRAME, LINK = 19, 29, 30
SLOT = 8  # bytes
END, END_CHAINED = 0xE4, 0xE5
NEAR, MAX_AT_ONCE = 512, 4080  # bytes: of a frame made by its first store; of one allocation
REGISTERS = (*(f"x{number}" for number in range(FRAME)), "fp", "lr")


class Code(NamedTuple):
    """What one instruction did. `registers` were stored at `offset` from the new stack pointer.

    `size`: bytes that the stack pointer went down, after which the store took place. `frame`: the
    frame pointer was set to the stack pointer and so much. `is_next`: the pair after the one that
    is stored by the instruction before it.
    """

    registers: tuple[int, ...] = ()
    offset: int = 0
    size: int = 0
    frame: int | None = None
    is_next: bool = False


NOTHING = Code()


def undo(codes: tuple[Code, ...]) -> dict[str, str]:
    """The rules that undo the instructions, the last of which comes first; for each register."""
    base, depth = "sp", 0
    saved: dict[int, str] = {}
    following = 0  # pairs that were stored after the next code's
    for code in codes:
        if code.is_next:
            following += 1
            continue
        if code.frame is not None:
            base, depth = "fp", -code.frame
        for number, register in enumerate(code.registers):
            saved[register] = f"{base} {depth + code.offset + SLOT * number} + ^"
        for ahead in range(2, 2 + 2 * following if code.registers else 2):
            offset = depth + code.offset + SLOT * ahead
            saved[code.registers[0] + ahead] = f"{base} {offset} + ^"
        following = 0
        depth += code.size
    rules = {".cfa": f"{base} {depth} +", ".ra": saved.pop(LINK, "lr")}
    return rules | {REGISTERS[n]: rule for n, rule in saved.items() if n <= FRAME}


def spell(rules: Mapping[str, str]) -> str:
    """Rules as a STACK CFI record has them."""
    return " ".join(f"{name}: {rule}" for name, rule in rules.items())


class Form(NamedTuple):
    """A kind of code: its name, its last first byte, its size, what a word of its bytes means."""

    name: str
    last: int
    size: int
    read: Callable[[int], Code] | None


def _register(word: int) -> int:
    return FIRST_SAVED + (word >> 6 & 0xF)


def _offset(word: int) -> int:
    return (word & 0x3F) * 8


FORMS = (
    Form("alloc_s", 0x1F, 1, lambda word: Code(size=(word & 0x1F) * 16)),
    Form(
        "save_r19r20_x",
        0x3F,
        1,
        lambda word: Code((FIRST_SAVED, FIRST_SAVED + 1), size=(word & 0x1F) * 8),
    ),
    Form("save_fplr", 0x7F, 1, lambda word: Code((FRAME, LINK), _offset(word))),
    Form("save_fplr_x", 0xBF, 1, lambda word: Code((FRAME, LINK), size=_offset(word) + 8)),
    Form("alloc_m", 0xC7, 2, lambda word: Code(size=(word & 0x7FF) * 16)),
    Form(
        "save_regp",
        0xCB,
        2,
        lambda word: Code((_register(word), _register(word) + 1), _offset(word)),
    ),
    Form(
        "save_regp_x",
        0xCF,
        2,
        lambda word: Code((_register(word), _register(word) + 1), size=_offset(word) + 8),
    ),
    Form("save_reg", 0xD3, 2, lambda word: Code((_register(word),), _offset(word))),
    Form(
        "save_reg_x",
        0xD5,
        2,
        lambda word: Code((FIRST_SAVED + (word >> 5 & 0xF),), size=(word & 0x1F) * 8 + 8),
    ),
    Form(
        "save_lrpair",
        0xD7,
        2,
        lambda word: Code((FIRST_SAVED + 2 * (word >> 6 & 7), LINK), _offset(word)),
    ),
    Form("save_fregp", 0xD9, 2, lambda _: NOTHING),
    Form("save_fregp_x", 0xDB, 2, lambda word: Code(size=_offset(word) + 8)),
    Form("save_freg", 0xDD, 2, lambda _: NOTHING),
    Form("save_freg_x", 0xDE, 2, lambda word: Code(size=(word & 0x1F) * 8 + 8)),
    Form("alloc_z", 0xDF, 2, None),  # by the length of scalable vectors, which no file tells
    Form("alloc_l", 0xE0, 4, lambda word: Code(size=(word & 0xFFFFFF) * 16)),
    Form("set_fp", 0xE1, 1, lambda _: Code(frame=0)),
    Form("add_fp", 0xE2, 2, lambda word: Code(frame=(word & 0xFF) * 8)),
    Form("nop", 0xE3, 1, lambda _: NOTHING),
    Form("end", END, 1, None),
    Form("end_c", END_CHAINED, 1, None),
    Form("save_next", 0xE6, 1, lambda _: Code(is_next=True)),
    Form("save_any_reg", 0xE7, 3, None),
    Form("custom", 0xFB, 1, None),  # trap and machine frames, contexts: the system's own code
    Form("pac_sign_lr", 0xFC, 1, lambda _: NOTHING),
    Form("reserved", 0xFF, 1, None),
)


def read_codes(data: bytes, start: int) -> tuple[Code, ...]:
    """The codes from a byte on up to the end code. MalformedFile without one, and for codes that
    are not known here.
    """
    codes: list[Code] = []
    offset = start
    while offset < len(data):
        form = next(form for form in FORMS if data[offset] <= form.last)
        raw = data[offset : offset + form.size]
        if form.last == END:
            return tuple(codes)
        if form.last != END_CHAINED:
            if form.read is None:
                raise MalformedFile(f"the unwind code {form.name}", offset=offset)
            codes.append(form.read(int.from_bytes(raw, "big")))
        offset += form.size
    raise MalformedFile("unwind codes without an end", offset=offset)


def expand_packed(word: int) -> tuple[tuple[Code, ...], tuple[Code, ...]]:
    """The codes of a packed entry: of its prologue, last one first; and of its epilogue.

    RegF, RegI, H, CR and Frame Size are Microsoft's names of its fields.
    """
    reg_f, reg_i = word >> 13 & 7, word >> 16 & 0xF
    h, cr = word >> 20 & 1, CR(word >> 21 & 3)
    saves_link_register = cr == CR.UNCHAINED_SAVED_LR
    float_size = 8 * (reg_f + 1) if reg_f else 0
    saved = (8 * (reg_i + saves_link_register) + float_size + 64 * h + 15) & ~15
    local = (word >> 23) * 16 - saved
    if local < 0:
        raise MalformedFile("packed unwind data that contradict themselves", offset=0)
    stores = [*_list_integers(reg_i, saves_link_register=saves_link_register), *_list_floats(reg_f)]
    frame = _list_frame(local, cr)
    begin = [NOTHING] if cr == CR.CHAINED_WITH_PAC else []
    prologue = begin + _go_down(stores + [NOTHING] * (4 * h), saved) + frame
    epilogue = begin + _go_down(stores, saved) + [code for code in frame if code.frame is None]
    return tuple(reversed(prologue)), tuple(reversed(epilogue))


class CR(IntEnum):
    """What a function does with its return address: CR."""

    UNCHAINED = 0
    UNCHAINED_SAVED_LR = 1
    CHAINED_WITH_PAC = 2
    CHAINED = 3


def _go_down(stores: list[Code], size: int) -> list[Code]:
    """The first store makes the room for all."""
    if not size:
        return stores
    return [stores[0]._replace(size=size), *stores[1:]] if stores else [Code(size=size)]


def _list_integers(count: int, *, saves_link_register: bool) -> list[Code]:
    names = [FIRST_SAVED + number for number in range(count)]
    if saves_link_register and count % 2:
        names.append(LINK)
    stores = [Code(tuple(names[n : n + 2]), 8 * n) for n in range(0, len(names), 2)]
    if saves_link_register and not count % 2:
        stores.append(Code((LINK,), 8 * count))
    return stores


def _list_floats(count: int) -> list[Code]:
    """One register more than the field says, two by two."""
    return [NOTHING] * ((count + 2) // 2) if count else []


def _list_frame(local: int, cr: CR) -> list[Code]:
    """The room for local variables, and the frame record in it."""
    if cr not in (CR.CHAINED_WITH_PAC, CR.CHAINED):
        return _allocate(local)
    if local <= NEAR:
        return [Code((FRAME, LINK), size=local), Code(frame=0)]
    return [*_allocate(local), Code((FRAME, LINK)), Code(frame=0)]


def _allocate(size: int) -> list[Code]:
    """No instruction, one, or two: sub takes twelve bits."""
    if size <= MAX_AT_ONCE:
        return [Code(size=size)] if size else []
    return [Code(size=MAX_AT_ONCE), Code(size=size - MAX_AT_ONCE)]
