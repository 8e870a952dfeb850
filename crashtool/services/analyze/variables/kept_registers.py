"""Registers that functions have left as they were when they were called.

Calls need not keep them, so unwind information says nothing of them; but compilers that see both
functions leave variables of the caller there, and so does any caller in what it handed over. The
code of the function proves it: nothing that may have run from its entry to where it stands calls
anything or writes to the register.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.errors import MissingLibrary
from crashtool.services.analyze.decoded_code import MemoryOperand, RegisterOperand
from crashtool.services.analyze.variables.run_code import find_run

if TYPE_CHECKING:
    from crashtool.services.analyze.decoded_code import DecodedInstruction
    from crashtool.services.analyze.variables.frame_views import StackFrameView

    Decode = Callable[[bytes, int], Sequence[DecodedInstruction]]

MAX_CODE = 1 << 14  # bytes of a function that are decoded
INTEL = ("x86", "x86_64")
# The call before a return address: how many bytes it has, and where in them its distance is.
INTEL_CALL, INTEL_CALL_SIZE = 0xE8, 5
ARM_CALL, ARM_CALL_MASK, ARM_CALL_SIZE, ARM_DISTANCE_BITS = 0x94000000, 0xFC000000, 4, 26
# x86: what only reads its first register, and what writes to others than its first.
READERS = ("cmp", "test", "push", "ucomis", "comis", "vucomis", "vcomis", "ptest", "vptest", "bt")
EXCHANGES = ("xchg", "xadd", "cmpxchg", "mulx", "vgather", "vpgather")
SYSTEM_CALLS = ("syscall", "sysenter", "int", "svc")
LINK = ("lr", "x30")  # what a call of ARM64 writes to


class KeptRegisters:
    """What a frame's function has left alone so far, for the frame that called it."""

    def __init__(self, inner: StackFrameView, architecture: str, decode: Decode) -> None:
        """`decode` gives the instructions of code at an address; MissingLibrary where it cannot."""
        self._inner = inner
        self._architecture = architecture
        self._decode = decode
        self._touched: frozenset[str] | None = None
        self._is_known: bool | None = None

    def read(self, name: str) -> bytes | None:
        """A register's bytes in the caller; None where the function may have changed it."""
        content = self._inner.read_register(name) if name not in LINK else None
        if content is None:  # so no code need be decoded
            return None
        if self._is_known is None:
            self._is_known = False
            self._touched = self._find_touched()
            self._is_known = self._touched is not None
        return None if self._touched is None or name in self._touched else content

    def _find_touched(self) -> frozenset[str] | None:
        """The registers that the function may have changed; None where that may be any."""
        scopes = self._inner.find_scopes()
        pieces = [
            (low + self._inner.base, high + self._inner.base)
            for low, high in (scopes[-1].code if scopes else ())
        ]
        if not pieces or sum(end - start for start, end in pieces) > MAX_CODE:
            return None
        entry = self._find_called()
        if entry is None or entry not in [start for start, _ in pieces]:
            return None  # through a pointer, or another function came between
        whole: list[DecodedInstruction] = []
        for start, end in pieces:
            code = self._inner.read_code(start, end - start)
            try:
                instructions = self._decode(code, start) if code else ()
            except MissingLibrary:
                return None
            if not instructions or instructions[-1].end != end:
                return None
            whole += instructions
        inner = self._inner
        run = find_run(whole, entry, inner.address, inner.return_address)
        # On Windows what catches an exception is a function apart, and goes on anywhere in this.
        if run is None or any(map(_calls, whole if inner.teb else run)):
            return None
        touched: set[str] = set()
        for instruction in run:
            touched.update(_walk_touched(instruction, self._architecture))
        return frozenset(touched)

    def _find_called(self) -> int | None:
        """Where the call before the caller's return address leads; None for no direct one."""
        caller = self._inner.caller
        following = caller.return_address if caller else None
        if following is None:
            return None
        is_intel = self._architecture in INTEL
        size = INTEL_CALL_SIZE if is_intel else ARM_CALL_SIZE
        code = self._inner.read_code(following - size, size)
        if code is None or len(code) != size:
            return None
        if is_intel:
            distance = int.from_bytes(code[1:], "little", signed=True)
            return following + distance if code[0] == INTEL_CALL else None
        word = int.from_bytes(code, "little")
        if self._architecture != "arm64" or word & ARM_CALL_MASK != ARM_CALL:
            return None
        steps = word & ~ARM_CALL_MASK
        steps -= (steps >> ARM_DISTANCE_BITS - 1) << ARM_DISTANCE_BITS
        return following - size + steps * size


def _calls(instruction: DecodedInstruction) -> bool:
    """Whether an instruction leads to other code that comes back."""
    return instruction.flow == "call" or instruction.mnemonic in SYSTEM_CALLS


def _walk_touched(instruction: DecodedInstruction, architecture: str) -> Iterator[str]:
    """The registers that an instruction may change, rather too many than too few."""
    yield from map(_name_vector, instruction.written)
    mnemonic, operands = instruction.mnemonic, instruction.operands
    is_intel = architecture in INTEL
    for number, operand in enumerate(operands):
        if isinstance(operand, MemoryOperand):
            if not is_intel and not operand.is_plain:  # it may be moved on
                yield operand.base
        elif isinstance(operand, RegisterOperand):
            is_read = is_intel and (
                not mnemonic.startswith(EXCHANGES)
                if number
                else mnemonic.startswith(READERS) and len(operands) <= 2  # noqa: PLR2004 (compared)
            )
            if not is_read:
                yield _name_vector(operand.name)


def _name_vector(name: str) -> str:
    """The vector register of 128 bits that one is or has as its part."""
    if name[:3] in ("ymm", "zmm"):
        return f"xmm{name[3:]}"
    if name[:1] in ("q", "d", "s", "h", "b") and name[1:].isdigit():
        return f"v{name[1:]}"
    return name
