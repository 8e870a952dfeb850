"""The x87 state in its two layouts: FXSAVE, which the kernel keeps, and the older FSAVE."""

from __future__ import annotations

from typing import Annotated

from crashtool.formats.record import U8, U16, U32, U64, Record

Bytes6 = Annotated[bytes, "6s"]
Bytes80 = Annotated[bytes, "80s"]
Bytes128 = Annotated[bytes, "128s"]

REGISTERS = 8
REGISTER_SIZE = 10  # bytes of the 16 that FXSAVE keeps for each
VALID, ZERO, SPECIAL, EMPTY = range(4)  # the tags of FSAVE
_EXPONENT = 0x7FFF
_INTEGER_BIT = 1 << 63


class Fxsave(Record):
    """The FXSAVE area up to its XMM registers (Intel SDM volume 1, 10.5.1)."""

    control: U16
    status: U16
    tag: U8
    reserved: U8
    opcode: U16
    instruction: U32
    code_segment: U16
    reserved_code: U16
    operand: U32
    data_segment: U16
    reserved_data: U16
    mxcsr: U32
    mxcsr_mask: U32
    registers: Bytes128


class Fsave(Record):
    """What FSAVE stores in 32-bit protected mode (Intel SDM volume 1, 8.1.10)."""

    control: U16
    reserved_control: U16
    status: U16
    reserved_status: U16
    tag: U16
    reserved_tag: U16
    instruction: U32
    code_segment: U16
    opcode: U16
    operand: U32
    data_segment: U16
    reserved_data: U16
    registers: Bytes80


class Register(Record):
    """One register of FXSAVE."""

    mantissa: U64
    exponent: U16
    padding: Bytes6


def fsave_of(fxsave: bytes) -> bytes:
    """The 108 bytes of FSAVE that say what an FXSAVE area says; MalformedFile for a short one."""
    state = Fxsave.read(fxsave)
    registers = list(Register.read_array(state.registers, 0, REGISTERS))
    shared = ("control", "status", "instruction", "code_segment", "opcode", "operand")
    return Fsave(
        **{name: getattr(state, name) for name in shared},
        data_segment=state.data_segment,
        tag=_full_tags(state, registers),
        registers=b"".join(register.pack()[:REGISTER_SIZE] for register in registers),
    ).pack()


def _full_tags(state: Fxsave, registers: list[Register]) -> int:
    """FXSAVE keeps one bit for a physical register; its contents tell the rest.

    The rows begin at the top of the register stack, which the status word names.
    """
    top = state.status >> 11 & 7
    tags = 0
    for physical in range(REGISTERS):
        in_use = state.tag >> physical & 1
        kind = _classify(registers[(physical - top) % REGISTERS]) if in_use else EMPTY
        tags |= kind << 2 * physical
    return tags


def _classify(register: Register) -> int:
    exponent = register.exponent & _EXPONENT
    if not exponent and not register.mantissa:
        return ZERO
    normal = 0 < exponent < _EXPONENT and register.mantissa & _INTEGER_BIT
    return VALID if normal else SPECIAL
