"""Instructions as plain values: what they read, what they write, and where they lead."""

from __future__ import annotations

from typing import Literal

from crashtool.formats.named_tuple import NamedTuple

Flow = Literal["", "jump", "branch", "call", "return"]


class MemoryOperand(NamedTuple):
    """Memory at `base` + `offset_register` * `factor` + `displacement`, `size` bytes of it.

    Registers are whole ones by the dump's names, "" for none; an address that counts from the
    instruction itself is in the displacement. `does`: "reads", "writes", "reads and writes".
    `is_plain`: its address is made of these alone (no segment of a thread, no vector).
    """

    base: str
    offset_register: str
    factor: int
    displacement: int
    size: int
    does: str
    is_plain: bool


class RegisterOperand(NamedTuple):
    """A register, by the name of the whole one, of which it is the lowest `size` bytes."""

    name: str
    size: int


class NumberOperand(NamedTuple):
    """A number in the instruction."""

    number: int


class DecodedInstruction(NamedTuple):
    """One instruction. `written`: the whole registers that it changes any part of.

    `flow` is where it leads: a jump always, a branch sometimes; `target` is None where a register
    or memory holds it.
    """

    address: int
    size: int
    mnemonic: str
    operands: tuple[MemoryOperand | RegisterOperand | NumberOperand, ...]
    written: frozenset[str]
    flow: Flow
    target: int | None

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.address + self.size
