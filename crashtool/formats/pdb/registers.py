"""CodeView's numbers of registers (cvinfo.h, CV_HREG_e): which register, and which bytes of it."""

from __future__ import annotations

from functools import cache

from crashtool.formats.named_tuple import NamedTuple

I386, AMD64, ARM64, ARM64EC = 0x014C, 0x8664, 0xAA64, 0xA641  # machines, as DBI names them
VFRAME = 30006  # CV_ALLREG_VFRAME: what the frame data of 32-bit code compute as $T0
EBP, ESP, RBP, RSP = 22, 21, 334, 335  # CV_REG_EBP, CV_AMD64_RBP, …
ARM64_FP, ARM64_SP = 79, 81

# Bases of variables in a frame, by the two bits that S_FRAMEPROC has for each (cvinfo.h,
# ExpandEncodedBasePointerReg; those of ARM64 as LLVM writes them).
NO_BASES = (0, 0, 0, 0)
FRAME_BASES = {
    I386: (0, VFRAME, EBP, 20),
    AMD64: (0, RSP, RBP, 341),
    ARM64: (0, ARM64_SP, ARM64_FP, 0),
    ARM64EC: (0, ARM64_SP, ARM64_FP, 0),
}
# The stack pointer, the frame pointer, and what a call itself puts on the stack, in bytes.
STACKS = {
    I386: (ESP, EBP, 4),
    AMD64: (RSP, RBP, 8),
    ARM64: (ARM64_SP, ARM64_FP, 0),
    ARM64EC: (ARM64_SP, ARM64_FP, 0),
}

LEGACY = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
WIDE = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")
NUMBERED = tuple(f"r{number}" for number in range(8, 16))


class RegisterPart(NamedTuple):
    """`size` bytes of a register, from byte `start` on. Names are those of contexts.

    Those of vector registers: `xmm0`, of ARM64 `v0`, 16 bytes each.
    """

    name: str
    start: int
    size: int


def find_register(machine: int, number: int) -> RegisterPart | None:
    """The register of a CodeView number; None for one that is none of the machine's, or that
    cannot be told: the x87 stack's, pairs of registers.
    """
    return _list_registers(machine).get(number)


@cache
def _list_registers(machine: int) -> dict[int, RegisterPart]:
    if machine == I386:
        return _list_legacy("e") | _list_vectors(0, 154)
    if machine == AMD64:
        vectors = _list_vectors(0, 154) | _list_vectors(8, 252)
        return _list_legacy("r") | vectors | _list_wide()
    return _list_arm64() if machine in (ARM64, ARM64EC) else {}


def _rows(
    first: int, names: tuple[str, ...], size: int, start: int = 0, step: int = 1
) -> dict[int, RegisterPart]:
    numbers = range(first, first + step * len(names), step)
    return {
        number: RegisterPart(name, start, size) for number, name in zip(numbers, names, strict=True)
    }


def _list_legacy(letter: str) -> dict[int, RegisterPart]:
    """Those that 32-bit code has, by the names of a machine that calls eax `letter` + ax."""
    names = tuple(letter + name for name in LEGACY)
    return (
        _rows(1, names[:4], 1)
        | _rows(5, names[:4], 1, start=1)  # ah, ch, dh, bh
        | _rows(9, names, 2)
        | _rows(17, names, 4)
    )


def _list_vectors(number: int, first: int) -> dict[int, RegisterPart]:
    """Eight registers of 16 bytes, then their quarters, their lower and their upper halves."""
    names = tuple(f"xmm{index}" for index in range(number, number + 8))
    rows = _rows(first, names, 16)
    for quarter in range(4):
        rows |= _rows(first + 8 + quarter, names, 4, start=4 * quarter, step=4)
    return rows | _rows(first + 40, names, 8) | _rows(first + 48, names, 8, start=8)


def _list_wide() -> dict[int, RegisterPart]:
    return (
        _rows(324, ("rsi", "rdi", "rbp", "rsp"), 1)
        | _rows(328, WIDE, 8)
        | _rows(336, NUMBERED, 8)
        | _rows(344, NUMBERED, 1)
        | _rows(352, NUMBERED, 2)
        | _rows(360, NUMBERED, 4)
    )


def _list_arm64() -> dict[int, RegisterPart]:
    general = (*(f"x{number}" for number in range(29)), "fp", "lr")
    vectors = tuple(f"v{number}" for number in range(32))
    return (
        _rows(10, general, 4)
        | _rows(50, (*general, "sp"), 8)
        | _rows(100, vectors, 4)
        | _rows(140, vectors, 8)
        | _rows(180, vectors, 16)
    )
