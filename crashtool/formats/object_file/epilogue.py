"""Epilogues of x86-64 functions for Windows: known by their instructions, not by unwind codes.

From where a function begins to give its frame back, its unwind codes no longer hold. The system
prescribes what may stand there (Microsoft, "x64 prolog and epilog"): one instruction that frees the
frame, pops, and a return or a jump to another function.
"""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple

MAX_EPILOGUE = 48  # bytes: 8, eight pops of at most 2, a jump; no compiler comes near
ADD_RSP_8, ADD_RSP_32 = b"\x48\x83\xc4", b"\x48\x81\xc4"
LEA, LEA_OF_R8 = b"\x48\x8d", b"\x49\x8d"
TO_RSP = 4 << 3  # in a ModRM byte, the register that is written
RSP = 4
RETURNS = (b"\xc3", b"\xf3\xc3", b"\xf2\xc3")  # the last with bnd
JUMPS_OUT = (b"\xff\x25", b"\x48\xff\x25")  # through an import's address
JUMP_8, JUMP_32 = 0xEB, 0xE9
SLOT = 8  # bytes


class Epilogue(NamedTuple):
    """What an epilogue has still to do, from an address on.

    The stack pointer becomes `register` plus `offset`, then the registers with the numbers in
    `pops` are popped. The return address follows.
    """

    register: int
    offset: int
    pops: tuple[int, ...]


def read_epilogue(code: bytes, position: int, size: int) -> Epilogue | None:
    """The rest of an epilogue that `code` begins with; None when it is none.

    `position` is where the code is in its function of `size` bytes: a jump within it ends nothing.
    """
    register, offset, at = _read_release(code)
    pops: list[int] = []
    while at < len(code):
        extended = code[at] == 0x41  # noqa: PLR2004 (REX.B)
        number = code[at + extended : at + extended + 1]
        if not number or number[0] & 0xF8 != 0x58:  # noqa: PLR2004 (pop)
            break
        pops.append((number[0] & 7) + 8 * extended)
        at += 1 + extended
    if RSP in pops or not _leaves(code[at:], position + at, size):
        return None
    return Epilogue(register, offset, tuple(pops))


def _read_release(code: bytes) -> tuple[int, int, int]:
    """The new stack pointer as a register and an offset, and the size of the instruction, or 0."""
    if code.startswith(ADD_RSP_8):
        return RSP, _signed(code[3:4]), 4
    if code.startswith(ADD_RSP_32):
        return RSP, _signed(code[3:7]), 7
    if code.startswith((LEA, LEA_OF_R8)) and len(code) > 2:  # noqa: PLR2004
        mode, rest = code[2] >> 6, code[2] & 0x3F
        if mode in (1, 2) and rest & TO_RSP == TO_RSP == rest & 0x38 and rest & 7 != RSP:
            size = 1 if mode == 1 else 4
            register = (rest & 7) + 8 * code.startswith(LEA_OF_R8)
            return register, _signed(code[3 : 3 + size]), 3 + size
    return RSP, 0, 0


def _leaves(code: bytes, offset: int, size: int) -> bool:
    """Whether an instruction leaves the function for good."""
    if code.startswith((*RETURNS, *JUMPS_OUT)):
        return True
    if code[:2] == b"\x48\xff":  # a jump to an address in a register; the REX marks an epilogue's
        return len(code) > 2 and code[2] & 0xF8 == 0xE0  # noqa: PLR2004
    if code[:1] == bytes((JUMP_32,)) and len(code) >= 5:  # noqa: PLR2004
        return not 0 < offset + 5 + _signed(code[1:5]) < size
    if code[:1] == bytes((JUMP_8,)) and len(code) >= 2:  # noqa: PLR2004
        return not 0 < offset + 2 + _signed(code[1:2]) < size
    return False


def _signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)
