"""Follows registers through straight code: what each holds before every instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.bad_pointer.linear_forms import (
    Initial,
    LinearForm,
    LoadedValue,
    Opaque,
    combine,
    narrow,
    of,
    scale,
)
from crashtool.services.analyze.decoded_code import (
    DecodedInstruction,
    MemoryOperand,
    NumberOperand,
    RegisterOperand,
)

HALF = 4  # bytes of a register that, written to on 64-bit machines, clears the others
MAX_SHIFT = 6
MOVES = ("mov", "movabs", "ldr", "ldur", "adr", "adrp")  # the last two have addresses as numbers
# Numbers that are moved and widened: their sign or zeros fill the rest.
WIDENINGS = (
    "movzx",
    "movsx",
    "movsxd",
    "ldrb",
    "ldrh",
    "ldrsw",
    "ldrsb",
    "ldrsh",
    "sxtw",
    "uxtw",
    "ldurb",
    "ldurh",
    "ldursw",
)
SELF_WIDENINGS = ("cdqe", "cwde")


class FlowPoint(NamedTuple):
    """An instruction, and what registers hold before it."""

    instruction: DecodedInstruction
    forms: Mapping[str, LinearForm]


def follow_registers(
    code: Sequence[DecodedInstruction], registers: Sequence[str], width: int, stack_pointer: str
) -> list[FlowPoint]:
    """The instructions of straight code, each with what the registers hold before it."""
    flow = _Flow({name: of(Initial(name)) for name in registers}, width, stack_pointer)
    points: list[FlowPoint] = []
    for instruction in code:
        points.append(FlowPoint(instruction, dict(flow.forms)))
        flow.run(instruction)
    return points


def find_address(memory: MemoryOperand, forms: Mapping[str, LinearForm]) -> LinearForm | None:
    """The address of a memory operand; None where a part of it is not followed."""
    if not memory.is_plain:
        return None
    address: LinearForm | None = LinearForm(memory.displacement)
    for register, factor in ((memory.base, 1), (memory.offset_register, memory.factor)):
        if register and address is not None:
            form = forms.get(register)
            address = combine(address, form, factor) if form else None
    return address


class _Flow:
    """The registers, while code runs."""

    def __init__(self, forms: dict[str, LinearForm], width: int, stack_pointer: str) -> None:
        self.forms = forms
        self._width = width
        self._stack_pointer = stack_pointer

    def run(self, instruction: DecodedInstruction) -> None:
        """Take over what an instruction does to registers; all that is not followed is opaque."""
        outcome = self._find_outcome(instruction)
        step = self._find_stack_step(instruction)
        before = self.forms.get(self._stack_pointer)
        for name in instruction.written:
            if name in self.forms:
                self.forms[name] = of(Opaque(name, instruction.address))
        if outcome is not None:
            self.forms[outcome[0]] = outcome[1]
        if step and before is not None:
            self.forms[self._stack_pointer] = before._replace(constant=before.constant + step)

    def _find_stack_step(self, instruction: DecodedInstruction) -> int:
        if instruction.mnemonic == "push":
            return -self._width
        return self._width if instruction.mnemonic == "pop" else 0

    def _find_outcome(self, instruction: DecodedInstruction) -> tuple[str, LinearForm] | None:
        """The register that an instruction gives a value which is followed, and that."""
        mnemonic, operands = instruction.mnemonic, instruction.operands
        if mnemonic in SELF_WIDENINGS and "rax" in self.forms:
            return "rax", narrow(self.forms["rax"])
        if not operands or not isinstance(target := operands[0], RegisterOperand):
            return None
        if target.name not in self.forms or target.size < min(HALF, self._width):
            return None
        if "writes" in "".join(
            operand.does for operand in operands if isinstance(operand, MemoryOperand)
        ):
            return None
        is_widening = mnemonic in WIDENINGS
        if mnemonic in MOVES or is_widening:
            form = self._read(operands[1], instruction.address) if len(operands) == 2 else None  # noqa: PLR2004 (to, from)
        elif mnemonic == "pop":
            stack = self.forms.get(self._stack_pointer)
            form = of(LoadedValue(stack, self._width, instruction.address)) if stack else None
        else:
            form = self._compute(mnemonic, target, operands[1:])
        if form is None:
            return None
        is_part = target.size < self._width
        return target.name, narrow(form) if is_widening or is_part else form

    def _read(self, operand: object, place: int) -> LinearForm | None:
        """What an operand holds."""
        if isinstance(operand, NumberOperand):
            return LinearForm(operand.number)
        if isinstance(operand, RegisterOperand):
            form = self.forms.get(operand.name)
            return form if form is None or operand.size >= self._width else narrow(form)
        if not isinstance(operand, MemoryOperand) or not operand.size:
            return None
        address = find_address(operand, self.forms)
        return None if address is None else of(LoadedValue(address, operand.size, place))

    def _compute(
        self, mnemonic: str, target: RegisterOperand, others: Sequence[object]
    ) -> LinearForm | None:
        compute = COMPUTATIONS.get(mnemonic)
        if mnemonic == "lea":
            memory = others[0] if others else None
            return find_address(memory, self.forms) if isinstance(memory, MemoryOperand) else None
        if mnemonic == "xor" and others == (target,):
            return LinearForm(0)
        if compute is None:
            return None
        operands = [target, *others] if len(others) < 2 else others  # noqa: PLR2004 (three-operand forms)
        forms = [self._read_plain(operand) for operand in operands]
        if None in forms:
            return None
        return compute([form for form in forms if form is not None])

    def _read_plain(self, operand: object) -> LinearForm | None:
        """What is in a register or a number: sums with memory are not followed."""
        return None if isinstance(operand, MemoryOperand) else self._read(operand, 0)


def _add(forms: Sequence[LinearForm]) -> LinearForm | None:
    return combine(forms[0], forms[1]) if len(forms) > 1 else None


def _subtract(forms: Sequence[LinearForm]) -> LinearForm | None:
    return combine(forms[0], forms[1], -1) if len(forms) > 1 else None


def _shift(forms: Sequence[LinearForm]) -> LinearForm | None:
    count = forms[1] if len(forms) > 1 else LinearForm(1)
    if count.terms or not 0 <= count.constant <= MAX_SHIFT:
        return None
    return scale(forms[0], 1 << count.constant)


def _multiply(forms: Sequence[LinearForm]) -> LinearForm | None:
    for form, other in ((forms[0], forms[-1]), (forms[-1], forms[0])):
        if len(forms) > 1 and not other.terms:
            return scale(form, other.constant)
    return None


COMPUTATIONS: dict[str, Callable[[Sequence[LinearForm]], LinearForm | None]] = {
    "add": _add,
    "sub": _subtract,
    "inc": lambda forms: forms[0]._replace(constant=forms[0].constant + 1),
    "dec": lambda forms: forms[0]._replace(constant=forms[0].constant - 1),
    "shl": _shift,
    "sal": _shift,
    "lsl": _shift,
    "imul": _multiply,
}
